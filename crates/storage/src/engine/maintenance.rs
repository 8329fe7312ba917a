//! When maintenance is done: the engine hands out jobs, takes them back finished, and lets go of
//! what was kept long enough.
//!
//! One flush and one other job are under way at most, so that memory never waits behind a merge.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Engine;
use super::doomed::Doomed;
use super::doubts::Doubt;
use super::shared::Shared;
use crate::LogPosition;
use crate::head::{FlushPlan, FlushPolicy};
use crate::maintenance::{
    Done, Job, JobDone, JobError, MergeLimits, Purge, Task, Usage, next_merge,
};
use crate::manifest::{CatalogError, Manifest, ManifestChange, Tombstone};
use crate::store::ChangeFailed;
use crate::tenant::Tenant;

/// How long a flush waits for traces to settle before it looks again.
pub(super) const RETRY_AFTER_NS: u64 = 1_000_000_000;

/// How long a failed job waits before it is tried again.
const FAILURE_PAUSE_NS: u64 = 5_000_000_000;

/// How long a full disk waits before its room is looked at again, and how often it is looked at
/// while spans come in.
const ROOM_CHECK_NS: u64 = 2_000_000_000;

/// What the engine remembers of its maintenance.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    is_flushing: bool,
    /// The segment that the latest flush writes.
    flush_segment_id: u64,
    is_compacting: bool,
    /// Whether segments may have to be merged or rewritten.
    is_merge_wanted: bool,
    /// What arrived before this place in the log is to be flushed, settled or not.
    flush_wanted_before: Option<LogPosition>,
    /// No flush or merge is begun before this, after one failed.
    flush_pause_ns: u64,
    merge_pause_ns: u64,
    /// When the head is looked at again, while it holds anything.
    flush_due_ns: Option<u64>,
    /// When retention is looked at again, if there is a reason to.
    retention_due_ns: Option<u64>,
    doomed: Doomed,
    /// Changes that may be in the manifest or not, and when that is looked at again.
    pub(super) doubts: Vec<Doubt>,
    pub(super) doubt_pause_ns: u64,
    appended_spans: u64,
    /// When the engine was last asked for a job.
    last_look_ns: u64,
}

impl Upkeep {
    /// Begins with a look at everything: what was left undone is not written down anywhere.
    pub(super) fn new(shared: &Shared) -> Self {
        let has_segments = !shared.visible().segments().is_empty();
        Self {
            is_merge_wanted: has_segments,
            retention_due_ns: has_segments.then_some(0),
            // What was replayed is as new as what was appended just now: its age counts from
            // the first look.
            appended_spans: u64::MAX,
            ..Self::default()
        }
    }

    fn is_busy(&self) -> bool {
        self.is_flushing
            || self.is_compacting
            || self.is_merge_wanted
            || self.flush_wanted_before.is_some()
    }
}

impl<T> Engine<T> {
    /// When [`Self::next_job`] may have something to do that it had not before, in nanoseconds
    /// since 1970; `None` while nothing comes of waiting.
    #[must_use]
    pub fn upkeep_due_ns(&self) -> Option<u64> {
        let upkeep = &self.upkeep;
        if !upkeep.doubts.is_empty() || self.shared.has_doubts() {
            return Some(upkeep.doubt_pause_ns);
        }
        let flush = upkeep.flush_due_ns.filter(|_| !upkeep.is_flushing);
        let flush = flush.map(|due_ns| due_ns.max(upkeep.flush_pause_ns));
        let is_merge_due =
            upkeep.is_merge_wanted && !upkeep.is_compacting && !self.merges_wait_for_flush();
        let merge = is_merge_due.then_some(upkeep.merge_pause_ns);
        let is_object_doomed = upkeep.doomed.is_waiting();
        let retention = upkeep.retention_due_ns;
        let due_ns = [flush, merge, retention].into_iter().flatten().min();
        // Views are let go of by readers, who tell nobody: the files wait for the next occasion,
        // or a short while.
        due_ns.or_else(|| is_object_doomed.then_some(upkeep.last_look_ns + RETRY_AFTER_NS))
    }

