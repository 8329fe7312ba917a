//! What a store must answer: a plain list of what was sent.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use spandrel_model::{Span, SpanId};
use spandrel_storage::{FoundTrace, NameRequest, ScanRequest, SpanStore, StoredSpan};
use testkit::seeded_span;

use super::questions::Question;
use super::subject::Subject;
use super::tenants;

/// The spans of the suite are spread over this many traces.
pub(super) const TRACE_ID_MAX: u64 = 32;

/// What is there of one span.
struct Kept {
    span: Span<'static>,
    /// How often it was sent since it was last deleted.
    copies: usize,
}

/// Which span of a trace has to start in the range that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    /// Any: such a trace may be visited, and must be when all of the store is in one place.
    AnySpan,
    /// One for each filter, which it meets: such a trace must be visited.
    SpanOfEachFilter,
}

/// The spans of each tenant, and the names that were ever there.
#[derive(Default)]
pub(super) struct Oracle {
    spans: BTreeMap<(usize, SpanId), Kept>,
    /// Spans that were deleted: their names may be told until their segments are rewritten.
    deleted: Vec<(usize, Span<'static>)>,
}

impl Oracle {
    pub(super) fn append(&mut self, tenant: usize, seeds: &[u64]) {
        for span in seeds.iter().map(|seed| seeded_span(*seed)) {
            let kept = self.spans.entry((tenant, span.span_id)).or_insert(Kept { span, copies: 0 });
            kept.copies += 1;
        }
    }

    pub(super) fn delete(&mut self, tenant: usize, low: u64) {
        let is_deleted = |(of, _): &(usize, SpanId), kept: &mut Kept| {
            *of == tenant && kept.span.trace_id.low() == low
        };
        let deleted = self.spans.extract_if(.., is_deleted);
        self.deleted.extend(deleted.map(|((of, _), kept)| (of, kept.span)));
    }

    /// The spans of a trace, each once.
    pub(super) fn distinct(&self, tenant: usize, low: u64) -> Vec<&Span<'static>> {
        self.spans_of(tenant).filter(|span| span.trace_id.low() == low).collect()
    }

