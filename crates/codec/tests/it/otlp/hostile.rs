//! Requests that nobody should send are answered as listed, and never crash the decoder.

use prost::Message;
use serde_json::Value as Json;
use spandrel_codec::otlp::{Decoded, Format, PARTS_MAX, VALUE_DEPTH_MAX, decode};
use spandrel_codec::{DecodeError, SpanSink};
use spandrel_model::{Attribute, Span, SpanId, TraceId, Value};

use super::oracle::{
    PbAnyValue, PbArray, PbEvent, PbKeyValue, PbMap, PbRequest, PbResourceSpans, PbScopeSpans,
    PbSpan, PbValue,
};
use super::written;
use crate::hostile::{from_hex, rows};
use crate::testdata::{bytes, path};

struct Count(usize);

impl SpanSink for Count {
    fn span(&mut self, _: &Span<'_>) {
        self.0 += 1;
    }
}

fn try_decode(format: Format, body: &[u8]) -> Result<Decoded, DecodeError> {
    let mut seen = Count(0);
    let decoded = decode(format, body, &mut seen)?;
    assert_eq!(decoded.accepted, seen.0);
    Ok(decoded)
}

fn counts(format: Format, body: &[u8]) -> Option<(usize, usize)> {
    try_decode(format, body).ok().map(|decoded| (decoded.accepted, decoded.rejected))
}

/// What is ours where a row leaves a choice: how many spans are accepted and how many rejected,
/// or that the body is refused.
const OURS: [(&str, Option<(usize, usize)>); 13] = [
    ("pb_bad_utf8_name", Some((0, 1))),
    ("pb_end_before_start", Some((1, 0))),
    ("pb_time_max", Some((1, 0))),
    ("pb_time_zero", Some((1, 0))),
    ("pb_time_future_10y", Some((1, 0))),
    // The row would drop the attribute; the model keeps empty keys.
    ("pb_attr_empty_key", Some((1, 0))),
    ("otlp_json_bom", None),
    ("otlp_json_dupkey", Some((0, 0))),
    ("otlp_json_id_base64", Some((0, 1))),
    ("otlp_json_id_odd", Some((0, 1))),
    ("otlp_json_id_zero", Some((0, 1))),
    ("otlp_json_kind_name", Some((1, 0))),
    ("otlp_json_two_values", Some((1, 0))),
];

fn listed(row: &Json) -> Option<(usize, usize)> {
    let id = row["id"].as_str().unwrap();
    if let Some((_, ours)) = OURS.iter().find(|(name, _)| *name == id) {
        return *ours;
    }
    let expect = row["expect"].as_str().map_or_else(|| row["expect"].to_string(), str::to_owned);
    match &*expect {
        "accept 0" => Some((0, 0)),
        "accept 2" => Some((2, 0)),
        "partial (rejected_spans=1)" => Some((0, 1)),
        "partial accept 2 reject 1" => Some((2, 1)),
        _ if expect.starts_with("accept 1") => Some((1, 0)),
        _ if expect.starts_with("400") => None,
        // An accepted JSON request holds one span, or none at all.
        "200" => {
            let body = row["body"].as_str().unwrap();
            Some((usize::from(body.contains("traceId")), 0))
        }
        other => panic!("{id}: no answer is known for {other:?}"),
    }
}

#[test]
fn hostile_requests_are_answered_as_listed() {
    for row in rows("hostile/otlp_wire.jsonl") {
        let body = from_hex(row["hex"].as_str().unwrap());
        assert_eq!(counts(Format::Proto, &body), listed(&row), "{}", row["id"]);
    }
    for row in rows("hostile/otlp_http.jsonl") {
        // The only lone surrogate among them is meant as the escape.
        let body = row["body"].as_str().unwrap();
        assert_eq!(counts(Format::Json, body.as_bytes()), listed(&row), "{}", row["id"]);
    }
}

#[test]
fn the_answers_chosen_here_are_all_to_listed_rows() {
    let rows = [rows("hostile/otlp_wire.jsonl"), rows("hostile/otlp_http.jsonl")].concat();
    for (id, _) in OURS {
        assert!(rows.iter().any(|row| row["id"] == id), "{id}");
    }
}

