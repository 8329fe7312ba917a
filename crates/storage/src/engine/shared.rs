//! What readers and the engine share: the head, the segments that count, and the counters.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::ops::{Bound, ControlFlow, RangeBounds};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use spandrel_model::{Span, SpanId};

use super::disk_error;
use crate::LogPosition;
use crate::budget::{OverBudget, Reservation};
use crate::columns::Request;
use crate::counters::Counter;
use crate::head::{Head, HeadChunks, TraceRows};
use crate::maintenance::{JobError, Workshop, pin};
use crate::manifest::{Manifest, ManifestChange, SegmentClass, SegmentEntry};
use crate::options::{Options, Progress, StoreStats};
use crate::predicate::SpanFilter;
use crate::reads::{FoundRows, RecentGroups, Scan, Selected, TraceRow, decisive_first};
use crate::rollup::{Limits, NO_MINUTE, Rollup, minute_of};
use crate::store::{
    AppendError, Batch, ChangeFailed, FoundTrace, NameRequest, ReadError, ScanRequest, StoredSpan,
};
use crate::tenant::Tenant;
use crate::wal::record_len;

/// What one request takes in the queue besides its body: the list and the log's header of it.
const QUEUED_LEN: u64 = 512;

/// What readers and the engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) head: Head,
    pub(crate) workshop: Arc<Workshop>,
    /// The segments and deletions that readers see. It lags behind the catalog by the jobs that
    /// ran and are not finished: the head still has what those wrote.
    visible: RwLock<Arc<Manifest>>,
    /// Why nothing new is taken: the disk has too little room.
    pub(super) is_disk_full: AtomicBool,
    pub(super) recovery: Mutex<Recovery>,
    pub(super) recovered: Condvar,
    pub(super) record_len_max: u64,
    refused: Refused,
    told: Mutex<StoreStats>,
    /// Changes that callers made and that may be in the manifest, for the engine to find out.
    doubts: Mutex<Vec<ManifestChange>>,
}

/// How far a store has come with what its log held when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The log is being replayed. What was replayed so far is found, and nothing new is taken.
    Replaying(Progress),
    /// All that was acknowledged is found.
    Done,
    /// The log could not be replayed; what was acknowledged is still in it.
    Failed(String),
}

/// Requests refused, by reason.
#[derive(Debug, Default)]
struct Refused {
    head_full: Counter,
    queue_full: Counter,
    too_large: Counter,
    closing: Counter,
    disk_full: Counter,
    recovering: Counter,
}

/// A request with the memory that it needs set aside.
#[derive(Debug)]
pub struct Charged {
    pub(super) batch: Batch,
    pub(super) record_len: u64,
    /// Where its record is, once that was written.
    pub(super) position: LogPosition,
    memory: Reservation,
    queued: Reservation,
}

impl Shared {
    pub(super) fn new(
        options: Options,
        seed: u64,
        record_len_max: u64,
        workshop: Workshop,
    ) -> Self {
        let visible = Arc::new(workshop.catalog.current().unbounded());
        Self {
            head: Head::new(Arc::clone(&options.head), seed),
            options,
            workshop: Arc::new(workshop),
            visible: RwLock::new(visible),
            is_disk_full: AtomicBool::new(false),
            recovery: Mutex::new(Recovery::Replaying(Progress::default())),
            recovered: Condvar::new(),
            record_len_max,
            refused: Refused::default(),
            told: Mutex::default(),
            doubts: Mutex::default(),
        }
    }

