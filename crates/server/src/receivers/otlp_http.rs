//! OTLP's way in over HTTP: POST /v1/traces, in protobuf and in JSON.
//!
//! A bad span is rejected alone and told of in a partial success. What is refused as a whole is
//! told in the request's own encoding. Metrics and logs are refused: there is no place for them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use prost::Message as _;
use spandrel_codec::otlp::Format;

use crate::app::App;
use crate::receivers::format::WireFormat;
use crate::receivers::intake::{Whole, take_in};
use crate::receivers::media_type::media_type;
use crate::receivers::rpc_status::{ExportAnswer, Status};
use crate::refusal::Refusal;

const PROTOBUF: &str = "application/x-protobuf";

/// The routes of this receiver.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/traces", post(receive))
        .route("/v1/metrics", post(refuse_metrics))
        .route("/v1/logs", post(refuse_logs))
}

async fn receive(State(app): State<Arc<App>>, request: Request) -> Response {
    let format = format_of(request.headers());
    let asked = format.as_ref().map(|format| WireFormat::Otlp(*format)).map_err(Clone::clone);
    match (take_in::<Whole>(&app, asked, request).await, format) {
        (Ok(decoded), Ok(Format::Json)) => {
            Json(ExportAnswer::of(&decoded).to_json()).into_response()
        }
        (Ok(decoded), _) => protobuf(StatusCode::OK, ExportAnswer::of(&decoded).encode_to_vec()),
        (Err(refusal), format) => refuse(refusal, format.ok()),
    }
}

fn format_of(headers: &HeaderMap) -> Result<Format, Refusal> {
    match media_type(headers).as_str() {
        PROTOBUF | "application/protobuf" => Ok(Format::Proto),
        "application/json" => Ok(Format::Json),
        _ => Err(Refusal::unsupported(format!(
            "the Content-Type is none of: {PROTOBUF}, application/json"
        ))),
    }
}

/// Answers in the request's encoding; as text when it has none that is known here.
fn refuse(refusal: Refusal, format: Option<Format>) -> Response {
    let response = match format {
        Some(Format::Proto) => protobuf(refusal.status, Status::of(&refusal).encode_to_vec()),
        Some(Format::Json) => (refusal.status, Json(Status::json_of(&refusal))).into_response(),
        None => return refusal.into_text(),
    };
    refusal.with_headers(response)
}

fn protobuf(status: StatusCode, message: Vec<u8>) -> Response {
    (status, [(CONTENT_TYPE, PROTOBUF)], message).into_response()
}

async fn refuse_metrics(headers: HeaderMap) -> Response {
    refuse(no_such_signal("metrics"), format_of(&headers).ok())
}

async fn refuse_logs(headers: HeaderMap) -> Response {
    refuse(no_such_signal("logs"), format_of(&headers).ok())
}

/// Says that a signal is not taken. It is as if nothing were at its path, which is what a sender
/// does not try again.
pub(super) fn no_such_signal(signal: &str) -> Refusal {
    let variable = signal.to_ascii_uppercase();
    let message = format!(
        "spandrel keeps traces and no {signal}: set OTEL_{variable}_EXPORTER=none, or send them elsewhere"
    );
    Refusal::new(StatusCode::NOT_FOUND, "no_such_signal", message)
}
