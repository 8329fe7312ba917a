//! The head as a scan sees it: chunks that are searched one after the other, the newest first.

use std::collections::HashSet;
use std::sync::Arc;

use super::Head;
use super::tenant::TenantHead;
use crate::columns::Chunk;
use crate::predicate::SpanFilter;
use crate::reads::HeadGroups;
use crate::search::{Candidate, Plan};
use crate::tenant::Tenant;

/// The chunks of one tenant as of the instant at which a scan begins.
#[derive(Debug)]
pub(crate) struct HeadChunks<'h> {
    head: &'h Head,
    tenant: &'h Tenant,
    filter: SpanFilter,
    sealed: Vec<(Arc<Chunk>, Option<u64>)>,
    /// The active chunk changes, so it is searched when this is made: its traces that may
    /// answer, and the latest start of its rows.
    active: Vec<Candidate>,
    active_bound: Option<u64>,
    flush_count: u64,
}

impl<'h> HeadChunks<'h> {
    /// Takes what a scan needs along; `of_tenant` is the tenant's head, under its lock.
    pub(crate) fn take(
        head: &'h Head,
        tenant: &'h Tenant,
        filter: SpanFilter,
        of_tenant: Option<&TenantHead>,
    ) -> Self {
        let (mut sealed, mut active) = (Vec::new(), Vec::new());
        let mut active_bound = None;
        let flush_count = of_tenant.map_or(0, |of_tenant| of_tenant.flush_count);
        if let Some(of_tenant) = of_tenant {
            let latest = |bounds: &super::ChunkBounds| bounds.start_ns.map(|(_, latest)| latest);
            let chunk = |chunk: &super::chunks::SealedChunk| {
                (Arc::clone(&chunk.chunk), latest(&chunk.bounds))
            };
            sealed = of_tenant.sealed().iter().map(chunk).collect();
            for low in traces_in(of_tenant.active(), &filter) {
                active.extend(candidate(of_tenant, low));
            }
            active_bound = active.iter().filter_map(|found| found.latest_start_ns).max();
        }
        Self { head, tenant, filter, sealed, active, active_bound, flush_count }
    }
}

impl HeadGroups for HeadChunks<'_> {
    fn bounds(&self) -> Vec<Option<u64>> {
        let sealed = self.sealed.iter().map(|(_, bound)| *bound);
        sealed.chain([self.active_bound]).collect()
    }

    fn search(&mut self, group: u32, found: &mut Vec<Candidate>) {
        let Some((chunk, _)) = self.sealed.get(group as usize) else {
            return found.append(&mut self.active);
        };
        let traces = traces_in(chunk, &self.filter);
        self.head.view(self.tenant, |of_tenant| {
            // What left the head since the scan began is in a segment that the scan does not
            // know; its rows are still in the chunk, and the trace is looked up whole.
            let unknown = |low| Candidate {
                trace_id_low: low,
                latest_start_ns: self.sealed[group as usize].1,
                is_whole: false,
            };
            let of_trace = |low| of_tenant.and_then(|head| candidate(head, low));
            found.extend(
                traces.into_iter().map(|low| of_trace(low).unwrap_or_else(|| unknown(low))),
            );
        });
    }

    fn has_trace(&self, trace_id_low: u64) -> bool {
        // What has left the head since the scan began is not known any more: it may have.
        let has = |head: &TenantHead| {
            head.flush_count != self.flush_count || head.has_trace(trace_id_low)
        };
        self.head.view(self.tenant, |head| head.is_some_and(has))
    }
}

/// The traces with rows in a chunk that may meet a filter, each once.
fn traces_in(chunk: &Chunk, filter: &SpanFilter) -> Vec<u64> {
    let plan = Plan::new(filter, chunk);
    if plan.is_never() {
        return Vec::new();
    }
    let selection = plan.select_in_chunk(chunk);
    let mut seen = HashSet::new();
    let lows = selection.rows.rows().map(|row| chunk.rows.trace_low[row]);
    lows.filter(|low| seen.insert(*low)).collect()
}

fn candidate(head: &TenantHead, trace_id_low: u64) -> Option<Candidate> {
    head.has_trace(trace_id_low).then(|| Candidate {
        trace_id_low,
        latest_start_ns: head.latest_start_ns(trace_id_low),
        is_whole: false,
    })
}
