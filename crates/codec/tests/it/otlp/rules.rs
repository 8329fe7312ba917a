//! What becomes of the parts of a request that leave a choice, each shown by an example.

use prost::Message;
use spandrel_codec::otlp::{Format, decode, decode_archive};
use spandrel_model::{
    Address, Attribute, Endpoint, Link, LinkKind, Resource, Scope, Span, SpanId, SpanKind,
    StatusCode, TraceId, Value,
};

use super::oracle::PbRequest;
use super::{archived, spans, written};
use crate::testdata::bytes;

fn span() -> Span<'static> {
    Span::new(TraceId::new(1).unwrap(), SpanId::new(2).unwrap())
}

/// A request of one span with these members besides its ids.
fn request(members: &str) -> String {
    request_of(&format!(
        r#"{{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002",{members}}}"#
    ))
}

fn request_of(spans: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)
}

fn one(members: &str) -> Span<'static> {
    let body = request(members);
    let [span] = spans(Format::Json, body.as_bytes()).try_into().unwrap();
    span
}

#[test]
fn the_recorded_request_is_read_whole() {
    let list = spans(Format::Json, &bytes("otlp/telemetrygen.json"));
    assert_eq!(list.len(), 2);
    assert_eq!(list[0].service_name(), Some("telemetrygen"));
    assert_eq!(list[0].resource.attributes, []);
    assert_eq!(list[0].scope.as_ref().unwrap().name, "telemetrygen");
    assert_eq!(list[0].name, "okey-dokey-0");
    assert_eq!(list[0].kind, Some(SpanKind::Server));
    assert_eq!(list[0].duration_ns, Some(123_000));
    assert_eq!(list[0].attribute("net.peer.ip"), Some(&Value::from("1.2.3.4")));
    assert!(std::sync::Arc::ptr_eq(&list[0].resource, &list[1].resource));
}

#[test]
fn both_formats_say_the_same() {
    let list = spans(Format::Json, &bytes("otlp/telemetrygen.json"));
    assert_eq!(spans(Format::Proto, &written(Format::Proto, &list)), list);
}

