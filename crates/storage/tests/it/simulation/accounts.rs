//! What a run of the whole engine sent, and what of it the store must, may or must not show.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use spandrel_model::{Span, SpanId};
use spandrel_storage::{StoredSpan, Tenant};
use testkit::seeded_span;

/// How many trace ids the spans of a run share.
pub(super) const TRACE_ID_MAX: u64 = 8;

/// How many different spans a run can send.
const POOL_LEN: usize = 2_048;

/// The spans that runs send: those of the first numbers whose traces have a low id.
pub(super) static POOL: LazyLock<Pool> = LazyLock::new(Pool::new);

pub(super) struct Pool {
    pub(super) seeds: Vec<u64>,
    lows: Vec<u64>,
    by_id: BTreeMap<SpanId, (usize, Arc<Span<'static>>)>,
}

/// What happens to segments by themselves in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// Nothing.
    Never,
    /// They go so long after their last arrival.
    Age(u64),
    /// They go when there are too many bytes.
    Len,
}

/// What is known of one span of one tenant.
#[derive(Clone, Copy, Debug, Default)]
struct Copies {
    /// How often it may be there: how often it was sent since it was last deleted.
    max: usize,
    /// Whether it must be there.
    is_due: bool,
    is_pinned: bool,
    last_arrival_ns: u64,
}

/// A batch that nobody acknowledged: the next start finds all of it or nothing.
struct Unsettled {
    tenant: usize,
    spans: Vec<usize>,
}

/// Everything that was sent in a run, by tenant and span.
pub(super) struct Accounts {
    spans: BTreeMap<(usize, usize), Copies>,
    unsettled: Vec<Unsettled>,
    expiry: Expiry,
    /// Whether what a start finds is durable from then on.
    is_durable: bool,
    next: usize,
}

impl Pool {
    fn new() -> Self {
        let spans = (0..).map(|seed| (seed, seeded_span(seed)));
        let low = spans.filter(|(_, span)| span.trace_id.low() <= TRACE_ID_MAX);
        let (seeds, spans): (Vec<u64>, Vec<_>) = low.take(POOL_LEN).unzip();
        let lows = spans.iter().map(|span| span.trace_id.low()).collect();
        let by_id = spans.into_iter().enumerate();
        let by_id = by_id.map(|(index, span)| (span.span_id, (index, Arc::new(span)))).collect();
        Self { seeds, lows, by_id }
    }

    fn low(&self, index: usize) -> u64 {
        self.lows[index]
    }
}

/// The tenants of a run.
pub(super) fn tenants() -> [Tenant; 2] {
    [Tenant::default(), Tenant::new("other").unwrap()]
}

impl Accounts {
    pub(super) fn new(expiry: Expiry, is_durable: bool) -> Self {
        let (spans, unsettled) = (BTreeMap::new(), Vec::new());
        Self { spans, unsettled, expiry, is_durable, next: 0 }
    }

    /// Takes `len` spans that were not sent before; fewer when there are no more.
    pub(super) fn fresh(&mut self, len: usize) -> Vec<usize> {
        let spans: Vec<usize> = (self.next..POOL_LEN.min(self.next + len)).collect();
        self.next += spans.len();
        spans
    }

    /// How many different spans were sent.
    pub(super) fn sent_count(&self) -> usize {
        self.next
    }

    /// Notes the outcome of an append.
    pub(super) fn settle(&mut self, tenant: usize, sent: &[usize], arrival_ns: u64, is_kept: bool) {
        let mut is_first = true;
        for index in sent {
            let copies = self.spans.entry((tenant, *index)).or_default();
            is_first &= copies.max == 0;
            copies.max += 1;
            copies.is_due |= is_kept;
            if is_kept {
                // What was refused gives nobody a right to find it for longer.
                copies.last_arrival_ns = arrival_ns;
            }
        }
        if !is_first {
            // What was sent again may be there without the rest of its first batch.
            let is_resent = |index: &usize| sent.contains(index);
            self.unsettled.retain(|b| b.tenant != tenant || !b.spans.iter().any(is_resent));
        } else if !is_kept {
            self.unsettled.push(Unsettled { tenant, spans: sent.to_vec() });
        }
    }

    /// What a loss of power may take of what was acknowledged.
    pub(super) fn excuse(&mut self, tenant: usize, sent: &[usize]) {
        for index in sent {
            if let Some(copies) = self.spans.get_mut(&(tenant, *index)) {
                copies.is_due = false;
            }
        }
    }

