//! The ways in over gRPC: OTLP's `TraceService/Export`, Zipkin's `SpanService/Report` and Jaeger's
//! `CollectorService/PostSpans`; and what Jaeger's clients ask, how much to sample.
//!
//! A call is one message in and one out, so what a library would add is little: the frame of
//! `frame.rs` and a status in trailers. In return a message is charged while it arrives, is
//! inflated under the limits of all doors, and reaches the log compressed, as it came.

mod call;
mod frame;
mod health;
mod sampling;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use prost::Message as _;
use spandrel_codec::{jaeger, otlp, zipkin};

use crate::app::App;
use crate::receivers::format::{Decoded, WireFormat};
use crate::receivers::intake::take_in;
use crate::receivers::jaeger::mark_rejected;
use crate::receivers::otlp_http::no_such_signal;
use crate::receivers::rpc_status::ExportAnswer;
use crate::refusal::Refusal;
use call::{answer, check_call, is_grpc};
use frame::Frame;

/// The routes of OTLP alone.
pub(crate) fn otlp_routes() -> Router<Arc<App>> {
    let service =
        |name: &str, method: &str| format!("/opentelemetry.proto.collector.{name}/{method}");
    Router::new()
        .route(&service("trace.v1.TraceService", "Export"), post(export))
        .route(&service("metrics.v1.MetricsService", "Export"), post(refuse_metrics))
        .route(&service("logs.v1.LogsService", "Export"), post(refuse_logs))
        .merge(health::routes())
}

/// The routes of Jaeger alone.
pub(crate) fn jaeger_routes() -> Router<Arc<App>> {
    collector_routes().merge(sampling_routes()).merge(health::routes())
}

/// All routes over gRPC.
pub(crate) fn routes() -> Router<Arc<App>> {
    otlp_routes()
        .route("/zipkin.proto3.SpanService/Report", post(report))
        .merge(collector_routes())
        .merge(sampling_routes())
}

/// Where clients of Jaeger's ask how much to sample.
pub(crate) fn sampling_routes() -> Router<Arc<App>> {
    sampling::routes()
}

fn collector_routes() -> Router<Arc<App>> {
    Router::new().route("/jaeger.api_v2.CollectorService/PostSpans", post(post_spans))
}

async fn export(State(app): State<Arc<App>>, request: Request) -> Response {
    let format = WireFormat::Otlp(otlp::Format::Proto);
    take(&app, format, request, |decoded| ExportAnswer::of(decoded).encode_to_vec()).await
}

/// Zipkin's answer says nothing.
async fn report(State(app): State<Arc<App>>, request: Request) -> Response {
    let format = WireFormat::Zipkin(zipkin::Format::V2Proto);
    take(&app, format, request, |_decoded| Vec::new()).await
}

/// Jaeger's answer has no words for what was rejected: a header tells it.
async fn post_spans(State(app): State<Arc<App>>, request: Request) -> Response {
    if let Err(refusal) = check_call(&request) {
        return refusal.into_text();
    }
    let format = WireFormat::Jaeger(jaeger::Format::Proto);
    match take_in::<Frame>(&app, Ok(format), request).await {
        Ok(decoded) => mark_rejected(answer(Ok(Vec::new())), &decoded),
        Err(refusal) => answer(Err(refusal)),
    }
}

async fn take(
    app: &Arc<App>,
    format: WireFormat,
    request: Request,
    tell: fn(&Decoded) -> Vec<u8>,
) -> Response {
    if let Err(refusal) = check_call(&request) {
        return refusal.into_text();
    }
    let taken = take_in::<Frame>(app, Ok(format), request).await;
    answer(taken.map(|decoded| tell(&decoded)))
}

async fn refuse_metrics() -> Response {
    answer(Err(no_such_signal("metrics")))
}

async fn refuse_logs() -> Response {
    answer(Err(no_such_signal("logs")))
}

/// Answers a call of what is not there; none when the request is no call.
pub(crate) fn no_such_call(headers: &HeaderMap, path: &str) -> Option<Response> {
    let message = format!("there is no method {path}");
    let refusal = Refusal::new(StatusCode::NOT_FOUND, "no_such_method", message);
    is_grpc(headers).then(|| answer(Err(refusal)))
}
