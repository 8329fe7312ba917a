//! One attempt to get a response: where its steps are written to, and how far it has come.
//!
//! Every event is bound to the attempt that caused it. An event that comes when its span has
//! finished is counted and left out: it never lands on another request's span.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;
use spandrel::{Log, SpanRef, fields, tags};

use super::counters::Counters;
use crate::Error;
use crate::client_trace::{
    ClientTrace, DnsDoneInfo, DnsStartInfo, GotConnInfo, NotReused, TlsInfo,
};

/// The tag of whether the connection had served before, as Go's instrumentation writes it.
pub(crate) const REUSED: &str = "net/http.reused";
/// The tag of whether the connection was idle before.
pub(crate) const WAS_IDLE: &str = "net/http.was_idle";
/// The tag of how long it was idle.
pub(crate) const IDLE_TIME_NS: &str = "net/http.idle_time_ns";

/// One attempt. The connection that serves it holds it while it does.
pub(crate) struct Attempt {
    span: Option<SpanTrace>,
    hooks: Option<Arc<dyn ClientTrace>>,
    counters: Arc<Counters>,
    head_written: AtomicBool,
    body_ended: AtomicBool,
    request_written: AtomicBool,
    first_byte_read: AtomicBool,
}

impl Attempt {
    /// Makes one that writes its steps to `span`, where there is one, and tells `hooks`.
    pub(super) fn new(
        span: Option<SpanRef>,
        hooks: Option<Arc<dyn ClientTrace>>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            span: span.map(SpanTrace),
            hooks,
            counters,
            head_written: AtomicBool::new(false),
            body_ended: AtomicBool::new(false),
            request_written: AtomicBool::new(false),
            first_byte_read: AtomicBool::new(false),
        }
    }

    pub(super) fn has_hooks(&self) -> bool {
        self.hooks.is_some()
    }

    /// Forgets what a connection did that turned out to be closed: another one takes over.
    pub(super) fn start_over(&self) {
        for step in [&self.head_written, &self.body_ended, &self.request_written] {
            step.store(false, Ordering::Release);
        }
    }

    /// Whether the head has been written; what is written before that is the head.
    pub(super) fn is_head_written(&self) -> bool {
        self.head_written.load(Ordering::Acquire)
    }

    pub(super) fn is_request_written(&self) -> bool {
        self.request_written.load(Ordering::Acquire)
    }

    pub(super) fn is_first_byte_read(&self) -> bool {
        self.first_byte_read.load(Ordering::Acquire)
    }

    pub(super) fn head_was_written(&self) {
        if !self.head_written.swap(true, Ordering::AcqRel) {
            self.wrote_headers();
        }
    }

    /// The body has given all it has: the next flush ends the request.
    pub(super) fn body_has_ended(&self) {
        self.body_ended.store(true, Ordering::Release);
    }

    pub(super) fn was_flushed(&self) {
        let is_all = self.is_head_written() && self.body_ended.load(Ordering::Acquire);
        if is_all && !self.request_written.swap(true, Ordering::AcqRel) {
            self.wrote_request(None);
        }
    }

    /// Tells that the request was not written wholly, unless its end was told before.
    pub(super) fn write_failed(&self, error: &Error) {
        if !self.request_written.swap(true, Ordering::AcqRel) {
            self.wrote_request(Some(error));
        }
    }

    pub(super) fn bytes_were_read(&self) {
        if !self.is_first_byte_read() && !self.first_byte_read.swap(true, Ordering::AcqRel) {
            self.got_first_response_byte();
        }
    }

    fn each(&self, call: impl Fn(&dyn ClientTrace)) {
        if let Some(span) = &self.span {
            if span.0.is_finished() {
                self.counters.events_late.add();
            } else {
                call(span);
            }
        }
        if let Some(hooks) = &self.hooks {
            call(&**hooks);
        }
    }
}

impl ClientTrace for Attempt {
    fn get_conn(&self, host_port: &str) {
        self.each(|trace| trace.get_conn(host_port));
    }

    fn got_conn(&self, info: &GotConnInfo) {
        self.each(|trace| trace.got_conn(info));
    }

    fn put_idle_conn(&self, refused: Option<NotReused>) {
        self.each(|trace| trace.put_idle_conn(refused));
    }

    fn got_first_response_byte(&self) {
        self.each(|trace| trace.got_first_response_byte());
    }

    fn got_1xx_response(&self, status: StatusCode) {
        self.each(|trace| trace.got_1xx_response(status));
    }

    fn dns_start(&self, info: &DnsStartInfo<'_>) {
        self.each(|trace| trace.dns_start(info));
    }

    fn dns_done(&self, info: &DnsDoneInfo<'_>) {
        self.each(|trace| trace.dns_done(info));
    }

