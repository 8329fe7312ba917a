//! Checks every byte of a store's segments: checksums, that every span can be read, and that what
//! is counted of them is as much as there is.

use std::sync::Arc;

use super::{TellWork, WorkDone};
use crate::budget::Account;
use crate::disk::{Disk, LockError};
use crate::maintenance::settle::ROLLUP_SECTION;
use crate::manifest::{Catalog, SegmentEntry};
use crate::options::OpenError;
use crate::reads::{SegmentCache, Trouble};
use crate::rollup::{Limits, Rollup};
use crate::segment::{self, ByteRange, VerifyError};
use crate::segment_store::{LocalSegmentStore, SegmentStore, read_ranges_blocking};

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Segments checked.
    pub segments: u64,
    /// Bytes in those.
    pub bytes: u64,
    /// Spans read.
    pub spans: u64,
    /// What is wrong with segments, each by its object's path.
    pub damaged: Vec<(String, String)>,
    /// Objects that no manifest names: what a crash left. The next start removes them.
    pub orphans: Vec<String>,
    /// What is wrong with one copy of the manifest, while the other is whole.
    pub manifest_damage: Option<String>,
}

/// Checks the store in a folder that no process has open. The log is checked by every start.
///
/// # Errors
///
/// Fails when the folder is in use, or its manifest can't be read.
pub fn verify(disk: &Arc<dyn Disk>, tell: TellWork<'_>) -> Result<VerifyReport, OpenError> {
    let _lock = disk.lock("LOCK").map_err(|error| match error {
        LockError::Held { pid } => OpenError::Locked { holder_pid: pid },
        LockError::Disk(source) => OpenError::Disk { path: "LOCK".to_owned(), source },
    })?;
    let store: Arc<dyn SegmentStore> = Arc::new(LocalSegmentStore::new(Arc::clone(disk)));
    let opened = Catalog::open(Arc::clone(&store)).map_err(crate::engine::open_error)?;
    let manifest = opened.catalog.current();
    // A footer at a time: nothing is kept.
    let cache = SegmentCache::new(store, Account::new("verify", 0));
    let mut report = VerifyReport {
        orphans: opened.orphans,
        manifest_damage: opened.damage.map(|damage| damage.to_string()),
        ..VerifyReport::default()
    };
    let total_len = manifest.segments().iter().map(|entry| entry.len).sum();
    for entry in manifest.segments() {
        match check(&cache, entry, &mut report.spans) {
            Ok(()) => {}
            Err(Trouble::Damaged(reason)) => report.damaged.push((entry.path(), reason)),
            Err(Trouble::Disk(source)) => {
                return Err(OpenError::Disk { path: entry.path(), source });
            }
        }
        report.segments += 1;
        report.bytes += entry.len;
        tell(WorkDone { done_len: report.bytes, total_len });
    }
    Ok(report)
}

fn check(cache: &SegmentCache, entry: &SegmentEntry, spans: &mut u64) -> Result<(), Trouble> {
    let refused = |error: crate::ReadError| Trouble::Disk(std::io::Error::other(error.to_string()));
    let open = cache.open([entry]).map_err(refused)?;
    let open = cache.with_dictionaries(open).map_err(refused)?;
    let Some((open, dictionaries)) = open.into_iter().next() else {
        let reason = cache.quarantined().remove(&entry.id);
        return Err(Trouble::Damaged(reason.unwrap_or_else(|| "it can't be opened".to_owned())));
    };
    let mut read = |range: ByteRange| {
        let read = read_ranges_blocking(&**cache.store(), vec![open.read(range)]).pop();
        read.unwrap_or_else(|| Err(std::io::Error::other("the store gave no answer")))
    };
    let checked = segment::verify(open.path.clone(), entry.len, entry.footer_len, &mut read);
    let found = checked.map_err(|error| match error {
        VerifyError::Disk(error) => Trouble::of_read(error),
        VerifyError::Damaged(error) => error.into(),
    })?;
    *spans += found.span_count;
    are_due("it has", found.span_count.cast_signed(), entry)?;
    cache.check_trace_rows(&open, &dictionaries)?;
    // Segments of pinned traces count nothing: their spans are copies.
    if open.segment.section_range(ROLLUP_SECTION).is_some() {
        let mut rollup = Rollup::new(Limits::MERGED);
        cache.add_rollup(&open, |_| true, true, &mut rollup)?;
        are_due("its rollup counts", rollup.spans().map(|row| row.count).sum(), entry)?;
    }
    Ok(())
}

fn are_due(what: &str, found: i64, entry: &SegmentEntry) -> Result<(), Trouble> {
    let due = entry.span_count;
    if u64::try_from(found) == Ok(due) {
        return Ok(());
    }
    Err(Trouble::Damaged(format!("{what} {found} spans where {due} are due")))
}
