//! OTLP over HTTP: taken, taken in part, and refused in the request's own encoding.

use prost::Message as _;
use serde_json::json;
use spandrel_codec::otlp::Format;
use tempfile::tempdir;

use super::{Exported, JSON, PROTOBUF, RpcStatus, post, request, with_bad_span};
use crate::http::send;
use crate::server::Server;

#[test]
fn both_doors_take_both_encodings_however_compressed() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let doors = [server.address, server.door("otlp-http")];
    let mut trace_id = 0x1000;
    for door in doors {
        for (format, content_type) in [(Format::Proto, PROTOBUF), (Format::Json, JSON)] {
            for encoding in ["identity", "gzip", "zstd", "deflate"] {
                trace_id += 1;
                let body = compress(encoding, &request(format, trace_id, 3));
                let answer = post(door, content_type, &[("Content-Encoding", encoding)], &body);
                assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
                assert_eq!(answer.header("content-type"), Some(content_type));
                let nothing_rejected: &[u8] = if format == Format::Json { b"{}" } else { b"" };
                assert_eq!(answer.body, nothing_rejected);
                let trace = server.get(&format!("/api/v2/trace/{trace_id:016x}")).json();
                assert_eq!(trace.as_array().map(Vec::len), Some(3));
                assert_eq!(trace[0]["localEndpoint"]["serviceName"], "shop");
            }
        }
    }
    // What was acknowledged is read back from the log, compressed as it came.
    server.kill();
    let server = Server::start(folder.path(), &[]);
    for id in 0x1001..=trace_id {
        let trace = server.get(&format!("/api/v2/trace/{id:016x}")).json();
        assert_eq!(trace.as_array().map(Vec::len), Some(3), "{id:x}");
    }
}

pub(super) fn compress(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    use flate2::Compression;
    use std::io::Read as _;
    let mut compressed = Vec::new();
    match encoding {
        "gzip" => {
            flate2::read::GzEncoder::new(bytes, Compression::fast()).read_to_end(&mut compressed)
        }
        "deflate" => {
            flate2::read::ZlibEncoder::new(bytes, Compression::fast()).read_to_end(&mut compressed)
        }
        "zstd" => {
            compressed = zstd::stream::encode_all(bytes, 1).expect("memory does not fail");
            Ok(0)
        }
        _ => return bytes.to_vec(),
    }
    .expect("memory does not fail");
    compressed
}

#[test]
fn a_bad_span_is_rejected_alone_and_told_of_exactly() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let door = server.door("otlp-http");
    let body = with_bad_span(with_bad_span(request(Format::Proto, 0x2000, 2)));
    let answer = post(door, PROTOBUF, &[], &body);
    assert_eq!(answer.status, 200);
    let partial = Exported::decode(&answer.body[..]).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 2);
    assert!(partial.error_message.starts_with("span 2: "), "{}", partial.error_message);
    assert_eq!(
        server.get("/api/v2/trace/0000000000002000").json().as_array().map(Vec::len),
        Some(2)
    );

    let bad_id = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [
        { "traceId": "1".repeat(31), "spanId": "2".repeat(16) },
        { "traceId": "1".repeat(32), "spanId": "2".repeat(16) },
    ] }] }] });
    let answer = post(door, JSON, &[], bad_id.to_string().as_bytes()).json();
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "1");
    assert!(answer["partialSuccess"]["errorMessage"].as_str().unwrap().starts_with("span 0: "));
    let metrics = server.get("/metrics");
    let line = r#"spandrel_rejected_spans_total{door="otlp-http",format="otlp-proto",reason="invalid_span"} 2"#;
    assert!(metrics.text().contains(line), "{}", metrics.text());
}

