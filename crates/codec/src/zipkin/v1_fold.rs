//! How v1 tells a span: the kind as annotations, the remote endpoint as a binary annotation.
//!
//! It starts from what v2 can say of the span. Nothing here writes bytes.

use spandrel_model::{Span, SpanKind};

use super::fold::{Folded, FoldedEndpoint};
use super::scratch::NS_PER_US;

/// One span as v1 tells it.
pub(super) struct V1Folded<'s> {
    /// The names, tags and plain annotations.
    pub(super) v2: Folded<'s>,
    /// Zero where it is absent; a shared span leaves it to the half that made the id.
    pub(super) timestamp_us: u64,
    /// Zero where it is absent.
    pub(super) duration_us: u64,
    /// The core annotations, as time and name.
    pub(super) cores: [Option<(u64, &'static str)>; 2],
    /// The key of the address annotation of the remote endpoint.
    pub(super) address_key: &'static str,
}

impl<'s> V1Folded<'s> {
    /// Folds a span.
    pub(super) fn new(span: &'s Span<'s>) -> Self {
        let v2 = Folded::new(span);
        let (begin, end, address_key) = match span.kind {
            Some(SpanKind::Client) => (Some("cs"), Some("cr"), "sa"),
            Some(SpanKind::Server) => (Some("sr"), Some("ss"), "ca"),
            Some(SpanKind::Producer) => (Some("ms"), Some("ws"), "ma"),
            // What takes no time only receives: `wr` begins a receiving that `mr` ends.
            Some(SpanKind::Consumer) if v2.duration_us == 0 => (Some("mr"), None, "ma"),
            Some(SpanKind::Consumer) => (Some("wr"), Some("mr"), "ma"),
            Some(SpanKind::Internal) | None => (None, None, "sa"),
        };
        let begin_us = Some(v2.timestamp_us).filter(|us| *us > 0);
        // An end that no reader could hold is left to the span's own duration.
        let end_us = begin_us
            .filter(|_| v2.duration_us > 0)
            .map(|us| us + v2.duration_us)
            .filter(|us| *us <= u64::MAX / NS_PER_US);
        let is_timed_by_cores = v2.is_shared && begin.is_some();
        Self {
            timestamp_us: if is_timed_by_cores { 0 } else { v2.timestamp_us },
            duration_us: if is_timed_by_cores { 0 } else { v2.duration_us },
            cores: [begin_us.zip(begin), end_us.zip(end)],
            address_key,
            v2,
        }
    }

    /// The endpoint that stands at everything the span's own service recorded.
    pub(super) fn host(&self) -> Option<&FoldedEndpoint<'s>> {
        Some(&self.v2.local).filter(|local| !local.is_empty())
    }

    /// The remote endpoint.
    pub(super) fn address(&self) -> Option<&FoldedEndpoint<'s>> {
        Some(&self.v2.remote).filter(|remote| !remote.is_empty())
    }

    /// The core annotations and the plain ones, as time and text.
    pub(super) fn annotations(&self) -> impl Iterator<Item = (u64, &str)> {
        let cores = self.cores.iter().flatten().copied();
        cores.chain(self.v2.annotations.iter().map(|(time_us, value)| (*time_us, &**value)))
    }

    /// Whether an empty `lc` is needed, because nothing else names the local endpoint.
    pub(super) fn needs_marker(&self) -> bool {
        self.host().is_some() && self.annotations().next().is_none() && self.v2.tags.is_empty()
    }
}
