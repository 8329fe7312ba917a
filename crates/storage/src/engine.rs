//! The engine: log and head as one synchronous state machine.
//!
//! Requests, the time and a disk go in; settled requests come out. No thread, no clock and no
//! chance in here, so that the whole of it runs under simulation: the same events on the same
//! disk leave the same bytes.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::budget::{OverBudget, Reservation};
use crate::columns::Request;
use crate::counters::Counter;
use crate::disk::{Disk, DiskLock, LockError};
use crate::head::Head;
use crate::options::{Durability, OpenError, Options, Progress, RecordDecoder, StoreStats};
use crate::store::{AppendError, Batch, StoredSpan};
use crate::tenant::Tenant;
use crate::wal::{Log, LogOptions, Replay, encode_record, record_len, replay};

/// The file that is locked while a process has the data folder.
const LOCK_PATH: &str = "LOCK";

/// What one request takes in the queue besides its body: the list and the log's header of it.
const QUEUED_LEN: u64 = 512;

/// Log and head. `T` is what the caller knows a request by.
pub struct Engine<T> {
    shared: Arc<Shared>,
    log: Log,
    waiting: VecDeque<(Charged, T)>,
    /// The length of their records.
    waiting_len: u64,
    group: Vec<u8>,
    sync_due_ns: Option<u64>,
    /// Dropped after the log.
    _lock: DiskLock,
}

/// What readers and the engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) head: Head,
    record_len_max: u64,
    refused: Refused,
    told: Mutex<StoreStats>,
}

/// Requests refused, by reason.
#[derive(Debug, Default)]
struct Refused {
    head_full: Counter,
    queue_full: Counter,
    too_large: Counter,
    closing: Counter,
}

/// A request with the memory that it needs set aside.
#[derive(Debug)]
pub struct Charged {
    batch: Batch,
    record_len: u64,
    /// Where its record is, once that was written.
    log_file_id: u64,
    log_offset: u64,
    memory: Reservation,
    queued: Reservation,
}

impl<T> Engine<T> {
    /// Locks the data folder, replays the log into the head, and makes the engine.
    ///
    /// `seed` must be a number that no sender can know.
    ///
    /// # Errors
    ///
    /// Returns why the store can't be opened; a later attempt starts afresh.
    pub fn open(
        options: Options,
        seed: u64,
        disk: Arc<dyn Disk>,
        decoder: &dyn RecordDecoder,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Self, OpenError> {
        let lock = disk.lock(LOCK_PATH).map_err(|error| match error {
            LockError::Held { pid } => OpenError::Locked { holder_pid: pid },
            LockError::Disk(source) => OpenError::Disk { path: LOCK_PATH.to_owned(), source },
        })?;
        let head = Head::new(Arc::clone(&options.head), seed);
        let replayed = replay(Replay {
            disk: &*disk,
            decoder,
            file_len_max: options.file_len_max,
            spare_files_max: options.spare_files_max,
            progress,
            sink: &mut |tenant, spans, request| {
                // These are acknowledged: they are served even past the limit, which then
                // refuses what comes new.
                let memory = options.head.reserve_regardless(spans.byte_len());
                head.insert(tenant, spans, request, memory);
            },
        })?;
        let log_options = LogOptions {
            file_len_max: options.file_len_max,
            spare_files_max: options.spare_files_max,
            salt_seed: seed,
        };
        let log = Log::new(disk, &log_options, replayed.start);
        let told = StoreStats { replay: replayed.report, ..StoreStats::default() };
        let shared = Shared {
            options,
            head,
            record_len_max: log.record_len_max(),
            refused: Refused::default(),
            told: Mutex::new(told),
        };
        Ok(Self {
            shared: Arc::new(shared),
            log,
            waiting: VecDeque::new(),
            waiting_len: 0,
            group: Vec::new(),
            sync_due_ns: None,
            _lock: lock,
        })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

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

    /// When [`Self::tick`] has something to do.
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

    /// The log file that records go to now, if one is open. What was appended before a commit
    /// is in this file or in an older one after it.
    #[must_use]
    pub fn log_file_id(&self) -> Option<u64> {
        self.log.current_file_id()
    }

    /// Takes a log file out of the log, all of whose records are kept durably elsewhere; its
    /// space is reused. Files are retired oldest first. Returns false, and does nothing, for
    /// the file that is written now.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses; the file may then still be in the log.
    pub fn retire(&mut self, file_id: u64) -> io::Result<bool> {
        self.log.retire(file_id)
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
                (request.log_file_id, request.log_offset) = (place.file_id, offset);
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

impl Shared {
    pub(crate) fn charge(&self, batch: Batch) -> Result<Charged, AppendError> {
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
        Ok(Charged { batch, record_len, log_file_id: 0, log_offset: 0, memory, queued })
    }

    /// Counts a request that came too late, and says so.
    pub(crate) fn refuse_closing(&self) -> AppendError {
        self.refused.closing.add(1);
        AppendError::Closing
    }

    fn settle(&self, request: Charged, outcome: &io::Result<()>) -> Result<(), AppendError> {
        let Charged { batch, log_file_id, log_offset, memory, queued, .. } = request;
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
        let arrival_ns = batch.origin.arrival_ns;
        let request = Request { arrival_ns, log_file_id, log_offset };
        self.head.insert(&batch.tenant, &batch.spans, request, memory);
        Ok(())
    }

    fn told(&self) -> MutexGuard<'_, StoreStats> {
        // Every change is one number: a panic in between leaves nothing half done.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stats(&self) -> StoreStats {
        let told = self.told().clone();
        StoreStats {
            refused_head_full: self.refused.head_full.get(),
            refused_queue_full: self.refused.queue_full.get(),
            refused_too_large: self.refused.too_large.get(),
            refused_closing: self.refused.closing.get(),
            queue_bytes: self.options.queue.used(),
            head_bytes: self.options.head.used(),
            head_spans: self.head.span_count(),
            head_traces: self.head.trace_count(),
            ..told
        }
    }
}

fn full(over: OverBudget) -> AppendError {
    AppendError::Full { what: over.name, used: over.used, limit: over.limit }
}

fn disk_error(error: &io::Error) -> AppendError {
    AppendError::Disk { reason: error.to_string() }
}

/// The questions of [`crate::SpanStore`], for those who drive an engine themselves.
impl<T> Engine<T> {
    /// See [`crate::SpanStore::trace`].
    #[must_use]
    pub fn trace(&self, tenant: &Tenant, trace_id_low: u64) -> Vec<StoredSpan> {
        self.shared.head.trace(tenant, trace_id_low)
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
