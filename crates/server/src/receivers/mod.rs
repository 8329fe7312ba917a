//! The doors' inner side for senders of spans: one file or folder per family of protocols.
//!
//! A receiver reads, decodes and hands over to the store; it answers only when the store has.

mod archive;
mod cors;
mod decode;
mod format;
mod grpc;
mod intake;
mod jaeger;
mod media_type;
mod otlp_http;
mod rpc_status;
mod scribe;
mod span_limits;
mod tally;
mod zipkin;

pub(crate) use archive::routes as archive_routes;
pub(crate) use cors::{CorsOrigins, cors};
pub(crate) use decode::{Lent, StoredRequests};
pub(crate) use grpc::{
    jaeger_routes as jaeger_grpc_routes, no_such_call, otlp_routes as otlp_grpc_routes,
    routes as grpc_routes, sampling_routes as sampling_grpc_routes,
};
pub(crate) use jaeger::{JaegerClients, http_routes as jaeger_http_routes, serve_datagrams};
pub(crate) use otlp_http::routes as otlp_http_routes;
pub(crate) use scribe::serve as serve_scribe;
pub(crate) use zipkin::routes as zipkin_routes;
