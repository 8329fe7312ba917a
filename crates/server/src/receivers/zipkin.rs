//! Zipkin's way in over HTTP: POST /api/v1/spans and /api/v2/spans.
//!
//! Statuses and texts are those of zipkin-server's `ZipkinHttpCollector`, with one difference:
//! 202 is answered after the spans are on disk, not before.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode, Uri};
use spandrel_codec::zipkin::Format;

use crate::app::App;
use crate::guard::is_cross_site;
use crate::receivers::format::WireFormat;
use crate::receivers::intake::{Whole, take_in};
use crate::receivers::media_type::media_type;
use crate::refusal::Refusal;

/// The routes of this receiver.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/spans", post(receive_v1)).route("/api/v2/spans", post(receive_v2))
}

async fn receive_v1(State(app): State<Arc<App>>, request: Request) -> Response {
    let format = format_of_v1(request.headers(), request.uri());
    receive(&app, format, request).await
}

async fn receive_v2(State(app): State<Arc<App>>, request: Request) -> Response {
    let format = format_of_v2(request.headers(), request.uri());
    receive(&app, format, request).await
}

fn format_of_v1(headers: &HeaderMap, uri: &Uri) -> Result<Format, Refusal> {
    match media_type(headers).as_str() {
        "application/x-thrift" => Ok(Format::V1Thrift),
        other => json_unless_cross_site(other, headers, uri).map(|()| Format::V1Json),
    }
}

fn format_of_v2(headers: &HeaderMap, uri: &Uri) -> Result<Format, Refusal> {
    match media_type(headers).as_str() {
        "application/x-protobuf" => Ok(Format::V2Proto),
        other => json_unless_cross_site(other, headers, uri).map(|()| Format::V2Json),
    }
}

/// Zipkin reads every other type as JSON. A page of another site can send those types without
/// asking first, so from there only a true JSON type, for which a browser asks, is read.
fn json_unless_cross_site(media_type: &str, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
    if media_type != "application/json" && is_cross_site(headers, uri) {
        let message = "from another site's page the Content-Type must be application/json";
        return Err(Refusal::unsupported(message));
    }
    Ok(())
}

async fn receive(app: &Arc<App>, format: Result<Format, Refusal>, request: Request) -> Response {
    let format = format.map(WireFormat::Zipkin);
    match take_in::<Whole>(app, format, request).await {
        Ok(_taken) => StatusCode::ACCEPTED.into_response(),
        Err(refusal) => refusal.into_text(),
    }
}
