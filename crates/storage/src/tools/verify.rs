//! Checks every byte of a store's segments: checksums, that every span can be read, and that what
//! is counted of them is as much as there is.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::{TellWork, WorkDone};
use crate::budget::Account;
use crate::disk::{Disk, LockError};
use crate::maintenance::settle::ROLLUP_SECTION;
use crate::manifest::{Catalog, SegmentEntry};
use crate::options::OpenError;
use crate::reads::{SegmentCache, Trouble};
use crate::rollup::{Limits, Rollup};
use crate::segment::{self, ByteRange, Segment, VerifyError};
use crate::segment_store::{LocalSegmentStore, RangeRead, SegmentStore, read_ranges_blocking};

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
    let cache = SegmentCache::new(Arc::clone(&store), Account::new("verify", 0));
    let missing: BTreeSet<u64> = opened.missing.into_iter().collect();
    let mut report = VerifyReport {
        orphans: opened.orphans,
        manifest_damage: opened.damage.map(|damage| damage.to_string()),
        ..VerifyReport::default()
    };
    let total_len = manifest.segments().iter().map(|entry| entry.len).sum();
    for entry in manifest.segments() {
        let checked = match missing.contains(&entry.id) {
            true => {
                Err(Trouble::Damaged("its object is missing, or has another length".to_owned()))
            }
            false => check(&*store, entry)
                .and_then(|span_count| check_settled(&cache, entry).map(|()| span_count)),
        };
        match checked {
            Ok(span_count) => report.spans += span_count,
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

/// Checks all of a segment, and that it is the one that the manifest names; returns how many
/// spans it has.
fn check(store: &dyn SegmentStore, entry: &SegmentEntry) -> Result<u64, Trouble> {
    let path: Arc<str> = entry.path().into();
    let mut read = |range: ByteRange| read_one(store, &path, range);
    let none = ByteRange { offset: 0, len: 0 };
    let footer = Segment::footer_range(entry.len, entry.footer_len).unwrap_or(none);
    let footer = read(footer).map_err(Trouble::of_read)?;
    if crc32c::crc32c(&footer) != entry.footer_checksum {
        return Err(Trouble::Damaged("its footer is not the one that was written".to_owned()));
    }
    let verified = segment::verify(Arc::clone(&path), entry.len, entry.footer_len, &mut read);
    let verified = verified.map_err(|error| match error {
        VerifyError::Disk(error) => Trouble::of_read(error),
        VerifyError::Damaged(damage) => Trouble::from(damage),
    })?;
    let counted = (verified.span_count, verified.trace_count);
    let due = (entry.span_count, entry.trace_count);
    if counted == due {
        return Ok(verified.span_count);
    }
    Err(Trouble::Damaged(format!("it has {counted:?} spans and traces where {due:?} are due")))
}

/// Checks what settling found of a segment whose bytes are right.
fn check_settled(cache: &SegmentCache, entry: &SegmentEntry) -> Result<(), Trouble> {
    let refused = |error: crate::ReadError| Trouble::Disk(io::Error::other(error.to_string()));
    let open = cache.open([entry]).map_err(refused)?;
    for (open, dictionaries) in cache.with_dictionaries(open).map_err(refused)? {
        cache.check_trace_rows(&open, &dictionaries)?;
        // Segments of pinned traces count nothing: their spans are copies.
        if open.segment.section_range(ROLLUP_SECTION).is_none() {
            continue;
        }
        let mut rollup = Rollup::new(Limits::MERGED);
        cache.add_rollup(&open, |_| true, true, &mut rollup)?;
        let (counted, due) = (rollup.spans().map(|row| row.count).sum::<i64>(), entry.span_count);
        if u64::try_from(counted) != Ok(due) {
            let reason = format!("its rollup counts {counted} spans where {due} are due");
            return Err(Trouble::Damaged(reason));
        }
    }
    Ok(())
}

fn read_one(store: &dyn SegmentStore, path: &Arc<str>, range: ByteRange) -> io::Result<Bytes> {
    let wanted = RangeRead { path: Arc::clone(path), offset: range.offset, len: range.len };
    let read = read_ranges_blocking(store, vec![wanted]).into_iter().next();
    read.unwrap_or_else(|| Err(io::Error::other("the store gave no answer")))
}