#[test]
fn a_refusal_speaks_the_requests_encoding_and_only_what_may_be_retried_says_when() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &["--memory", "64MiB"]);
    let door = server.door("otlp-http");
    let answer = post(door, PROTOBUF, &[], b"\x0a\x05ab");
    let status = RpcStatus::decode(&answer.body[..]).unwrap();
    assert_eq!(
        (answer.status, status.code, answer.header("content-type")),
        (400, 3, Some(PROTOBUF))
    );
    assert_eq!((answer.header("retry-after"), status.details.len()), (None, 0));
    let answer = post(door, JSON, &[], b"{");
    assert_eq!((answer.status, answer.json()["code"].as_i64()), (400, Some(3)));

    // A body that would take more than half of what requests may have is refused for good.
    let large = vec![b' '; 5 << 20];
    let answer = post(door, JSON, &[], &large);
    assert_eq!((answer.status, answer.json()["code"].as_i64()), (413, Some(8)));
    assert_eq!(answer.header("retry-after"), None);

    let answer = post(door, "text/plain", &[], b"{}");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (415, Some("text/plain; charset=utf-8"))
    );
    let answer = post(door, JSON, &[("Content-Encoding", "br")], b"{}");
    assert_eq!(answer.header("accept-encoding"), Some("gzip, zstd, deflate, identity"));
    assert_eq!((answer.status, answer.json()["code"].as_i64()), (415, Some(12)));
}

#[test]
fn metrics_and_logs_are_refused_for_good_and_by_name() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for (signal, variable) in [("metrics", "OTEL_METRICS_EXPORTER"), ("logs", "OTEL_LOGS_EXPORTER")]
    {
        let headers = [("Content-Type", PROTOBUF)];
        let path = format!("/v1/{signal}");
        let answer = send(server.door("otlp-http"), "POST", &path, &headers, b"").unwrap();
        let status = RpcStatus::decode(&answer.body[..]).unwrap();
        assert_eq!((answer.status, status.code), (404, 12));
        assert!(status.message.contains(variable), "{}", status.message);
        assert_eq!(answer.header("retry-after"), None);
    }
}

#[test]
fn doors_are_named_are_off_and_must_open_where_somebody_asked_for_them() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &["--otlp-grpc", "off"]);
    let status = server.get("/api/spandrel/status").json();
    let names: Vec<_> =
        status["doors"].as_array().unwrap().iter().map(|door| &door["name"]).collect();
    assert_eq!(names[..2], ["main", "otlp-http"]);
    let taken = server.door("otlp-http").to_string();

    let other = tempdir().unwrap();
    let log =
        Server::try_start(other.path(), &["--otlp-grpc", &taken]).err().expect("it is refused");
    let message = format!("the door otlp-grpc can't bind {taken}: choose another with --otlp-grpc");
    assert!(log.contains(&message), "{log}");
}

#[test]
fn a_text_that_is_too_long_is_cut_and_counted_and_cut_the_same_after_a_start() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let span = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [{
        "traceId": "0".repeat(29) + "700", "spanId": "2".repeat(16), "name": "n".repeat(5_000),
        "attributes": [{ "key": "text", "value": { "stringValue": "v".repeat(2 << 20) } }],
    }] }] }] });
    assert_eq!(post(server.door("otlp-http"), JSON, &[], span.to_string().as_bytes()).status, 200);
    let lengths = |server: &Server| {
        let trace = server.get("/api/v2/trace/0000000000000700").json();
        [&trace[0]["name"], &trace[0]["tags"]["text"]].map(|text| text.as_str().unwrap().len())
    };
    assert_eq!(lengths(&server), [4 << 10, 1 << 20]);
    let metrics = server.get("/metrics");
    for reason in ["long_name", "long_value"] {
        let line = format!(
            r#"spandrel_cut_parts_total{{door="otlp-http",format="otlp-json",reason="{reason}"}} 1"#
        );
        assert!(metrics.text().contains(&line), "{}", metrics.text());
    }
    server.kill();
    assert_eq!(lengths(&Server::start(folder.path(), &[])), [4 << 10, 1 << 20]);
}