#[test]
fn an_end_that_makes_no_duration_is_kept_as_an_attribute() {
    let end = |ns: i64| vec![Attribute::new("spandrel.end_time_unix_nano", ns)];
    for (members, start_ns, duration_ns, attributes) in [
        (r#""startTimeUnixNano":"5","endTimeUnixNano":"9""#, Some(5), Some(4), vec![]),
        (r#""startTimeUnixNano":"5","endTimeUnixNano":"5""#, Some(5), Some(0), vec![]),
        (r#""startTimeUnixNano":"5""#, Some(5), None, vec![]),
        (r#""startTimeUnixNano":"5","endTimeUnixNano":"4""#, Some(5), None, end(4)),
        (r#""endTimeUnixNano":"18446744073709551615""#, None, None, end(-1)),
        (r#""name":"timeless""#, None, None, vec![]),
    ] {
        let span = one(members);
        assert_eq!((span.start_ns, span.duration_ns), (start_ns, duration_ns), "{members}");
        assert_eq!(span.attributes, attributes, "{members}");
    }
}

#[test]
fn the_last_service_name_that_is_a_text_is_the_services() {
    let text =
        |name: &str| format!(r#"{{"key":"service.name","value":{{"stringValue":"{name}"}}}}"#);
    let number = r#"{"key":"service.name","value":{"intValue":"7"}}"#.to_owned();
    for (attributes, name, left) in [
        (vec![text("a")], Some("a"), 0),
        (vec![text("a"), text("b")], Some("b"), 1),
        (vec![text("a"), number.clone()], Some("a"), 1),
        (vec![number], None, 1),
        (vec![text("")], None, 0),
        (vec![], None, 0),
    ] {
        let attributes = attributes.join(",");
        let body = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{:032}","spanId":"{:016}"}}]}}],
                "resource":{{"attributes":[{attributes}]}}}}]}}"#,
            1, 2
        );
        let list = spans(Format::Json, body.as_bytes());
        assert_eq!(list[0].service_name(), name, "{attributes}");
        assert_eq!(list[0].resource.attributes.len(), left, "{attributes}");
    }
}

#[test]
fn json_is_read_in_every_spelling_that_protobufs_json_has() {
    let span = one(
        r#""parentSpanId":"00000000000000AB","trace_state":"a=b","kind":"SPAN_KIND_CLIENT","name":null,
        "start_time_unix_nano":1700000000000000000,"status":{"code":"STATUS_CODE_ERROR"},"flags":257,
        "droppedLinksCount":3,"unknown":{"deep":[1,{}]},
        "attributes":[{"key":"a","value":{"intValue":-5}},{"key":"b","value":{"int_value":"6"}},
        {"key":"c","value":{"bytesValue":"-_8"}},{"key":"d","value":{"bytesValue":"+/8="}},
        {"key":"e","value":{"doubleValue":1}},{"key":"f","value":{"doubleValue":"-Infinity"}},
        {"key":"g","value":{"arrayValue":{"values":[{"boolValue":true},{}]}}},
        {"key":"h","value":{"kvlistValue":{}}},{"key":"i"},{"value":{"stringValue":"\u00e9"}}]"#,
    );
    assert_eq!(span.parent_id, SpanId::new(0xab));
    assert_eq!((&*span.trace_state, &*span.name), ("a=b", ""));
    assert_eq!(span.kind, Some(SpanKind::Client));
    assert_eq!(span.start_ns, Some(1_700_000_000_000_000_000));
    assert_eq!(span.status.code, StatusCode::Error);
    assert_eq!((span.trace_flags, span.dropped.links), (257, 3));
    let values: Vec<_> = span.attributes.iter().map(|it| it.value.clone()).collect();
    let bytes = Value::Bytes(vec![0xfb, 0xff].into());
    let expected = [
        Value::Int(-5),
        Value::Int(6),
        bytes.clone(),
        bytes,
        Value::Double(1.0),
        Value::Double(f64::NEG_INFINITY),
        Value::Array(vec![Value::Bool(true), Value::Empty]),
        Value::Map(vec![]),
        Value::Empty,
        Value::from("é"),
    ];
    assert_eq!(values, expected);
}

#[test]
fn null_is_no_scope_and_an_empty_object_is_one() {
    for (scope, expected) in [
        ("null", None),
        ("{}", Some("")),
        (r#"{"name":null}"#, Some("")),
        (r#"{"name":"a"}"#, Some("a")),
    ] {
        let body =
            request(r#""name":"x""#).replace(r#""spans""#, &format!(r#""scope":{scope},"spans""#));
        let list = spans(Format::Json, body.as_bytes());
        let name = list[0].scope.as_ref().map(|scope| &*scope.name);
        assert_eq!(name, expected, "{scope}");
    }
}

#[test]
fn null_is_absent_wherever_it_stands() {
    let span = one(r#""parentSpanId":null,"flags":null,"status":null,"events":null,"links":null,
        "attributes":[{"key":"a","value":null},
        {"key":"b","value":{"stringValue":null,"doubleValue":null,"arrayValue":null,"bytesValue":null}}],
        "droppedEventsCount":null,"endTimeUnixNano":null"#);
    let empty = |key: &'static str| Attribute { key: key.into(), value: Value::Empty };
    let expected = vec![empty("a"), empty("b")];
    let plain = self::span();
    assert_eq!(span, Span { attributes: expected, ..plain });
    let body = r#"{"resourceSpans":[{"resource":null,"scopeSpans":null},{"scopeSpans":null}]}"#;
    assert_eq!(spans(Format::Json, body.as_bytes()), []);
}

#[test]
fn a_kind_that_otlp_does_not_have_is_none() {
    for kind in [r#""SPAN_KIND_FOO""#, "9", "-1", "null"] {
        assert_eq!(one(&format!(r#""kind":{kind}"#)).kind, None, "{kind}");
    }
}

#[test]
fn a_link_to_nothing_is_counted_and_one_to_a_bad_id_rejects_its_span() {
    let nowhere = format!(r#""links":[{{"traceId":"{:032}"}}],"droppedLinksCount":2"#, 0);
    let span = one(&nowhere);
    assert_eq!((span.links.len(), span.dropped.links), (0, 3));
    let body = request(r#""links":[{"traceId":"12"}]"#);
    let decoded = decode(Format::Json, body.as_bytes(), &mut Vec::new()).unwrap();
    assert_eq!((decoded.accepted, decoded.rejected), (0, 1));
}

#[test]
fn the_first_reason_names_the_span_and_the_place() {
    let good = r#"{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002"}"#;
    let bad = r#"{"traceId":"xyz","spanId":"0000000000000002"}"#;
    let body = request_of(&[good, bad, bad, good].join(","));
    let decoded = decode(Format::Json, body.as_bytes(), &mut Vec::new()).unwrap();
    assert_eq!((decoded.accepted, decoded.rejected), (2, 2));
    let reason = decoded.first_reason.unwrap();
    assert_eq!((reason.span_index, reason.offset), (Some(1), body.find("xyz").unwrap()));
    assert!(reason.message.contains("traceId has 32 hexadecimal digits"), "{reason}");
}

#[test]
fn an_error_in_a_part_that_was_kept_names_its_place_in_the_body() {
    let body = request(r#""name":5"#).replace("scopeSpans", "scopeSpans\" \n : [], \"scope_spans");
    let error = decode(Format::Json, body.as_bytes(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.span_index, Some(0));
    let place = body.find(":5").unwrap();
    assert!((place..place + 3).contains(&error.offset), "{error} in {body}");
}

#[test]
fn what_is_wrong_with_a_resource_rejects_its_spans_and_no_others() {
    let mut bad = span();
    bad.resource = Resource::of_service("bad!");
    let mut good = span();
    good.resource = Resource::of_service("good");
    let mut body = written(Format::Proto, &[good.clone(), bad.clone(), bad, good]);
    let place = body.windows(4).position(|window| window == b"bad!").unwrap();
    body[place + 3] = 0xff;
    let decoded = decode(Format::Proto, &body, &mut Vec::new()).unwrap();
    assert_eq!((decoded.accepted, decoded.rejected), (2, 2));
    let reason = decoded.first_reason.unwrap();
    assert_eq!((reason.span_index, reason.offset), (Some(1), place + 3));
    assert_eq!(reason.message, "a text is not UTF-8");
}

#[test]
fn spans_in_a_row_share_what_they_have_in_common() {
    let mut list = vec![span(); 4];
    list[2].scope = Some(Scope::default().into());
    list[3].resource = Resource::of_service("other");
    let body: serde_json::Value = serde_json::from_slice(&written(Format::Json, &list)).unwrap();
    let scopes = |index: usize| body["resourceSpans"][index]["scopeSpans"].as_array().unwrap();
    assert_eq!(body["resourceSpans"].as_array().unwrap().len(), 2);
    assert_eq!(scopes(0).len(), 2);
    assert_eq!(scopes(0)[0]["spans"].as_array().unwrap().len(), 2);
    assert_eq!(scopes(1).len(), 1);
}

/// A span with all that OTLP lacks.
fn widened() -> Span<'static> {
    let mut span = span();
    span.start_ns = Some(0);
    span.duration_ns = Some(7);
    span.is_shared = true;
    span.is_debug = true;
    span.local = Address { ipv4: Some([10, 0, 0, 1].into()), ..Address::default() };
    span.remote = Some(Endpoint::default());
    span.links.push(Link {
        kind: LinkKind::FollowsFrom,
        trace_id: span.trace_id,
        span_id: span.span_id,
        trace_state: "".into(),
        trace_flags: 0,
        attributes: vec![],
        dropped_attributes: 0,
    });
    span
}

#[test]
fn what_otlp_lacks_reads_as_attributes_and_in_an_archive_as_itself() {
    let list = [widened()];
    for format in Format::ALL {
        let body = written(format, &list);
        let plainly = spans(format, &body);
        let shown: Vec<_> = plainly[0]
            .attributes
            .iter()
            .map(|attribute| format!("{}={}", attribute.key, attribute.value.to_text()))
            .collect();
        let expected = [
            "spandrel.is_shared=true",
            "spandrel.is_debug=true",
            "spandrel.start_time_unix_nano=0",
            "spandrel.duration_nano=7",
            "spandrel.local.ipv4=10.0.0.1",
            "spandrel.remote=true",
            "spandrel.carried=6",
        ];
        assert_eq!(shown, expected);
        let link = &plainly[0].links[0];
        assert_eq!(link.attributes[0], Attribute::new("opentracing.ref_type", "follows_from"));
        assert_eq!(archived(format, &body), list);
    }
}

#[test]
fn a_count_that_cannot_be_is_the_senders_own() {
    for count in [-1, 2, i64::MAX] {
        let mut span = span();
        span.attributes = vec![
            Attribute::new("spandrel.is_shared", true),
            Attribute::new("spandrel.carried", count),
        ];
        let body = as_its_sender_writes_it(&span);
        let mut list = Vec::new();
        decode_archive(Format::Proto, &body, &mut list).unwrap();
        assert_eq!(list, [span]);
    }
}

/// Writes the span without the count of zero behind its attributes.
fn as_its_sender_writes_it(span: &Span<'static>) -> Vec<u8> {
    let body = written(Format::Proto, std::slice::from_ref(span));
    let mut message = PbRequest::decode(&*body).unwrap();
    message.resource_spans[0].scope_spans[0].spans[0].attributes.pop().unwrap();
    message.encode_to_vec()
}