    /// The segments and deletions that readers see.
    pub(crate) fn visible(&self) -> Arc<Manifest> {
        Arc::clone(&self.visible.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows readers a change that is in the catalog; returns what they saw before.
    ///
    /// The catalog is ahead of them by other changes: of what this one removes, all that they
    /// see goes.
    pub(super) fn show(&self, change: &ManifestChange) -> Arc<Manifest> {
        let mut visible = self.visible.write().unwrap_or_else(PoisonError::into_inner);
        let mut seen = change.clone();
        seen.add.retain(|entry| visible.segment(entry.id).is_none());
        seen.remove.retain(|id| visible.segment(*id).is_some());
        seen.unbury.retain(|tombstone| visible.tombstones().contains(tombstone));
        let changed = visible.changed(&seen).unwrap_or_else(|_| visible.unbounded());
        std::mem::replace(&mut *visible, Arc::new(changed))
    }

    pub(crate) fn charge(&self, batch: Batch) -> Result<Charged, AppendError> {
        self.check_open()?;
        let record_len = record_len(&batch).and_then(|len| {
            let len_max = self.record_len_max;
            if len <= len_max { Ok(len) } else { Err(AppendError::TooLarge { len, len_max }) }
        });
        let record_len = record_len.inspect_err(|_| self.refused.too_large.add(1))?;
        let queued = self.options.queue.reserve(QUEUED_LEN + batch.body.len() as u64);
        let queued = queued.map_err(|over| {
            self.refused.queue_full.add(1);
            full(over)
        })?;
        let memory = self.options.head.reserve(batch.spans.byte_len()).map_err(|over| {
            self.refused.head_full.add(1);
            full(over)
        })?;
        let position = LogPosition { file_id: 0, offset: 0 };
        Ok(Charged { batch, record_len, position, memory, queued })
    }

    fn check_open(&self) -> Result<(), AppendError> {
        if self.is_disk_full.load(Ordering::Relaxed) {
            self.refused.disk_full.add(1);
            let free_min = self.options.retention.disk_free_min;
            return Err(AppendError::DiskFull { free_min });
        }
        match &*self.recovery() {
            Recovery::Done => Ok(()),
            Recovery::Replaying(_) => {
                self.refused.recovering.add(1);
                Err(AppendError::Recovering)
            }
            Recovery::Failed(reason) => Err(AppendError::Disk { reason: reason.clone() }),
        }
    }

    /// Counts a request that came too late, and says so.
    pub(crate) fn refuse_closing(&self) -> AppendError {
        self.refused.closing.add(1);
        AppendError::Closing
    }

    pub(super) fn settle(
        &self,
        request: Charged,
        outcome: &io::Result<()>,
    ) -> Result<(), AppendError> {
        let Charged { batch, position, memory, queued, .. } = request;
        drop(queued);
        if let Err(error) = outcome {
            self.told().refused_disk += 1;
            return Err(disk_error(error));
        }
        let mut told = self.told();
        told.appended_batches += 1;
        told.appended_spans += batch.spans.len() as u64;
        told.appended_bytes += batch.body.len() as u64;
        drop(told);
        let request = Request {
            arrival_ns: batch.origin.arrival_ns,
            log_file_id: position.file_id,
            log_offset: position.offset,
        };
        self.head.insert(&batch.tenant, &batch.spans, request, memory);
        Ok(())
    }

    pub(super) fn told(&self) -> MutexGuard<'_, StoreStats> {
        // Every change is one number: a panic in between leaves nothing half done.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn recovery(&self) -> MutexGuard<'_, Recovery> {
        self.recovery.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_recovery(&self, recovery: Recovery) {
        *self.recovery() = recovery;
        self.recovered.notify_all();
    }

    /// How far the replay of the log has come.
    pub(crate) fn recovery_state(&self) -> Recovery {
        self.recovery().clone()
    }

    /// Waits for the end of the replay.
    pub(crate) fn wait_recovered(&self) -> Result<(), String> {
        let mut recovery = self.recovery();
        loop {
            match &*recovery {
                Recovery::Done => return Ok(()),
                Recovery::Failed(reason) => return Err(reason.clone()),
                Recovery::Replaying(_) => {}
            }
            recovery = self.recovered.wait(recovery).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn stats(&self) -> StoreStats {
        let told = self.told().clone();
        let visible = self.visible();
        let segments = visible.segments();
        let (footers_read, segments_evicted) = self.workshop.cache.counts();
        StoreStats {
            refused_head_full: self.refused.head_full.get(),
            refused_queue_full: self.refused.queue_full.get(),
            refused_too_large: self.refused.too_large.get(),
            refused_closing: self.refused.closing.get(),
            refused_disk_full: self.refused.disk_full.get(),
            refused_recovering: self.refused.recovering.get(),
            queue_bytes: self.options.queue.used(),
            head_bytes: self.options.head.used(),
            head_spans: self.head.span_count(),
            head_traces: self.head.trace_count(),
            segments: segments.len() as u64,
            segment_bytes: segments.iter().map(|entry| entry.len).sum(),
            segment_spans: segments.iter().map(|entry| entry.span_count).sum(),
            tombstones: visible.tombstones().len() as u64,
            footers_read,
            segments_evicted,
            quarantined_segments: self.quarantined(),
            compacting_spans: (
                self.workshop.compacted.0.load(Ordering::Relaxed),
                self.workshop.compacted.1.load(Ordering::Relaxed),
            ),
            ..told
        }
    }
}

/// Questions.
impl Shared {
    /// The segments that count and can't be read, each with the reason.
    fn quarantined(&self) -> BTreeMap<u64, String> {
        let mut quarantined = self.workshop.cache.quarantined();
        let visible = self.visible();
        quarantined.retain(|id, _| visible.segment(*id).is_some());
        quarantined
    }

    /// See [`crate::SpanStore::trace`].
    pub(crate) fn trace(
        &self,
        tenant: &Tenant,
        trace_id_low: u64,
    ) -> Result<Vec<StoredSpan>, ReadError> {
        self.trace_with(tenant, trace_id_low, |entries| {
            self.workshop.cache.find_trace(entries, trace_id_low)
        })
    }

    /// [`Self::trace`], with another way to find its rows in segments.
    fn trace_with(
        &self,
        tenant: &Tenant,
        trace_id_low: u64,
        find: impl FnOnce(Vec<&SegmentEntry>) -> Result<Vec<FoundRows>, ReadError>,
    ) -> Result<Vec<StoredSpan>, ReadError> {
        // Head and segments of one instant: each span is in exactly one of them.
        let (rows, visible) = self
            .head
            .view(tenant, |head| (head.map(|head| head.trace_rows(trace_id_low)), self.visible()));
        let entries = entries_with(&visible, tenant, trace_id_low).collect();
        let (mut spans, mut copies): (Vec<StoredSpan>, Vec<Span<'static>>) = Default::default();
        for found in find(entries)? {
            let is_pinned = |entry: &SegmentEntry| entry.class == SegmentClass::Pinned;
            match found.spans() {
                Some(found_spans) if visible.segment(found.segment_id).is_some_and(is_pinned) => {
                    copies.extend(found_spans);
                }
                Some(found_spans) => spans.extend(found_spans.into_iter().map(Arc::new)),
                None => self.workshop.cache.quarantine(found.segment_id, &"a row can't be read"),
            }
        }
        spans.extend(rows.map_or_else(Vec::new, TraceRows::into_spans));
        add_copies(&mut spans, copies);
        Ok(spans)
    }

    /// See [`crate::SpanStore::scan`].
    pub(crate) fn scan(
        &self,
        tenant: &Tenant,
        request: &ScanRequest,
        visit: &mut dyn FnMut(FoundTrace) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let filters = decisive_first(&request.filters);
        let decisive = filters.first().cloned().unwrap_or_default();
        let (chunks, visible) = self.head.view(tenant, |head| {
            (HeadChunks::take(&self.head, tenant, decisive, head), self.visible())
        });
        let mut chunks = chunks;
        let entries = visible.segments().iter().filter(|entry| entry.tenant == *tenant);
        let mut scan = Scan::new(&self.workshop.cache, entries, &filters, request)?;
        scan.add_head(&chunks);
        let (cache, mut recent) = (&self.workshop.cache, RecentGroups::default());
        while let Some(candidate) = scan.next(&mut chunks)? {
            let trace_id_low = candidate.trace_id_low;
            let spans = self.trace_with(tenant, trace_id_low, |entries| {
                cache.find_next_trace(entries, trace_id_low, &mut recent)
            })?;
            if passes(&spans, request) && visit(FoundTrace { trace_id_low, spans }).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Counts the spans in segments that meet a filter, from columns alone.
    pub(crate) fn select(
        &self,
        tenant: &Tenant,
        filter: &SpanFilter,
    ) -> Result<Selected, ReadError> {
        let visible = self.visible();
        let entries = visible.segments().iter().filter(|entry| entry.tenant == *tenant);
        let filters = [filter.clone()];
        Scan::new(&self.workshop.cache, entries, &filters, &ScanRequest::default())?.select()
    }

    /// See [`crate::SpanStore::names`].
    pub(crate) fn names(
        &self,
        tenant: &Tenant,
        wanted: &NameRequest,
    ) -> Result<Vec<String>, ReadError> {
        let (names, visible) =
            self.head.view(tenant, |head| (head.map(|head| head.names(wanted)), self.visible()));
        let mut names: BTreeSet<String> = names.unwrap_or_default().into_iter().collect();
        let entries = visible.segments().iter().filter(|entry| entry.tenant == *tenant);
        self.workshop.cache.collect_names(entries, wanted, &mut names)?;
        Ok(names.into_iter().collect())
    }

    /// Copies a trace to a segment of its own; returns how many spans it has, and the change that
    /// readers are to see.
    pub(crate) fn pin_trace(
        &self,
        tenant: &Tenant,
        trace_id_low: u64,
    ) -> Result<(usize, ManifestChange), ChangeFailed> {
        // While this is held, nothing that is pinned by now goes.
        let _view = self.visible();
        let id = self.workshop.catalog.allocate_segment_id();
        let id = id.map_err(|error| ChangeFailed::new(&error))?;
        let spans = self.trace(tenant, trace_id_low).map_err(|error| ChangeFailed::new(&error))?;
        if spans.is_empty() {
            return Ok((0, ManifestChange::default()));
        }
        let pinned = pin::pin(&self.workshop, tenant, trace_id_low, id, &spans);
        let change = pinned.map_err(|error| self.change_failed(error))?;
        Ok((spans.len(), change))
    }

    /// Takes the copy of a trace away; returns the change that readers are to see.
    pub(crate) fn unpin_trace(
        &self,
        tenant: &Tenant,
        trace_id_low: u64,
    ) -> Result<ManifestChange, ChangeFailed> {
        let _view = self.visible();
        let unpinned = pin::unpin(&self.workshop, tenant, trace_id_low);
        unpinned.map_err(|error| self.change_failed(error))
    }

    /// Tells why a change failed, and has the engine find out about one that may be in.
    fn change_failed(&self, error: JobError) -> ChangeFailed {
        let failed = ChangeFailed::new(&error);
        if let JobError::InDoubt { done, .. } = error {
            self.doubts().push(done.change);
        }
        failed
    }

    fn doubts(&self) -> MutexGuard<'_, Vec<ManifestChange>> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether callers of this made changes that may be in.
    pub(super) fn has_doubts(&self) -> bool {
        !self.doubts().is_empty()
    }

    /// Takes those changes.
    pub(super) fn take_doubts(&self) -> Vec<ManifestChange> {
        std::mem::take(&mut *self.doubts())
    }

    /// See [`crate::EmbeddedStore::trace_rows`].
    pub(crate) fn trace_rows(
        &self,
        tenant: &Tenant,
        lows: &[u64],
    ) -> Result<Vec<TraceRow>, ReadError> {
        let visible = self.visible();
        let of_tenant = |entry: &&SegmentEntry| entry.tenant == *tenant;
        let entries: Vec<_> = visible.segments().iter().filter(of_tenant).collect();
        let is_deleted = |entry: &SegmentEntry, low| visible.is_deleted(entry, low);
        self.workshop.cache.trace_rows(&entries, lows, is_deleted)
    }

    /// See [`crate::EmbeddedStore::rollup`].
    pub(crate) fn rollup(
        &self,
        tenant: &Tenant,
        window: &impl RangeBounds<u64>,
    ) -> Result<Rollup, ReadError> {
        let minute = |bound: Bound<&u64>, unbounded| match bound {
            Bound::Included(ns) => minute_of(Some(*ns)),
            Bound::Excluded(ns) => minute_of(Some(ns.saturating_sub(1))),
            Bound::Unbounded => unbounded,
        };
        let first = minute(window.start_bound(), 0);
        let last = minute(window.end_bound(), NO_MINUTE - 1);
        let takes_startless = window.start_bound() == Bound::Unbounded;
        let is_wanted = |wanted: u32| match wanted {
            NO_MINUTE => takes_startless,
            wanted => first <= wanted && wanted <= last,
        };
        let is_near = |entry: &SegmentEntry| {
            let from = minute_of(entry.start_min_ns);
            takes_startless || from <= last && minute_of(entry.start_max_ns) >= first
        };
        let visible = self.visible();
        let counts = |entry: &&SegmentEntry| {
            entry.tenant == *tenant && entry.class == SegmentClass::Ordinary
        };
        let entries: Vec<_> = visible.segments().iter().filter(counts).collect();
        let mut rollup = Rollup::new(Limits::MERGED);
        self.workshop.cache.add_rollups(&entries, is_near, is_wanted, &mut rollup)?;
        Ok(rollup)
    }

    /// What answers leave out at the moment, if anything: the rest is right.
    pub(crate) fn missing(&self) -> Option<String> {
        if let Recovery::Replaying(progress) = &*self.recovery() {
            let Progress { bytes_done, bytes, .. } = progress;
            return Some(format!(
                "the log is being replayed: {bytes_done} of {bytes} bytes are done"
            ));
        }
        let quarantined = self.quarantined();
        let (first, reason) = quarantined.first_key_value()?;
        let count = quarantined.len();
        Some(format!("{count} damaged segments are left out; {first:016x}: {reason}"))
    }
}

/// Adds those pinned copies whose originals are not there any more.
fn add_copies(spans: &mut Vec<StoredSpan>, copies: Vec<Span<'static>>) {
    if copies.is_empty() {
        return;
    }
    let mut originals: HashMap<SpanId, Vec<StoredSpan>> = HashMap::new();
    for span in &*spans {
        originals.entry(span.span_id).or_default().push(Arc::clone(span));
    }
    let is_missing = |copy: &Span<'_>| {
        let originals = originals.get(&copy.span_id).map_or(&[][..], Vec::as_slice);
        originals.iter().all(|original| **original != *copy)
    };
    spans.extend(copies.into_iter().filter(is_missing).map(Arc::new));
}

/// The segments of a tenant in which a trace is not deleted.
fn entries_with<'m>(
    visible: &'m Manifest,
    tenant: &Tenant,
    trace_id_low: u64,
) -> impl Iterator<Item = &'m SegmentEntry> {
    let of_tenant = move |entry: &&SegmentEntry| {
        entry.tenant == *tenant && !visible.is_deleted(entry, trace_id_low)
    };
    visible.segments().iter().filter(of_tenant)
}

fn passes(spans: &[StoredSpan], request: &ScanRequest) -> bool {
    let is_inside = |span: &Span<'_>| match span.start_ns {
        Some(start_ns) => {
            request.start_min_ns.is_none_or(|min_ns| start_ns >= min_ns)
                && request.start_max_ns.is_none_or(|max_ns| start_ns <= max_ns)
        }
        None => request.start_min_ns.is_none(),
    };
    let is_met = |filter: &SpanFilter| spans.iter().any(|span| filter.matches(span));
    spans.iter().any(|span| is_inside(span)) && request.filters.iter().all(is_met)
}

fn full(over: OverBudget) -> AppendError {
    AppendError::Full { what: over.name, used: over.used, limit: over.limit }
}