    /// Lets go of what was kept long enough, and returns a job that is worth beginning now, if
    /// there is one. `now_ns` is in nanoseconds since 1970.
    pub fn next_job(&mut self, now_ns: u64) -> Option<Job> {
        self.upkeep.last_look_ns = now_ns;
        if !self.end_doubts(now_ns) {
            return None;
        }
        self.remove_doomed();
        self.retain(now_ns);
        let is_sure = self.upkeep.doubts.is_empty();
        let job = is_sure.then(|| self.next_flush(now_ns)).flatten();
        let job = job.or_else(|| is_sure.then(|| self.next_merge_job(now_ns)).flatten());
        self.shared.told().is_maintaining = self.upkeep.is_busy();
        job
    }

    /// Takes a job back that ran: shows its outcome to readers, and gives up what it replaced.
    pub fn finish_job(&mut self, done: JobDone, now_ns: u64) {
        let JobDone { task, outcome } = done;
        match task {
            Task::Flush { plan, .. } => self.finish_flush(plan, outcome, now_ns),
            Task::Compact { .. } | Task::Purge { .. } => self.finish_merge(outcome, now_ns),
        }
    }

    /// Has everything that is in the head by now flushed as soon as it can be, settled or not.
    pub fn want_flush(&mut self) {
        let is_any = self.shared.head.span_count() > 0;
        self.upkeep.flush_wanted_before = is_any.then(|| self.log.next_position());
        self.upkeep.flush_due_ns = Some(0);
    }

    /// Whether a flush that was wanted is not done yet.
    #[must_use]
    pub fn is_flush_wanted(&self) -> bool {
        self.upkeep.flush_wanted_before.is_some()
    }

    /// Deletes what is there of a trace: it is not found any more from now on, and its space is
    /// given back when its segments are rewritten.
    ///
    /// # Errors
    ///
    /// Fails when the deletion can't be made durable; it may then be found or not.
    pub fn delete_trace(&mut self, tenant: &Tenant, trace_id_low: u64) -> Result<(), CatalogError> {
        let catalog = &self.shared.workshop.catalog;
        let tombstone = Tombstone {
            tenant: tenant.clone(),
            trace_id_low,
            segments_before: catalog.allocate_segment_id()?,
            log_before: self.log.end_position(),
        };
        let change = ManifestChange { bury: vec![tombstone], ..ManifestChange::default() };
        if let Err(error) = catalog.apply(&change) {
            self.doubt(change, &error);
            return Err(error);
        }
        self.shared.head.remove_trace(tenant, trace_id_low);
        self.adopt(&change);
        self.upkeep.is_merge_wanted = true;
        Ok(())
    }

    /// Keeps a trace whatever the retention, see [`crate::EmbeddedStore::pin_trace`].
    ///
    /// # Errors
    ///
    /// Fails when the trace can't be read or the copy can't be written.
    pub fn pin_trace(&mut self, tenant: &Tenant, low: u64) -> Result<usize, ChangeFailed> {
        let (span_count, change) = self.shared.pin_trace(tenant, low)?;
        self.adopt(&change);
        Ok(span_count)
    }

    /// Leaves a trace to the retention again. Returns whether it was pinned.
    ///
    /// # Errors
    ///
    /// Fails when that can't be made durable.
    pub fn unpin_trace(&mut self, tenant: &Tenant, low: u64) -> Result<bool, ChangeFailed> {
        let change = self.shared.unpin_trace(tenant, low)?;
        self.adopt(&change);
        Ok(!change.remove.is_empty())
    }

    /// Shows readers a change that somebody else made to the catalog.
    pub fn adopt(&mut self, change: &ManifestChange) {
        let before = self.shared.show(change);
        self.doom(&before, &change.remove);
    }

