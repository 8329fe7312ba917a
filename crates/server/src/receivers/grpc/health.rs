//! gRPC's health protocol: `grpc.health.v1.Health/Check`. Watching is not done here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use prost::Message;

use crate::app::App;
use crate::refusal::Refusal;

use super::call::{answer, check_call};
use super::frame::read_question;

const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;

/// The services that may be asked about; no name asks about the server.
const SERVICES: [&str; 5] = [
    "",
    "opentelemetry.proto.collector.trace.v1.TraceService",
    "zipkin.proto3.SpanService",
    "jaeger.api_v2.CollectorService",
    "jaeger.api_v2.SamplingManager",
];

#[derive(Clone, PartialEq, Message)]
struct CheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Message)]
struct CheckAnswer {
    #[prost(int32, tag = "1")]
    status: i32,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/grpc.health.v1.Health/Check", post(check))
}

async fn check(State(app): State<Arc<App>>, request: Request) -> Response {
    match check_call(&request) {
        Ok(()) => answer(health(&app, request).await),
        Err(refusal) => refusal.into_text(),
    }
}

async fn health(app: &App, request: Request) -> Result<Vec<u8>, Refusal> {
    let asked: CheckRequest = read_question(app, request).await?;
    if !SERVICES.contains(&asked.service.as_str()) {
        return Err(Refusal::not_found("there is no service of that name"));
    }
    let is_serving = app.is_ready() && !app.is_closing.load(Ordering::Relaxed);
    let status = if is_serving { SERVING } else { NOT_SERVING };
    Ok(CheckAnswer { status }.encode_to_vec())
}
