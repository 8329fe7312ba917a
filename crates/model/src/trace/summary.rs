//! A trace in one line of a list.

use std::collections::{BTreeMap, BTreeSet};

use super::Trace;
use crate::{Span, TraceId};

/// What a list says of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The trace.
    pub trace_id: TraceId,
    /// The service that began it, when it is known.
    pub root_service: Option<String>,
    /// The operation that began it, when it is known.
    pub root_name: Option<String>,
    /// When it began: see [`Trace::start_ns`].
    pub start_ns: Option<u64>,
    /// From the earliest start to the latest end; `None` when no span has a start.
    pub duration_ns: Option<u64>,
    /// How many rows it has: see [`Trace::rows`].
    pub span_count: usize,
    /// How many rows have a half that failed.
    pub error_count: usize,
    /// The services by name, each with the number of rows in which it takes part.
    pub services: Vec<(String, usize)>,
}

pub(super) fn summarize(trace: &Trace) -> Summary {
    let rows = trace.rows();
    let mut error_count = 0;
    let mut services: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        let halves = || row.spans.iter().filter_map(|&half| trace.spans().get(half));
        error_count += usize::from(halves().any(Span::is_error));
        let taking_part: BTreeSet<&str> = halves().filter_map(Span::service_name).collect();
        for service in taking_part {
            *services.entry(service).or_default() += 1;
        }
    }
    let root = root(trace);
    Summary {
        trace_id: trace.trace_id(),
        root_service: root.and_then(Span::service_name).map(str::to_owned),
        root_name: root.filter(|root| !root.name.is_empty()).map(|root| root.name.to_string()),
        start_ns: trace.start_ns(),
        duration_ns: duration_ns(trace.spans()),
        span_count: rows.len(),
        error_count,
        services: services.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
    }
}

/// The root of the tree, or else a server half that was told no parent: a proxy at the edge
/// marks itself shared with a client that is not traced, and the trace begins with it.
fn root(trace: &Trace) -> Option<&Span<'static>> {
    match trace.tree().root() {
        Some(root) => trace.spans().get(root),
        None => trace.spans().iter().find(|span| span.parent_id.is_none()),
    }
}

fn duration_ns(spans: &[Span<'static>]) -> Option<u64> {
    let first = spans.iter().filter_map(|span| span.start_ns).min()?;
    let last = spans.iter().filter_map(|span| span.end_ns().or(span.start_ns)).max()?;
    Some(last.saturating_sub(first))
}
