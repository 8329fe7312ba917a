//! Propagation: the vectors, and whatever else may stand in a header.

use std::collections::HashMap;

use proptest::prelude::*;
use spandrel::propagation::{
    B3, Composite, ExtractCarrier, Extracted, Jaeger, Propagator, TraceContext, W3cBaggage,
};
use spandrel::reporter::InMemoryReporter;
use spandrel::{Baggage, Sampling, SpanContext, SpanId, TraceId, Tracer};

const VECTORS: &str = include_str!("../../testdata/propagation_vectors.json");

fn tracer() -> Tracer {
    let propagators = Composite::default().with(Jaeger).with(B3::multi());
    let reporter = InMemoryReporter::new();
    Tracer::builder("propagation").propagator(propagators).reporter(reporter).build()
}

struct Vector {
    id: String,
    headers: Vec<(String, String)>,
    row: serde_json::Value,
}

fn vectors() -> Vec<Vector> {
    let rows: Vec<serde_json::Value> = serde_json::from_str(VECTORS).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let vector = |row: serde_json::Value| {
        let headers = row["headers"].as_array().unwrap();
        let headers = headers.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
        Vector { id: text(&row["id"]), headers, row }
    };
    rows.into_iter().map(vector).collect()
}

#[test]
fn every_vector_continues_or_starts_a_trace_as_it_says() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 131);
    for Vector { id, headers, row } in vectors {
        let extracted = tracer().extract(&headers);
        let context = extracted.span_context();
        match row["expect"].as_str().unwrap() {
            "new-root" | "new-root or 431" => assert!(context.is_none(), "{id}: {extracted:?}"),
            "continue, sampled undecided" => {
                assert_eq!(context.unwrap().sampling(), Sampling::Undecided, "{id}");
            }
            "continue, debug wins" => {
                assert_eq!(context.unwrap().sampling(), Sampling::Debug, "{id}");
            }
            "valid" => assert!(!extracted.is_empty() && extracted.error.is_none(), "{id}"),
            _ => assert!(context.is_some(), "{id}: {extracted:?}"),
        }
        let span = tracer().span("server").child_of(&extracted).start();
        assert_eq!(span.context().parent_id(), context.map(SpanContext::span_id), "{id}");
        if let Some(context) = context {
            assert_eq!(span.trace_id(), context.trace_id(), "{id}");
        }
    }
}

#[test]
fn the_vectors_trace_states_come_through_as_they_say() {
    for Vector { id, headers, row } in vectors() {
        let Some(expected) = row["tracestate"].as_array() else { continue };
        let expected: Vec<&str> = expected.iter().filter_map(|member| member.as_str()).collect();
        let extracted = tracer().extract(&headers);
        let state = extracted.span_context().map_or("", SpanContext::trace_state);
        assert_eq!(state, expected.join(","), "{id}");
    }
}

#[test]
fn the_vectors_baggage_is_within_the_limits() {
    for Vector { id, headers, row } in vectors() {
        let extracted = tracer().extract(&headers);
        let Some(context) = extracted.span_context() else { continue };
        let baggage = context.baggage();
        assert!(baggage.len() <= spandrel::BAGGAGE_LEN_MAX, "{id}");
        assert!(baggage.byte_len() <= spandrel::BAGGAGE_BYTES_MAX, "{id}");
        if let Some(len) = row["baggage_len"].as_u64() {
            assert_eq!(baggage.len() as u64, len, "{id}");
        }
    }
}

#[test]
fn where_formats_disagree_the_first_in_order_wins() {
    let headers = vectors().into_iter().find(|vector| vector.id == "all_formats_disagree");
    let headers = headers.unwrap().headers;
    let winner = |propagator: Composite| {
        propagator.extract(&headers).span_context().unwrap().trace_id().to_string()
    };
    assert_eq!(winner(Composite::default()), "12345678901234567890123456789012");
    let jaeger_first = Composite::empty().with(Jaeger).with(TraceContext);
    assert_eq!(winner(jaeger_first), "0000000000000001");
}

