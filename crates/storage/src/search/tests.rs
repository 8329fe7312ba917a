//! Searching, against spans asked one by one.

use std::borrow::Cow;

use proptest::prelude::*;
use spandrel_model::{Attribute, Resource, Span, SpanKind, Value};

use super::{Plan, RowSet};
use crate::columns::{Chunk, ChunkBuilder, Request};
use crate::predicate::{AttributeScope, Ordered, Predicate, SpanFilter, TextTest, ValueTest};

const REQUEST: Request = Request { arrival_ns: 1, log_file_id: 1, log_offset: 0 };

/// Spans with something of everything, and among them more that tests can tell apart: numbers as
/// text, repeated keys of different types, attributes of resources under the same keys.
pub(crate) fn spans(first: u64, count: u64) -> Vec<Span<'static>> {
    (first..first + count).map(span).collect()
}

fn span(seed: u64) -> Span<'static> {
    let mut span = testkit::seeded_span(seed);
    let mut numbers = testkit::Seeded::new(seed ^ 0x5eed);
    for _ in 0..numbers.below(4) {
        let key = KEYS[numbers.below(KEYS.len() as u64) as usize];
        span.attributes.push(Attribute { key: Cow::Borrowed(key), value: value(&mut numbers) });
    }
    if numbers.one_in(3) {
        let key = KEYS[numbers.below(KEYS.len() as u64) as usize];
        let mut resource = Resource::clone(&span.resource);
        resource.attributes.push(Attribute { key: Cow::Borrowed(key), value: value(&mut numbers) });
        span.resource = resource.into();
    }
    if numbers.one_in(2) {
        // So many are distinct that the column gives up its dictionary.
        let text = format!("user {}", numbers.below(1_000));
        span.attributes.push(Attribute::new("user", text));
    }
    if numbers.one_in(8) {
        span.attributes.push(Attribute::new("error", numbers.one_in(2)));
    }
    span
}

const KEYS: [&str; 5] = ["key-0", "key-1", "key-2", "http.status_code", "flag"];

fn value(numbers: &mut testkit::Seeded) -> Value<'static> {
    match numbers.below(9) {
        0 => Value::Int(499 + numbers.below(3) as i64),
        1 => Value::Double([499.5, 500.0, f64::NAN][numbers.below(3) as usize]),
        2 => Value::String(
            ["500", "500.0", "x", "", "NaN", "true"][numbers.below(6) as usize].into(),
        ),
        3 => Value::Bool(numbers.one_in(2)),
        4 => Value::Empty,
        5 => Value::Bytes(Cow::Borrowed(b"\xff\xfe")),
        6 => Value::Array(vec![Value::Int(1), Value::from("a")]),
        7 => Value::Map(vec![Attribute::new("k", 1.5)]),
        _ => Value::String(format!("value-{}", numbers.below(4)).into()),
    }
}

