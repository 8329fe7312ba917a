//! OTLP's doors, over HTTP and over gRPC, and Zipkin's gRPC.

pub(crate) mod accounts;
mod bad_input;
pub(crate) mod call;
mod cors;
mod grpc;
mod http;

use std::net::SocketAddr;

use prost::Message;
use spandrel_codec::otlp::{Format, encode};
use spandrel_model::{Resource, Span, SpanId, TraceId};

use crate::http::{Answer, send};

pub(super) const PROTOBUF: &str = "application/x-protobuf";
pub(super) const JSON: &str = "application/json";

/// `google.rpc.Status`, read by other code than wrote it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// `ExportTraceServiceResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Exported {
    #[prost(message, optional, tag = "1")]
    pub(super) partial_success: Option<Partial>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Partial {
    #[prost(int64, tag = "1")]
    pub(super) rejected_spans: i64,
    #[prost(string, tag = "2")]
    pub(super) error_message: String,
}

/// A request with spans of one trace.
pub(super) fn request(format: Format, trace_id: u128, spans: u64) -> Vec<u8> {
    let span = |id| {
        let trace_id = TraceId::new(trace_id).expect("not zero");
        let mut span = Span::new(trace_id, SpanId::new(id).expect("not zero"));
        span.name = "checkout".into();
        span.start_ns = Some(1_700_000_000_000_000_000 + id);
        span.duration_ns = Some(1_000);
        span.resource = Resource::of_service("shop");
        span
    };
    let spans: Vec<_> = (1..=spans).map(span).collect();
    let mut body = Vec::new();
    encode(format, &spans, &mut body);
    body
}

/// Appends a span whose trace id has 15 bytes, in a resource of its own.
pub(super) fn with_bad_span(mut request: Vec<u8>) -> Vec<u8> {
    let span = [&[0x0a, 15][..], &[1; 15], &[0x12, 8], &[2; 8]].concat();
    let field = |tag: u8, inside: &[u8]| {
        [&[tag, u8::try_from(inside.len()).expect("short")], inside].concat()
    };
    request.extend(field(0x0a, &field(0x12, &field(0x12, &span))));
    request
}

pub(super) fn post(
    to: SocketAddr,
    content_type: &str,
    more: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let headers = [&[("Content-Type", content_type)], more].concat();
    send(to, "POST", "/v1/traces", &headers, body).expect("an answer")
}
