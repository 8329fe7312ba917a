//! The engine: log, head and segments as one synchronous state machine.
//!
//! Requests, the time, finished jobs and a disk go in; settled requests and jobs come out. No
//! thread, no clock and no chance in here, so that the whole of it runs under simulation: the
//! same events on the same disk leave the same bytes.

mod doomed;
mod doubts;
mod maintenance;
mod opening;
mod shared;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::LogPosition;
use crate::disk::DiskLock;
use crate::options::{Durability, StoreStats};
use crate::store::{AppendError, Batch, FoundTrace, ScanRequest, StoredSpan};
use crate::tenant::Tenant;
use crate::wal::{Log, encode_record};

use maintenance::Upkeep;
pub use opening::Opening;
pub(crate) use opening::open_error;
pub(crate) use shared::Shared;
pub use shared::{Charged, Recovery};

/// Log, head and segments. `T` is what the caller knows a request by.
pub struct Engine<T> {
    shared: Arc<Shared>,
    log: Log,
    waiting: VecDeque<(Charged, T)>,
    /// The length of their records.
    waiting_len: u64,
    group: Vec<u8>,
    sync_due_ns: Option<u64>,
    upkeep: Upkeep,
    /// Dropped after the log.
    _lock: DiskLock,
}

impl<T> Engine<T> {
    /// Sets aside what a request needs.
    ///
    /// # Errors
    ///
    /// Refuses a request that is too large, and any while the head or the queue is full.
    pub fn charge(&self, batch: Batch) -> Result<Charged, AppendError> {
        self.shared.charge(batch)
    }

    /// Takes a request in, to be written by the next commit.
    pub fn append(&mut self, request: Charged, ticket: T) {
        self.waiting_len += request.record_len;
        self.waiting.push_back((request, ticket));
    }

    /// Whether the requests that wait fill a group.
    #[must_use]
    pub fn is_group_full(&self) -> bool {
        let options = &self.shared.options;
        // A request longer than a group is one of its own.
        self.waiting_len > options.group_len_max as u64 && self.waiting.len() > 1
            || self.waiting.len() >= options.group_count_max
    }

    /// Writes all requests that wait, and tells the outcome of each.
    pub fn commit(&mut self, now_ns: u64, settle: &mut dyn FnMut(T, Result<(), AppendError>)) {
        while !self.waiting.is_empty() {
            self.commit_group(settle);
        }
        self.sync_due_ns = match self.shared.options.durability {
            Durability::Interval { interval_ms } if self.log.is_sync_wanted() => {
                let due_ns = now_ns.saturating_add(interval_ms.saturating_mul(1_000_000));
                Some(self.sync_due_ns.unwrap_or(due_ns))
            }
            _ => None,
        };
    }

    /// When [`Self::tick`] has something to do, by the same clock as [`Self::commit`]'s.
    #[must_use]
    pub fn due_ns(&self) -> Option<u64> {
        self.sync_due_ns
    }

    /// Does what is due by the time.
    pub fn tick(&mut self, now_ns: u64) {
        if self.sync_due_ns.is_some_and(|due_ns| due_ns <= now_ns) {
            self.sync_due_ns = None;
            let outcome = self.log.sync();
            self.tell(&outcome, |_| {});
        }
    }

    /// Writes what waits, makes all of it durable, and ends.
    ///
    /// # Errors
    ///
    /// Fails when the last sync does; only under [`Durability::Interval`] is anything lost then.
    pub fn close(
        mut self,
        now_ns: u64,
        settle: &mut dyn FnMut(T, Result<(), AppendError>),
    ) -> Result<(), AppendError> {
        self.commit(now_ns, settle);
        let outcome = self.log.close();
        self.tell(&outcome, |_| {});
        outcome.map_err(|error| disk_error(&error))
    }

    /// The log file that records go to now, if one is open.
    #[must_use]
    pub fn log_file_id(&self) -> Option<u64> {
        self.log.current_file_id()
    }

    /// Takes the files before this one out of the log, as a flush of all that they hold does.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses; the files may then still be in the log.
    pub fn retire_before(&mut self, file_id: u64) -> io::Result<()> {
        self.log.retire_before(file_id)
    }

