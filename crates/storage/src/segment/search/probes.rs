//! A filter as questions to summaries and filters of segments, the same for all of them.

use spandrel_model::SpanKind;

use super::hashes::{self, NameKind};
use crate::predicate::{AttributeScope, Ordered, Predicate, SpanFilter, TextTest, ValueTest};

/// What must be possible in a segment or group for a span in it to meet a filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probes {
    /// All of these.
    pub(super) probes: Vec<Probe>,
}

/// What one predicate makes necessary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Probe {
    /// Nothing that could be meets it.
    Never,
    /// A name.
    Name(u64),
    /// An attribute's value.
    Attribute(AttributeProbe),
    /// A duration between these, both included.
    Duration(u64, u64),
    /// A kind, as its bit.
    Kind(u8),
    /// Whether a span failed.
    IsError(bool),
}

/// What one predicate on an attribute makes necessary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct AttributeProbe {
    /// The hash of its key.
    pub(super) key: u64,
    /// Whether it may stand on the span.
    pub(super) is_on_span: bool,
    /// Whether it may stand on the resource.
    pub(super) is_on_resource: bool,
    pub(super) value: ValueProbe,
}

/// What a value must be like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ValueProbe {
    /// Anything.
    Any,
    /// It prints as the text of this hash, and that text reads as this number, if as any.
    Printed(u64, Option<f64>),
    /// It is a number between these, both included.
    Between(f64, f64),
}

impl Probes {
    /// Makes them of a filter.
    pub(crate) fn new(filter: &SpanFilter) -> Self {
        Self { probes: filter.predicates.iter().map(Probe::new).collect() }
    }

    /// Whether a group's filter may know more than the summary.
    pub(crate) fn asks_filters(&self) -> bool {
        self.probes.iter().any(|probe| matches!(probe, Probe::Name(_) | Probe::Attribute(_)))
    }
}

impl Probe {
    fn new(predicate: &Predicate) -> Self {
        match predicate {
            Predicate::ServiceName(test) => name(NameKind::Service, test),
            Predicate::RemoteServiceName(test) => name(NameKind::RemoteService, test),
            Predicate::SpanName(test) => name(NameKind::Span, test),
            Predicate::EventName(test) => name(NameKind::Event, test),
            Predicate::Attribute { scope, key, test } => {
                let Some(value) = ValueProbe::new(key, test) else { return Self::Never };
                Self::Attribute(AttributeProbe {
                    key: hashes::key(key),
                    is_on_span: *scope != AttributeScope::Resource,
                    is_on_resource: *scope != AttributeScope::Span,
                    value,
                })
            }
            Predicate::DurationNs { min, max } if min > max => Self::Never,
            Predicate::DurationNs { min, max } => Self::Duration(*min, *max),
            Predicate::Kind(kind) => Self::Kind(kind_bit(Some(*kind))),
            Predicate::IsError(is_error) => Self::IsError(*is_error),
        }
    }
}

impl ValueProbe {
    fn new(key: &str, test: &ValueTest) -> Option<Self> {
        let printed = |text: &str| {
            let hash = hashes::value(hashes::key_of_values(key), text.as_bytes());
            Self::Printed(hash, text.parse().ok())
        };
        Some(match test {
            ValueTest::Exists => Self::Any,
            ValueTest::PrintsAs(text) => printed(text),
            ValueTest::Equals(value) => printed(&value.to_text()),
            ValueTest::Number(_, number) if number.is_nan() => return None,
            ValueTest::Number(Ordered::Less | Ordered::LessOrEqual, number) => {
                Self::Between(f64::NEG_INFINITY, *number)
            }
            ValueTest::Number(Ordered::Greater | Ordered::GreaterOrEqual, number) => {
                Self::Between(*number, f64::INFINITY)
            }
        })
    }
}

fn name(kind: NameKind, test: &TextTest) -> Probe {
    let (TextTest::Equals(text) | TextTest::EqualsFolded(text)) = test;
    Probe::Name(hashes::name(kind, text))
}

/// The bit that stands for a kind in a summary.
pub(super) fn kind_bit(kind: Option<SpanKind>) -> u8 {
    match kind {
        None => 1 << 0,
        Some(SpanKind::Internal) => 1 << 1,
        Some(SpanKind::Server) => 1 << 2,
        Some(SpanKind::Client) => 1 << 3,
        Some(SpanKind::Producer) => 1 << 4,
        Some(SpanKind::Consumer) => 1 << 5,
    }
}
