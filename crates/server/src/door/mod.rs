//! A door: a listening socket, its accept loop, and the limits on those who come through it.
//!
//! The loop is ours because a library's has no deadline for a connection that says nothing and
//! no cap on how many there are. HTTP/1.1 and HTTP/2 without TLS (h2c) come through one door.

mod activity;
mod datagrams;
mod limits;
#[cfg(test)]
mod tests;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch as cell};
use tower::ServiceExt as _;

use crate::metrics::{DoorLabels, Metrics};
use activity::{Activity, HeldBody, Told};
pub(crate) use datagrams::DatagramDoor;
pub(crate) use limits::DoorLimits;
use watch::{Overdue, overdue};

/// How long the loop pauses after accepting failed, as it does when descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often an HTTP/2 peer is asked whether it is still there, and how long it may take.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// Through which door a request came, and from which address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) door: &'static str,
    pub(crate) peer: SocketAddr,
}

/// A bound socket that nobody has been let through yet.
#[derive(Debug)]
pub(crate) struct Door {
    listener: TcpListener,
    /// What it is called.
    pub(crate) name: &'static str,
    /// Where it got bound.
    pub(crate) address: SocketAddr,
}

/// What those who come through a door find behind it.
#[derive(Clone)]
pub(crate) struct Behind {
    pub(crate) router: Router,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: DoorLimits,
}

impl Door {
    /// Binds. Port 0 takes a free one.
    pub(crate) async fn bind(name: &'static str, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, name, address })
    }

    /// Lets requests of HTTP through until `closing` turns true, then lets those inside finish.
    pub(crate) async fn serve(self, behind: Behind, closing: Closing) {
        let (metrics, limits) = (Arc::clone(&behind.metrics), behind.limits);
        let converse = |stream, visit, closing| converse(stream, visit, behind.clone(), closing);
        self.serve_each(&metrics, &limits, closing, converse).await;
    }

    /// Lets connections through until `closing` turns true, then lets those inside finish: each
    /// has its conversation, which is told of the closing, too.
    pub(crate) async fn serve_each<C: Future<Output = ()> + Send + 'static>(
        self,
        metrics: &Metrics,
        limits: &DoorLimits,
        closing: Closing,
        converse: impl Fn(TcpStream, Visit, Closing) -> C,
    ) {
        let door = self.name;
        let connections_max = limits.connections_max;
        let places = Arc::new(Semaphore::new(connections_max as usize));
        let mut closed = pin!(closed(closing.clone()));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut closed => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(door, %error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                metrics.count_closed_connection(door, "too_many");
                continue;
            };
            metrics.connections.get_or_create(&DoorLabels { door }).inc();
            let conversation = converse(stream, Visit { door, peer }, closing.clone());
            tokio::spawn(async move {
                conversation.await;
                drop(place);
            });
        }
        drop(self.listener);
        let all_left = places.acquire_many(connections_max);
        if tokio::time::timeout(limits.drain_timeout, all_left).await.is_err() {
            tracing::warn!(door, timeout = ?limits.drain_timeout, "closing with requests unfinished");
        }
    }
}

/// Turns true when the server closes.
pub(crate) type Closing = cell::Receiver<bool>;

/// Waits until the server closes.
pub(crate) async fn closed(mut closing: Closing) {
    // An error means that the sender is gone, which is as good as a signal.
    let _ = closing.wait_for(|is_closing| *is_closing).await;
}

/// Serves one connection to its end, or until it is overdue.
async fn converse(stream: TcpStream, visit: Visit, behind: Behind, closing: Closing) {
    let Behind { router, metrics, limits } = behind;
    // Small answers must not wait for more to send; a socket that refuses this is just slower.
    let _ = stream.set_nodelay(true);
    let activity = Arc::new(Activity::default());
    let socket = Told { socket: stream, activity: Arc::clone(&activity) };
    let service = service_fn({
        let activity = Arc::clone(&activity);
        move |mut request: Request<Incoming>| {
            let open = activity.begin_request(request.version() == Version::HTTP_2);
            request.extensions_mut().insert(visit);
            let answer = router.clone().oneshot(request.map(Body::new));
            async move {
                let answer = answer.await;
                answer.map(|answer| answer.map(|body| HeldBody { body, request: open }))
            }
        }
    });
    let builder = builder(&limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
    let mut overdue = pin!(overdue(activity, limits));
    let mut closed = pin!(closed(closing));
    let mut is_told = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(door = visit.door, peer = %visit.peer, %error, "a connection broke");
                }
                return;
            }
            why = &mut overdue => {
                metrics.count_closed_connection(visit.door, why.reason());
                if why == Overdue::Idle {
                    // A peer that is told goes elsewhere without losing a request.
                    connection.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(limits.header_timeout, connection).await;
                }
                return;
            }
            () = &mut closed, if !is_told => {
                is_told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn builder(limits: &DoorLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // The head's deadline is the watch's: hyper's would run between two requests as well.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None);
    builder.http1().max_buf_size(limits.header_len_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(u32::try_from(limits.header_len_max).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(PING_INTERVAL));
    builder
}