    fn spans_of(&self, tenant: usize) -> impl Iterator<Item = &Span<'static>> {
        let of_tenant = self.spans.iter().filter(move |((of, _), _)| *of == tenant);
        of_tenant.map(|(_, kept)| &kept.span)
    }

    /// Checks the trace of every id; returns how many spans were compared, field by field.
    pub(super) fn check_traces(&self, tenant: usize, store: &dyn SpanStore) -> u64 {
        let mut compared = 0;
        for low in 0..=TRACE_ID_MAX {
            let found = store.trace(&tenants()[tenant], low).unwrap();
            self.check_spans(tenant, low, &found);
            compared += found.len() as u64;
        }
        compared
    }

    /// Checks that these are the spans of a trace: each as it was sent, at least once, and at
    /// most as often as it was sent.
    fn check_spans(&self, tenant: usize, low: u64, found: &[StoredSpan]) {
        let mut counts: BTreeMap<SpanId, usize> = BTreeMap::new();
        for span in found {
            let kept = self.spans.get(&(tenant, span.span_id));
            let kept = kept.unwrap_or_else(|| panic!("nobody sent, or it was deleted: {span:?}"));
            assert_eq!(kept.span, **span, "of trace {low}");
            assert_eq!(span.trace_id.low(), low);
            let count = counts.entry(span.span_id).or_default();
            *count += 1;
            assert!(*count <= kept.copies, "{count} of {} copies: {span:?}", kept.copies);
        }
        for span in self.distinct(tenant, low) {
            assert!(counts.contains_key(&span.span_id), "lost: {span:?}");
        }
    }

    /// Checks what a scan visits; returns how many traces that is.
    pub(super) fn check_scan(&self, tenant: usize, question: &Question, subject: &Subject) -> u64 {
        let request = question.request();
        let mut found: Vec<FoundTrace> = Vec::new();
        let visit = &mut |trace| {
            found.push(trace);
            let is_full = Some(found.len()) == question.limit;
            if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        subject.store().scan(&tenants()[tenant], &request, visit).unwrap();
        let may = self.scan(tenant, &request, Inside::AnySpan);
        let must = self.scan(tenant, &request, Inside::SpanOfEachFilter);
        let case = || format!("{request:?} of tenant {tenant}, on {subject:?}");
        let mut lows = Vec::new();
        for trace in &found {
            let low = trace.trace_id_low;
            assert!(!lows.contains(&low), "trace {low} is visited twice by {}", case());
            assert!(may.contains(&low), "trace {low} does not answer {}", case());
            self.check_spans(tenant, low, &trace.spans);
            lows.push(low);
        }
        match question.limit {
            Some(limit) if lows.len() == limit => {}
            _ => {
                let lost: Vec<_> = must.iter().filter(|low| !lows.contains(low)).collect();
                assert!(lost.is_empty(), "traces {lost:?} are not visited by {}", case());
            }
        }
        if subject.is_in_one_place() {
            let count = question.limit.unwrap_or(usize::MAX).min(may.len());
            assert_eq!(lows, may[..count], "another number or order by {}", case());
        }
        found.len() as u64
    }

    /// The traces that answer, the one with the latest start first.
    fn scan(&self, tenant: usize, request: &ScanRequest, inside: Inside) -> Vec<u64> {
        let is_inside = |span: &Span<'_>| match span.start_ns {
            None => request.start_min_ns.is_none(),
            Some(start) => {
                start >= request.start_min_ns.unwrap_or(0)
                    && start <= request.start_max_ns.unwrap_or(u64::MAX)
            }
        };
        let mut traces: BTreeMap<u64, Vec<&Span<'static>>> = BTreeMap::new();
        for span in self.spans_of(tenant) {
            traces.entry(span.trace_id.low()).or_default().push(span);
        }
        traces.retain(|_, spans| {
            let counts = |span: &Span<'_>| inside == Inside::AnySpan || is_inside(span);
            let meets = |filter: &spandrel_storage::SpanFilter| {
                spans.iter().any(|span| counts(span) && filter.matches(span))
            };
            spans.iter().any(|span| is_inside(span)) && request.filters.iter().all(meets)
        });
        let latest = |spans: &[&Span<'static>]| spans.iter().filter_map(|span| span.start_ns).max();
        let mut lows: Vec<u64> = traces.keys().copied().collect();
        lows.sort_by_key(|low| Reverse((latest(&traces[low]), *low)));
        lows
    }

    /// Checks every list of names.
    pub(super) fn check_names(&self, tenant: usize, store: &dyn SpanStore) {
        let mut requests = vec![NameRequest::Services];
        for service in ["", "frontend", "backend", "Backend", "missing"] {
            let service = service.to_owned();
            requests.push(NameRequest::SpanNames { service: service.clone() });
            requests.push(NameRequest::RemoteServices { service });
        }
        for wanted in requests {
            let found = store.names(&tenants()[tenant], &wanted).unwrap();
            assert!(found.is_sorted_by(|a, b| a < b), "{wanted:?}: {found:?}");
            let found: BTreeSet<String> = found.into_iter().collect();
            let due = names(self.spans_of(tenant), &wanted);
            let deleted = self.deleted.iter().filter(|(of, _)| *of == tenant);
            let deleted = names(deleted.map(|(_, span)| span), &wanted);
            assert!(due.is_subset(&found), "{wanted:?}: {found:?}, due {due:?}");
            let more: Vec<_> = found.iter().filter(|name| !due.contains(*name)).collect();
            assert!(more.iter().all(|name| deleted.contains(*name)), "{wanted:?}: {more:?}");
        }
    }
}

fn names<'s>(
    spans: impl Iterator<Item = &'s Span<'static>>,
    wanted: &NameRequest,
) -> BTreeSet<String> {
    let of = |span: &Span<'_>, service: &str| {
        span.service_name().is_some_and(|name| name.to_lowercase() == service)
    };
    let names = spans.filter_map(|span| match wanted {
        NameRequest::Services => span.service_name().map(str::to_owned),
        NameRequest::SpanNames { service } => of(span, service).then(|| span.name.to_string()),
        NameRequest::RemoteServices { service } => {
            span.remote_service_name().filter(|_| of(span, service)).map(str::to_owned)
        }
    });
    names.filter(|name| !name.is_empty()).collect()
}
