//! A copy of a store while it runs: its segments, and a manifest of them.
//!
//! The store flushes first, so that what was acknowledged before the call is in segments; those
//! never change, and those of the view that is copied are not removed while it is looked at. The
//! copy is a data folder that a server can be started on.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{TellWork, WorkDone};
use crate::LogPosition;
use crate::disk::RealDisk;
use crate::embedded::EmbeddedStore;
use crate::manifest::{Catalog, CatalogError, Manifest, ManifestChange, SegmentEntry, Tombstone};
use crate::segment_store::{LocalSegmentStore, RangeRead, SegmentStore, read_ranges_blocking};

/// How much is read and written at once.
const PIECE_LEN: u64 = 1 << 20;

/// What a backup copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Segments copied.
    pub segments: u64,
    /// Bytes in those.
    pub bytes: u64,
    /// Spans in those.
    pub spans: u64,
}

/// Why a backup was not made. What was copied so far stays where it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is a store in the folder already.
    #[error("{folder} holds a store already")]
    Occupied {
        /// The folder.
        folder: String,
    },
    /// A segment of the store can't be read.
    #[error("segment {path} can't be read: {source}")]
    Read {
        /// The segment's object.
        path: String,
        /// What the disk said.
        source: io::Error,
    },
    /// The copy can't be written.
    #[error("the copy can't be written: {0}")]
    Write(#[from] io::Error),
    /// The copy's manifest can't be written.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// The file whose presence makes a folder a store.
#[must_use]
pub fn backup_manifest_path(folder: &Path) -> std::path::PathBuf {
    folder.join("manifest")
}

impl EmbeddedStore {
    /// Copies all that was acknowledged by now to a folder, which must not hold a store yet.
    ///
    /// # Errors
    ///
    /// Says why not; the store itself is not touched.
    pub fn backup(&self, folder: &Path, tell: TellWork<'_>) -> Result<BackupReport, BackupError> {
        if backup_manifest_path(folder).exists() {
            return Err(BackupError::Occupied { folder: folder.display().to_string() });
        }
        self.flush();
        let copy: Arc<dyn SegmentStore> =
            Arc::new(LocalSegmentStore::new(Arc::new(RealDisk::new(folder)?)));
        let catalog = Catalog::open(Arc::clone(&copy))?.catalog;
        // While this view is held its segments stay.
        let view: Arc<Manifest> = self.shared().visible();
        let segments = view.segments();
        let total_len = segments.iter().map(|entry| entry.len).sum();
        let mut report = BackupReport::default();
        let mut change = ManifestChange::default();
        for entry in segments {
            let id = catalog.allocate_segment_id()?;
            // The log is not copied, so no segment has to answer for a part of it.
            let copied = SegmentEntry { id, flushed_through: None, ..entry.clone() };
            let mut upload = copy.create(&copied.path())?;
            for piece in pieces_of(entry) {
                upload.write(&self.read_piece(piece)?)?;
                report.bytes += entry.len.min(PIECE_LEN);
                tell(WorkDone { done_len: report.bytes.min(total_len), total_len });
            }
            upload.finish()?;
            report.segments += 1;
            report.spans += entry.span_count;
            change.add.push(copied);
        }
        report.bytes = total_len;
        let ids: Vec<(u64, u64)> =
            segments.iter().zip(&change.add).map(|(entry, copied)| (entry.id, copied.id)).collect();
        change.bury = view.tombstones().iter().map(|t| renumbered(t, &ids)).collect();
        catalog.apply(&change)?;
        Ok(report)
    }

    fn read_piece(&self, piece: RangeRead) -> Result<bytes::Bytes, BackupError> {
        let path = piece.path.to_string();
        let read = read_ranges_blocking(&**self.shared().workshop.cache.store(), vec![piece]);
        let bytes = read.into_iter().next();
        let bytes = bytes.unwrap_or_else(|| Err(io::Error::other("the store gave no answer")));
        bytes.map_err(|source| BackupError::Read { path, source })
    }
}

/// A deletion in the numbers of the copy, whose segments have the order of the original's.
fn renumbered(tombstone: &Tombstone, ids: &[(u64, u64)]) -> Tombstone {
    let hidden = ids.iter().filter(|(id, _)| *id < tombstone.segments_before);
    Tombstone {
        segments_before: hidden.map(|(_, copied)| copied + 1).max().unwrap_or(0),
        log_before: LogPosition { file_id: 0, offset: 0 },
        ..tombstone.clone()
    }
}

fn pieces_of(entry: &SegmentEntry) -> impl Iterator<Item = RangeRead> {
    let (path, len): (Arc<str>, u64) = (entry.path().into(), entry.len);
    (0..len.div_ceil(PIECE_LEN)).map(move |piece| {
        let offset = piece * PIECE_LEN;
        let len = usize::try_from(PIECE_LEN.min(len - offset)).unwrap_or(usize::MAX);
        RangeRead { path: Arc::clone(&path), offset, len }
    })
}
