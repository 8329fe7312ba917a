//! Hooks into the life of one request, as in Go's `httptrace.ClientTrace`.
//!
//! Only the hooks and what they are told: who calls them is the client's matter.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::Error;

/// Hears of each step of an attempt to get a response: one request that follows a redirect is
/// two attempts.
///
/// Every hook does nothing unless it is written. Hooks are called from the work itself, some on
/// the connection's own task, so they must be quick and must not block. All calls of one attempt
/// go to the trace that was given with its request, whichever connection serves it.
///
/// The usual order is `get_conn`, `dns_start`, `dns_done`, `connect_start`, `connect_done`,
/// `tls_handshake_start`, `tls_handshake_done`, `got_conn`, `wrote_headers`, `wrote_request`,
/// `got_first_response_byte`, `put_idle_conn`, `closed_body`. A reused connection skips what
/// belongs to making one; a host of several addresses may be connected to several times, and
/// overlapping; an attempt that is made again on another connection starts over at `get_conn`.
///
/// # Examples
///
/// ```
/// use spandrel::{Log, SpanRef};
/// use spandrel_http::{ClientTrace, DnsStartInfo};
///
/// /// Logs when the name of the host is looked up, and nothing else.
/// struct Lookups(SpanRef);
///
/// impl ClientTrace for Lookups {
///     fn dns_start(&self, info: &DnsStartInfo<'_>) {
///         self.0.log(Log::event("DNS start").field("主机", info.host));
///     }
/// }
/// ```
pub trait ClientTrace: Send + Sync + 'static {
    /// A connection to `host_port` is asked for.
    fn get_conn(&self, host_port: &str) {
        let _ = host_port;
    }

    /// There is a connection: a new one, or one that served before.
    fn got_conn(&self, info: &GotConnInfo) {
        let _ = info;
    }

    /// The connection went back to the pool, or was closed instead for the reason given.
    fn put_idle_conn(&self, refused: Option<NotReused>) {
        let _ = refused;
    }

    /// The first byte of the response arrived.
    fn got_first_response_byte(&self) {}

    /// An interim response arrived, such as 103 Early Hints.
    fn got_1xx_response(&self, status: StatusCode) {
        let _ = status;
    }

    /// The lookup of a name begins. An address in place of a name is not looked up.
    fn dns_start(&self, info: &DnsStartInfo<'_>) {
        let _ = info;
    }

    /// The lookup ended.
    fn dns_done(&self, info: &DnsDoneInfo<'_>) {
        let _ = info;
    }

    /// A connection to one address begins. `network` is `tcp`.
    fn connect_start(&self, network: &str, address: SocketAddr) {
        let _ = (network, address);
    }

    /// It was made, or failed.
    fn connect_done(&self, network: &str, address: SocketAddr, error: Option<&io::Error>) {
        let _ = (network, address, error);
    }

    /// The TLS handshake begins.
    fn tls_handshake_start(&self) {}

    /// The TLS handshake succeeded, or failed.
    fn tls_handshake_done(&self, result: Result<&TlsInfo, &io::Error>) {
        let _ = result;
    }

    /// The request's head was written to the connection.
    fn wrote_headers(&self) {}

    /// The request was written wholly, its body included, or could not be.
    fn wrote_request(&self, error: Option<&Error>) {
        let _ = error;
    }

    /// The response's body was read to its end, or dropped.
    fn closed_body(&self) {}
}

/// A connection that an attempt was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GotConnInfo {
    /// The connection's number, which no other connection of the same client has.
    pub connection_id: u64,
    /// This side's address.
    pub local_address: SocketAddr,
    /// The other side's address.
    pub remote_address: SocketAddr,
    /// Whether it has served another attempt before.
    pub reused: bool,
    /// Whether it was idle in the pool. One that is handed from request to waiting request is
    /// reused and was not idle.
    pub was_idle: bool,
    /// How long it was idle, where it was.
    pub idle_time: Option<Duration>,
}

/// A name that is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DnsStartInfo<'a> {
    /// The host's name.
    pub host: &'a str,
}

/// What the lookup of a name gave.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DnsDoneInfo<'a> {
    /// The host's name.
    pub host: &'a str,
    /// The addresses in the resolver's order; none where it failed.
    pub addresses: &'a [IpAddr],
    /// Why it failed.
    pub error: Option<&'a io::Error>,
}

/// What a TLS handshake agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The protocol's version, such as `TLSv1_3`.
    pub version: String,
    /// The cipher suite.
    pub cipher_suite: String,
    /// Whether an earlier session was resumed.
    pub is_resumed: bool,
}

/// Why a connection did not go back to the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotReused {
    /// The other side closed it, or said that it would.
    Closed,
    /// The response came before the request was written wholly.
    RequestUnfinished,
    /// The pool holds as many idle connections as it may.
    TooManyIdle,
}

impl NotReused {
    /// Says it in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "the connection was closed",
            Self::RequestUnfinished => "the request was not written wholly",
            Self::TooManyIdle => "too many idle connections",
        }
    }
}

/// The trace that goes with one request, as an extension of it.
#[derive(Clone)]
pub(crate) struct RequestTrace(pub(crate) Arc<dyn ClientTrace>);

/// Gives a request what the client looks for on it.
///
/// # Examples
///
/// ```
/// use spandrel::{Context, Tracer};
/// use spandrel_http::{ClientTrace, RequestExt};
///
/// struct Nothing;
/// impl ClientTrace for Nothing {}
///
/// let span = Tracer::noop().start_span("work");
/// let request = http::Request::get("http://localhost/")
///     .body(())?
///     .with_context(Context::from(&span))
///     .with_client_trace(Nothing);
/// # Ok::<(), http::Error>(())
/// ```
pub trait RequestExt {
    /// Makes the request's span a child of this context's, in place of the thread's active span.
    #[must_use]
    fn with_context(self, context: spandrel::Context) -> Self;

    /// Calls these hooks for the request, beside those that write its spans.
    #[must_use]
    fn with_client_trace(self, trace: impl ClientTrace) -> Self;
}

impl<B> RequestExt for http::Request<B> {
    fn with_context(mut self, context: spandrel::Context) -> Self {
        self.extensions_mut().insert(context);
        self
    }

    fn with_client_trace(mut self, trace: impl ClientTrace) -> Self {
        self.extensions_mut().insert(RequestTrace(Arc::new(trace)));
        self
    }
}