    fn next_flush(&mut self, now_ns: u64) -> Option<Job> {
        let upkeep = &mut self.upkeep;
        let appended_spans = self.shared.told().appended_spans;
        if appended_spans != upkeep.appended_spans {
            upkeep.appended_spans = appended_spans;
            if self.shared.head.span_count() > 0 {
                let flush_due_ns = now_ns.saturating_add(self.shared.options.flush_age_max_ns);
                upkeep.flush_due_ns.get_or_insert(flush_due_ns);
            }
        }
        if self.shared.head.span_count() == 0 {
            // There may have been something that was deleted since.
            (upkeep.flush_wanted_before, upkeep.flush_due_ns) = (None, None);
            return None;
        }
        if upkeep.is_flushing || now_ns < upkeep.flush_pause_ns {
            return None;
        }
        let policy = self.flush_policy(now_ns)?;
        let plan = self.plan_flush(now_ns, policy);
        let upkeep = &mut self.upkeep;
        let Some(plan) = plan else {
            upkeep.flush_due_ns =
                (self.shared.head.span_count() > 0).then_some(now_ns + RETRY_AFTER_NS);
            return None;
        };
        match self.shared.workshop.catalog.allocate_segment_id() {
            Ok(segment_id) => {
                (upkeep.is_flushing, upkeep.flush_segment_id) = (true, segment_id);
                Some(self.job(Task::Flush { plan: Box::new(plan), segment_id }))
            }
            Err(error) => {
                self.shared.head.abandon_flush(plan);
                self.tell_failure(&error.into());
                self.pause_flush(now_ns);
                None
            }
        }
    }

    /// How urgent a flush is: not at all, of what has settled, or of everything.
    fn flush_policy(&self, now_ns: u64) -> Option<FlushPolicy> {
        let options = &self.shared.options;
        let (used, limit) = (options.head.used(), options.head.limit());
        let is_forced = self.upkeep.flush_wanted_before.is_some() || used >= limit / 100 * 75;
        let policy = FlushPolicy { is_forced, ..FlushPolicy::default() };
        let is_log_long = self.log.files_len() > options.log_len_max;
        let is_due = self.upkeep.flush_due_ns.is_some_and(|due_ns| due_ns <= now_ns);
        let is_wanted = policy.is_forced || used >= limit / 2 || is_log_long || is_due;
        (is_wanted && self.shared.head.span_count() > 0).then_some(policy)
    }

    /// Plans a flush of the tenant with the most spans that may go.
    fn plan_flush(&self, now_ns: u64, policy: FlushPolicy) -> Option<FlushPlan> {
        let head = &self.shared.head;
        let mut tenants = head.tenants();
        tenants.sort_by_key(|tenant| std::cmp::Reverse(head.span_count_of(tenant)));
        tenants.iter().find_map(|tenant| head.plan_flush(tenant, now_ns, policy))
    }

    fn finish_flush(&mut self, plan: Box<FlushPlan>, outcome: Result<Done, JobError>, now_ns: u64) {
        match outcome {
            Ok(done) => self.complete_flush(*plan, &done, now_ns),
            Err(error) => {
                self.tell_failure(&error);
                match error {
                    JobError::InDoubt { done, .. } => {
                        self.upkeep.doubts.push(Doubt::Flush(plan, *done));
                    }
                    _ => self.abandon_flush(*plan, now_ns),
                }
            }
        }
    }

    pub(super) fn complete_flush(&mut self, plan: FlushPlan, done: &Done, now_ns: u64) {
        self.upkeep.is_flushing = false;
        let shared = Arc::clone(&self.shared);
        let span_count = plan.span_count() as u64;
        let mut before = None;
        shared.head.finish_flush(plan, || before = Some(shared.show(&done.change)));
        before.inspect(|before| self.doom(before, &done.change.remove));
        let mut told = shared.told();
        told.flushes += 1;
        told.flushed_spans += span_count;
        told.unsettled_traces += done.unsettled_count;
        told.flushed_bytes += done.written_len;
        told.segment_bytes_written += done.written_len;
        drop(told);
        self.retire_log();
        let upkeep = &mut self.upkeep;
        let is_empty = shared.head.span_count() == 0;
        let oldest = shared.head.oldest_log_position();
        let is_behind = |before: &LogPosition| oldest.is_some_and(|oldest| oldest < *before);
        upkeep.flush_wanted_before = upkeep.flush_wanted_before.filter(is_behind);
        let is_wanted = upkeep.flush_wanted_before.is_some();
        let pause_ns = if is_wanted { 0 } else { shared.options.flush_age_max_ns };
        upkeep.flush_due_ns = (!is_empty).then_some(now_ns.saturating_add(pause_ns));
        upkeep.is_merge_wanted = true;
        upkeep.retention_due_ns = Some(0);
    }

