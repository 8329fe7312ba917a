//! The instrumentation against real connections on loopback.

mod client;
mod events;
mod failures;
mod pool;
mod redirects;
mod server;
mod support;
#[cfg(feature = "tls")]
mod tls;
