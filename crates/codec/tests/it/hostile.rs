//! Bodies that nobody should send are refused with a reason, and never crash the decoder.

use serde_json::Value as Json;
use spandrel_codec::zipkin::{Format, decode};
use spandrel_codec::{DecodeError, SpanSink};
use spandrel_model::Span;

use crate::testdata::{bytes, path};

/// Counts spans and looks at nothing in them.
struct Count(usize);

impl SpanSink for Count {
    fn span(&mut self, _: &Span<'_>) {
        self.0 += 1;
    }
}

fn try_decode(format: Format, body: &[u8]) -> Result<usize, DecodeError> {
    let mut seen = Count(0);
    let count = decode(format, body, &mut seen)?;
    assert_eq!(count, seen.0);
    Ok(count)
}

pub(crate) fn rows(name: &str) -> Vec<Json> {
    let text = String::from_utf8(bytes(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What is ours where a row leaves a choice, or where the row is wrong: how many spans are
/// accepted, or that the body is refused.
const OURS: [(&str, Option<usize>); 13] = [
    ("zt_empty_body", Some(0)),
    ("zt_trailing", Some(1)),
    ("zp_ip_5bytes", Some(1)),
    ("z2_empty_list", Some(0)),
    ("z2_empty_body", Some(0)),
    ("z1_thrift_ct_json", Some(0)),
    ("z2_traceid_upper", None),
    ("z2_ts_neg", Some(1)),
    ("z2_ts_str", Some(1)),
    ("z2_dur_neg", Some(1)),
    ("z2_tags_num", Some(1)),
    ("z2_ann_no_ts", None),
    // The row says 400. Zipkin takes a port below one as "unknown", which is how Java says it,
    // and so does this codec.
    ("z2_port_neg", Some(1)),
];

fn assert_answered(row: &Json, format: Format, body: &[u8]) {
    let id = row["id"].as_str().unwrap();
    let expect = row["expect"].as_str().map_or_else(|| row["expect"].to_string(), str::to_owned);
    let ours = OURS.iter().find(|(name, _)| *name == id).map(|(_, answer)| *answer);
    let expected = ours.unwrap_or_else(|| match &*expect {
        "202 accept 0" => Some(0),
        _ if expect.starts_with("202") => Some(1),
        _ if expect.starts_with("400") => None,
        other => panic!("{id}: no answer is known for {other:?}"),
    });
    match (try_decode(format, body), expected) {
        (Ok(count), Some(expected)) => assert_eq!(count, expected, "{id}"),
        (Err(error), None) => assert!(!error.message.is_empty(), "{id}"),
        (answer, expected) => panic!("{id}: expected {expected:?}, got {answer:?}"),
    }
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

#[test]
fn hostile_wire_bodies_are_answered_as_listed() {
    for row in rows("hostile/wire.jsonl") {
        let format = match row["protocol"].as_str().unwrap() {
            "zipkin-v1-thrift" => Format::V1Thrift,
            "zipkin-v2-protobuf" => Format::V2Proto,
            other => panic!("{other}"),
        };
        let body = match row["nested_depth"].as_u64() {
            Some(depth) => {
                let depth = usize::try_from(depth).unwrap();
                let head = from_hex("0c00000001");
                [head, [0x0c, 0x00, 0x63].repeat(depth), vec![0; depth + 1]].concat()
            }
            None => from_hex(row["hex"].as_str().unwrap()),
        };
        assert_answered(&row, format, &body);
    }
}

#[test]
fn hostile_json_bodies_are_answered_as_listed() {
    for row in rows("hostile/http.jsonl") {
        let format = match (row["path"].as_str().unwrap(), &row["headers"]["content-type"]) {
            ("/api/v2/spans", _) => Format::V2Json,
            (_, content_type) if content_type == "application/x-thrift" => Format::V1Thrift,
            _ => Format::V1Json,
        };
        assert_answered(&row, format, row["body"].as_str().unwrap().as_bytes());
    }
}

#[test]
fn the_answers_chosen_here_are_all_to_listed_rows() {
    let rows: Vec<_> = [rows("hostile/wire.jsonl"), rows("hostile/http.jsonl")].concat();
    for (id, _) in OURS {
        assert!(rows.iter().any(|row| row["id"] == id), "{id}");
    }
}

/// Puts JSON where a decoder skips it: the value of a member that no span has.
fn as_unknown_member(json: &[u8]) -> Vec<u8> {
    [&b"[{\"traceId\":\"1\",\"id\":\"2\",\"unknown\":"[..], json, b"}]"].concat()
}

#[test]
fn json_is_accepted_and_refused_as_the_acceptance_suite_says() {
    let mut count = 0;
    for entry in std::fs::read_dir(path("json_test_suite")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let json = std::fs::read(&path).unwrap();
        for format in [Format::V1Json, Format::V2Json] {
            let skipped = try_decode(format, &as_unknown_member(&json));
            let as_body = try_decode(format, &json);
            match name.get(..2) {
                Some("y_") => assert_eq!(skipped, Ok(1), "{name}"),
                Some("n_") => {
                    assert!(skipped.is_err(), "{name}");
                    assert!(as_body.is_err() || json.is_empty(), "{name}");
                }
                Some("i_") => {}
                _ => continue,
            }
            count += 1;
        }
    }
    assert_eq!(count, 2 * 316);
}

#[test]
fn deep_json_is_refused_without_going_deep() {
    for json in ["[".repeat(100_000), "[{\"\":".repeat(50_000)] {
        for format in [Format::V1Json, Format::V2Json] {
            assert!(try_decode(format, json.as_bytes()).is_err());
            assert!(try_decode(format, &as_unknown_member(json.as_bytes())).is_err());
        }
    }
}

/// Bodies of real clients, one in each format at least.
fn recorded() -> Vec<(Format, Vec<u8>)> {
    let captures = (1..=6).map(|number| format!("article-go-client/{number:02}.thrift"));
    let mut recorded: Vec<_> = captures.map(|name| (Format::V1Thrift, bytes(&name))).collect();
    for (format, name) in [
        (Format::V1Thrift, "handmade/typed.thrift"),
        (Format::V1Json, "zipkin/golden/messaging.v1.json"),
        (Format::V2Json, "zipkin/golden/messaging.v2.normalized.json"),
        (Format::V2Proto, "zipkin/golden/messaging.proto3.bin"),
    ] {
        recorded.push((format, bytes(name)));
    }
    recorded
}

#[test]
fn every_cut_of_a_body_is_refused() {
    for (format, body) in recorded() {
        for len in 1..body.len() {
            match try_decode(format, &body[..len]) {
                Err(error) => assert!(error.offset <= len, "{format:?} cut to {len}: {error}"),
                // A protobuf list may end after any span.
                Ok(_) => assert_eq!(format, Format::V2Proto, "cut to {len}"),
            }
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

fn refusal(format: Format, body: &[u8]) -> String {
    try_decode(format, body).unwrap_err().to_string()
}

#[test]
fn another_format_is_refused_in_zipkins_words() {
    for (format, body, message) in [
        (Format::V2Json, &b"hello"[..], "Expected a JSON_V2 encoded list"),
        (Format::V1Json, b"{}", "Expected a JSON_V1 encoded list"),
        (Format::V1Thrift, b"[{}]", "Expected a THRIFT encoded list"),
        (Format::V2Proto, b"[{}]", "Expected a PROTO3 encoded list"),
        (Format::V2Proto, b"\x0a\x00", "Expected a PROTO3 encoded list"),
        (
            Format::V2Json,
            br#"[{"traceId":"1","id":"1","binaryAnnotations":[]}]"#,
            "Expected a JSON_V2 encoded list, but received: JSON_V1",
        ),
        (
            Format::V1Json,
            br#"[{"traceId":"1","id":"1","localEndpoint":{}}]"#,
            "Expected a JSON_V1 encoded list, but received: JSON_V2",
        ),
    ] {
        assert_eq!(refusal(format, body), message);
    }
}

#[test]
fn a_refusal_names_the_span_the_fault_and_the_byte() {
    for (format, body, message) in [
        (
            Format::V2Json,
            &br#"[{"traceId":"1","id":"1"},{"traceId":"0x1","id":"1"}]"#[..],
            "span 1: 0x1 should be lower-hex encoded with no prefix (at byte 41)",
        ),
        (
            Format::V2Json,
            br#"[{"traceId":"1","id":"1","tags":{"a":true}}]"#,
            "span 0: Expected a string but was BOOLEAN (at byte 41)",
        ),
        (
            Format::V1Json,
            br#"[{"traceId":"1","id":"1","timestamp":1502787600000000000}]"#,
            "span 0: timestamp 1502787600000000000 us lies after the year 2554; \
             is it in nanoseconds? (at byte 56)",
        ),
        (
            Format::V1Thrift,
            b"\x0c\0\0\0\x01\x0b\0\x03\0\0\0\x02\xff\xfe\0",
            "span 0: a text is not UTF-8 (at byte 12)",
        ),
        (Format::V2Proto, b"\x0a\x03\x2a\x01\xff", "span 0: a text is not UTF-8 (at byte 4)"),
        (Format::V1Thrift, b"\x0c\0\0\0\x01\0", "span 0: trace_id is missing or zero (at byte 5)"),
        (Format::V2Json, b"[1]", "span 0: invalid type: integer `1`, expected a span (at byte 1)"),
    ] {
        assert_eq!(refusal(format, body), message);
    }
}

#[test]
fn a_span_of_more_services_than_the_limit_is_refused() {
    let annotation = |number| {
        format!(r#"{{"timestamp":1,"value":"x","endpoint":{{"serviceName":"s{number}"}}}}"#)
    };
    let body = |count| {
        let annotations: Vec<_> = (0..count).map(annotation).collect();
        format!(r#"[{{"traceId":"1","id":"1","annotations":[{}]}}]"#, annotations.join(","))
    };
    assert_eq!(try_decode(Format::V1Json, body(64).as_bytes()), Ok(64));
    let refused = refusal(Format::V1Json, body(65).as_bytes());
    assert!(refused.starts_with("span 0: over 64 services have a part in one span"), "{refused}");
}
