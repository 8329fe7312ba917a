//! Makes connections: looks the name up, connects, and shakes hands for TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::attempt::Attempt;
use super::happy_eyeballs;
use super::resolver::Resolve;
#[cfg(feature = "tls")]
use super::tls::{Tls, TlsStream};
use crate::Error;
use crate::client_trace::{ClientTrace as _, DnsDoneInfo, DnsStartInfo};
use crate::url::Target;

pub(super) struct Connector {
    pub(super) resolver: Box<dyn Resolve>,
    pub(super) connect_timeout: Duration,
    #[cfg(feature = "tls")]
    pub(super) tls: Tls,
}

/// A stream to a server, and the addresses of its ends.
pub(super) struct Connected {
    pub(super) stream: Stream,
    pub(super) local_address: SocketAddr,
    pub(super) remote_address: SocketAddr,
}

impl Connector {
    pub(super) async fn connect(
        &self,
        target: &Target,
        attempt: &Attempt,
    ) -> Result<Connected, Error> {
        let limit = self.connect_timeout;
        let dialled = timeout(limit, self.dial(target, attempt)).await;
        let tcp = dialled.map_err(|_| Error::Timeout { step: "connecting", limit })??;
        let broken = |source: io::Error| Error::Exchange { source: source.into() };
        let (local_address, remote_address) =
            (tcp.local_addr().map_err(broken)?, tcp.peer_addr().map_err(broken)?);
        // Requests are written whole; waiting for more would only delay them.
        tcp.set_nodelay(true).map_err(broken)?;
        let stream = self.secure(tcp, target, attempt).await?;
        Ok(Connected { stream, local_address, remote_address })
    }

    async fn dial(&self, target: &Target, attempt: &Attempt) -> Result<TcpStream, Error> {
        let addresses = self.addresses(&target.host, attempt).await?;
        let connected = happy_eyeballs::connect(&addresses, target.port, attempt).await;
        connected.map_err(|(address, source)| Error::Connect { address, source })
    }

    async fn addresses(&self, host: &str, attempt: &Attempt) -> Result<Vec<IpAddr>, Error> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        attempt.dns_start(&DnsStartInfo { host });
        let resolved = match self.resolver.resolve(host).await {
            Ok(addresses) if addresses.is_empty() => {
                Err(io::Error::new(io::ErrorKind::NotFound, "no such host"))
            }
            resolved => resolved,
        };
        let addresses = resolved.as_deref().unwrap_or_default();
        attempt.dns_done(&DnsDoneInfo { host, addresses, error: resolved.as_ref().err() });
        resolved.map_err(|source| Error::Resolve { host: host.to_owned(), source })
    }

    #[cfg(feature = "tls")]
    async fn secure(
        &self,
        tcp: TcpStream,
        target: &Target,
        attempt: &Attempt,
    ) -> Result<Stream, Error> {
        if !target.is_https {
            return Ok(Stream::Plain(tcp));
        }
        let stream = self.tls.handshake(tcp, &target.host, attempt).await?;
        Ok(Stream::Secure(Box::new(stream)))
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_async, reason = "it is the plain form of what shakes hands for TLS")]
    async fn secure(&self, tcp: TcpStream, _: &Target, _: &Attempt) -> Result<Stream, Error> {
        Ok(Stream::Plain(tcp))
    }
}

/// The bytes to and from a server.
pub(super) enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Secure(Box<TlsStream>),
}

/// Calls a method of whichever stream it is.
macro_rules! delegate {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Plain($stream) => $call,
            #[cfg(feature = "tls")]
            Stream::Secure($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            #[cfg(feature = "tls")]
            Self::Secure(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
