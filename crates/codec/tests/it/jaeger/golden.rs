//! Jaeger's own examples: what its collector makes of a batch, and what OTLP it makes of a span.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use serde_json::Value as Json;
use spandrel_codec::jaeger::Format;
use spandrel_codec::otlp;
use spandrel_model::{Attribute, LinkKind, Span, SpanId, SpanKind, StatusCode, TraceId, Value};

use super::messages::{
    PbBatch, PbKeyValue, PbLog, PbProcess, PbReference, PbRequest, PbSpan, PbTime,
};
use super::tree::Tree;
use super::{IN_THRIFT, body_of, spans};
use crate::testdata::{bytes, json};

fn list<'j>(json: &'j Json, member: &str) -> &'j [Json] {
    json[member].as_array().map_or(&[], Vec::as_slice)
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

fn base64(json: &Json) -> Vec<u8> {
    STANDARD.decode(json.as_str().unwrap()).unwrap()
}

/// A batch of `thrift_batch_*.json` as a tree: members that are not there are not written.
fn batch(name: &str) -> Tree {
    let json = json(name);
    let process = Tree::Struct(vec![
        (1, Tree::text(&text(&json["process"]["serviceName"]))),
        (2, tags(&json["process"], "tags")),
    ]);
    let spans = list(&json, "spans").iter().map(span).collect();
    Tree::Struct(vec![(1, process), (2, Tree::structs(spans))])
}

fn span(json: &Json) -> Tree {
    let number = |member: &str| Tree::I64(json[member].as_i64().unwrap_or(0));
    let reference = |it: &Json| {
        let kind = i32::from(it["refType"] == "FOLLOWS_FROM");
        Tree::Struct(vec![
            (1, Tree::I32(kind)),
            (2, Tree::I64(it["traceIdLow"].as_i64().unwrap())),
            (3, Tree::I64(0)),
            (4, Tree::I64(it["spanId"].as_i64().unwrap())),
        ])
    };
    let log = |it: &Json| {
        Tree::Struct(vec![
            (1, Tree::I64(it["timestamp"].as_i64().unwrap())),
            (2, tags(it, "fields")),
        ])
    };
    Tree::Struct(vec![
        (1, number("traceIdLow")),
        (2, number("traceIdHigh")),
        (3, number("spanId")),
        (4, number("parentSpanId")),
        (5, Tree::text(&text(&json["operationName"]))),
        (6, Tree::structs(list(json, "references").iter().map(reference).collect())),
        (7, Tree::I32(0)),
        (8, number("startTime")),
        (9, number("duration")),
        (10, tags(json, "tags")),
        (11, Tree::structs(list(json, "logs").iter().map(log).collect())),
    ])
}

fn tags(json: &Json, member: &str) -> Tree {
    let tag = |it: &Json| {
        let (value_type, value) = match it["vType"].as_str().unwrap() {
            "STRING" => (0, (3, Tree::text(&text(&it["vStr"])))),
            "DOUBLE" => (1, (4, Tree::Double(it["vDouble"].as_f64().unwrap().to_bits()))),
            "BOOL" => (2, (5, Tree::Bool(it["vBool"].as_bool().unwrap()))),
            "LONG" => (3, (6, Tree::I64(it["vLong"].as_i64().unwrap()))),
            "BINARY" => (4, (7, Tree::Bytes(base64(&it["vBinary"])))),
            other => panic!("{other}"),
        };
        Tree::Struct(vec![(1, Tree::text(&text(&it["key"]))), (2, Tree::I32(value_type)), value])
    };
    Tree::structs(list(json, member).iter().map(tag).collect())
}

/// Jaeger's own model of `domain_*.json` as a request in protobuf.
fn domain(name: &str) -> PbRequest {
    let spans = list(&json(name), "spans").iter().map(pb_span).collect();
    PbRequest { batch: Some(PbBatch { spans, process: None }) }
}

/// The one time that these files have.
fn pb_time(json: &Json) -> Option<PbTime> {
    assert_eq!(json, "2017-01-26T16:46:31.639875-05:00");
    Some(PbTime { seconds: 1_485_467_191, nanos: 639_875_000 })
}

