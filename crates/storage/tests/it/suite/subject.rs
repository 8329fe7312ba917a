//! The stores that the suite runs on.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use spandrel_storage::{
    Batch, CompactionPolicy, Disk, EmbeddedStore, LocalSegmentStore, Options, Retention,
    SegmentStore, SpanStore, StoreLen,
};
use testkit::{SeedDecoder, SimDisk, SlowStore};

use crate::ledger::small_options;

/// Where a store keeps its spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In memory alone, and in the log.
    Memory,
    /// In segments alone, whenever it is asked.
    Segments,
    /// In both.
    Mixed,
    /// In both, and segments are read from a store that answers in rounds.
    FarAway,
}

/// A store on a disk, through its restarts.
pub(super) struct Subject {
    place: Place,
    disk: SimDisk,
    store: Option<EmbeddedStore>,
    flushes: u64,
    merges: u64,
}

impl Subject {
    pub(super) fn new(place: Place) -> Self {
        let disk = SimDisk::new(1);
        let store = Some(open(place, &disk));
        Self { place, disk, store, flushes: 0, merges: 0 }
    }

    pub(super) fn store(&self) -> &EmbeddedStore {
        self.store.as_ref().unwrap()
    }

    /// Whether everything of all tenants is in one place, so that the order of a scan is exact.
    pub(super) fn is_in_one_place(&self) -> bool {
        let stats = self.store().stats();
        stats.segments == 0 || (stats.segments == 1 && stats.head_spans == 0)
    }

    pub(super) fn flush(&self) {
        if self.place != Place::Memory {
            self.store().flush();
        }
    }

    /// Brings the spans where they belong.
    pub(super) fn settle(&self) {
        if self.place == Place::Segments {
            self.store().flush();
            assert_eq!(self.store().stats().head_spans, 0);
        }
    }

    pub(super) fn restart(&mut self) {
        self.close();
        self.store = Some(open(self.place, &self.disk));
    }

    /// Ends the store; returns how many flushes and merges there were in all its lives.
    pub(super) fn end(mut self) -> (u64, u64) {
        self.close();
        (self.flushes, self.merges)
    }

    fn close(&mut self) {
        let store = self.store.take().unwrap();
        store.close().unwrap();
        let stats = store.stats();
        assert_eq!(stats.job_trouble, None);
        self.flushes += stats.flushes;
        self.merges += stats.compactions;
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.place, self.store().stats())
    }
}

fn open(place: Place, disk: &SimDisk) -> EmbeddedStore {
    let options = Options {
        group_row_count_max: 24,
        flush_age_max_ns: u64::MAX,
        compaction: CompactionPolicy { fan_in: 3, ..CompactionPolicy::default() },
        retention: Retention { len_max: StoreLen::Bytes(1 << 40), ..Retention::default() },
        ..small_options(16 << 10)
    };
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let local = || Arc::new(LocalSegmentStore::new(Arc::clone(&disk)));
    let segments: Arc<dyn SegmentStore> = match place {
        Place::FarAway => Arc::new(SlowStore::answering(local(), Duration::ZERO)),
        Place::Memory | Place::Segments | Place::Mixed => local(),
    };
    EmbeddedStore::open_on(options, Arc::clone(&disk), segments, SeedDecoder::shared()).unwrap()
}

/// Appends and waits for the acknowledgement.
pub(super) fn append(store: &dyn SpanStore, batch: Batch) {
    let (told, outcome) = channel();
    store.append(batch, Box::new(move |result| told.send(result).unwrap()));
    outcome.recv().unwrap().unwrap();
}
