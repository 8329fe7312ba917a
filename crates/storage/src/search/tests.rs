//! Searching, against spans asked one by one.

use std::borrow::Cow;
use std::sync::Arc;

use proptest::prelude::*;
use spandrel_model::{Attribute, Resource, Span, SpanKind, Value};

use super::{Plan, RowSet};
use crate::columns::{Chunk, ChunkBuilder, Column, Request, Texts};
use crate::predicate::{AttributeScope, Ordered, Predicate, SpanFilter, TextTest, ValueTest};
use crate::segment::{Dictionaries, GroupColumns, KeyColumn, Projection, ValueForm};

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

/// A chunk as the one group of a segment, its rows where they were. Of texts that have no
/// dictionary, `is_plain` says which, by the key's code.
pub(crate) fn group(chunk: &Chunk, is_plain: impl Fn(u32) -> bool) -> (GroupColumns, Dictionaries) {
    let rows = &chunk.rows;
    let mut group = GroupColumns {
        row_count: chunk.len(),
        event_count: chunk.events.name.len(),
        start_ns: rows.start_ns.clone(),
        duration_ns: rows.duration_ns.clone(),
        marks: rows.marks.clone(),
        name: rows.name.clone(),
        resource: rows.resource.clone(),
        shape: rows.shape.clone(),
        events_end: rows.events_end.clone(),
        ..GroupColumns::default()
    };
    group.events.name = chunk.events.name.clone();
    let column = |(column, key): (&Column, u32)| KeyColumn {
        form: KeyColumn::form_of(column.key.kind, !is_plain(key)),
        ..KeyColumn::default()
    };
    group.values = chunk.columns.iter().zip(0..).map(column).collect();
    for row in 0..chunk.len() {
        let keys = chunk.shapes.get(rows.shape[row]);
        for (key, word) in keys.iter().zip(chunk.span_values.get(row)) {
            let (column, from) = (&mut group.values[*key as usize], &chunk.columns[*key as usize]);
            column.count += 1;
            match column.form {
                ValueForm::Numbers => column.numbers.push(*word),
                ValueForm::Codes => column.codes.push(*word as u32),
                ValueForm::Texts => {
                    column.texts.push(from.texts.get(*word as u32));
                }
                ValueForm::Empty | ValueForm::Absent => {}
            }
        }
    }
    let shared = |texts: &Texts| Arc::new(texts.heap().clone());
    let dictionary = |(column, key): (&Column, u32)| {
        (column.key.kind.has_texts() && !is_plain(key)).then(|| shared(&column.texts))
    };
    let dictionaries = Dictionaries {
        keys: chunk.columns.iter().map(|column| column.key.clone()).collect(),
        values: chunk.columns.iter().zip(0..).map(dictionary).collect(),
        shapes: Arc::new(chunk.shapes.clone()),
        names: shared(&chunk.names),
        event_names: shared(&chunk.event_names),
        resources: shared(&chunk.resources.encoded),
        services_of_resources: chunk.resources.service.clone().into(),
        services: shared(&chunk.resources.services),
        scopes: shared(&chunk.scopes),
        addresses: shared(&chunk.addresses),
    };
    (group, dictionaries)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_groups_rows_are_those_whose_spans_match(
        filter in filter(),
        first in 0_u64..1 << 32,
        plain in any::<u64>(),
    ) {
        let spans = spans(first, 300);
        let chunk = chunk(&spans);
        let (group, dictionaries) = group(&chunk, |key| plain >> (key % 64) & 1 != 0);
        let selection = Plan::new(&filter, &dictionaries).select_in_group(&group, &dictionaries.shapes);
        prop_assert!(selection.is_exact);
        prop_assert_eq!(selection.rows, rows_that_match(&filter, &spans));
    }

    #[test]
    fn columns_that_were_not_read_leave_rows_in_doubt_and_lose_none(
        filter in filter(),
        first in 0_u64..1 << 32,
        unread in any::<u64>(),
    ) {
        let spans = spans(first, 100);
        let (mut group, dictionaries) = group(&chunk(&spans), |key| key % 3 == 0);
        let lists = [&mut group.name, &mut group.resource, &mut group.shape, &mut group.events_end];
        for (list, bit) in lists.into_iter().zip(0..) {
            if unread >> bit & 1 != 0 {
                list.clear();
            }
        }
        if unread >> 4 & 1 != 0 {
            group.marks.clear();
        }
        if unread >> 5 & 1 != 0 {
            group.duration_ns.clear();
        }
        for (column, bit) in group.values.iter_mut().zip(6..) {
            if unread >> (bit % 64) & 1 != 0 {
                column.clear();
            }
        }
        let selection = Plan::new(&filter, &dictionaries).select_in_group(&group, &dictionaries.shapes);
        let expected = rows_that_match(&filter, &spans);
        let mut found = expected.clone();
        found.intersect(&selection.rows);
        prop_assert_eq!(&found, &expected);
        prop_assert!(!selection.is_exact || selection.rows == expected);
    }

    #[test]
    fn the_columns_that_a_plan_asks_for_are_enough(filter in filter(), first in 0_u64..1 << 32) {
        let spans = spans(first, 100);
        let (mut group, dictionaries) = group(&chunk(&spans), |key| key % 3 == 0);
        let plan = Plan::new(&filter, &dictionaries);
        let wanted = plan.projection();
        let is_wanted = |column: u32| wanted.columns & column != 0;
        let keep = |list: &mut Vec<u32>, is_needed: bool| if !is_needed { list.clear() };
        keep(&mut group.name, is_wanted(Projection::NAME));
        keep(&mut group.resource, is_wanted(Projection::RESOURCE));
        keep(&mut group.shape, is_wanted(Projection::SHAPE));
        keep(&mut group.events_end, is_wanted(Projection::EVENT_NAME));
        if !is_wanted(Projection::MARKS) {
            group.marks.clear();
        }
        if !is_wanted(Projection::DURATION) {
            group.duration_ns.clear();
        }
        for (column, key) in group.values.iter_mut().zip(0..) {
            if !wanted.keys.contains(&key) {
                column.clear();
            }
        }
        let selection = plan.select_in_group(&group, &dictionaries.shapes);
        prop_assert!(selection.is_exact);
        prop_assert_eq!(selection.rows, rows_that_match(&filter, &spans));
    }
}