    /// How many of the waiting requests make the next group, with records of up to `room` bytes
    /// together.
    fn next_group_len(&self, room: u64) -> usize {
        let options = &self.shared.options;
        let len_max = room.min(options.group_len_max as u64);
        let mut len = 0;
        let fits = |(request, _): &&(Charged, T)| {
            len += request.record_len;
            len <= len_max
        };
        let waiting = self.waiting.iter().take(options.group_count_max);
        // A request longer than a group is one of its own.
        waiting.take_while(fits).count().max(1)
    }

    fn commit_group(&mut self, settle: &mut dyn FnMut(T, Result<(), AppendError>)) {
        let first_len = self.waiting.front().map_or(0, |(request, _)| request.record_len);
        let place = self.log.place_for(first_len);
        let room = place.as_ref().map_or(u64::MAX, |place| place.room);
        let count = self.next_group_len(room);
        let outcome = place.and_then(|place| {
            self.group.clear();
            for (request, _) in self.waiting.iter_mut().take(count) {
                let offset = place.offset + self.group.len() as u64;
                request.position = LogPosition { file_id: place.file_id, offset };
                encode_record(&request.batch, place.checksum_seed, offset, &mut self.group);
            }
            let is_synced = self.shared.options.durability == Durability::Fsync;
            self.log.append(&self.group, is_synced)
        });
        // One long request must not keep its memory for ever.
        self.group.clear();
        self.group.shrink_to(2 * self.shared.options.group_len_max);
        self.tell(&outcome, |told| told.groups += 1);
        for (request, ticket) in self.waiting.drain(..count) {
            self.waiting_len -= request.record_len;
            settle(ticket, self.shared.settle(request, &outcome));
        }
    }

    /// Writes down how the log is doing.
    fn tell(&self, outcome: &io::Result<()>, count: impl FnOnce(&mut StoreStats)) {
        let log = self.log.counts();
        let mut told = self.shared.told();
        told.log_bytes = log.bytes;
        told.syncs = log.syncs;
        told.files_begun = log.files_begun;
        told.files_recycled = log.files_recycled;
        match outcome {
            Ok(()) => {
                told.trouble = None;
                count(&mut told);
            }
            Err(error) => {
                told.disk_failures += 1;
                told.trouble = Some(error.to_string());
            }
        }
    }
}

fn disk_error(error: &io::Error) -> AppendError {
    AppendError::Disk { reason: error.to_string() }
}

/// The questions of [`crate::SpanStore`], for those who drive an engine themselves.
impl<T> Engine<T> {
    /// See [`crate::SpanStore::trace`].
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub fn trace(
        &self,
        tenant: &Tenant,
        trace_id_low: u64,
    ) -> Result<Vec<StoredSpan>, crate::ReadError> {
        self.shared.trace(tenant, trace_id_low)
    }

    /// See [`crate::EmbeddedStore::trace_rows`].
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub fn trace_rows(
        &self,
        tenant: &Tenant,
        lows: &[u64],
    ) -> Result<Vec<crate::TraceRow>, crate::ReadError> {
        self.shared.trace_rows(tenant, lows)
    }

    /// See [`crate::EmbeddedStore::rollup`].
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub fn rollup(
        &self,
        tenant: &Tenant,
        window: impl std::ops::RangeBounds<u64>,
    ) -> Result<crate::Rollup, crate::ReadError> {
        self.shared.rollup(tenant, &window)
    }

    /// See [`crate::SpanStore::scan`].
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub fn scan(
        &self,
        tenant: &Tenant,
        request: &ScanRequest,
        visit: &mut dyn FnMut(FoundTrace) -> ControlFlow<()>,
    ) -> Result<(), crate::ReadError> {
        self.shared.scan(tenant, request, visit)
    }

    /// See [`crate::SpanStore::missing`].
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        self.shared.missing()
    }

    /// Returns what the engine counts.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.shared.stats()
    }
}

impl<T> fmt::Debug for Engine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}
