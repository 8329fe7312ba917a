//! A filter made ready for one set of dictionaries: a chunk's, or a segment's.

use spandrel_model::SpanKind;

use super::tables::Tables;
use super::value_test::{BytesTest, CodeTest, WordTest};
use crate::columns::{ColumnKey, Field, NO_SERVICE, Owner, ValueKind};
use crate::predicate::{AttributeScope, Predicate, SpanFilter, TextTest, ValueTest};
use crate::segment::Projection;

/// A filter's tests on columns, the one that is likely to spare the others most work first.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(super) tests: Vec<RowTest>,
}

/// One predicate as a test on columns.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RowTest {
    /// No row passes.
    Never,
    /// The duration is between these, both included.
    Duration(u64, u64),
    /// The kind is this one.
    Kind(SpanKind),
    /// The span failed, or not.
    IsError(bool),
    /// The resource passes.
    Resource(CodeTest),
    /// The span's name passes.
    Name(CodeTest),
    /// An event's name passes.
    EventName(CodeTest),
    /// The last value under some keys passes.
    Value(ValueRowTest),
}

/// A test on the last value that a row has under any of some keys: those of one name, of
/// different types.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ValueRowTest {
    pub(super) keys: Vec<KeyTest>,
    /// Decides on rows that have none of the keys.
    pub(super) otherwise: CodeTest,
}

/// The test on one key's values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeyTest {
    /// Its code.
    pub(super) key: u32,
    pub(super) values: KeyValues,
}

/// How a key's values are tested.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum KeyValues {
    /// As words.
    Numbers(WordTest),
    /// As codes where the dictionary was tested, else as bytes.
    Texts { codes: Option<CodeTest>, bytes: BytesTest },
}

impl Plan {
    /// Makes a filter ready.
    pub(crate) fn new(filter: &SpanFilter, tables: &impl Tables) -> Self {
        let mut tests: Vec<_> =
            filter.predicates.iter().map(|predicate| RowTest::new(predicate, tables)).collect();
        tests.retain(|test| !test.is_always());
        if tests.iter().any(RowTest::is_never) {
            tests = vec![RowTest::Never];
        }
        tests.sort_by(|a, b| a.rank().total_cmp(&b.rank()));
        Self { tests }
    }

    /// Whether the dictionaries alone say that no row passes.
    pub(crate) fn is_never(&self) -> bool {
        self.tests == [RowTest::Never]
    }

    /// Which columns of a segment it asks for. Traces are not among them.
    pub(crate) fn projection(&self) -> Projection {
        let mut wanted = Projection::default();
        for test in &self.tests {
            wanted.columns |= match test {
                RowTest::Never => 0,
                RowTest::Duration(..) => Projection::DURATION | Projection::MARKS,
                RowTest::Kind(_) | RowTest::IsError(_) => Projection::MARKS,
                RowTest::Resource(_) => Projection::RESOURCE,
                RowTest::Name(_) => Projection::NAME,
                RowTest::EventName(_) => Projection::EVENT_NAME,
                RowTest::Value(test) => {
                    let is_read = |test: &&KeyTest| !test.values.is_decided();
                    wanted.keys.extend(test.keys.iter().filter(is_read).map(|test| test.key));
                    let has_resources = test.otherwise != CodeTest::Never;
                    Projection::SHAPE | if has_resources { Projection::RESOURCE } else { 0 }
                }
            };
        }
        wanted.keys.sort_unstable();
        wanted.keys.dedup();
        wanted
    }
}

impl RowTest {
    fn new(predicate: &Predicate, tables: &impl Tables) -> Self {
        match predicate {
            Predicate::ServiceName(test) => Self::Resource(services(tables, test)),
            Predicate::RemoteServiceName(test) => remote_services(tables, test),
            Predicate::SpanName(test) => Self::Name(CodeTest::of_names(tables.names(), test)),
            Predicate::EventName(test) => {
                Self::EventName(CodeTest::of_names(tables.event_names(), test))
            }
            Predicate::Attribute { scope, key, test } => attribute(tables, *scope, key, test),
            Predicate::DurationNs { min, max } if min > max => Self::Never,
            Predicate::DurationNs { min, max } => Self::Duration(*min, *max),
            Predicate::Kind(kind) => Self::Kind(*kind),
            Predicate::IsError(is_error) => Self::IsError(*is_error),
        }
    }

    fn is_never(&self) -> bool {
        match self {
            Self::Never
            | Self::Resource(CodeTest::Never)
            | Self::Name(CodeTest::Never)
            | Self::EventName(CodeTest::Never) => true,
            Self::Value(test) => {
                test.otherwise == CodeTest::Never
                    && test.keys.iter().all(|key| key.values.is_never())
            }
            _ => false,
        }
    }

    fn is_always(&self) -> bool {
        matches!(self, Self::Resource(CodeTest::Always) | Self::Name(CodeTest::Always))
    }

