//! HTTP instrumentation for [`spandrel`].

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
