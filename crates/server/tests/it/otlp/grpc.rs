//! OTLP and Zipkin over gRPC, by a stock client and by hand-made frames.

use bytes::{Buf as _, BufMut as _, Bytes};
use prost::Message as _;
use spandrel_codec::otlp::Format;
use spandrel_codec::zipkin;
use spandrel_model::{Span, SpanId, TraceId};
use tempfile::tempdir;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};

use super::call::{EXPORT, REPORT, call, frame};
use super::http::compress;
use super::{Exported, request, with_bad_span};
use crate::server::Server;

/// Messages as bytes, so that the stock client needs no generated code.
#[derive(Clone, Copy, Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_client_is_taken_in_part_refused_and_told_when_to_come_back() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let address = server.door("otlp-grpc");
    let channel = tonic::transport::Endpoint::try_from(format!("http://{address}")).unwrap();
    let channel = channel.connect().await.unwrap();
    let mut trace_id = 0x4000;
    for encoding in [None, Some(CompressionEncoding::Gzip)] {
        let mut client = tonic::client::Grpc::new(channel.clone());
        if let Some(encoding) = encoding {
            client = client.send_compressed(encoding);
        }
        let mut export = async |body: Vec<u8>| {
            client.ready().await.expect("the channel works");
            let path = http::uri::PathAndQuery::from_static(EXPORT);
            client.unary(tonic::Request::new(Bytes::from(body)), path, Raw).await
        };
        trace_id += 1;
        let answer = export(request(Format::Proto, trace_id, 500)).await.unwrap();
        assert_eq!(answer.into_inner(), Bytes::new());
        let path = format!("/api/v2/trace/{trace_id:016x}");
        assert_eq!(server.get(&path).json().as_array().map(Vec::len), Some(500), "{encoding:?}");

        let answer = export(with_bad_span(request(Format::Proto, 0x4fff, 1))).await.unwrap();
        let partial = Exported::decode(answer.into_inner()).unwrap().partial_success.unwrap();
        assert_eq!(partial.rejected_spans, 1);
        let refused = export(b"\x0a\x05ab".to_vec()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
    for encoding in ["zstd", "deflate"] {
        trace_id += 1;
        let body = compress(encoding, &request(Format::Proto, trace_id, 500));
        let calling =
            move || call(address, EXPORT, &[("grpc-encoding", encoding)], frame(true, &body));
        let outcome = tokio::task::spawn_blocking(calling).await.unwrap();
        assert_eq!((outcome.code, &outcome.answer[..]), (0, &b""[..]), "{encoding}: {outcome:?}");
    }
    // It got whole into the log: compressed, as it came.
    server.kill();
    let server = Server::start(folder.path(), &[]);
    for id in 0x4001..=trace_id {
        let trace = server.get(&format!("/api/v2/trace/{id:016x}")).json();
        assert_eq!(trace.as_array().map(Vec::len), Some(500));
    }
}

#[test]
fn zipkins_service_is_at_the_main_door_and_one_bad_span_refuses_its_list() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let span = Span::new(TraceId::new(0x5000).unwrap(), SpanId::new(1).unwrap());
    let mut body = Vec::new();
    zipkin::encode(zipkin::Format::V2Proto, [&span], &mut body);
    let gzip = frame(true, &compress("gzip", &body));
    for (headers, body) in [(&[][..], frame(false, &body)), (&[("grpc-encoding", "gzip")], gzip)] {
        let outcome = call(server.address, REPORT, headers, body);
        assert_eq!((outcome.code, &outcome.answer[..]), (0, &b""[..]), "{outcome:?}");
    }
    assert_eq!(server.get("/api/v2/trace/0000000000005000").status, 200);
    body.extend(b"\x0a\x11\x0a\x0512345\x1a\x08\x01\x02\x03\x04\x05\x06\x07\x08");
    let outcome = call(server.address, REPORT, &[], frame(false, &body));
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let export = frame(false, &request(Format::Proto, 0x5001, 1));
    assert_eq!(call(server.address, EXPORT, &[], export).code, 0, "OTLP is there as well");
}

#[test]
fn other_methods_other_types_and_http_1_are_refused_by_name() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let door = server.door("otlp-grpc");
    let metrics = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    let outcome = call(door, metrics, &[], frame(false, b""));
    assert_eq!(outcome.code, 12);
    assert!(outcome.message.contains("OTEL_METRICS_EXPORTER"), "{outcome:?}");
    let outcome = call(door, "/no.Such/Method", &[], frame(false, b""));
    assert_eq!((outcome.code, &*outcome.message), (12, "there is no method /no.Such/Method"));
    let outcome = call(door, EXPORT, &[("grpc-encoding", "snappy")], frame(true, b"x"));
    assert_eq!(outcome.code, 12);
    assert_eq!(outcome.headers["grpc-accept-encoding"], "identity,gzip,zstd,deflate");
    let headers = [("Content-Type", "application/grpc")];
    let answer = crate::http::send(door, "POST", EXPORT, &headers, &frame(false, b"")).unwrap();
    assert_eq!((answer.status, answer.text()), (400, "gRPC needs HTTP/2"));
}

#[test]
fn health_is_told_of_the_server_and_of_its_services() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let check = |service: &str| {
        let field = [&[0x0a, u8::try_from(service.len()).unwrap()], service.as_bytes()].concat();
        let message = if service.is_empty() { Vec::new() } else { field };
        call(server.door("otlp-grpc"), "/grpc.health.v1.Health/Check", &[], frame(false, &message))
    };
    for service in ["", "opentelemetry.proto.collector.trace.v1.TraceService"] {
        let outcome = check(service);
        assert_eq!((outcome.code, &outcome.answer[..]), (0, &b"\x08\x01"[..]), "{outcome:?}");
    }
    assert_eq!(check("no.Such").code, 5);
}
