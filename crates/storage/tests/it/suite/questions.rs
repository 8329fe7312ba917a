//! Random questions: every predicate with every option, most of them about a span that was sent,
//! so that most have answers.

use proptest::prelude::*;
use spandrel_model::{Attribute, Span, SpanKind, Value};
use spandrel_storage::{
    AttributeScope, Ordered, Predicate, ScanRequest, SpanFilter, TextTest, ValueTest,
};
use testkit::seeded_span;

/// Questions are about spans of the seeds below this.
const SEEDS: u64 = 120;

/// A scan, and how many traces it asks for.
#[derive(Clone, Debug)]
pub(super) struct Question {
    start_min_ns: Option<u64>,
    start_max_ns: Option<u64>,
    filters: Vec<Vec<Wanted>>,
    pub(super) limit: Option<usize>,
}

/// A predicate, as the numbers that it is made from.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    /// Which span it is about.
    seed: u64,
    kind: u8,
    /// What chooses among the options of a kind.
    choice: usize,
}

pub(super) fn questions() -> impl Strategy<Value = Vec<Question>> {
    let time = || proptest::option::of(900_u64..2_100);
    let wanted = (0..SEEDS, 0..9_u8, 0..1_000_usize);
    let wanted = wanted.prop_map(|(seed, kind, choice)| Wanted { seed, kind, choice });
    let filters = proptest::collection::vec(proptest::collection::vec(wanted, 0..3), 0..3);
    let limit = proptest::option::of(1..6_usize);
    let question = (time(), time(), filters, limit);
    let question = question.prop_map(|(start_min_ns, start_max_ns, filters, limit)| Question {
        start_min_ns,
        start_max_ns,
        filters,
        limit,
    });
    proptest::collection::vec(question, 1..12)
}

impl Question {
    pub(super) fn request(&self) -> ScanRequest {
        let predicates = |wanted: &Vec<Wanted>| wanted.iter().map(|one| one.predicate()).collect();
        let filter = |wanted| SpanFilter { predicates: predicates(wanted) };
        ScanRequest {
            start_min_ns: self.start_min_ns,
            start_max_ns: self.start_max_ns,
            filters: self.filters.iter().map(filter).collect(),
        }
    }
}

impl Wanted {
    fn predicate(self) -> Predicate {
        let span = seeded_span(self.seed);
        match self.kind {
            0 => Predicate::ServiceName(self.text(span.service_name().unwrap_or("none"))),
            1 => Predicate::RemoteServiceName(self.text(span.remote_service_name().unwrap_or(""))),
            2 => Predicate::SpanName(self.text(&span.name)),
            3 => Predicate::EventName(self.text(span.events.first().map_or("", |e| &e.name))),
            4 => self.duration(span.duration_ns.unwrap_or(0)),
            5 => Predicate::Kind(span.kind.unwrap_or(SpanKind::Consumer)),
            6 => Predicate::IsError(self.choice.is_multiple_of(2)),
            _ => self.attribute(&span),
        }
    }

    fn text(self, text: &str) -> TextTest {
        match self.choice % 8 {
            0 => TextTest::Equals("missing".to_owned()),
            1..=4 => TextTest::EqualsFolded(text.to_lowercase()),
            _ => TextTest::Equals(text.to_owned()),
        }
    }

    fn duration(self, duration_ns: u64) -> Predicate {
        let (min, max) = match self.choice % 5 {
            0 => (duration_ns, duration_ns),
            1 => (0, duration_ns),
            2 => (duration_ns, u64::MAX),
            3 => (duration_ns + 1, duration_ns),
            _ => (duration_ns / 2, duration_ns + 10),
        };
        Predicate::DurationNs { min, max }
    }

    fn attribute(self, span: &Span<'_>) -> Predicate {
        let scopes = [AttributeScope::Span, AttributeScope::Resource, AttributeScope::Any];
        let scope = scopes[self.choice % 3];
        let attributes: &[Attribute<'_>] = match scope {
            AttributeScope::Resource => &span.resource.attributes,
            AttributeScope::Span | AttributeScope::Any => &span.attributes,
        };
        let nothing = Attribute::new("key-0", Value::Empty);
        let attribute = attributes.get(self.choice / 3 % 3).unwrap_or(&nothing);
        let key =
            if self.choice.is_multiple_of(31) { "missing" } else { &*attribute.key }.to_owned();
        Predicate::Attribute { scope, key, test: self.value(&attribute.value) }
    }

    fn value(self, value: &Value<'_>) -> ValueTest {
        match self.choice / 9 % 6 {
            0 => ValueTest::Exists,
            1 | 2 => ValueTest::PrintsAs(value.to_text().into_owned()),
            3 => ValueTest::Equals(value.clone().into_owned()),
            _ => ValueTest::Number(self.order(), number(value)),
        }
    }

    fn order(self) -> Ordered {
        let orders =
            [Ordered::Less, Ordered::LessOrEqual, Ordered::Greater, Ordered::GreaterOrEqual];
        orders[self.choice / 54 % 4]
    }
}

#[expect(clippy::cast_precision_loss, reason = "any number near it will do")]
fn number(value: &Value<'_>) -> f64 {
    match value {
        Value::Int(number) => *number as f64,
        Value::Double(number) => *number,
        Value::Bool(_)
        | Value::String(_)
        | Value::Bytes(_)
        | Value::Array(_)
        | Value::Map(_)
        | Value::Empty => 0.0,
    }
}
