//! The instrumentation against real connections on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod client;
mod events;
mod failures;
mod pool;
mod redirects;
mod server;
mod support;
#[cfg(feature = "tls")]
mod tls;