pub(crate) fn chunk(spans: &[Span<'_>]) -> Chunk {
    let mut builder = ChunkBuilder::new(3);
    builder.begin_request(REQUEST);
    for span in spans {
        builder.push(span);
    }
    builder.finish()
}

pub(crate) fn rows_that_match(filter: &SpanFilter, spans: &[Span<'_>]) -> RowSet {
    let mut rows = RowSet::none(spans.len());
    for (row, span) in spans.iter().enumerate() {
        if filter.matches(span) {
            rows.insert(row);
        }
    }
    rows
}

fn text_test() -> impl Strategy<Value = TextTest> {
    let texts = [
        "",
        "frontend",
        "Backend",
        "backend",
        "BACKEND",
        "remote-1",
        "operation-3",
        "event-2",
        "none",
    ];
    let text = proptest::sample::select(texts.to_vec());
    (text, any::<bool>()).prop_map(|(text, is_folded)| {
        if is_folded {
            TextTest::EqualsFolded(text.to_lowercase())
        } else {
            TextTest::Equals(text.to_owned())
        }
    })
}

fn value_test() -> impl Strategy<Value = ValueTest> {
    let texts = [
        "500",
        "500.0",
        "NaN",
        "true",
        "false",
        "",
        "value-1",
        "__4=",
        "[1,\"a\"]",
        "{\"k\":1.5}",
        "user 77",
        "499.5",
    ];
    let values = vec![
        Value::Int(500),
        Value::Double(500.0),
        Value::Double(f64::NAN),
        Value::from("500"),
        Value::from("user 77"),
        Value::Bool(true),
        Value::Empty,
        Value::Bytes(Cow::Borrowed(b"\xff\xfe")),
        Value::Array(vec![Value::Int(1), Value::from("a")]),
        Value::Map(vec![Attribute::new("k", 1.5)]),
    ];
    let orders = [Ordered::Less, Ordered::LessOrEqual, Ordered::Greater, Ordered::GreaterOrEqual];
    let numbers = [499.5, 500.0, 0.0, f64::NAN, f64::INFINITY];
    prop_oneof![
        Just(ValueTest::Exists),
        proptest::sample::select(texts.to_vec())
            .prop_map(|text| ValueTest::PrintsAs(text.to_owned())),
        proptest::sample::select(values).prop_map(ValueTest::Equals),
        (proptest::sample::select(orders.to_vec()), proptest::sample::select(numbers.to_vec()))
            .prop_map(|(ordered, number)| ValueTest::Number(ordered, number)),
    ]
}

fn predicate() -> impl Strategy<Value = Predicate> {
    let keys = ["key-0", "key-1", "key-2", "http.status_code", "flag", "user", "error", "absent"];
    let scopes = [AttributeScope::Span, AttributeScope::Resource, AttributeScope::Any];
    let kinds = [SpanKind::Client, SpanKind::Server, SpanKind::Internal];
    let attribute = (
        proptest::sample::select(scopes.to_vec()),
        proptest::sample::select(keys.to_vec()),
        value_test(),
    );
    prop_oneof![
        1 => text_test().prop_map(Predicate::ServiceName),
        1 => text_test().prop_map(Predicate::RemoteServiceName),
        1 => text_test().prop_map(Predicate::SpanName),
        1 => text_test().prop_map(Predicate::EventName),
        1 => (0_u64..600, 0_u64..600).prop_map(|(min, max)| Predicate::DurationNs { min, max }),
        1 => Just(Predicate::DurationNs { min: 0, max: u64::MAX }),
        1 => proptest::sample::select(kinds.to_vec()).prop_map(Predicate::Kind),
        1 => any::<bool>().prop_map(Predicate::IsError),
        8 => attribute.prop_map(|(scope, key, test)| Predicate::Attribute {
            scope,
            key: key.to_owned(),
            test,
        }),
    ]
}

pub(crate) fn filter() -> impl Strategy<Value = SpanFilter> {
    proptest::collection::vec(predicate(), 0..4).prop_map(|predicates| SpanFilter { predicates })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_chunks_rows_are_those_whose_spans_match(filter in filter(), first in 0_u64..1 << 32) {
        let spans = spans(first, 300);
        let chunk = chunk(&spans);
        let selection = Plan::new(&filter, &chunk).select_in_chunk(&chunk);
        prop_assert!(selection.is_exact);
        prop_assert_eq!(selection.rows, rows_that_match(&filter, &spans));
    }
}

#[test]
fn a_chunk_with_more_texts_than_a_small_dictionary_is_searched_too() {
    let spans = spans(77, 6_000);
    let chunk = chunk(&spans);
    for test in [
        ValueTest::PrintsAs("user 77".to_owned()),
        ValueTest::Equals(Value::from("user 78")),
        ValueTest::Exists,
    ] {
        let (scope, key) = (AttributeScope::Span, "user".to_owned());
        let filter = SpanFilter { predicates: vec![Predicate::Attribute { scope, key, test }] };
        let selection = Plan::new(&filter, &chunk).select_in_chunk(&chunk);
        assert_eq!(selection.rows, rows_that_match(&filter, &spans), "{filter:?}");
        assert!(!selection.rows.is_empty());
    }
}
