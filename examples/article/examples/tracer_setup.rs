//! The tracer's set-up: where spans go, how many at a time, and who hears when it fails.
//!
//! With a URL as its argument it reports there, else to a server of its own that says thanks.

use std::io::{self, Write as _};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use spandrel::reporter::ZipkinReporter;
use spandrel::{ConstSampler, StdLogger, Tracer};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = match std::env::args().nth(1) {
        Some(url) => url,
        None => thankful_server().await?,
    };
    let reporter = ZipkinReporter::builder(url)
        .batch_len_max(1) // each span is sent at once, for a demonstration
        .logger(StdLogger) // what goes wrong is told on the standard error stream
        .build()?;
    let tracer = Tracer::builder("client")
        .sampler(ConstSampler::new(true)) // every trace is kept
        .reporter(reporter)
        .build();

    tracer.start_span("first").finish();
    tracer.start_span("second").finish();

    let closing = tracer.clone();
    tokio::task::spawn_blocking(move || closing.close(Duration::from_secs(5))).await??;
    let counters = tracer.reporter_counters();
    writeln!(io::stdout(), "{} spans finished, {} were sent", counters.reported, counters.sent)?;
    assert_eq!((counters.reported, counters.sent), (2, 2));
    Ok(())
}

async fn thankful_server() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/api/v1/spans", listener.local_addr()?);
    let app = Router::new().route("/api/v1/spans", post(|| async { StatusCode::ACCEPTED }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}
