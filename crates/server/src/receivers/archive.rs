//! The way in for what was exported: POST /api/spandrel/import, lines of OTLP's JSON.
//!
//! Lines of Zipkin's JSON have Zipkin's own door.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::routing::post;
use axum::{Json, Router, middleware};
use serde_json::{Value, json};

use crate::app::App;
use crate::guard::own_site_only;
use crate::receivers::format::WireFormat;
use crate::receivers::intake::{Whole, take_in};
use crate::refusal::JsonRefusal;

/// The routes of this receiver.
pub(crate) fn routes() -> Router<Arc<App>> {
    let import = post(receive).route_layer(middleware::from_fn(own_site_only));
    Router::new().route("/api/spandrel/import", import)
}

async fn receive(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<Value>, JsonRefusal> {
    let taken = take_in::<Whole>(&app, Ok(WireFormat::OtlpArchive), request).await?;
    Ok(Json(json!({
        "accepted": taken.accepted,
        "rejected": taken.rejected,
        "firstReason": taken.first_reason.map(|reason| reason.to_string()),
    })))
}
