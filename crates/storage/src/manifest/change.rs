//! From one manifest to the next: a pure function, which refuses what makes no sense.

use std::collections::BTreeSet;

use super::{Manifest, SegmentEntry, Tombstone};

/// What is to be different in the next manifest. All of it happens, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestChange {
    /// Segments that count from now on. Their objects have to be finished.
    pub add: Vec<SegmentEntry>,
    /// Ids of segments that no longer count. Their objects are removed afterwards.
    pub remove: Vec<u64>,
    /// Deletions of traces; one that is there already is not there twice.
    pub bury: Vec<Tombstone>,
    /// Deletions that no segment needs any more.
    pub unbury: Vec<Tombstone>,
}

/// Why a change makes no sense for the manifest as it is. The caller's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// A segment to remove is not there, or is to be removed twice.
    #[error("segment {id:016x} is to be removed and is not there")]
    NoSuchSegment {
        /// Its id.
        id: u64,
    },
    /// A tombstone to remove is not there, or is to be removed twice.
    #[error("the tombstone of trace {trace_id_low:016x} is to be removed and is not there")]
    NoSuchTombstone {
        /// The low half of the trace's id.
        trace_id_low: u64,
    },
    /// An added segment has the id of one that is there, or that is removed by the same change.
    #[error("segment {id:016x} is to be added and its id is taken")]
    IdTaken {
        /// The id.
        id: u64,
    },
    /// An added segment has an id that the catalog never gave out.
    #[error("segment {id:016x} is to be added and its id was never allocated")]
    IdNotAllocated {
        /// The id.
        id: u64,
    },
    /// An added segment's entry contradicts itself.
    #[error("segment {id:016x} is to be added and its entry is wrong: {what}")]
    Unsound {
        /// Its id.
        id: u64,
        /// What can't be true.
        what: &'static str,
    },
}

impl Manifest {
    /// Makes the manifest that follows this one.
    ///
    /// # Errors
    ///
    /// Says what in the change makes no sense here.
    pub fn changed(&self, change: &ManifestChange) -> Result<Self, ChangeError> {
        Ok(Self {
            next_segment_id: self.next_segment_id,
            segments: self.changed_segments(change)?,
            tombstones: self.changed_tombstones(change)?,
        })
    }

    fn changed_segments(&self, change: &ManifestChange) -> Result<Vec<SegmentEntry>, ChangeError> {
        let mut removed = BTreeSet::new();
        for id in &change.remove {
            if self.segment(*id).is_none() || !removed.insert(*id) {
                return Err(ChangeError::NoSuchSegment { id: *id });
            }
        }
        let mut added = BTreeSet::new();
        for entry in &change.add {
            let id = entry.id;
            if let Some(what) = entry.flaw() {
                return Err(ChangeError::Unsound { id, what });
            }
            if id >= self.next_segment_id {
                return Err(ChangeError::IdNotAllocated { id });
            }
            if self.segment(id).is_some() || !added.insert(id) {
                return Err(ChangeError::IdTaken { id });
            }
        }
        let kept = self.segments.iter().filter(|entry| !removed.contains(&entry.id));
        let mut segments: Vec<_> = kept.chain(&change.add).cloned().collect();
        segments.sort_by_key(|entry| entry.id);
        Ok(segments)
    }

    fn changed_tombstones(&self, change: &ManifestChange) -> Result<Vec<Tombstone>, ChangeError> {
        let mut tombstones: BTreeSet<_> = self.tombstones.iter().collect();
        for tombstone in &change.unbury {
            if !tombstones.remove(tombstone) {
                let trace_id_low = tombstone.trace_id_low;
                return Err(ChangeError::NoSuchTombstone { trace_id_low });
            }
        }
        tombstones.extend(&change.bury);
        Ok(tombstones.into_iter().cloned().collect())
    }

    /// The same manifest with ids set aside from `next_id` on; `None` when there are no more.
    pub(super) fn with_ids_from(&self, next_id: u64, count: u64) -> Option<Self> {
        let next_segment_id = next_id.checked_add(count)?.max(self.next_segment_id);
        Some(Self { next_segment_id, ..self.clone() })
    }
}
