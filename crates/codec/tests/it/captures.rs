//! What real clients send decodes to what they meant.

use spandrel_codec::zipkin::Format;
use spandrel_model::{Span, SpanKind, Value};

use crate::render::render;
use crate::testdata::{as_v2, bytes, json, spans};

/// The six requests of a capture, decoded one after the other.
fn capture(folder: &str) -> Vec<Span<'static>> {
    (1..=6)
        .flat_map(|number| spans(Format::V1Thrift, &bytes(&format!("{folder}/{number:02}.thrift"))))
        .collect()
}

/// Compares with the recorded text; a difference is printed whole, to be looked at.
fn assert_recorded(folder: &str) {
    let shown = render(&capture(folder));
    let recorded = String::from_utf8(bytes(&format!("{folder}/spans.txt"))).unwrap();
    assert!(shown == recorded, "{folder} decodes to\n{shown}");
}

#[test]
fn the_articles_program_sends_six_spans_with_ids_of_their_own() {
    assert_recorded("article-go-client");
}

#[test]
fn the_articles_program_shares_ids_when_told_to() {
    assert_recorded("article-go-client-shared");
}

#[test]
fn the_first_hop_has_eleven_logs_and_the_second_seven() {
    for folder in ["article-go-client", "article-go-client-shared"] {
        let mut counts: Vec<_> = capture(folder)
            .iter()
            .filter(|span| span.kind == Some(SpanKind::Client))
            .map(|span| span.events.len())
            .collect();
        counts.sort_unstable();
        assert_eq!(counts, [7, 11], "{folder}");
    }
}

/// The time a call ends by its own account wins over a `cr` or `ss` one microsecond later, and
/// no core annotation stays among the events.
#[test]
fn core_annotations_become_kind_and_duration() {
    for span in capture("article-go-client") {
        assert!(span.start_ns.is_some() && span.duration_ns.is_some(), "{}", span.name);
        for event in &span.events {
            assert!(!["cs", "cr", "sr", "ss"].contains(&&*event.name), "{}", span.name);
        }
    }
}

fn finagle() -> Vec<Span<'static>> {
    let text = bytes("zipkin/finagle-scribe-span.thrift.b64");
    let text: Vec<u8> = text.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let span = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap();
    // Scribe sends the span alone; a list of one has this before it.
    spans(Format::V1Thrift, &[&[12, 0, 0, 0, 1][..], &span].concat())
}

/// Zipkin drops what is neither text nor an address. These are kept, and v2 shows them as text.
#[test]
fn finagles_typed_annotations_are_kept_where_zipkin_drops_them() {
    const KEPT: [&str; 2] = ["numIds", "srv/mux/enabled"];
    let mut ours = as_v2(&finagle());
    let tags = ours[0]["tags"].as_object_mut().unwrap();
    let kept: Vec<_> = KEPT.iter().map(|key| tags.remove(*key).unwrap()).collect();
    assert_eq!(kept, ["1", "true"]);
    assert_eq!(ours, json("zipkin/golden/finagle-scribe-span.decoded-as-v2.json"));
    assert_eq!(finagle()[0].attribute("srv/mux/enabled"), Some(&Value::Bool(true)));
}

#[test]
fn the_error_flag_of_jaegers_client_survives_and_false_is_no_error() {
    let sent = spans(Format::V1Thrift, &bytes("handmade/typed.thrift"));
    assert_eq!(sent[0].attribute("error"), Some(&Value::Bool(true)));
    assert!(sent[0].is_error());
    assert_eq!(sent[1].attribute("error"), Some(&Value::Bool(false)));
    assert!(!sent[1].is_error());
    let v2 = as_v2(&sent);
    assert_eq!(
        (&v2[0]["tags"]["error"], &v2[1]["tags"]["error"]),
        (&"true".into(), &"false".into())
    );
}

#[test]
fn all_seven_types_stay_typed() {
    let shown = render(&spans(Format::V1Thrift, &bytes("handmade/typed.thrift"))[2..]);
    let expected = "\
463ac35c9f6413ad/0000000000000004 under 0000000000000001 \"typed\" Client of client 192.0.2.7 \
at 1530000000000000000 for 250000
  bool: Bool(true)
  bytes: Bytes([255, 254, 0])
  i16: Int(-2)
  i32: Int(1073741824)
  i64: Int(-4611686018427387904)
  double: Double(0.1)
  string: \"é\"
";
    assert_eq!(shown, expected);
}

#[test]
fn v2_shows_typed_tags_as_text() {
    let v2 = as_v2(&spans(Format::V1Thrift, &bytes("handmade/typed.thrift")));
    let expected = serde_json::json!({
        "bool": "true", "bytes": "__4A", "double": "0.1", "i16": "-2", "i32": "1073741824",
        "i64": "-4611686018427387904", "string": "é",
    });
    assert_eq!(v2[2]["tags"], expected);
}
