//! The article's program, told with the project's own library: a client whose request is
//! redirected, the server that redirects it, and one trace of both.
//!
//! It talks to itself over loopback and reports like any other program; it knows no store.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use spandrel::propagation::Jaeger;
use spandrel::reporter::ZipkinReporter;
use spandrel::{Context, Logger, TraceId, Tracer};
use spandrel_http::{Client, RequestExt as _, ServerLayer};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long the last spans may take to reach the server that they are reported to.
const REPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs the two actors once, reporting to the server at `url`, and returns the trace's id when
/// every span of it was taken.
pub(crate) async fn tell(url: &str) -> anyhow::Result<TraceId> {
    let server = tracer("server", url)?;
    let client = tracer("client", url)?;
    let (address, stop) = serve(server.clone()).await?;
    let trace_id = ask(&client, address).await;
    // A server that has ended already needs no telling.
    let _ = stop.send(());
    tokio::task::spawn_blocking(move || {
        let closed = [&client, &server].map(|tracer| tracer.close(REPORT_TIMEOUT));
        closed.into_iter().collect::<Result<Vec<()>, _>>()
    })
    .await
    .context("reporting panicked")?
    .with_context(|| format!("not every span reached {url}"))?;
    trace_id
}

/// The article's set-up: every trace is kept, every span is sent at once, and the two halves of
/// a call share one span id.
fn tracer(service: &str, url: &str) -> anyhow::Result<Tracer> {
    let reporter = ZipkinReporter::builder(url).batch_len_max(1).logger(LogOfServer).build()?;
    let tracer = Tracer::builder(service).reporter(reporter).shared_rpc_span(true);
    // Jaeger's header names the parent too, which a half that shares its id has to know.
    Ok(tracer.propagator(Jaeger).build())
}

/// Starts the server: `/` redirects to `/gettime`, which tells the time.
async fn serve(tracer: Tracer) -> anyhow::Result<(SocketAddr, oneshot::Sender<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("the demo's server can't bind a free port")?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/", get(|| async { redirect() }))
        .route("/gettime", get(|| async { time() }))
        .layer(ServerLayer::new(tracer));
    let (stop, stopped) = oneshot::channel();
    let serving = axum::serve(listener, routes).with_graceful_shutdown(async {
        // The sender is gone when the demo is over.
        let _ = stopped.await;
    });
    tokio::spawn(serving.into_future());
    Ok((address, stop))
}

fn redirect() -> (http::StatusCode, [(http::HeaderName, &'static str); 1]) {
    (http::StatusCode::MOVED_PERMANENTLY, [(http::header::LOCATION, "/gettime")])
}

fn time() -> String {
    use crate::clock::{Clock as _, SystemClock};
    format!("{} ms since 1970", SystemClock.now_ns() / 1_000_000)
}

/// The client: one span around one request, which is redirected once.
async fn ask(tracer: &Tracer, server: SocketAddr) -> anyhow::Result<TraceId> {
    let span = tracer.start_span("client");
    let trace_id = span.trace_id();
    // By name, so that the first hop has a DNS look-up to show.
    let url = format!("http://localhost:{}/", server.port());
    let request =
        Request::get(&url).body(Empty::<Bytes>::new())?.with_context(Context::from(&span));
    let response = Client::new(tracer.clone()).request(request).await?;
    response.into_body().collect().await?;
    span.finish();
    Ok(trace_id)
}

/// The reporter's complaints go where the server's go.
struct LogOfServer;

impl Logger for LogOfServer {
    fn error(&self, message: &str) {
        tracing::warn!(message, "a span of the demo was not reported");
    }
}