fn pb_span(json: &Json) -> PbSpan {
    let duration = text(&json["duration"]);
    let nanos = duration.strip_suffix("ns").unwrap().parse().unwrap();
    let reference = |it: &Json| PbReference {
        trace_id: base64(&it["traceId"]),
        span_id: base64(&it["spanId"]),
        ref_type: i32::from(it["refType"] == "FOLLOWS_FROM"),
    };
    let log = |it: &Json| PbLog {
        timestamp: pb_time(&it["timestamp"]),
        fields: list(it, "fields").iter().map(pb_tag).collect(),
    };
    PbSpan {
        trace_id: base64(&json["traceId"]),
        span_id: base64(&json["spanId"]),
        operation_name: text(&json["operationName"]),
        references: list(json, "references").iter().map(reference).collect(),
        start_time: pb_time(&json["startTime"]),
        duration: Some(PbTime { seconds: 0, nanos }),
        tags: list(json, "tags").iter().map(pb_tag).collect(),
        logs: list(json, "logs").iter().map(log).collect(),
        process: Some(PbProcess {
            service_name: text(&json["process"]["serviceName"]),
            tags: list(&json["process"], "tags").iter().map(pb_tag).collect(),
        }),
        ..PbSpan::default()
    }
}

fn pb_tag(json: &Json) -> PbKeyValue {
    let types = ["STRING", "BOOL", "INT64", "FLOAT64", "BINARY"];
    let value_type = types.iter().position(|name| json["vType"] == *name).unwrap();
    PbKeyValue {
        key: text(&json["key"]),
        v_type: i32::try_from(value_type).unwrap(),
        v_str: text(&json["vStr"]),
        v_bool: json["vBool"].as_bool().unwrap_or(false),
        v_int64: json["vInt64"].as_i64().unwrap_or(0),
        v_float64: json["vFloat64"].as_f64().unwrap_or(0.0),
        v_binary: json["vBinary"].as_str().map_or_else(Vec::new, |_| base64(&json["vBinary"])),
    }
}

#[test]
fn a_batch_is_the_same_spans_in_every_format_as_in_jaegers_own_model() {
    for number in 1..=2 {
        let batch = batch(&format!("jaeger/thrift_batch_{number:02}.json"));
        let request = domain(&format!("jaeger/domain_{number:02}.json"));
        let expected = spans(Format::Proto, &request.encode_to_vec());
        assert!(!expected.is_empty());
        for format in IN_THRIFT {
            assert_eq!(spans(format, &body_of(format, &batch)), expected, "{format:?}");
        }
    }
}

#[test]
fn a_batch_says_what_its_json_says() {
    let body = body_of(Format::AgentCompact, &batch("jaeger/thrift_batch_01.json"));
    let [span] = <[Span<'static>; 1]>::try_from(spans(Format::AgentCompact, &body)).unwrap();
    assert_eq!(span.trace_id, TraceId::new(5_951_113_872_249_657_919).unwrap());
    assert_eq!(span.span_id, SpanId::new(6_585_752).unwrap());
    assert_eq!(span.parent_id, SpanId::new(6_866_147));
    assert_eq!((&*span.name, span.kind), ("get", Some(SpanKind::Server)));
    assert_eq!(span.start_ns, Some(1_485_467_191_639_875_000));
    assert_eq!(span.duration_ns, Some(22_938_000));
    assert_eq!(span.service_name(), Some("api"));
    assert_eq!(span.resource.attributes[2], Attribute::new("jaeger.version", "Python-3.1.0"));
    assert_eq!(span.attributes.len(), 6);
    assert_eq!(span.attribute("someDouble"), Some(&Value::Double(129.8)));
    assert_eq!(span.attribute("peer.ipv4"), Some(&Value::Int(3_224_716_605)));
    let names: Vec<_> = span.events.iter().map(|event| &*event.name).collect();
    assert_eq!(names, ["", "nothing"]);
    assert_eq!(span.events[0].attributes[1], Attribute::new("key2", "value2"));
}

#[test]
fn a_span_that_refers_to_itself_is_a_root_that_does() {
    let [_, span] = <[Span<'static>; 2]>::try_from(spans(
        Format::Proto,
        &domain("jaeger/domain_03.json").encode_to_vec(),
    ))
    .unwrap();
    assert_eq!(span.parent_id, None);
    let [link] = &*span.links else { panic!("{:?}", span.links) };
    assert_eq!((link.kind, link.span_id), (LinkKind::ChildOf, span.span_id));
}

