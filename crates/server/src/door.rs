//! A door: a listening socket, its accept loop, and the limits on those who come through it.
//!
//! The loop is ours because a library's has no deadline for a connection that says nothing and
//! no cap on how many there are. HTTP/1.1 and HTTP/2 without TLS (h2c) come through one door.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;

use crate::app::App;

/// How many connections are open at once; one more is closed at once.
const CONNECTIONS_MAX: usize = 4_096;
/// How long a new connection may stay silent.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the head of an HTTP/1.1 request may take, the wait for the next one included.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The most bytes that the head of a request may have.
const HEADER_LEN_MAX: usize = 64 << 10;
/// How many requests one HTTP/2 connection may have open at once.
const STREAMS_MAX: u32 = 256;
/// How long requests may take to end when the server closes.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the loop pauses after accepting failed, as it does when descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The address that a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// A bound socket that nobody has been let through yet.
#[derive(Debug)]
pub(crate) struct Door {
    listener: TcpListener,
    /// Where it got bound.
    pub(crate) address: SocketAddr,
}

impl Door {
    /// Binds. Port 0 takes a free one.
    pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("the main door can't bind {address}: choose another with --listen")
        })?;
        let address = listener.local_addr().context("the bound door has no address")?;
        Ok(Self { listener, address })
    }

    /// Lets requests through until `closing` turns true, then lets those inside finish.
    pub(crate) async fn serve(
        self,
        app: Arc<App>,
        router: Router,
        mut closing: watch::Receiver<bool>,
    ) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let graceful = GracefulShutdown::new();
        let mut closed = pin!(async move {
            // An error means that the sender is gone, which is as good as a signal.
            let _ = closing.wait_for(|is_closing| *is_closing).await;
        });
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut closed => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                app.metrics.refused_connections.inc();
                continue;
            };
            app.metrics.connections.inc();
            tokio::spawn(converse(stream, Peer(peer), router.clone(), graceful.watcher(), place));
        }
        drop(self.listener);
        if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
            tracing::warn!(timeout = ?DRAIN_TIMEOUT, "closing with requests unfinished");
        }
    }
}

/// Serves one connection to its end.
async fn converse(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    watcher: Watcher,
    _place: OwnedSemaphorePermit,
) {
    // Small answers must not wait for more to send; a socket that refuses this is just slower.
    let _ = stream.set_nodelay(true);
    if tokio::time::timeout(FIRST_BYTE_TIMEOUT, stream.readable()).await.is_err() {
        return;
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(HEADER_LEN_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEADER_LEN_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(HEADER_READ_TIMEOUT));
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(peer = %peer.0, %error, "a connection broke");
    }
}
