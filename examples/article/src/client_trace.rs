//! A trace made by hand: what the article shows before it lets a library do the work.

use spandrel::{Log, SpanRef};
use spandrel_http::{ClientTrace, DnsDoneInfo, DnsStartInfo};

/// Logs on a span when the name of a host is looked up. All other hooks are left alone.
#[derive(Clone, Debug)]
pub struct NewClientTrace {
    span: SpanRef,
}

impl NewClientTrace {
    /// Makes a trace that logs on this span.
    #[must_use]
    pub fn new(span: &SpanRef) -> Self {
        Self { span: span.clone() }
    }
}

impl ClientTrace for NewClientTrace {
    fn dns_start(&self, info: &DnsStartInfo<'_>) {
        self.span.log(Log::event("DNS start").field("主机", info.host));
    }

    fn dns_done(&self, _: &DnsDoneInfo<'_>) {
        self.span.log("DNS done");
    }
}
