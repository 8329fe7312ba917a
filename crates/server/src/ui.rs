//! The UI, as built and committed under `ui/dist`: three files and an icon, served from memory.
//!
//! Which page is shown is the browser's business: every page's path answers with the same
//! document.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::app::App;
use crate::refusal::Refusal;

/// What the pages may do: load and ask their own server, nothing inline, in nobody's frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

/// One file of the built UI.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    packed: LazyLock<Packed>,
}

/// What is made of a file when it is first asked for.
struct Packed {
    gzip: Vec<u8>,
    etag: HeaderValue,
}

macro_rules! asset {
    ($path:literal, $content_type:literal, $file:literal) => {{
        const BYTES: &[u8] = include_bytes!(concat!("../../../ui/dist/", $file));
        Asset {
            path: $path,
            content_type: $content_type,
            bytes: BYTES,
            packed: LazyLock::new(|| pack(BYTES)),
        }
    }};
}

static DOCUMENT: Asset = asset!("/", "text/html; charset=utf-8", "index.html");

static ASSETS: [Asset; 3] = [
    asset!("/assets/app.js", "text/javascript; charset=utf-8", "assets/app.js"),
    asset!("/assets/app.css", "text/css; charset=utf-8", "assets/app.css"),
    asset!("/assets/favicon.svg", "image/svg+xml", "assets/favicon.svg"),
];

/// The UI's pages and files, and the paths of Zipkin's UI, whose links live on.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(document))
        .route("/traces/{trace_id}", get(document))
        .route("/dependencies", get(document))
        .route("/assets/{file}", get(asset))
        .route("/favicon.ico", get(|| async { Redirect::permanent("/assets/favicon.svg") }))
        .route("/zipkin", get(|RawQuery(query)| async { redirect("/", query) }))
        .route("/zipkin/", get(|RawQuery(query)| async { redirect("/", query) }))
        .route(
            "/zipkin/dependency",
            get(|RawQuery(query)| async { redirect("/dependencies", query) }),
        )
        .route("/zipkin/traces/{trace_id}", get(zipkin_trace))
}

async fn document(headers: HeaderMap) -> Response {
    answer(&DOCUMENT, &headers)
}

async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let path = format!("/assets/{file}");
    match ASSETS.iter().find(|asset| asset.path == path) {
        Some(asset) => answer(asset, &headers),
        None => Refusal::not_found("the UI has no such file").into_text(),
    }
}

/// Leads to a page with the question that was asked: the pages read Zipkin's parameters.
fn redirect(page: &str, query: Option<String>) -> Redirect {
    match query {
        Some(query) => Redirect::temporary(&format!("{page}?{query}")),
        None => Redirect::temporary(page),
    }
}

async fn zipkin_trace(Path(trace_id): Path<String>) -> Response {
    let encoded =
        percent_encoding::utf8_percent_encode(&trace_id, percent_encoding::NON_ALPHANUMERIC);
    Redirect::temporary(&format!("/traces/{encoded}")).into_response()
}

fn answer(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let etag = asset.packed.etag.clone();
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| *known == etag);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else if accepts_gzip(headers) {
        let encoding = [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
        (encoding, asset.packed.gzip.as_slice()).into_response()
    } else {
        asset.bytes.into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(ETAG, etag);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    // Names are fixed, so a browser asks each time whether its copy is still the server's.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(http::header::ACCEPT_ENCODING).iter();
    accepted.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(
        |coding| {
            let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
            name.trim() == "gzip" && quality.trim() != "q=0"
        },
    )
}

fn pack(bytes: &[u8]) -> Packed {
    let mut encoder = flate2::bufread::GzEncoder::new(bytes, flate2::Compression::best());
    let mut gzip = Vec::new();
    // Reading from memory cannot fail.
    let _ = std::io::Read::read_to_end(&mut encoder, &mut gzip);
    let mut checksum = flate2::Crc::new();
    checksum.update(bytes);
    let etag = format!("\"{:08x}-{}\"", checksum.sum(), bytes.len());
    let etag = HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("\"\""));
    Packed { gzip, etag }
}