    pub(super) fn abandon_flush(&mut self, plan: FlushPlan, now_ns: u64) {
        self.upkeep.is_flushing = false;
        self.shared.head.abandon_flush(plan);
        self.pause_flush(now_ns);
    }

    fn pause_flush(&mut self, now_ns: u64) {
        self.upkeep.flush_pause_ns = now_ns + FAILURE_PAUSE_NS;
        self.upkeep.flush_due_ns = Some(self.upkeep.flush_pause_ns);
    }

    /// Gives back the log files whose records are all in segments.
    pub(super) fn retire_log(&mut self) {
        let oldest = self.shared.head.oldest_log_position();
        let waiting_from = self.log.next_position().file_id;
        let oldest = oldest.map_or(waiting_from, |position| position.file_id);
        if let Err(error) = self.log.retire_before(oldest) {
            let mut told = self.shared.told();
            told.disk_failures += 1;
            told.trouble = Some(error.to_string());
        }
    }

    fn next_merge_job(&mut self, now_ns: u64) -> Option<Job> {
        let upkeep = &self.upkeep;
        let is_paused = now_ns < upkeep.merge_pause_ns || self.merges_wait_for_flush();
        if upkeep.is_compacting || !upkeep.is_merge_wanted || is_paused {
            return None;
        }
        let shared = Arc::clone(&self.shared);
        let quarantined = shared.workshop.cache.quarantined_ids();
        let limits = MergeLimits {
            oldest_log_file_id: self.log.oldest_file_id(),
            quarantined: &quarantined,
        };
        let visible = shared.visible();
        let merge = next_merge(&visible, &shared.options.compaction, limits);
        let purge = if merge.is_some() { None } else { Purge::new(&visible, limits) };
        let upkeep = &mut self.upkeep;
        if merge.is_none() && purge.is_none() {
            upkeep.is_merge_wanted = false;
            return None;
        }
        match shared.workshop.catalog.allocate_segment_id() {
            Ok(segment_id) => {
                upkeep.is_compacting = true;
                let compact = merge.map(|merge| Task::Compact { merge, segment_id });
                let task =
                    compact.or_else(|| purge.map(|purge| Task::Purge { purge, segment_id }))?;
                Some(self.job(task))
            }
            Err(error) => {
                self.fail_merge(&error.into(), now_ns);
                None
            }
        }
    }

    /// Whether something was deleted while a flush is under way. The flush may count it as not
    /// deleted, which a rewrite takes back only if it sees what was flushed.
    fn merges_wait_for_flush(&self) -> bool {
        let (flush, visible) = (self.upkeep.flush_segment_id, self.shared.visible());
        let mut tombstones = visible.tombstones().iter();
        self.upkeep.is_flushing && tombstones.any(|tombstone| tombstone.segments_before > flush)
    }

    fn finish_merge(&mut self, outcome: Result<Done, JobError>, now_ns: u64) {
        match outcome {
            Ok(done) => self.complete_merge(&done),
            Err(JobError::InDoubt { done, source }) => {
                self.tell_failure(&source.into());
                self.upkeep.doubts.push(Doubt::Merge(*done));
            }
            // Its inputs may have expired meanwhile, or one was found damaged: the next plan
            // knows.
            Err(JobError::Damaged { .. } | JobError::Catalog(CatalogError::Change(_))) => {
                self.upkeep.is_compacting = false;
                self.upkeep.is_merge_wanted = true;
            }
            Err(error) => self.fail_merge(&error, now_ns),
        }
    }

