//! Which traces are exported, and in which order their spans come out.

use std::ops::ControlFlow;

use spandrel_model::Span;
use spandrel_storage::{
    Predicate, ReadError, ScanRequest, SpanFilter, SpanStore, StoredSpan, Tenant, TextTest,
};

/// Which traces are wanted: those of which some span is from the service, and some span starts in
/// the range. They come whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// The service in lower case.
    pub(crate) service: Option<String>,
    /// Earliest start in nanoseconds since 1970, included.
    pub(crate) start_min_ns: Option<u64>,
    /// Latest start in nanoseconds since 1970, included.
    pub(crate) start_max_ns: Option<u64>,
}

impl Selection {
    /// Whether every trace is wanted.
    pub(crate) fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Visits the spans of each trace, the newest trace first. The order of the spans depends on
    /// nothing but themselves, and each is there once: a store and its copy export the same.
    pub(crate) fn for_each_trace(
        &self,
        store: &dyn SpanStore,
        tenant: &Tenant,
        visit: &mut dyn FnMut(&[StoredSpan]) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        store.scan(tenant, &self.request(), &mut |found| {
            let mut spans = found.spans;
            if !self.holds(&spans) {
                return ControlFlow::Continue(());
            }
            spans.sort_by(|a, b| order(a, b));
            spans.dedup();
            visit(&spans)
        })
    }

    fn request(&self) -> ScanRequest {
        let of_service = |service: &String| SpanFilter {
            predicates: vec![Predicate::ServiceName(TextTest::EqualsFolded(service.clone()))],
        };
        ScanRequest {
            start_min_ns: self.start_min_ns,
            start_max_ns: self.start_max_ns,
            filters: self.service.iter().map(of_service).collect(),
        }
    }

    /// The store only prunes.
    fn holds(&self, spans: &[StoredSpan]) -> bool {
        let ScanRequest { start_min_ns, start_max_ns, filters } = self.request();
        let has_range = start_min_ns.is_some() || start_max_ns.is_some();
        let range = start_min_ns.unwrap_or(0)..=start_max_ns.unwrap_or(u64::MAX);
        let starts = |span: &StoredSpan| span.start_ns.is_some_and(|ns| range.contains(&ns));
        let is_met = |filter: &SpanFilter| spans.iter().any(|span| filter.matches(span));
        (!has_range || spans.iter().any(starts)) && filters.iter().all(is_met)
    }
}

/// By trace, then by service, which keeps equal resources together, then by start and id. Spans
/// that agree in all that are told apart by all that is in them.
fn order(a: &Span<'_>, b: &Span<'_>) -> std::cmp::Ordering {
    let key = |span: &Span<'_>| (span.start_ns, span.span_id, span.kind, span.is_shared);
    a.trace_id
        .cmp(&b.trace_id)
        .then_with(|| a.service_name().cmp(&b.service_name()))
        .then_with(|| key(a).cmp(&key(b)))
        .then_with(|| if a == b { std::cmp::Ordering::Equal } else { text(a).cmp(&text(b)) })
}

fn text(span: &Span<'_>) -> String {
    format!("{span:?}")
}