#[test]
fn unknown_groups_are_not_followed_deep() {
    for depth in [65, 1_000, 100_000] {
        let body = [[0x1b].repeat(depth), [0x1c].repeat(depth)].concat();
        assert_eq!(counts(Format::Proto, &body), None, "{depth}");
    }
}

fn nested(depth: usize, wrap: fn(PbAnyValue) -> PbValue) -> Vec<u8> {
    let mut value = PbAnyValue { value: Some(PbValue::Bool(true)) };
    for _ in 0..depth {
        value = PbAnyValue { value: Some(wrap(value)) };
    }
    let deep = PbKeyValue { key: "deep".into(), value: Some(value) };
    let span = |id: u8, attributes| PbSpan {
        trace_id: vec![1; 16],
        span_id: vec![id; 8],
        attributes,
        ..Default::default()
    };
    let spans = vec![span(1, vec![]), span(2, vec![deep]), span(3, vec![])];
    let scope_spans = vec![PbScopeSpans { spans, ..Default::default() }];
    let resource_spans = vec![PbResourceSpans { scope_spans, ..Default::default() }];
    PbRequest { resource_spans }.encode_to_vec()
}

fn in_array(value: PbAnyValue) -> PbValue {
    PbValue::Array(PbArray { values: vec![value] })
}

fn in_map(value: PbAnyValue) -> PbValue {
    PbValue::Map(PbMap { values: vec![PbKeyValue { key: String::new(), value: Some(value) }] })
}

#[test]
fn a_span_with_a_value_that_is_too_deep_is_rejected_alone() {
    for wrap in [in_array, in_map] {
        assert_eq!(counts(Format::Proto, &nested(VALUE_DEPTH_MAX, wrap)), Some((3, 0)));
        for depth in [VALUE_DEPTH_MAX + 1, 200, 2_000] {
            let decoded = try_decode(Format::Proto, &nested(depth, wrap)).unwrap();
            assert_eq!((decoded.accepted, decoded.rejected), (2, 1));
            let reason = decoded.first_reason.unwrap();
            assert_eq!(reason.span_index, Some(1));
            assert!(reason.message.contains("nested over 32 deep"), "{reason}");
        }
    }
}

#[test]
fn the_deepest_value_goes_through_json_too() {
    let wraps: [fn(Value<'static>) -> Value<'static>; 2] = [
        |value| Value::Array(vec![value]),
        |value| Value::Map(vec![Attribute { key: "k".into(), value }]),
    ];
    for wrap in wraps {
        for (depth, expected) in [(VALUE_DEPTH_MAX, (1, 0)), (VALUE_DEPTH_MAX + 1, (0, 1))] {
            let value = (0..depth).fold(Value::Bool(true), |value, _| wrap(value));
            let mut span = Span::new(TraceId::new(1).unwrap(), SpanId::new(2).unwrap());
            span.attributes.push(Attribute { key: "deep".into(), value });
            let body = written(Format::Json, &[span]);
            assert_eq!(counts(Format::Json, &body), Some(expected), "{depth}");
        }
    }
}

#[test]
fn deep_json_is_passed_over_without_going_deep() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let in_request = format!(r#"{{"unknown":{deep}}}"#);
    assert_eq!(counts(Format::Json, in_request.as_bytes()), Some((0, 0)));
    let in_span =
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"x":{deep}}}]}}]}}]}}"#);
    assert_eq!(counts(Format::Json, in_span.as_bytes()), Some((0, 1)));
    let instead = format!(r#"{{"resourceSpans":{deep}}}"#);
    assert_eq!(counts(Format::Json, instead.as_bytes()), None);
    let unclosed = r#"{"resourceSpans":[{"scopeSpans":"#.repeat(50_000);
    assert_eq!(counts(Format::Json, unclosed.as_bytes()), None);
}

