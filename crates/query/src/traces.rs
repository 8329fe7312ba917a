//! Stored spans, grouped into traces as a reader wants them.
//!
//! Spans stay as they were received, except that an exact repetition, which a sender's retry
//! leaves behind, is shown once.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use spandrel_model::trace::{DependencyLink, Trace, sum_links};
use spandrel_model::{SpanId, TraceId};
use spandrel_storage::{ReadError, ScanRequest, SpanStore, StoredSpan, Tenant};

/// With how many different spans of one id a span is compared to see whether it repeats one.
/// Retries repeat a few; a broken client that gives a thousand spans one id must not make
/// reading its trace a million comparisons.
const SAME_ID_COMPARED_MAX: usize = 16;

/// How many links are gathered before they are summed up, which bounds the memory they take.
const UNSUMMED_LINKS_MAX: usize = 4_096;

/// The spans of one trace id, in the order of arrival, each once.
#[derive(Clone, Debug)]
pub struct StoredTrace {
    /// The id that all the spans have.
    pub trace_id: TraceId,
    /// The spans; never empty.
    pub spans: Vec<StoredSpan>,
}

impl StoredTrace {
    /// Returns the trace's timestamp by Zipkin's rule: that of the first span without a parent
    /// that has one, else the smallest of all.
    #[must_use]
    pub fn start_ns(&self) -> Option<u64> {
        let root_start_ns = |span: &StoredSpan| match span.parent_id {
            None => span.start_ns,
            Some(_) => None,
        };
        let smallest = || self.spans.iter().filter_map(|span| span.start_ns).min();
        self.spans.iter().find_map(root_start_ns).or_else(smallest)
    }

    /// Merges the spans and hangs them as a tree.
    #[must_use]
    pub fn assemble(&self) -> Option<Trace> {
        Trace::assemble(self.spans.iter().map(|span| (**span).clone()).collect())
    }
}

/// Splits spans that share the low half of a trace id by the whole id, in order of the ids, and
/// folds exact repetitions.
pub(crate) fn split_by_trace_id(spans: Vec<StoredSpan>) -> Vec<StoredTrace> {
    let mut traces: BTreeMap<TraceId, Vec<StoredSpan>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace_id).or_default().push(span);
    }
    let fold = |(trace_id, spans)| StoredTrace { trace_id, spans: fold_repetitions(spans) };
    traces.into_iter().map(fold).collect()
}

fn fold_repetitions(spans: Vec<StoredSpan>) -> Vec<StoredSpan> {
    let mut kept: Vec<StoredSpan> = Vec::with_capacity(spans.len());
    let mut kept_by_id: HashMap<SpanId, Vec<usize>> = HashMap::with_capacity(spans.len());
    for span in spans {
        let same_id = kept_by_id.entry(span.span_id).or_default();
        if !same_id.iter().any(|index| kept.get(*index) == Some(&span)) {
            if same_id.len() < SAME_ID_COMPARED_MAX {
                same_id.push(kept.len());
            }
            kept.push(span);
        }
    }
    kept
}

/// Returns the trace with exactly this id.
///
/// # Errors
///
/// Fails when the store can't be read.
pub fn find_trace(
    store: &dyn SpanStore,
    tenant: &Tenant,
    trace_id: TraceId,
) -> Result<Option<StoredTrace>, ReadError> {
    let spans = store.trace(tenant, trace_id.low())?;
    Ok(split_by_trace_id(spans).into_iter().find(|trace| trace.trace_id == trace_id))
}

/// Returns the calls between services in the traces that start inside the window (nanoseconds
/// since 1970, both ends included), summed by caller and callee.
///
/// # Errors
///
/// Fails when the store can't be read.
pub fn dependencies(
    store: &dyn SpanStore,
    tenant: &Tenant,
    start_min_ns: u64,
    start_max_ns: u64,
) -> Result<Vec<DependencyLink>, ReadError> {
    let window = start_min_ns..=start_max_ns;
    let request = ScanRequest {
        start_min_ns: Some(start_min_ns),
        start_max_ns: Some(start_max_ns),
        filters: Vec::new(),
    };
    let mut links = Vec::new();
    store.scan(tenant, &request, &mut |found| {
        // Halves of one call may carry ids of 64 and of 128 bits; links ignore the high half.
        let trace = StoredTrace::of_low_half(found.spans);
        if let Some(trace) = trace
            && trace.start_ns().is_some_and(|start_ns| window.contains(&start_ns))
            && let Some(assembled) = trace.assemble()
        {
            links.extend(assembled.dependency_links());
            if links.len() > UNSUMMED_LINKS_MAX {
                links = sum_links(std::mem::take(&mut links));
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(sum_links(links))
}

impl StoredTrace {
    fn of_low_half(spans: Vec<StoredSpan>) -> Option<Self> {
        let trace_id = spans.iter().map(|span| span.trace_id).max()?;
        Some(Self { trace_id, spans: fold_repetitions(spans) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_model::Span;
    use std::sync::Arc;

    fn span(trace_id: u128, span_id: u64) -> Span<'static> {
        Span::new(TraceId::new(trace_id).unwrap(), SpanId::new(span_id).unwrap())
    }

    #[test]
    fn a_retry_is_shown_once_and_a_changed_span_twice() {
        let mut changed = span(1, 1);
        changed.duration_ns = Some(5);
        let received = [span(1, 1), span(1, 2), span(1, 1), changed.clone(), changed.clone()];
        let traces = split_by_trace_id(received.into_iter().map(Arc::new).collect());
        let shown: Vec<_> = traces[0].spans.iter().map(|span| (**span).clone()).collect();
        assert_eq!(shown, [span(1, 1), span(1, 2), changed]);
    }

    #[test]
    fn traces_that_share_only_the_low_half_stay_apart() {
        let received = [span(7, 1), span((9 << 64) | 7, 2), span(7, 3)];
        let traces = split_by_trace_id(received.into_iter().map(Arc::new).collect());
        let counts: Vec<_> = traces.iter().map(|trace| trace.spans.len()).collect();
        assert_eq!(counts, [2, 1]);
    }

    #[test]
    fn the_first_root_with_a_start_dates_the_trace() {
        let timed = |span_id, parent_id, start_ns| {
            let mut span = span(1, span_id);
            span.parent_id = parent_id;
            span.start_ns = start_ns;
            Arc::new(span)
        };
        let parent = SpanId::new(1);
        let dated = |spans| StoredTrace { trace_id: TraceId::new(1).unwrap(), spans }.start_ns();
        assert_eq!(dated(vec![timed(2, parent, Some(5)), timed(1, None, Some(9))]), Some(9));
        assert_eq!(dated(vec![timed(2, parent, Some(5)), timed(1, None, None)]), Some(5));
        assert_eq!(dated(vec![timed(1, None, None)]), None);
    }
}
