//! Opening a store: the folder is locked, the segments are found, and the log is replayed.
//!
//! Between [`Opening::begin`] and the end of [`Opening::replay`] segments can be read already.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::Engine;
use super::maintenance::Upkeep;
use super::shared::{Recovery, Shared};
use crate::LogPosition;
use crate::batch::SpanBatch;
use crate::columns::Request;
use crate::disk::{Disk, DiskLock, LockError};
use crate::maintenance::Workshop;
use crate::manifest::{Catalog, CatalogError, ManifestError};
use crate::options::{OpenError, Options, Progress, RecordDecoder};
use crate::reads::SegmentCache;
use crate::segment_store::{LocalSegmentStore, SegmentStore};
use crate::tenant::Tenant;
use crate::wal::{Log, LogOptions, Replay, check_versions, record_len_max, replay};

/// The file that is locked while a process has the data folder.
const LOCK_PATH: &str = "LOCK";

/// Of how many segments at once a start reads which traces they hold.
const FLUSHED_COUNT_MAX: usize = 64;

/// A store whose log is not replayed yet.
#[derive(Debug)]
pub struct Opening {
    shared: Arc<Shared>,
    seed: u64,
    disk: DiskBox,
    lock: DiskLock,
    orphans: Vec<String>,
}

struct DiskBox(Arc<dyn Disk>);

/// Which rows of the log a segment has already.
struct Flushed {
    tenant: Tenant,
    through: LogPosition,
    traces: HashSet<u64>,
}

impl Opening {
    /// Locks the folder and reads the manifest. Nothing is changed but for the lock.
    ///
    /// `seed` must be a number that no sender can know.
    ///
    /// # Errors
    ///
    /// Returns why the store can't be opened; a later attempt starts afresh.
    pub fn begin(options: Options, seed: u64, disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        let store = Arc::new(LocalSegmentStore::new(Arc::clone(&disk)));
        Self::begin_on(options, seed, disk, store)
    }

