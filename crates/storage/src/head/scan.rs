//! A scan of the head: the shards' traces merged into one order, a few at a time.

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::RwLock;

use super::read;
use super::shard::{Place, Shard};
use crate::store::{FoundTrace, ScanRequest};
use crate::tenant::Tenant;

/// How many traces are taken out of a shard at once: so much may be cloned in vain when the
/// visitor breaks.
const COLLECT_COUNT: usize = 16;

/// How often the shards are gone through again for traces that moved ahead meanwhile. Each pass
/// visits only what no pass before it did, so a trace would have to move ahead in every one.
const PASS_COUNT_MAX: usize = 3;

/// One scan.
pub(super) struct Scan<'a> {
    shards: &'a [RwLock<Shard>],
    tenant: &'a Tenant,
    request: &'a ScanRequest,
    visited: HashSet<u64>,
}

/// What was taken out of one shard and is not visited yet.
#[derive(Default)]
struct Taken {
    waiting: VecDeque<(Place, FoundTrace)>,
    last: Option<Place>,
    is_exhausted: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(
        shards: &'a [RwLock<Shard>],
        tenant: &'a Tenant,
        request: &'a ScanRequest,
    ) -> Self {
        Self { shards, tenant, request, visited: HashSet::new() }
    }

    /// Visits every trace that passes, each once, until the visitor breaks.
    pub(super) fn run(mut self, visit: &mut dyn FnMut(FoundTrace) -> ControlFlow<()>) {
        for _ in 0..PASS_COUNT_MAX {
            let moves = self.moves();
            if self.pass(visit).is_break() || moves == self.moves() {
                return;
            }
        }
    }

    fn moves(&self) -> u64 {
        self.shards.iter().map(|shard| read(shard).moves(self.tenant)).sum()
    }

    fn pass(&mut self, visit: &mut dyn FnMut(FoundTrace) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut taken: Vec<Taken> = self.shards.iter().map(|_| Taken::default()).collect();
        loop {
            for (shard, taken) in self.shards.iter().zip(&mut taken) {
                self.refill(shard, taken);
            }
            let newest =
                taken.iter_mut().max_by_key(|taken| taken.waiting.front().map(|(place, _)| *place));
            let Some((_, trace)) = newest.and_then(|taken| taken.waiting.pop_front()) else {
                return ControlFlow::Continue(());
            };
            if self.passes(&trace) && self.visited.insert(trace.trace_id_low) {
                visit(trace)?;
            }
        }
    }

    fn refill(&self, shard: &RwLock<Shard>, taken: &mut Taken) {
        if !taken.waiting.is_empty() || taken.is_exhausted {
            return;
        }
        let found = read(shard).collect(self.tenant, self.request, taken.last, COLLECT_COUNT);
        taken.is_exhausted = found.len() < COLLECT_COUNT;
        taken.last = found.last().map(|(place, _)| *place);
        taken.waiting = found.into();
    }

    fn passes(&self, trace: &FoundTrace) -> bool {
        let is_met =
            |filter: &crate::SpanFilter| trace.spans.iter().any(|span| filter.matches(span));
        self.request.filters.iter().all(is_met)
    }
}