    /// Notes a deletion: what was there must be gone, or may be if the deletion failed.
    pub(super) fn delete(&mut self, tenant: usize, low: u64, is_done: bool) {
        for ((of, index), copies) in &mut self.spans {
            if *of == tenant && POOL.low(*index) == low {
                copies.max = if is_done { 0 } else { copies.max };
                (copies.is_due, copies.is_pinned) = (false, false);
            }
        }
        // A part of these may be gone now.
        self.unsettled.retain(|batch| {
            batch.tenant != tenant || batch.spans.iter().all(|index| POOL.low(*index) != low)
        });
    }

    /// Notes that retention must leave a trace's spans of now, or may take them.
    pub(super) fn pin(&mut self, tenant: usize, low: u64, is_pinned: bool) {
        for ((of, index), copies) in &mut self.spans {
            if *of == tenant && POOL.low(*index) == low {
                copies.is_pinned = is_pinned && copies.is_due;
            }
        }
    }

    /// Checks what a store shows of one trace; returns how many spans that is.
    pub(super) fn check_trace(
        &mut self,
        tenant: usize,
        low: u64,
        shown: &[StoredSpan],
        now_ns: u64,
    ) -> Result<usize, String> {
        let counts = self.count(tenant, low, shown)?;
        for ((of, index), copies) in &mut self.spans {
            if *of != tenant || POOL.low(*index) != low {
                continue;
            }
            let is_there = counts.contains_key(index);
            if copies.is_due && !is_there && self.expiry.may_have_taken(copies, now_ns) {
                copies.is_due = false;
            }
            if copies.is_due && !is_there {
                return Err(format!("span {index} of trace {low} is lost: {copies:?}"));
            }
        }
        Ok(shown.len())
    }

    /// Notes what a start found of one trace: that is there from now on, and nothing else. Where
    /// a process before had a sync that failed, what it did not acknowledge may still go with the
    /// power: it is not written anew, and no later sync tells.
    pub(super) fn resolve(
        &mut self,
        tenant: usize,
        low: u64,
        shown: &[StoredSpan],
        is_synced: bool,
    ) {
        if self.expiry != Expiry::Never {
            // The log may still hold what was taken with its segment.
            return;
        }
        let counts = self.count(tenant, low, shown).unwrap_or_default();
        for ((of, index), copies) in &mut self.spans {
            if *of == tenant && POOL.low(*index) == low {
                let count = counts.get(index).copied().unwrap_or(0);
                copies.max = count;
                copies.is_due |= count > 0 && self.is_durable && is_synced;
            }
        }
    }

    /// Checks that what nobody acknowledged came back whole or not at all. For after
    /// [`Self::resolve`] of all traces.
    pub(super) fn check_unsettled(&mut self) -> Result<(), String> {
        let unsettled = std::mem::take(&mut self.unsettled);
        if self.expiry != Expiry::Never {
            return Ok(());
        }
        for batch in unsettled {
            let is_there = |index: &&usize| self.spans[&(batch.tenant, **index)].max > 0;
            let count = batch.spans.iter().filter(is_there).count();
            if count != 0 && count != batch.spans.len() {
                return Err(format!("{count} of the spans {:?} came back", batch.spans));
            }
        }
        Ok(())
    }

    fn count(
        &self,
        tenant: usize,
        low: u64,
        shown: &[StoredSpan],
    ) -> Result<BTreeMap<usize, usize>, String> {
        let mut counts = BTreeMap::new();
        for span in shown {
            let Some((index, due)) = POOL.by_id.get(&span.span_id) else {
                return Err(format!("nobody ever sent the span {span:?}"));
            };
            if *due != *span || span.trace_id.low() != low {
                return Err(format!("span {index} of trace {low} differs: {span:?}"));
            }
            let count: &mut usize = counts.entry(*index).or_default();
            *count += 1;
            let max = self.spans.get(&(tenant, *index)).map_or(0, |copies| copies.max);
            if *count > max {
                return Err(format!("span {index} of trace {low} is there {count} times of {max}"));
            }
        }
        Ok(counts)
    }
}

impl Expiry {
    fn may_have_taken(self, copies: &Copies, now_ns: u64) -> bool {
        let is_old = match self {
            Self::Never => false,
            Self::Age(age_ns) => copies.last_arrival_ns.saturating_add(age_ns) < now_ns,
            Self::Len => true,
        };
        is_old && !copies.is_pinned
    }
}
