//! A search for traces: an expression, a time range, a limit.

use std::ops::ControlFlow;

use spandrel_storage::{ReadError, ScanRequest, SpanStore, Tenant};

use crate::expression::Spanset;
use crate::traces::{StoredTrace, split_by_trace_id};

/// Which traces are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSearch {
    /// What a trace must answer.
    pub expression: Spanset,
    /// The earliest start of a trace in nanoseconds since 1970, included.
    pub start_min_ns: u64,
    /// The latest start of a trace in nanoseconds since 1970, included.
    pub start_max_ns: u64,
    /// How many traces at the most.
    pub limit: usize,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct SearchAnswer {
    /// The traces, newest first, each whole.
    pub traces: Vec<StoredTrace>,
    /// Whether the limit cut the answer: there may be older traces.
    pub is_cut: bool,
}

/// Searches a store. A trace without any start is never found: it can be read by its id only.
///
/// # Errors
///
/// Fails when the store can't be read.
pub fn search(
    store: &dyn SpanStore,
    tenant: &Tenant,
    search: &TraceSearch,
) -> Result<SearchAnswer, ReadError> {
    let window = search.start_min_ns..=search.start_max_ns;
    let request = ScanRequest {
        start_min_ns: Some(search.start_min_ns),
        start_max_ns: Some(search.start_max_ns),
        filters: search.expression.necessary_filters(),
    };
    let mut answer = SearchAnswer { traces: Vec::new(), is_cut: false };
    store.scan(tenant, &request, &mut |found| {
        for trace in split_by_trace_id(found.spans) {
            let is_inside = trace.start_ns().is_some_and(|start_ns| window.contains(&start_ns));
            if !is_inside || !search.expression.is_answered_by(&as_spans(&trace)) {
                continue;
            }
            if answer.traces.len() >= search.limit {
                answer.is_cut = true;
                return ControlFlow::Break(());
            }
            answer.traces.push(trace);
        }
        ControlFlow::Continue(())
    })?;
    Ok(answer)
}

fn as_spans(trace: &StoredTrace) -> Vec<&spandrel_model::Span<'static>> {
    trace.spans.iter().map(AsRef::as_ref).collect()
}