    /// Begins as [`Self::begin`] does, with segments and manifest in a store of their own. The
    /// log is on `disk`, whose lock guards both.
    ///
    /// # Errors
    ///
    /// Returns why the store can't be opened; a later attempt starts afresh.
    pub fn begin_on(
        options: Options,
        seed: u64,
        disk: Arc<dyn Disk>,
        store: Arc<dyn SegmentStore>,
    ) -> Result<Self, OpenError> {
        let lock = disk.lock(LOCK_PATH).map_err(|error| match error {
            LockError::Held { pid } => OpenError::Locked { holder_pid: pid },
            LockError::Disk(source) => OpenError::Disk { path: LOCK_PATH.to_owned(), source },
        })?;
        check_versions(&*disk)?;
        let opened = Catalog::open(Arc::clone(&store)).map_err(open_error)?;
        let workshop = Workshop {
            catalog: opened.catalog,
            cache: SegmentCache::new(store, Arc::clone(&options.segments)),
            seed,
            group_row_count_max: options.group_row_count_max,
            is_cancelled: AtomicBool::new(false),
            compacted: (AtomicU64::new(0), AtomicU64::new(0)),
        };
        for id in opened.missing {
            workshop.cache.quarantine(id, &"its object is missing, or has another length");
        }
        let record_len_max = record_len_max(options.file_len_max);
        let shared = Arc::new(Shared::new(options, seed, record_len_max, workshop));
        Ok(Self { shared, seed, disk: DiskBox(disk), lock, orphans: opened.orphans })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Replays the log into the head, and makes the engine.
    ///
    /// # Errors
    ///
    /// Returns why not; a later attempt starts afresh.
    pub fn replay<T>(
        self,
        decoder: &dyn RecordDecoder,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Engine<T>, OpenError> {
        let shared = Arc::clone(&self.shared);
        let outcome = self.replay_log(decoder, progress);
        shared.set_recovery(match &outcome {
            Ok(_) => Recovery::Done,
            Err(error) => Recovery::Failed(error.to_string()),
        });
        outcome
    }

    fn replay_log<T>(
        self,
        decoder: &dyn RecordDecoder,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Engine<T>, OpenError> {
        let Self { shared, seed, disk: DiskBox(disk), lock, orphans } = self;
        let options = &shared.options;
        let flushed = flushed_traces(&shared)?;
        let replayed = replay(Replay {
            disk: &*disk,
            decoder,
            file_len_max: options.file_len_max,
            spare_files_max: options.spare_files_max,
            progress: &mut |made| {
                *shared.recovery() = Recovery::Replaying(*made);
                progress(made);
            },
            sink: &mut |tenant, spans, request| load(&shared, &flushed, tenant, spans, request),
        })?;
        for path in orphans {
            // What a crash left is no part of the store; the next start tries again.
            let _ = shared.workshop.cache.store().remove(&path);
        }
        let log_options = LogOptions {
            file_len_max: options.file_len_max,
            spare_files_max: options.spare_files_max,
            salt_seed: seed,
        };
        let log = Log::new(disk, &log_options, replayed.start);
        shared.told().replay = replayed.report;
        let upkeep = Upkeep::new(&shared);
        let mut engine = Engine {
            shared,
            log,
            waiting: VecDeque::new(),
            waiting_len: 0,
            group: Vec::new(),
            sync_due_ns: None,
            upkeep,
            _lock: lock,
        };
        // The file that was the last one may hold nothing any more that segments don't.
        engine.retire_log();
        Ok(engine)
    }
}

impl<T> Engine<T> {
    /// Begins and replays, with nothing in between.
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
        Opening::begin(options, seed, disk)?.replay(decoder, progress)
    }
}

/// Puts a replayed request in the head, but for what a segment has of it, and for what was deleted.
fn load(
    shared: &Shared,
    flushed: &[Flushed],
    tenant: &Tenant,
    spans: &SpanBatch,
    request: Request,
) {
    let position = LogPosition { file_id: request.log_file_id, offset: request.log_offset };
    let visible = shared.visible();
    let of_tenant =
        || flushed.iter().filter(|flush| flush.tenant == *tenant && position <= flush.through);
    let is_gone = |low| {
        of_tenant().any(|flush| flush.traces.contains(&low))
            || visible.is_deleted_in_log(tenant, low, position)
    };
    let is_untouched = of_tenant().next().is_none() && visible.tombstones().is_empty();
    // What is left is acknowledged: it is served even past the limit, which then refuses what
    // comes new.
    let memory = |spans: &SpanBatch| shared.options.head.reserve_regardless(spans.byte_len());
    if is_untouched {
        shared.head.insert(tenant, spans, request, memory(spans));
        return;
    }
    let mut left = SpanBatch::new();
    spans.for_each(|span| {
        if !is_gone(span.trace_id.low()) {
            left.push(span);
        }
    });
    shared.head.insert(tenant, &left, request, memory(&left));
}

/// Reads which traces the newest segments hold: those that were flushed from log files that may
/// still be there.
fn flushed_traces(shared: &Shared) -> Result<Vec<Flushed>, OpenError> {
    let visible = shared.visible();
    let newest =
        visible.segments().iter().filter_map(|entry| Some((entry, entry.flushed_through?)));
    let newest: Vec<_> = newest.collect();
    let mut flushed = Vec::new();
    for some in newest.chunks(FLUSHED_COUNT_MAX) {
        let entries = some.iter().map(|(entry, _)| *entry);
        let traces = shared.workshop.cache.traces_of(entries).map_err(|error| {
            let path = some.first().map_or_else(String::new, |(entry, _)| entry.path());
            OpenError::Disk { path, source: std::io::Error::other(error.to_string()) }
        });
        let mut traces = traces?;
        // A segment that can't be read takes nothing away from the log.
        flushed.extend(some.iter().map(|(entry, through)| Flushed {
            tenant: entry.tenant.clone(),
            through: *through,
            traces: traces.remove(&entry.id).unwrap_or_default(),
        }));
    }
    Ok(flushed)
}

/// Tells an error of the catalog as one of the opening.
pub(crate) fn open_error(error: CatalogError) -> OpenError {
    let file = "manifest".to_owned();
    match error {
        CatalogError::Manifest(ManifestError::Newer { version, version_max }) => {
            OpenError::NewerFormat { file, version, version_max }
        }
        CatalogError::Disk { source } | CatalogError::Unknown { source } => {
            OpenError::Disk { path: file, source }
        }
        other => OpenError::Damaged { file, reason: other.to_string() },
    }
}

impl std::fmt::Debug for DiskBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Disk")
    }
}