/// A span of `stored_span.json` as a batch.
fn stored(json: &Json) -> Tree {
    let tag = |it: &Json| {
        let key = (1, Tree::text(&text(&it["Key"])));
        let (value_type, value) = match it["ValueType"].as_str().unwrap() {
            "string" => (0, (3, Tree::text(&text(&it["value_string"])))),
            "float64" => (1, (4, Tree::Double(it["value_double"].as_f64().unwrap().to_bits()))),
            "bool" => (2, (5, Tree::Bool(it["value_bool"].as_bool().unwrap()))),
            "int64" => (3, (6, Tree::I64(it["value_long"].as_i64().unwrap()))),
            "binary" => (4, (7, Tree::Bytes(base64(&it["value_binary"])))),
            other => panic!("{other}"),
        };
        Tree::Struct(vec![key, (2, Tree::I32(value_type)), value])
    };
    let tags = |it: &Json, member: &str| Tree::structs(list(it, member).iter().map(tag).collect());
    let halves = |it: &Json| {
        let bytes = base64(&it["TraceID"]);
        let half = |range: std::ops::Range<usize>| {
            Tree::I64(i64::from_be_bytes(bytes[range].try_into().unwrap()))
        };
        (half(8..16), half(0..8))
    };
    let number = |it: &Json, member: &str| Tree::I64(it[member].as_i64().unwrap());
    let reference = |it: &Json| {
        let ((low, high), kind) = (halves(it), i32::from(it["RefType"] == "follows-from"));
        let span_id = number(it, "SpanID");
        Tree::Struct(vec![(1, Tree::I32(kind)), (2, low), (3, high), (4, span_id)])
    };
    let log = |it: &Json| Tree::Struct(vec![(1, number(it, "Timestamp")), (2, tags(it, "Fields"))]);
    let (low, high) = halves(json);
    let span = Tree::Struct(vec![
        (1, low),
        (2, high),
        (3, number(json, "SpanID")),
        (4, number(json, "ParentID")),
        (5, Tree::text(&text(&json["OperationName"]))),
        (6, Tree::structs(list(json, "Refs").iter().map(reference).collect())),
        (7, Tree::I32(i32::try_from(json["Flags"].as_i64().unwrap()).unwrap())),
        (8, number(json, "StartTime")),
        (9, number(json, "Duration")),
        (10, tags(json, "Tags")),
        (11, Tree::structs(list(json, "Logs").iter().map(log).collect())),
    ]);
    let process = Tree::Struct(vec![
        (1, Tree::text(&text(&json["Process"]["ServiceName"]))),
        (2, tags(&json["Process"], "Tags")),
    ]);
    Tree::Struct(vec![(1, process), (2, Tree::structs(vec![span]))])
}

/// Takes the differences away that are meant, and each must be there: Jaeger makes the status of
/// the tag `error` and drops that; it has no order of attributes; OTLP has a link's kind in an
/// attribute.
fn as_jaeger_says(mut span: Span<'static>) -> Span<'static> {
    assert_eq!(span.status.code, StatusCode::Unset);
    let error = span.attributes.iter().position(|it| *it == Attribute::new("error", true));
    span.attributes.remove(error.unwrap());
    span.status.code = StatusCode::Error;
    span
}

#[test]
fn a_span_comes_to_what_jaegers_otlp_of_it_comes_to() {
    let mut expected = Vec::new();
    let body = bytes("jaeger/stored_span_as_otlp.json");
    otlp::decode(otlp::Format::Json, &body, &mut expected).unwrap();
    let mut expected = expected.remove(0);
    for link in &mut expected.links {
        let kind = link.attributes.remove(0).value;
        let is_child = kind.as_str() == Some("child_of");
        link.kind = if is_child { LinkKind::ChildOf } else { LinkKind::FollowsFrom };
    }
    expected.attributes.sort_by(|a, b| a.key.cmp(&b.key));
    let batch = stored(&json("jaeger/stored_span.json"));
    for format in IN_THRIFT {
        let span = spans(format, &body_of(format, &batch)).remove(0);
        assert_eq!(as_jaeger_says(span), expected, "{format:?}");
    }
}
