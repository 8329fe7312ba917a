//! Why a request got no response, or a response no end.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

type Cause = Box<dyn StdError + Send + Sync>;

/// Why a request got no response, or a response no end.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The caller's URL has no host, or a scheme that the client does not speak.
    Url {
        /// The URL, without user and password.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The host's name could not be looked up, or has no address.
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// None of the host's addresses took the connection.
    Connect {
        /// The address that was tried last.
        address: SocketAddr,
        /// Why that one failed.
        source: io::Error,
    },
    /// The TLS handshake failed: the other side's certificate is not trusted, for one.
    Tls {
        /// Who was talked to.
        host: String,
        /// What went wrong.
        source: io::Error,
    },
    /// A step took longer than the client allows.
    Timeout {
        /// Which step.
        step: &'static str,
        /// What the client allows.
        limit: Duration,
    },
    /// As many requests as the client allows wait for a connection to the host.
    PoolFull {
        /// The host and port.
        host_port: String,
        /// How many may wait.
        limit: usize,
    },
    /// The caller's request body failed while it was sent.
    RequestBody {
        /// What the body said.
        source: Cause,
    },
    /// The connection failed, or the other side did not speak HTTP/1.
    Exchange {
        /// What went wrong.
        source: Cause,
    },
    /// The chain of redirects is longer than the client follows.
    TooManyRedirects {
        /// How many it follows.
        limit: usize,
    },
    /// The server redirects to what is no URL.
    Redirect {
        /// What the server said, in its beginning.
        location: String,
    },
}

impl Error {
    /// Names the variant, as the log field `error.kind` does.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Url { .. } => "Url",
            Self::Resolve { .. } => "Resolve",
            Self::Connect { .. } => "Connect",
            Self::Tls { .. } => "Tls",
            Self::Timeout { .. } => "Timeout",
            Self::PoolFull { .. } => "PoolFull",
            Self::RequestBody { .. } => "RequestBody",
            Self::Exchange { .. } => "Exchange",
            Self::TooManyRedirects { .. } => "TooManyRedirects",
            Self::Redirect { .. } => "Redirect",
        }
    }

    /// Tells a failure of the caller's body from one of the connection.
    pub(crate) fn of_exchange(error: hyper::Error) -> Self {
        if error.is_user() {
            return Self::RequestBody { source: error.into() };
        }
        Self::Exchange { source: error.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, reason } => write!(f, "cannot ask {url}: {reason}"),
            Self::Resolve { host, .. } => write!(f, "no address found for {host}"),
            Self::Connect { address, .. } => write!(f, "no connection to {address}"),
            Self::Tls { host, .. } => write!(f, "no secure connection to {host}"),
            Self::Timeout { step, limit } => {
                write!(f, "{step} took longer than the limit of {limit:?}")
            }
            Self::PoolFull { host_port, limit } => {
                write!(f, "{limit} requests wait for a connection to {host_port}, the limit")
            }
            Self::RequestBody { .. } => f.write_str("the request's body broke off"),
            Self::Exchange { .. } => f.write_str("the exchange with the server broke off"),
            Self::TooManyRedirects { limit } => {
                write!(f, "the server redirects more often than the limit of {limit}")
            }
            Self::Redirect { location } => {
                write!(f, "the server redirects to what is no URL: {location:?}")
            }
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Resolve { source, .. }
            | Self::Connect { source, .. }
            | Self::Tls { source, .. } => Some(source),
            Self::RequestBody { source } | Self::Exchange { source } => Some(&**source),
            Self::Url { .. }
            | Self::Timeout { .. }
            | Self::PoolFull { .. }
            | Self::TooManyRedirects { .. }
            | Self::Redirect { .. } => None,
        }
    }
}