    pub(super) fn complete_merge(&mut self, done: &Done) {
        self.upkeep.is_compacting = false;
        // A purge that changed nothing waits for the log or for segments to change.
        self.upkeep.is_merge_wanted = done.change != ManifestChange::default();
        self.adopt(&done.change);
        let mut told = self.shared.told();
        told.compactions += u64::from(!done.change.remove.is_empty());
        told.segment_bytes_written += done.written_len;
        told.folded_spans += done.folded_count;
        drop(told);
        self.upkeep.retention_due_ns = Some(0);
    }

    fn fail_merge(&mut self, error: &JobError, now_ns: u64) {
        self.tell_failure(error);
        self.abandon_merge(now_ns);
    }

    pub(super) fn abandon_merge(&mut self, now_ns: u64) {
        self.upkeep.is_compacting = false;
        self.upkeep.is_merge_wanted = true;
        self.upkeep.merge_pause_ns = now_ns + FAILURE_PAUSE_NS;
    }

    /// Notes a change that failed, if it may be in nevertheless.
    fn doubt(&mut self, change: ManifestChange, error: &CatalogError) {
        if matches!(error, CatalogError::Unknown { .. }) {
            self.upkeep.doubts.push(Doubt::Other(change));
        }
    }

    fn job(&self, task: Task) -> Job {
        Job { workshop: Arc::clone(&self.shared.workshop), view: self.shared.visible(), task }
    }

    fn tell_failure(&self, error: &JobError) {
        let mut told = self.shared.told();
        told.job_failures += 1;
        told.job_trouble = Some(error.to_string());
    }

    /// Removes segments that were kept long enough, and looks whether the disk has room.
    fn retain(&mut self, now_ns: u64) {
        if self.upkeep.retention_due_ns.is_none_or(|due_ns| now_ns < due_ns) {
            return;
        }
        if let Err(error) = self.try_retain(now_ns) {
            let mut told = self.shared.told();
            told.disk_failures += 1;
            told.job_trouble = Some(error.to_string());
            self.upkeep.retention_due_ns = Some(now_ns + FAILURE_PAUSE_NS);
        }
    }

    fn try_retain(&mut self, now_ns: u64) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let retention = &shared.options.retention;
        let store = shared.workshop.cache.store();
        let usage = Usage { log_len: self.log.files_len(), disk: store.capacity()? };
        let expired = retention.expired(&shared.visible(), now_ns, usage);
        if !expired.is_empty() {
            let change = ManifestChange { remove: expired, ..ManifestChange::default() };
            if let Err(error) = shared.workshop.catalog.apply(&change) {
                self.doubt(change, &error);
                self.upkeep.doubt_pause_ns = now_ns + RETRY_AFTER_NS;
                return Err(io::Error::other(error));
            }
            shared.told().expired_segments += change.remove.len() as u64;
            self.adopt(&change);
            self.remove_doomed();
        }
        let is_full = retention.is_disk_full(store.capacity()?);
        shared.is_disk_full.store(is_full, Ordering::Relaxed);
        let is_busy = is_full || shared.head.span_count() > 0;
        let next_look_ns = is_busy.then(|| now_ns + ROOM_CHECK_NS);
        let next_expiry_ns = retention.next_expiry_ns(&shared.visible());
        self.upkeep.retention_due_ns = [next_look_ns, next_expiry_ns].into_iter().flatten().min();
        Ok(())
    }

    fn doom(&mut self, before: &Arc<Manifest>, ids: &[u64]) {
        let entries = ids.iter().filter_map(|id| before.segment(*id));
        let paths: Vec<String> = entries.map(|entry| entry.path()).collect();
        ids.iter().for_each(|id| self.shared.workshop.cache.forget(*id));
        self.upkeep.doomed.push(before, paths);
    }

    /// Removes the objects of segments that nobody can be reading.
    fn remove_doomed(&mut self) {
        for path in self.upkeep.doomed.take() {
            // What stays behind is an orphan, which the next start removes.
            if self.shared.workshop.cache.store().remove(&path).is_err() {
                self.shared.told().disk_failures += 1;
            }
        }
    }
}
