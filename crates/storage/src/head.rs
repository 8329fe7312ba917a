//! The head: the newest spans, in memory, searchable at once.
//!
//! It is bounded by what its callers reserve before they insert, and evicts nothing. It is cut
//! into shards by trace id, so that readers and the writer seldom wait for each other; no lock
//! is held while a caller looks at what was found.

mod names;
mod scan;
mod shard;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use spandrel_model::Span;

use crate::budget::{Account, Reservation};
use crate::store::{FoundTrace, NameRequest, ScanRequest, StoredSpan};
use crate::tenant::Tenant;
use names::NameIndex;
use scan::Scan;
use shard::Shard;

/// Into how many parts the head is cut.
const SHARD_COUNT: usize = 16;

/// Spans in memory, by tenant and trace.
#[derive(Debug)]
pub(crate) struct Head {
    shards: [RwLock<Shard>; SHARD_COUNT],
    names: RwLock<NameIndex>,
    account: Arc<Account>,
    held: Mutex<Option<Reservation>>,
    span_count: AtomicU64,
    trace_count: AtomicU64,
}

impl Head {
    /// Makes an empty head whose index, not its spans, is charged to `account` as it grows.
    pub(crate) fn new(account: Arc<Account>) -> Self {
        Self {
            shards: Default::default(),
            names: RwLock::default(),
            account,
            held: Mutex::new(None),
            span_count: AtomicU64::new(0),
            trace_count: AtomicU64::new(0),
        }
    }

    /// Puts spans where they are found, in their order. `held` pays for them from now on.
    pub(crate) fn insert(&self, tenant: &Tenant, spans: Vec<Span<'static>>, held: Reservation) {
        let count = spans.len() as u64;
        let mut index_len = write(&self.names).insert(tenant, &spans);
        let mut trace_count = 0;
        for span in spans {
            let shard = &self.shards[shard_index(span.trace_id.low())];
            let grown = write(shard).insert(tenant, Arc::new(span));
            index_len += grown.len;
            trace_count += u64::from(grown.is_new_trace);
        }
        self.span_count.fetch_add(count, Ordering::Relaxed);
        self.trace_count.fetch_add(trace_count, Ordering::Relaxed);
        self.hold(held);
        if index_len > 0 {
            // What the index takes is known only now, when the spans are acknowledged or about
            // to be, so it may pass the limit by what one group brings.
            self.hold(self.account.reserve_regardless(index_len));
        }
    }

    fn hold(&self, reservation: Reservation) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut() {
            Some(held) => held.absorb(reservation),
            None => *held = Some(reservation),
        }
    }

    /// See [`crate::SpanStore::trace`].
    pub(crate) fn trace(&self, tenant: &Tenant, trace_id_low: u64) -> Vec<StoredSpan> {
        read(&self.shards[shard_index(trace_id_low)]).trace(tenant, trace_id_low)
    }

    /// See [`crate::SpanStore::scan`].
    pub(crate) fn scan(
        &self,
        tenant: &Tenant,
        request: &ScanRequest,
        visit: &mut dyn FnMut(FoundTrace) -> ControlFlow<()>,
    ) {
        Scan::new(&self.shards, tenant, request).run(visit);
    }

    /// See [`crate::SpanStore::names`].
    pub(crate) fn names(&self, tenant: &Tenant, wanted: &NameRequest) -> Vec<String> {
        read(&self.names).list(tenant, wanted)
    }

    /// How many spans it holds.
    pub(crate) fn span_count(&self) -> u64 {
        self.span_count.load(Ordering::Relaxed)
    }

    /// How many traces it holds.
    pub(crate) fn trace_count(&self) -> u64 {
        self.trace_count.load(Ordering::Relaxed)
    }
}

/// The shard of a trace. Senders choose trace ids, and some count them up from one, so the bits
/// are mixed before they are cut.
fn shard_index(trace_id_low: u64) -> usize {
    (trace_id_low.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as usize % SHARD_COUNT
}

// A thread that panicked under a lock left a whole structure behind: every change is one call
// into a collection. Going on serves the rest.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
