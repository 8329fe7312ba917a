//! HTTP instrumentation for [`spandrel`]: a client that says where its time goes, and a layer
//! that traces what a server serves.
//!
//! # A client with its steps
//!
//! [`Client`] makes a span for each request and one for each hop of it, and logs on the hop what
//! the connection does, as Go's `httptrace` tells it: `GetConn`, `DNSStart`, `DNSDone`,
//! `ConnectStart`, `ConnectDone`, `TLSHandshakeStart`, `TLSHandshakeDone`, `GotConn`,
//! `WroteHeaders`, `WroteRequest`, `GotFirstResponseByte`, `PutIdleConn`, `ClosedBody`. The steps
//! are those of its own resolver, connector and pool, so none of them is guessed, and each
//! belongs to the attempt that caused it.
//!
//! ```no_run
//! use http_body_util::BodyExt;
//! use spandrel::Tracer;
//! use spandrel_http::Client;
//!
//! # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
//! let tracer = Tracer::builder("frontend").build();
//! let client = Client::new(tracer);
//! let response = client.get("http://localhost:8000/").await?;
//! println!("{:?}", response.into_body().collect().await?.to_bytes());
//! # Ok(())
//! # }
//! ```
//!
//! The span of a hop has the tags `span.kind`, `component`, `http.method`, `http.url`,
//! `peer.address`, `http.status_code`, `net/http.reused`, `net/http.was_idle` and
//! `net/http.idle_time_ns`; and `error` with a log of the reason when the status is 500 or above
//! or there is no response. What the tag `http.url` leaves out is said at
//! [`ClientBuilder::url_tag`].
//!
//! # Hooks of one's own
//!
//! [`ClientTrace`] is a trait of hooks, one for each step, all of which do nothing unless they
//! are written. The spans above are written by one; a program's own goes with a request by
//! [`RequestExt::with_client_trace`].
//!
//! # A traced server
//!
//! [`ServerLayer`] is a `tower` layer, so it fits axum, hyper and whatever else takes one.
//!
//! ```
//! use spandrel::Tracer;
//! use spandrel_http::ServerLayer;
//!
//! let app: axum::Router = axum::Router::new()
//!     .route("/gettime", axum::routing::get(|| async { "now" }))
//!     .layer(ServerLayer::new(Tracer::builder("server").build()));
//! ```
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `tls` (default) | `https` in the client, by rustls on ring; trusts what the system trusts |
//! | `axum` | spans of the server named after axum's routes |
//!
//! # What it does not do
//!
//! The client speaks HTTP/1.1 only: no HTTP/2, no proxies, no cookies, no decompression. User and
//! password in a URL are neither sent nor shown. A body is sent once, so a 307 or 308 that answers
//! one is returned and not followed. A request that needs a new connection waits for that one,
//! and does not race it against one that becomes free meanwhile. It needs tokio.

mod client;
mod client_trace;
mod clock;
mod error;
mod server;
mod url;

pub use client::{
    Client, ClientBuilder, ClientCounters, Resolve, Resolving, Responding, ResponseBody,
    SystemResolver,
};
pub use client_trace::{
    ClientTrace, DnsDoneInfo, DnsStartInfo, GotConnInfo, NotReused, RequestExt, TlsInfo,
};
pub use error::Error;
pub use server::{ServerBody, ServerFuture, ServerLayer, ServerService};
