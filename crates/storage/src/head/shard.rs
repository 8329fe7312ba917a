//! One shard of the head: traces by id, and their ids by time.

use std::collections::{BTreeSet, HashMap};
use std::mem::size_of;
use std::ops::Bound;

use spandrel_model::Span;

use crate::store::{FoundTrace, ScanRequest, StoredSpan};
use crate::tenant::Tenant;

/// What one trace takes besides its spans: its place in two maps that are three quarters full,
/// and the first four places of its list.
const TRACE_LEN: u64 = (size_of::<(u64, Trace)>() + size_of::<(u64, u64)>()) as u64 * 4 / 3 + 4 * 8;

/// A part of the traces of every tenant.
#[derive(Debug, Default)]
pub(super) struct Shard {
    tenants: HashMap<Tenant, Traces>,
}

/// A part of one tenant's traces.
#[derive(Debug, Default)]
struct Traces {
    by_id: HashMap<u64, Trace>,
    /// The latest start of each trace that has any, with its id.
    by_start: BTreeSet<(u64, u64)>,
    without_start: BTreeSet<u64>,
    /// How often a trace changed its place in the order.
    moves: u64,
}

#[derive(Debug, Default)]
struct Trace {
    spans: Vec<StoredSpan>,
    latest_start_ns: Option<u64>,
}

/// What an insertion added to the index.
pub(super) struct Grown {
    /// In bytes.
    pub(super) len: u64,
    /// Whether the trace is new.
    pub(super) is_new_trace: bool,
}

/// Where a trace stands in the order of a scan; greater is visited earlier, so that those
/// without a start come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Its latest start.
    pub(super) start_ns: Option<u64>,
    /// The low 64 bits of its id.
    pub(super) trace_id_low: u64,
}

impl Shard {
    pub(super) fn insert(&mut self, tenant: &Tenant, span: StoredSpan) -> Grown {
        match self.tenants.get_mut(tenant) {
            Some(traces) => traces.insert(span),
            None => self.tenants.entry(tenant.clone()).or_default().insert(span),
        }
    }

    pub(super) fn trace(&self, tenant: &Tenant, trace_id_low: u64) -> Vec<StoredSpan> {
        let trace = self.tenants.get(tenant).and_then(|traces| traces.by_id.get(&trace_id_low));
        trace.map_or_else(Vec::new, |trace| trace.spans.clone())
    }

    /// How often a trace of the tenant changed its place in the order.
    pub(super) fn moves(&self, tenant: &Tenant) -> u64 {
        self.tenants.get(tenant).map_or(0, |traces| traces.moves)
    }

    /// Collects up to `count_max` traces that stand behind `after` in the order and of which a
    /// span starts in the request's range, with their places.
    pub(super) fn collect(
        &self,
        tenant: &Tenant,
        request: &ScanRequest,
        after: Option<Place>,
        count_max: usize,
    ) -> Vec<(Place, FoundTrace)> {
        let Some(traces) = self.tenants.get(tenant) else { return Vec::new() };
        let places = traces.places_behind(after, request.start_min_ns);
        let found = places.filter_map(|place| Some((place, traces.find(place, request)?)));
        found.take(count_max).collect()
    }
}

impl Traces {
    fn insert(&mut self, span: StoredSpan) -> Grown {
        let trace_id_low = span.trace_id.low();
        let trace = self.by_id.entry(trace_id_low).or_default();
        let is_new_trace = trace.spans.is_empty();
        let before = trace.latest_start_ns;
        let after = before.max(span.start_ns);
        trace.latest_start_ns = after;
        trace.spans.push(span);
        if is_new_trace || before != after {
            match before {
                Some(start_ns) => self.by_start.remove(&(start_ns, trace_id_low)),
                None => self.without_start.remove(&trace_id_low),
            };
            match after {
                Some(start_ns) => self.by_start.insert((start_ns, trace_id_low)),
                None => self.without_start.insert(trace_id_low),
            };
            self.moves += u64::from(!is_new_trace);
        }
        Grown { len: if is_new_trace { TRACE_LEN } else { 0 }, is_new_trace }
    }

    /// The places behind `after`, in the order of a scan. A trace whose latest start is before
    /// `start_min_ns` has no span in the range; one whose latest is behind the range may.
    fn places_behind(
        &self,
        after: Option<Place>,
        start_min_ns: Option<u64>,
    ) -> impl Iterator<Item = Place> {
        let place = |start_ns, trace_id_low| Place { start_ns, trace_id_low };
        let lowest = Bound::Included((start_min_ns.unwrap_or(0), 0));
        let started = match after {
            None => Some(self.by_start.range((lowest, Bound::Unbounded))),
            Some(Place { start_ns: Some(start_ns), trace_id_low })
                if start_ns >= start_min_ns.unwrap_or(0) =>
            {
                let below = Bound::Excluded((start_ns, trace_id_low));
                // An empty range is one thing, a backward one another: the latter panics.
                ((start_ns, trace_id_low) != (start_min_ns.unwrap_or(0), 0))
                    .then(|| self.by_start.range((lowest, below)))
            }
            Some(_) => None,
        };
        let unstarted = match after {
            _ if start_min_ns.is_some() => None,
            Some(Place { start_ns: None, trace_id_low }) => {
                Some(self.without_start.range(..trace_id_low))
            }
            _ => Some(self.without_start.range(..)),
        };
        let started = started.into_iter().flat_map(Iterator::rev);
        let unstarted = unstarted.into_iter().flat_map(Iterator::rev);
        started
            .map(move |(start_ns, id)| place(Some(*start_ns), *id))
            .chain(unstarted.map(move |id| place(None, *id)))
    }

    fn find(&self, place: Place, request: &ScanRequest) -> Option<FoundTrace> {
        let trace = self.by_id.get(&place.trace_id_low)?;
        let is_inside = |span: &Span<'_>| match span.start_ns {
            Some(start_ns) => {
                request.start_min_ns.is_none_or(|min_ns| start_ns >= min_ns)
                    && request.start_max_ns.is_none_or(|max_ns| start_ns <= max_ns)
            }
            None => request.start_min_ns.is_none(),
        };
        trace
            .spans
            .iter()
            .any(|span| is_inside(span))
            .then(|| FoundTrace { trace_id_low: place.trace_id_low, spans: trace.spans.clone() })
    }
}
