//! How a client is described.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use http::Uri;
use spandrel::Tracer;

use super::connector::Connector;
use super::counters::Counters;
use super::pool::{Pool, PoolLimits};
use super::resolver::{Resolve, SystemResolver};
use super::{Client, Inner, UrlTag};
use crate::url;

/// Describes a [`Client`]. Made with [`Client::builder`].
#[must_use = "a client is made with build()"]
pub struct ClientBuilder {
    tracer: Tracer,
    resolver: Box<dyn Resolve>,
    limits: PoolLimits,
    connect_timeout: Duration,
    redirects_max: usize,
    operation_name: Cow<'static, str>,
    component: Cow<'static, str>,
    url_tag: UrlTag,
    logs_events: bool,
    injects: bool,
    #[cfg(feature = "tls")]
    tls_config: Option<Arc<tokio_rustls::rustls::ClientConfig>>,
}

impl ClientBuilder {
    pub(super) fn new(tracer: Tracer) -> Self {
        let limits = PoolLimits {
            connections_per_host_max: 256,
            waiting_per_host_max: 1_024,
            idle_len_max: 256,
            idle_timeout: Duration::from_secs(90),
        };
        Self {
            tracer,
            resolver: Box::new(SystemResolver),
            limits,
            connect_timeout: Duration::from_secs(30),
            redirects_max: 10,
            operation_name: "HTTP Client".into(),
            component: "spandrel-http".into(),
            url_tag: Box::new(url::redacted),
            logs_events: true,
            injects: true,
            #[cfg(feature = "tls")]
            tls_config: None,
        }
    }

    /// Sets who looks up names: [`SystemResolver`] unless set.
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Box::new(resolver);
        self
    }

    /// Sets how many connections there may be to one host and port: 256 unless set, and at
    /// least one. A request that finds all in use waits for its turn.
    pub fn connections_per_host_max(mut self, len: usize) -> Self {
        self.limits.connections_per_host_max = len.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
        self
    }

    /// Sets how many requests may wait for a connection to one host and port: 1,024 unless set.
    /// One more is refused with [`Error::PoolFull`](crate::Error::PoolFull).
    pub const fn waiting_per_host_max(mut self, len: usize) -> Self {
        self.limits.waiting_per_host_max = len;
        self
    }

    /// Sets how many idle connections are kept in all: 256 unless set.
    pub const fn idle_len_max(mut self, len: usize) -> Self {
        self.limits.idle_len_max = len;
        self
    }

    /// Sets how long an idle connection is kept: 90 seconds unless set. It is not used after
    /// that, and closed at the latest after twice the time.
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.limits.idle_timeout = timeout;
        self
    }

    /// Sets how long looking up a name and connecting may take together: 30 seconds unless set.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how many redirects are followed: 10 unless set. With 0, the first is an error.
    pub const fn redirects_max(mut self, len: usize) -> Self {
        self.redirects_max = len;
        self
    }

    /// Sets the name of a request's top span: `HTTP Client` unless set.
    pub fn operation_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.operation_name = name.into();
        self
    }

    /// Sets the tag `component` of each hop: `spandrel-http` unless set.
    pub fn component(mut self, component: impl Into<Cow<'static, str>>) -> Self {
        self.component = component.into();
        self
    }

    /// Sets how the tag `http.url` is written.
    ///
    /// Unless set it is the URL without user and password, and with `REDACTED` in place of the
    /// values of query parameters that sign a request (`AWSAccessKeyId`, `Signature`, `sig`,
    /// `X-Goog-Signature`). Secrets of other names are the program's to take out here.
    pub fn url_tag(mut self, write: impl Fn(&Uri) -> String + Send + Sync + 'static) -> Self {
        self.url_tag = Box::new(write);
        self
    }

    /// Whether the steps of each hop are logged on its span: yes unless set. Hooks that were
    /// given with a request are called in any case.
    pub const fn log_events(mut self, is_wanted: bool) -> Self {
        self.logs_events = is_wanted;
        self
    }

    /// Whether the identity of the hop's span is written to the request's headers: yes unless set.
    pub const fn inject(mut self, is_wanted: bool) -> Self {
        self.injects = is_wanted;
        self
    }

    /// Sets the whole of TLS's configuration. Unless set, the certificates that the system
    /// trusts are trusted.
    #[cfg(feature = "tls")]
    pub fn tls_config(mut self, config: Arc<tokio_rustls::rustls::ClientConfig>) -> Self {
        self.tls_config = Some(config);
        self
    }

    /// Makes the client.
    #[must_use]
    pub fn build(self) -> Client {
        let counters = Arc::new(Counters::default());
        let connector = Connector {
            resolver: self.resolver,
            connect_timeout: self.connect_timeout,
            #[cfg(feature = "tls")]
            tls: super::tls::Tls::with(self.tls_config),
        };
        Client {
            inner: Arc::new(Inner {
                tracer: self.tracer,
                connector,
                pool: Arc::new(Pool::new(self.limits, Arc::clone(&counters))),
                counters,
                next_connection_id: AtomicU64::new(1),
                operation_name: self.operation_name,
                component: self.component,
                url_tag: self.url_tag,
                logs_events: self.logs_events,
                injects: self.injects,
                redirects_max: self.redirects_max,
            }),
        }
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("limits", &self.limits).finish_non_exhaustive()
    }
}
