//! Looks up the addresses of a host.

use std::future::Future;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::pin::Pin;

/// The addresses of a host, in the order in which they are to be tried.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks up names. Closures from a name to a future do so too.
///
/// # Examples
///
/// ```
/// use std::net::Ipv4Addr;
/// use spandrel_http::{Client, Resolving};
/// use spandrel::Tracer;
///
/// let everything_is_here = |_host: &str| -> Resolving {
///     Box::pin(async { Ok(vec![Ipv4Addr::LOCALHOST.into()]) })
/// };
/// let client = Client::builder(Tracer::noop()).resolver(everything_is_here).build();
/// ```
pub trait Resolve: Send + Sync + 'static {
    /// Starts to look up one name.
    fn resolve(&self, host: &str) -> Resolving;
}

impl<F> Resolve for F
where
    F: Fn(&str) -> Resolving + Send + Sync + 'static,
{
    fn resolve(&self, host: &str) -> Resolving {
        self(host)
    }
}

/// The system's resolver, `getaddrinfo`, on one of tokio's threads for blocking work.
///
/// A lookup whose request was dropped goes on until the system answers; how many run at a time
/// is limited by the runtime's number of such threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> Resolving {
        let host = host.to_owned();
        let lookup = move || {
            // The port is only asked for by the function's form.
            let found = (host.as_str(), 0).to_socket_addrs()?;
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in found.map(|found| found.ip()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Ok(addresses)
        };
        Box::pin(async {
            let joined = tokio::task::spawn_blocking(lookup).await;
            joined.unwrap_or_else(|error| Err(io::Error::other(error)))
        })
    }
}
