//! What an operator asks: is it alive, is it ready, what does it count.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;
use spandrel_storage::{Progress, Recovery};

use crate::app::App;
use crate::metrics::exposition;

/// The routes for operators.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
}

/// The process answers; `partial` says what its answers leave out. Never touches the disk.
async fn health(State(app): State<Arc<App>>) -> Response {
    Json(json!({ "status": "UP", "partial": app.store.missing() })).into_response()
}

/// Spans are taken: the log is replayed, and nobody has asked to close.
async fn ready(State(app): State<Arc<App>>) -> Response {
    let reason = match (app.store.recovery(), app.is_closing.load(Ordering::Relaxed)) {
        (_, true) => "closing".to_owned(),
        (Recovery::Failed(reason), false) => format!("the log can't be replayed: {reason}"),
        (Recovery::Replaying(progress), false) => {
            let Progress { bytes_done, bytes, .. } = progress;
            format!("replaying the log: {bytes_done} of {bytes} bytes are done")
        }
        (Recovery::Done, false) => {
            return Json(json!({ "ready": true, "sinceNs": app.started_ns.to_string() }))
                .into_response();
        }
    };
    let body = Json(json!({ "ready": false, "reason": reason }));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    // The exposition's own media type, which Prometheus asks for.
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, content_type)], exposition(&app.registry)).into_response()
}