#[test]
fn flags_that_nobody_knows_are_not_passed_on() {
    let headers = vec![(
        "traceparent".to_owned(),
        "00-12345678901234567890123456789012-1234567890123456-ff".to_owned(),
    )];
    let extracted = TraceContext.extract(&headers);
    let mut out = HashMap::new();
    TraceContext.inject(extracted.span_context().unwrap(), &mut out);
    assert!(out["traceparent"].ends_with("-01"));
}

#[test]
fn jaegers_headers_for_people_mark_a_new_trace() {
    let headers = HashMap::from([
        ("Jaeger-Debug-Id".to_owned(), "ticket-7".to_owned()),
        ("jaeger-baggage".to_owned(), "user = 42, tenant=a".to_owned()),
    ]);
    let reporter = InMemoryReporter::new();
    let tracer = Tracer::builder("p").propagator(Jaeger).reporter(reporter.clone()).build();
    let span = tracer.span("s").child_of(&tracer.extract(&headers)).start();
    assert_eq!(span.context().sampling(), Sampling::Debug);
    assert_eq!(span.baggage_item("user").as_deref(), Some("42"));
    span.finish();
    let tag = reporter.take()[0].tag("jaeger-debug-id").cloned();
    assert_eq!(tag.unwrap().as_str(), Some("ticket-7"));
}

#[test]
fn jaegers_baggage_reads_as_go_and_java_write_it() {
    let headers = HashMap::from([
        ("Uber-Trace-Id".to_owned(), "1:2:0:3".to_owned()),
        ("Uberctx-Who".to_owned(), "a+b%20c%2B".to_owned()),
    ]);
    let extracted = Jaeger.extract(&headers);
    let context = extracted.span_context().unwrap();
    assert_eq!(context.baggage_item("who"), Some("a b c+"));
    assert_eq!(context.sampling(), Sampling::Debug);
}

#[test]
fn headers_are_as_each_format_writes_them() {
    let ids = (TraceId::new(0xabc).unwrap(), SpanId::new(0xdef).unwrap());
    let context = SpanContext::remote(ids.0, ids.1, Sampling::Debug)
        .with_parent_id(SpanId::new(1))
        .with_baggage_item("k", "a b");
    let headers = |propagator: &dyn Propagator| {
        let mut headers = Vec::new();
        propagator.inject(&context, &mut headers);
        let lines: Vec<String> =
            headers.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
        lines.join("\n")
    };
    let parent = "00-00000000000000000000000000000abc-0000000000000def-01";
    assert_eq!(headers(&TraceContext), format!("traceparent: {parent}"));
    assert_eq!(headers(&W3cBaggage), "baggage: k=a%20b");
    let single = "b3: 0000000000000abc-0000000000000def-d-0000000000000001";
    assert_eq!(headers(&B3::single()), single);
    let multi = "x-b3-traceid: 0000000000000abc\nx-b3-spanid: 0000000000000def\n\
                 x-b3-parentspanid: 0000000000000001\nx-b3-flags: 1";
    assert_eq!(headers(&B3::multi()), multi);
    let jaeger = "uber-trace-id: 0000000000000abc:0000000000000def:0000000000000001:3\n\
                  uberctx-k: a%20b";
    assert_eq!(headers(&Jaeger), jaeger);
}

fn formats() -> [Box<dyn Propagator>; 5] {
    let with_baggage = Composite::empty().with(TraceContext).with(W3cBaggage);
    [
        Box::new(with_baggage),
        Box::new(Jaeger),
        Box::new(B3::single()),
        Box::new(B3::multi()),
        Box::new(Composite::default()),
    ]
}

/// Whether what came out can be used without harm.
fn is_sound(extracted: &Extracted) -> bool {
    let baggage = extracted.span_context().map_or(&extracted.baggage, SpanContext::baggage);
    baggage.len() <= spandrel::BAGGAGE_LEN_MAX && baggage.byte_len() <= spandrel::BAGGAGE_BYTES_MAX
}

