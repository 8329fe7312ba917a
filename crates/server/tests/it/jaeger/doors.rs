//! Batches over HTTP and over gRPC.

use spandrel_codec::jaeger::Format;
use spandrel_codec::zipkin;
use tempfile::tempdir;

use super::{batch, span, spans_of, with_bad_span};
use crate::http::{Answer, send};
use crate::otlp::call::{call, frame};
use crate::server::Server;

pub(super) const THRIFT: &str = "application/x-thrift";
pub(super) const POST_SPANS: &str = "/jaeger.api_v2.CollectorService/PostSpans";

pub(super) fn post(server: &Server, path: &str, content_type: &str, body: &[u8]) -> Answer {
    let headers = [("Content-Type", content_type)];
    send(server.door("jaeger-thrift-http"), "POST", path, &headers, body).expect("an answer")
}

#[test]
fn a_batch_over_http_is_kept_under_both_types_and_survives_a_crash() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let types =
        [THRIFT, "application/vnd.apache.thrift.binary", "application/x-thrift; charset=utf-8"];
    for (trace_id, content_type) in (1..).zip(types) {
        let answer =
            post(&server, "/api/traces", content_type, &batch(Format::ThriftBinary, trace_id, 3));
        assert_eq!((answer.status, answer.text()), (202, ""));
        assert_eq!(answer.header("spandrel-rejected"), None);
        assert_eq!(spans_of(&server, trace_id), 3);
    }
    server.kill();
    let server = Server::start(folder.path(), &[]);
    assert_eq!((1..=3).map(|trace_id| spans_of(&server, trace_id)).sum::<usize>(), 9);
}

#[test]
fn the_parameter_of_old_clients_is_read_and_an_unknown_one_refused() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let jaeger = batch(Format::ThriftBinary, 1, 1);
    let mut list = Vec::new();
    zipkin::encode(zipkin::Format::V1Thrift, &[span(2, 1)], &mut list);
    for (format, body, status) in [
        ("?format=jaeger.thrift", &jaeger, 202),
        ("?format=Jaeger.thrift", &jaeger, 202),
        ("?format=zipkin.thrift", &list, 202),
        ("?format=", &jaeger, 202),
        ("?format=jaeger.json", &jaeger, 400),
        ("?format=zipkin.thrift", &jaeger, 400),
        ("", &list, 400),
    ] {
        let answer = post(&server, &format!("/api/traces{format}"), THRIFT, body);
        assert_eq!(answer.status, status, "{format}: {}", answer.text());
    }
    assert_eq!((spans_of(&server, 1), spans_of(&server, 2)), (1, 1));
    assert_eq!(post(&server, "/api/traces", "application/json", b"{}").status, 415);
}

#[test]
fn a_bad_span_is_rejected_alone_and_told_in_a_header() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let answer = post(&server, "/api/traces", THRIFT, &with_bad_span(Format::ThriftBinary, 5));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let told = answer.header("spandrel-rejected").expect("it is told");
    assert!(told.starts_with("1; span 1: "), "{told}");

    let message = frame(false, &with_bad_span(Format::Proto, 6));
    let outcome = call(server.door("jaeger-grpc"), POST_SPANS, &[], message);
    assert_eq!((outcome.code, outcome.answer.len()), (0, 0), "{}", outcome.message);
    assert!(outcome.headers["spandrel-rejected"].to_str().unwrap().starts_with("1; span 1: "));
    assert_eq!((spans_of(&server, 5), spans_of(&server, 6)), (1, 1));
}

#[test]
fn a_batch_over_grpc_is_kept_at_its_own_door_and_at_the_main_one() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for (trace_id, door) in [(7, "jaeger-grpc"), (8, "main")] {
        let message = frame(false, &batch(Format::Proto, trace_id, 3));
        let outcome = call(server.door(door), POST_SPANS, &[], message);
        assert_eq!((outcome.http_status, outcome.code), (200, 0), "{}", outcome.message);
        assert_eq!(spans_of(&server, trace_id), 3);
        // No batch, and a batch without a process or a span, are no spans.
        for nothing in [&b""[..], b"\x0a\x00"] {
            assert_eq!(call(server.door(door), POST_SPANS, &[], frame(false, nothing)).code, 0);
        }
        assert_eq!(call(server.door(door), POST_SPANS, &[], frame(false, b"\x0a\x05\x01")).code, 3);
    }
    let other = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    assert_eq!(call(server.door("jaeger-grpc"), other, &[], frame(false, b"")).code, 12);
}

#[test]
fn scribe_is_off_unless_asked_for_and_any_door_can_be_off() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &["--jaeger-compact", "off", "--sampling", "off"]);
    let status = server.get("/api/spandrel/status").json();
    let names: Vec<_> =
        status["doors"].as_array().unwrap().iter().map(|door| &door["name"]).collect();
    let open =
        ["main", "otlp-grpc", "otlp-http", "jaeger-thrift-http", "jaeger-grpc", "jaeger-binary"];
    assert_eq!(names, open);
}
