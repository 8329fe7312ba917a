//! Opens a store that no server has open, to read all of it.
//!
//! Its log is replayed in memory; nothing is flushed, merged or let go of.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use spandrel_storage::{
    Account, CompactionPolicy, Disk, EmbeddedStore, Options, Progress, RealDisk, Retention,
    StoreLen,
};

use super::progress_line::{ProgressLine, Unit};
use crate::receivers::StoredRequests;

/// The file that every store has.
const LOCK_PATH: &str = "LOCK";
/// How much is kept in memory of segments.
const SEGMENTS_LEN_MAX: u64 = 256 << 20;

/// A folder's disk, if there is a store.
pub(super) fn disk_of(data_dir: &Path) -> anyhow::Result<Arc<dyn Disk>> {
    // A typing error must not make a folder.
    if !data_dir.join(LOCK_PATH).exists() {
        bail!("there is no store in {}", data_dir.display());
    }
    let disk = RealDisk::new(data_dir);
    Ok(Arc::new(disk.with_context(|| format!("the data folder {}", data_dir.display()))?))
}

/// Opens the store in a folder and replays its log.
pub(super) fn open(data_dir: &Path) -> anyhow::Result<EmbeddedStore> {
    let unlimited = |name| Account::new(name, u64::MAX);
    let segments = Account::new("segments", SEGMENTS_LEN_MAX);
    let options = Options {
        log_len_max: u64::MAX,
        flush_age_max_ns: u64::MAX,
        compaction: CompactionPolicy { fan_in: usize::MAX, ..CompactionPolicy::default() },
        retention: Retention {
            age_max_ns: None,
            len_max: StoreLen::Bytes(u64::MAX),
            disk_free_min: 0,
        },
        ..Options::new(unlimited("head"), unlimited("queue"), segments)
    };
    let mut line = ProgressLine::new("reading the log", Unit::Bytes);
    let tell = move |progress: &Progress| line.tell(progress.bytes_done, progress.bytes);
    let opened =
        EmbeddedStore::start(options, disk_of(data_dir)?, Arc::new(StoredRequests), Box::new(tell));
    let store = opened.with_context(|| format!("the data folder {}", data_dir.display()))?;
    store.wait_recovered()?;
    Ok(store)
}
