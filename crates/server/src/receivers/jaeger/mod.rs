//! Jaeger's ways in beside gRPC: batches in Thrift over HTTP, and in datagrams.

mod clients;
mod datagrams;

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use spandrel_codec::{jaeger, zipkin};

use crate::api::Parameters;
use crate::app::App;
use crate::receivers::format::{Decoded, WireFormat};
use crate::receivers::intake::{Whole, take_in};
use crate::receivers::media_type::media_type;
use crate::refusal::Refusal;
use crate::sampling;
pub(crate) use clients::JaegerClients;
pub(crate) use datagrams::serve as serve_datagrams;

/// The header that tells how many spans were rejected: Jaeger's answers have no words for it.
const REJECTED: HeaderName = HeaderName::from_static("spandrel-rejected");

/// The routes of a collector's door for HTTP.
pub(crate) fn http_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/traces", post(receive))
        // A client without an agent asks the collector.
        .route("/api/sampling", get(sampling::tell))
}

async fn receive(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let format = format_of(request.headers(), query.as_deref());
    match take_in::<Whole>(&app, format, request).await {
        Ok(decoded) => mark_rejected(StatusCode::ACCEPTED.into_response(), &decoded),
        Err(refusal) => refusal.into_text(),
    }
}

/// Both types are the same bytes. The parameter `format` is of Jaeger's first years, when Zipkin's
/// Thrift came through this door, too.
fn format_of(headers: &HeaderMap, query: Option<&str>) -> Result<WireFormat, Refusal> {
    let media_type = media_type(headers);
    if !matches!(&*media_type, "application/x-thrift" | "application/vnd.apache.thrift.binary") {
        return Err(Refusal::unsupported(
            "the Content-Type is none of: application/x-thrift, application/vnd.apache.thrift.binary",
        ));
    }
    let parameters = Parameters::parse(query)?;
    let format = parameters.text("format").unwrap_or("jaeger.thrift").to_ascii_lowercase();
    match &*format {
        "jaeger.thrift" => Ok(WireFormat::Jaeger(jaeger::Format::ThriftBinary)),
        "zipkin.thrift" => Ok(WireFormat::Zipkin(zipkin::Format::V1Thrift)),
        _ => Err(Refusal::bad_request(
            "the parameter format is neither jaeger.thrift nor zipkin.thrift",
        )),
    }
}

/// Tells how many spans were rejected, if any, and why the first was.
pub(super) fn mark_rejected(mut response: Response, decoded: &Decoded) -> Response {
    if decoded.rejected > 0 {
        let reason = decoded.first_reason.as_ref().map(ToString::to_string).unwrap_or_default();
        let shown: String =
            reason.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect();
        if let Ok(value) = HeaderValue::try_from(format!("{}; {shown}", decoded.rejected)) {
            response.headers_mut().insert(REJECTED, value);
        }
    }
    response
}