#[test]
fn a_hundred_thousand_tiny_spans_are_that_many() {
    let span = PbSpan { trace_id: vec![1; 16], span_id: vec![2; 8], ..Default::default() };
    let scope_spans = vec![PbScopeSpans { spans: vec![span; 100_000], ..Default::default() }];
    let resource_spans = vec![PbResourceSpans { scope_spans, ..Default::default() }];
    let body = PbRequest { resource_spans }.encode_to_vec();
    assert_eq!(counts(Format::Proto, &body), Some((100_000, 0)));
}

#[test]
fn a_span_of_too_many_parts_is_rejected_alone() {
    let good = PbSpan { trace_id: vec![1; 16], span_id: vec![2; 8], ..Default::default() };
    let events = |len| PbSpan { events: vec![PbEvent::default(); len], ..good.clone() };
    let attributes = |len| PbSpan { attributes: vec![PbKeyValue::default(); len], ..good.clone() };
    let elements = |len| {
        let array = PbArray { values: vec![PbAnyValue::default(); len - 1] };
        let value = Some(PbAnyValue { value: Some(PbValue::Array(array)) });
        PbSpan { attributes: vec![PbKeyValue { key: "k".into(), value }], ..good.clone() }
    };
    for (len, expected) in [(PARTS_MAX, (3, 0)), (PARTS_MAX + 1, (2, 1))] {
        for large in [events(len), attributes(len), elements(len)] {
            let spans = vec![good.clone(), large, good.clone()];
            let scope_spans = vec![PbScopeSpans { spans, ..Default::default() }];
            let resource_spans = vec![PbResourceSpans { scope_spans, ..Default::default() }];
            let body = PbRequest { resource_spans }.encode_to_vec();
            assert_eq!(counts(Format::Proto, &body), Some(expected));
        }
    }
    let list = vec!["{}"; PARTS_MAX + 1].join(",");
    for member in ["events", "links", "attributes"] {
        let body = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"{member}":[{list}]}}]}}]}}]}}"#
        );
        let reason = try_decode(Format::Json, body.as_bytes()).unwrap().first_reason.unwrap();
        assert!(reason.message.starts_with("over 131072 attributes, events"), "{reason}");
    }
}

#[test]
fn json_is_accepted_and_refused_as_the_acceptance_suite_says() {
    let places = [r#"{"x":"#, r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"x":"#];
    let mut count = 0;
    for entry in std::fs::read_dir(path("json_test_suite")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let json = std::fs::read(&path).unwrap();
        for (place, close) in places.iter().zip(["}", "}]}]}]}"]) {
            let answer =
                try_decode(Format::Json, &[place.as_bytes(), &json, close.as_bytes()].concat());
            match name.get(..2) {
                Some("y_") => assert!(answer.is_ok(), "{name}"),
                Some("n_") => assert!(answer.is_err(), "{name}"),
                Some("i_") => {}
                _ => continue,
            }
            count += 1;
        }
    }
    assert_eq!(count, 2 * 316);
}

/// A recorded request, in both formats.
fn recorded() -> [(Format, Vec<u8>); 2] {
    let json = bytes("otlp/telemetrygen.json");
    let proto = written(Format::Proto, &super::spans(Format::Json, &json));
    [(Format::Json, json), (Format::Proto, proto)]
}

#[test]
fn every_cut_of_a_request_is_refused() {
    for (format, body) in recorded() {
        let end = body.trim_ascii_end().len();
        for len in 1..end {
            let error = try_decode(format, &body[..len]).expect_err("a part is no request");
            assert!(error.offset <= len, "{format:?} cut to {len}: {error}");
        }
    }
}

#[test]
fn no_changed_byte_crashes_the_decoder() {
    for (format, mut body) in recorded() {
        for offset in 0..body.len() {
            let sound = body[offset];
            let flipped = (0..8).map(|bit| sound ^ (1 << bit));
            for byte in flipped.chain([0x00, 0x7f, 0x80, 0xff]) {
                body[offset] = byte;
                let _ = try_decode(format, &body);
            }
            body[offset] = sound;
        }
    }
}
