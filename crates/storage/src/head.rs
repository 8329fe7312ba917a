//! The head: the newest spans, as columns in memory, searchable at once.
//!
//! It is bounded by what its callers reserve before they insert, and evicts nothing. Rows leave
//! it by a flush, which others write to a segment; to its readers a span is in the head or in
//! that segment, at any time in exactly one of them. No lock is held while a caller looks at
//! spans that were found.

mod chunks;
mod flush;
mod names;
mod pointer;
mod search;
mod tenant;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::LogPosition;
use crate::batch::SpanBatch;
use crate::budget::{Account, Reservation};
use crate::columns::Request;
use crate::tenant::Tenant;
pub(crate) use chunks::ChunkBounds;
use flush::{Carried, Covered};
pub(crate) use flush::{FlushPlan, FlushPolicy};
pub(crate) use search::HeadChunks;
pub(crate) use tenant::TenantHead;
pub(crate) use trace::TraceRows;

/// Spans in memory, by tenant and trace.
#[derive(Debug)]
pub(crate) struct Head {
    tenants: RwLock<BTreeMap<Tenant, Arc<RwLock<TenantHead>>>>,
    account: Arc<Account>,
    seed: u64,
}

impl Head {
    /// Makes an empty head that pays from `account` for what it holds. `seed` must be a number
    /// that no sender can know; no answer depends on it.
    pub(crate) fn new(account: Arc<Account>, seed: u64) -> Self {
        Self { tenants: RwLock::default(), account, seed }
    }

    /// Puts spans where they are found, all at once, in their order.
    ///
    /// `charge` is what was set aside for them. What they take in here is charged in its place:
    /// past the limit if need be, as they are acknowledged by now or about to be.
    pub(crate) fn insert(
        &self,
        tenant: &Tenant,
        spans: &SpanBatch,
        request: Request,
        charge: Reservation,
    ) {
        if spans.is_empty() {
            return;
        }
        let of_tenant = self.of(tenant).unwrap_or_else(|| self.begin(tenant));
        write(&of_tenant).insert(spans, request, charge);
    }

    fn of(&self, tenant: &Tenant) -> Option<Arc<RwLock<TenantHead>>> {
        read(&self.tenants).get(tenant).cloned()
    }

    fn begin(&self, tenant: &Tenant) -> Arc<RwLock<TenantHead>> {
        let nothing = self.account.reserve_regardless(0);
        let empty = || Arc::new(RwLock::new(TenantHead::new(self.seed, nothing)));
        Arc::clone(write(&self.tenants).entry(tenant.clone()).or_insert_with(empty))
    }

    /// Shows a tenant's chunks and traces, as of one instant, while nothing changes in there.
    ///
    /// What `look` takes along of the segments is of the same instant.
    pub(crate) fn view<R>(
        &self,
        tenant: &Tenant,
        look: impl FnOnce(Option<&TenantHead>) -> R,
    ) -> R {
        match self.of(tenant) {
            Some(of_tenant) => look(Some(&*read(&of_tenant))),
            None => look(None),
        }
    }

    /// The tenants that have or had spans.
    pub(crate) fn tenants(&self) -> Vec<Tenant> {
        read(&self.tenants).keys().cloned().collect()
    }

    /// Hides a trace at once; returns how many spans it had. If a flush of them is open, they
    /// are in its segment nevertheless, where the caller must hide them too.
    pub(crate) fn remove_trace(&self, tenant: &Tenant, trace_id_low: u64) -> u64 {
        self.of(tenant).map_or(0, |of_tenant| write(&of_tenant).remove_trace(trace_id_low))
    }

    /// Picks the traces that may leave the head by now; `None` when there are none, or while
    /// another flush of the tenant's is open.
    pub(crate) fn plan_flush(
        &self,
        tenant: &Tenant,
        now_ns: u64,
        policy: FlushPolicy,
    ) -> Option<FlushPlan> {
        let of_tenant = self.of(tenant)?;
        let covered = Covered::take(&mut write(&of_tenant), now_ns, policy)?;
        Some(FlushPlan::new(tenant.clone(), covered, now_ns, policy))
    }

    /// Takes the traces of a plan out, now that they are kept elsewhere. `swap` makes them found
    /// there: no reader sees the one without the other.
    pub(crate) fn finish_flush(&self, plan: FlushPlan, swap: impl FnOnce()) {
        let Some(of_tenant) = self.of(plan.tenant()) else { return swap() };
        let carried = Carried::copy(&plan, self.seed);
        // Both are held until the old chunks go.
        let copied = self.account.reserve_regardless(carried.byte_len());
        {
            let mut head = write(&of_tenant);
            head.finish_flush(&plan, carried);
            swap();
        }
        // The chunks are given back here, not under the lock.
        drop(plan);
        drop(copied);
    }

    /// Leaves the traces of a plan where they are.
    pub(crate) fn abandon_flush(&self, plan: FlushPlan) {
        if let Some(of_tenant) = self.of(plan.tenant()) {
            write(&of_tenant).abandon_flush();
        }
    }

    /// The oldest place in the log of which a row is still held: older records are not needed
    /// any more.
    pub(crate) fn oldest_log_position(&self) -> Option<LogPosition> {
        self.oldest(|bounds| bounds.log.map(|(oldest, _)| oldest))
    }

    fn oldest<T: Ord>(&self, of: impl Fn(&ChunkBounds) -> Option<T>) -> Option<T> {
        let of_tenant = |head: &RwLock<TenantHead>| {
            let head = read(head);
            let sealed = head.sealed.iter().map(|chunk| &chunk.bounds);
            sealed.chain([&head.active.bounds]).filter_map(&of).min()
        };
        let tenants = read(&self.tenants);
        tenants.values().filter_map(|head| of_tenant(head)).min()
    }

    /// How many spans it holds.
    pub(crate) fn span_count(&self) -> u64 {
        self.sum(|head| head.span_count)
    }

    /// How many spans it holds of a tenant.
    pub(crate) fn span_count_of(&self, tenant: &Tenant) -> u64 {
        self.of(tenant).map_or(0, |of_tenant| read(&of_tenant).span_count)
    }

    /// How many traces it holds.
    pub(crate) fn trace_count(&self) -> u64 {
        self.sum(|head| head.index.len() as u64)
    }

    fn sum(&self, of: impl Fn(&TenantHead) -> u64) -> u64 {
        read(&self.tenants).values().map(|head| of(&read(head))).sum()
    }
}

// A thread that panicked under a lock stopped the log's thread or a flush with it; what it left
// is served as far as it goes.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
