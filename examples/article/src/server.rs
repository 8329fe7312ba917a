//! The server: `/gettime` tells the time, and every other path redirects there.

use std::io;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use spandrel::Tracer;
use spandrel_http::ServerLayer;
use tokio::net::TcpListener;

use crate::clock;

/// Serves until the future is dropped. Each request makes a span called `HTTP GET`.
///
/// # Errors
///
/// Fails when the listener does.
pub async fn run_server(listener: TcpListener, tracer: Tracer) -> io::Result<()> {
    let app = Router::new()
        .route("/gettime", get(get_time))
        .fallback(redirect)
        .layer(ServerLayer::new(tracer));
    axum::serve(listener, app).await
}

async fn get_time() -> String {
    format!("The time is {}", clock::time_text())
}

async fn redirect() -> impl IntoResponse {
    let location = [(header::LOCATION, "/gettime")];
    let page = Html("<a href=\"/gettime\">Moved Permanently</a>.\n");
    (StatusCode::MOVED_PERMANENTLY, location, page)
}