fn any_context() -> impl Strategy<Value = SpanContext> {
    let sampling = prop_oneof![Just(Sampling::Drop), Just(Sampling::Keep), Just(Sampling::Debug)];
    let baggage = prop::collection::btree_map("[a-z0-9*_.-]{1,20}", ".{0,40}", 0..6);
    (1_u128.., 1_u64.., any::<u64>(), sampling, baggage).prop_map(
        |(trace_id, span_id, parent_id, sampling, items)| {
            let (trace_id, span_id) = (TraceId::new(trace_id), SpanId::new(span_id));
            let mut baggage = Baggage::default();
            for (key, value) in &items {
                baggage.set(key, value);
            }
            SpanContext::remote(trace_id.unwrap(), span_id.unwrap(), sampling)
                .with_parent_id(SpanId::new(parent_id))
                .with_baggage(baggage)
        },
    )
}

const HEADERS: [&str; 12] = [
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-sampled",
    "x-b3-parentspanid",
    "x-b3-flags",
    "uber-trace-id",
    "uberctx-k",
    "jaeger-debug-id",
];

proptest! {
    #[test]
    fn a_context_reads_back_in_every_format(context in any_context()) {
        for format in formats() {
            let (mut map, mut headers) = (HashMap::new(), http::HeaderMap::new());
            format.inject(&context, &mut map);
            format.inject(&context, &mut headers);
            prop_assert_eq!(map.len(), headers.len(), "no header was refused");
            for extracted in [format.extract(&map), format.extract(&headers)] {
                let read = extracted.span_context().unwrap();
                prop_assert_eq!(read.trace_id(), context.trace_id());
                prop_assert_eq!(read.span_id(), context.span_id());
                prop_assert_eq!(read.is_sampled(), context.is_sampled());
                if !read.baggage().is_empty() {
                    let sorted = |context: &SpanContext| -> Vec<(String, String)> {
                        let owned = context.baggage().iter().map(|(k, v)| (k.into(), v.into()));
                        let mut items: Vec<_> = owned.collect();
                        items.sort();
                        items
                    };
                    prop_assert_eq!(sorted(read), sorted(&context));
                }
            }
        }
        let binary = tracer().extract_binary(&tracer().inject_binary(&context));
        prop_assert_eq!(binary.span_context(), Some(&context));
    }

    #[test]
    fn any_header_is_a_valid_context_or_none(
        headers in prop::collection::vec(
            (prop::sample::select(&HEADERS[..]), "[0-9a-f:%=,; \t-]{0,80}|.{0,80}"), 0..6),
    ) {
        let headers: Vec<(String, String)> =
            headers.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        for format in formats() {
            prop_assert!(is_sound(&format.extract(&headers)));
        }
    }

    #[test]
    fn any_blob_is_a_valid_context_or_none(blob in prop::collection::vec(any::<u8>(), 0..120)) {
        prop_assert!(is_sound(&tracer().extract_binary(&blob)));
    }

    #[test]
    fn a_blob_with_one_wrong_byte_is_a_valid_context_or_none(
        context in any_context(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut blob = tracer().inject_binary(&context);
        let at = at.index(blob.len());
        blob[at] = byte;
        prop_assert!(is_sound(&tracer().extract_binary(&blob)));
    }
}

#[test]
fn header_maps_show_every_value_of_a_header() {
    let mut headers = http::HeaderMap::new();
    headers.append("tracestate", "a=1".parse().unwrap());
    headers.append("tracestate", "b=2".parse().unwrap());
    headers.append("tracestate", http::HeaderValue::from_bytes(b"\xff").unwrap());
    let mut values = Vec::new();
    ExtractCarrier::values(&headers, "tracestate", &mut |value| values.push(value.to_owned()));
    assert_eq!(values, ["a=1", "b=2"]);
}