    /// What a test costs for each row that it takes out, on a scale of its own.
    fn rank(&self) -> f32 {
        let (cost, share) = match self {
            Self::Never => (0.0, 0.0),
            Self::Kind(_) => (1.0, 0.4),
            Self::IsError(is_error) => (1.0, if *is_error { 0.01 } else { 0.99 }),
            Self::Resource(test) | Self::Name(test) => (1.0, test.share()),
            Self::Duration(..) => (2.0, 0.3),
            Self::Value(test) => test.cost_and_share(),
            Self::EventName(test) => (6.0, test.share() / 10.0),
        };
        cost / (1.01 - share)
    }
}

impl ValueRowTest {
    fn cost_and_share(&self) -> (f32, f32) {
        let keys = self.keys.iter().map(|key| key.values.cost_and_share());
        let sum = |(cost, share): (f32, f32), (of_key, passing): (f32, f32)| {
            (cost + of_key, share + passing)
        };
        let (cost, share) = keys.fold((3.0, self.otherwise.share()), sum);
        (cost, share.min(1.0))
    }
}

impl KeyValues {
    fn new<T: Tables>(tables: &T, key: u32, kind: ValueKind, test: &ValueTest) -> Self {
        if !kind.has_texts() {
            return Self::Numbers(WordTest::new(kind, test));
        }
        Self::texts(tables, key, BytesTest::new(kind, test))
    }

    fn texts<T: Tables>(tables: &T, key: u32, bytes: BytesTest) -> Self {
        let codes = match bytes {
            BytesTest::Never => Some(CodeTest::Never),
            BytesTest::Always => Some(CodeTest::Always),
            _ => {
                let dictionary = tables.dictionary(key);
                dictionary.map(|texts| CodeTest::of_texts(texts, |text| bytes.holds(text)))
            }
        };
        Self::Texts { codes, bytes }
    }

    /// Whether no value passes, whichever column holds it.
    pub(super) fn is_never(&self) -> bool {
        match self {
            Self::Numbers(test) => *test == WordTest::Never,
            Self::Texts { bytes, .. } => *bytes == BytesTest::Never,
        }
    }

    /// Whether every value passes, whichever column holds it.
    pub(super) fn is_always(&self) -> bool {
        match self {
            Self::Numbers(test) => *test == WordTest::Always,
            Self::Texts { bytes, .. } => *bytes == BytesTest::Always,
        }
    }

    /// Whether the values need not be looked at.
    pub(super) fn is_decided(&self) -> bool {
        self.is_never() || self.is_always()
    }

    fn cost_and_share(&self) -> (f32, f32) {
        match self {
            _ if self.is_never() => (0.0, 0.0),
            _ if self.is_always() => (0.0, 0.3),
            Self::Numbers(WordTest::Equals(_)) => (1.0, 0.02),
            Self::Numbers(_) => (1.0, 0.2),
            Self::Texts { codes: Some(codes), .. } => (1.0, codes.share()),
            Self::Texts { codes: None, .. } => (8.0, 0.001),
        }
    }
}

/// Which resources have a service that passes.
fn services(tables: &impl Tables, test: &TextTest) -> CodeTest {
    let services = CodeTest::of_names(tables.services(), test);
    let of_resources = tables.services_of_resources();
    CodeTest::of_codes(of_resources.len(), |resource| {
        let service = of_resources[resource as usize];
        service != NO_SERVICE && services.holds(service)
    })
}

fn remote_services<T: Tables>(tables: &T, test: &TextTest) -> RowTest {
    let of_remote =
        |key: &&ColumnKey| key.owner == Owner::Field(Field::RemoteService) && key.kind.has_texts();
    let keys = coded(tables.keys()).filter(|(_, key)| of_remote(key)).map(|(code, _)| KeyTest {
        key: code,
        values: KeyValues::texts(tables, code, BytesTest::of_text(test)),
    });
    RowTest::Value(ValueRowTest { keys: keys.collect(), otherwise: CodeTest::Never })
}

fn attribute<T: Tables>(
    tables: &T,
    scope: AttributeScope,
    name: &str,
    test: &ValueTest,
) -> RowTest {
    let resources = match scope {
        AttributeScope::Span => CodeTest::Never,
        AttributeScope::Resource | AttributeScope::Any => {
            CodeTest::of_resources(tables, name, test)
        }
    };
    if scope == AttributeScope::Resource {
        return RowTest::Resource(resources);
    }
    let is_it = |key: &&ColumnKey| key.owner == Owner::SpanAttribute && *key.name == *name;
    let keys = coded(tables.keys()).filter(|(_, key)| is_it(key)).map(|(code, key)| KeyTest {
        key: code,
        values: KeyValues::new(tables, code, key.kind, test),
    });
    let keys: Vec<_> = keys.collect();
    if keys.is_empty() {
        return RowTest::Resource(resources);
    }
    RowTest::Value(ValueRowTest { keys, otherwise: resources })
}

fn coded<'k>(
    keys: impl Iterator<Item = &'k ColumnKey>,
) -> impl Iterator<Item = (u32, &'k ColumnKey)> {
    (0..).zip(keys)
}
