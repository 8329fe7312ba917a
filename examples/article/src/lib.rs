//! The article's two actors: a server that redirects and tells the time, and a client that asks.
//!
//! Both only use what the libraries offer to everyone; the command line is `main.rs`'s.

mod client;
mod client_trace;
mod clock;
mod server;
mod tracer;

pub use client::{on_error, run_client};
pub use client_trace::NewClientTrace;
pub use server::run_server;
pub use tracer::init_tracer;