    fn connect_start(&self, network: &str, address: SocketAddr) {
        self.each(|trace| trace.connect_start(network, address));
    }

    fn connect_done(&self, network: &str, address: SocketAddr, error: Option<&io::Error>) {
        self.each(|trace| trace.connect_done(network, address, error));
    }

    fn tls_handshake_start(&self) {
        self.each(|trace| trace.tls_handshake_start());
    }

    fn tls_handshake_done(&self, result: Result<&TlsInfo, &io::Error>) {
        self.each(|trace| trace.tls_handshake_done(result));
    }

    fn wrote_headers(&self) {
        self.each(|trace| trace.wrote_headers());
    }

    fn wrote_request(&self, error: Option<&Error>) {
        self.each(|trace| trace.wrote_request(error));
    }

    fn closed_body(&self) {
        self.each(|trace| trace.closed_body());
    }
}

/// Writes the steps of an attempt to its span, in the words of Go's instrumentation.
struct SpanTrace(SpanRef);

impl SpanTrace {
    /// An event that failed: Go's instrumentation names it in the message, for `event` says
    /// `error`.
    fn failed(message: &'static str, error: String) -> Log {
        Log::new()
            .field(fields::MESSAGE, message)
            .field(fields::EVENT, "error")
            .field(fields::ERROR_OBJECT, error)
    }
}

impl ClientTrace for SpanTrace {
    fn get_conn(&self, host_port: &str) {
        self.0.log(Log::event("GetConn").field("hostPort", host_port));
    }

    fn got_conn(&self, info: &GotConnInfo) {
        self.0.set_tag(REUSED, info.reused).set_tag(WAS_IDLE, info.was_idle);
        if let Some(idle_time) = info.idle_time {
            let idle_time_ns = u64::try_from(idle_time.as_nanos()).unwrap_or(u64::MAX);
            self.0.set_tag(IDLE_TIME_NS, idle_time_ns);
        }
        self.0.log("GotConn");
    }

    fn put_idle_conn(&self, refused: Option<NotReused>) {
        match refused {
            None => self.0.log("PutIdleConn"),
            Some(reason) => {
                self.0.log(Log::event("PutIdleConn").field(fields::ERROR_OBJECT, reason.as_str()))
            }
        };
    }

    fn got_first_response_byte(&self) {
        self.0.log("GotFirstResponseByte");
    }

    fn got_1xx_response(&self, status: StatusCode) {
        if status == StatusCode::CONTINUE {
            self.0.log("Got100Continue");
        } else {
            let code = status.as_u16();
            self.0.log(Log::event("Got1xxResponse").field(tags::HTTP_STATUS_CODE, code));
        }
    }

    fn dns_start(&self, info: &DnsStartInfo<'_>) {
        self.0.log(Log::event("DNSStart").field("host", info.host));
    }

    fn dns_done(&self, info: &DnsDoneInfo<'_>) {
        let mut log = Log::event("DNSDone");
        for address in info.addresses {
            log = log.field("addr", address.to_string());
        }
        if let Some(error) = info.error {
            log = log.field(fields::ERROR_OBJECT, error.to_string());
        }
        self.0.log(log);
    }

    fn connect_start(&self, network: &str, address: SocketAddr) {
        let log = Log::event("ConnectStart").field("network", network);
        self.0.log(log.field("addr", address.to_string()));
    }

    fn connect_done(&self, network: &str, address: SocketAddr, error: Option<&io::Error>) {
        let log = match error {
            None => Log::event("ConnectDone"),
            Some(error) => Self::failed("ConnectDone", error.to_string()),
        };
        self.0.log(log.field("network", network).field("addr", address.to_string()));
    }

    fn tls_handshake_start(&self) {
        self.0.log("TLSHandshakeStart");
    }

    fn tls_handshake_done(&self, result: Result<&TlsInfo, &io::Error>) {
        self.0.log(match result {
            Ok(info) => Log::event("TLSHandshakeDone")
                .field("version", &info.version)
                .field("cipherSuite", &info.cipher_suite)
                .field("resumed", info.is_resumed),
            Err(error) => Self::failed("TLSHandshakeDone", error.to_string()),
        });
    }

    fn wrote_headers(&self) {
        self.0.log("WroteHeaders");
    }

    fn wrote_request(&self, error: Option<&Error>) {
        match error {
            None => self.0.log("WroteRequest"),
            Some(error) => {
                self.0.set_tag(tags::ERROR, true);
                self.0.log(Self::failed("WroteRequest", error.to_string()))
            }
        };
    }

    fn closed_body(&self) {
        self.0.log("ClosedBody");
    }
}
