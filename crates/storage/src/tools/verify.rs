//! Checks every byte of a store's segments: checksums, and that every span can be read.

use std::sync::Arc;

use super::{TellWork, WorkDone};
use crate::budget::Account;
use crate::columns::SpanReader;
use crate::disk::{Disk, LockError};
use crate::manifest::{Catalog, SegmentEntry};
use crate::options::OpenError;
use crate::reads::{OpenSegment, SegmentCache, Trouble};
use crate::segment::Dictionaries;
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
    let Some((segment, dictionaries)) = open.into_iter().next() else {
        let reason = cache.quarantined().remove(&entry.id);
        return Err(Trouble::Damaged(reason.unwrap_or_else(|| "it can't be opened".to_owned())));
    };
    let mut found = 0;
    for group in 0..segment.segment.group_count() {
        found += check_group(cache, &segment, group, &dictionaries)?;
    }
    *spans += found;
    if found != entry.span_count {
        let due = entry.span_count;
        return Err(Trouble::Damaged(format!("it has {found} spans where {due} are due")));
    }
    Ok(())
}

fn check_group(
    cache: &SegmentCache,
    open: &OpenSegment,
    group: u32,
    dictionaries: &Dictionaries,
) -> Result<u64, Trouble> {
    let read = open.read(open.segment.group_range(group));
    let read = read_ranges_blocking(&**cache.store(), vec![read]).into_iter().next();
    let bytes = read.unwrap_or_else(|| Err(std::io::Error::other("the store gave no answer")));
    let bytes = bytes.map_err(Trouble::of_read)?;
    let chunk = cache
        .with_decoder(|decoder| open.segment.decode_group(group, &bytes, dictionaries, decoder))?;
    let reader = SpanReader::new(&chunk);
    let damaged = (0..chunk.len()).find(|row| reader.span(*row).is_none());
    match damaged {
        Some(row) => Err(Trouble::Damaged(format!("row {row} of group {group} can't be read"))),
        None => Ok(chunk.len() as u64),
    }
}
