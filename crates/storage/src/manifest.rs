//! The manifest: which segments count, which traces are deleted, and which ids are taken.
//!
//! A manifest is a value that never changes; [`Catalog`] replaces it. Its bytes are described in
//! `docs/format.md`. What is inside a segment is not known here.

mod catalog;
mod change;
mod encoding;
mod entry;
mod fuzz;

pub use catalog::{Catalog, CatalogError, Opened};
pub use change::{ChangeError, ManifestChange};
pub use encoding::{DecodedManifest, ManifestError};
pub use entry::{LogPosition, SegmentClass, SegmentEntry, Tombstone};
pub use fuzz::read_hostile_manifest;

use crate::tenant::Tenant;

/// What a store holds, as of one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    next_segment_id: u64,
    /// Sorted by id, each id once.
    segments: Vec<SegmentEntry>,
    /// Sorted, each once.
    tombstones: Vec<Tombstone>,
}

impl Manifest {
    /// Makes the manifest of a store that holds nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Self { next_segment_id: 1, segments: Vec::new(), tombstones: Vec::new() }
    }

    /// The first segment id that was certainly never used. Those below may have been.
    #[must_use]
    pub const fn next_segment_id(&self) -> u64 {
        self.next_segment_id
    }

    /// The same manifest, for a reader of it that allocates no ids: it takes every change that
    /// the catalog took.
    pub(crate) fn unbounded(&self) -> Self {
        Self { next_segment_id: u64::MAX, ..self.clone() }
    }

    /// Returns the segments, sorted by id.
    #[must_use]
    pub fn segments(&self) -> &[SegmentEntry] {
        &self.segments
    }

    /// Returns the segment of an id.
    #[must_use]
    pub fn segment(&self, id: u64) -> Option<&SegmentEntry> {
        let index = self.segments.binary_search_by_key(&id, |entry| entry.id).ok()?;
        self.segments.get(index)
    }

    /// Returns the tombstones, sorted by tenant, trace and time.
    #[must_use]
    pub fn tombstones(&self) -> &[Tombstone] {
        &self.tombstones
    }

    /// Whether the spans that a segment holds of a trace are deleted.
    #[must_use]
    pub fn is_deleted(&self, entry: &SegmentEntry, trace_id_low: u64) -> bool {
        let tombstones = self.tombstones_of(&entry.tenant, trace_id_low);
        tombstones.iter().any(|tombstone| entry.id < tombstone.segments_before)
    }

    /// The deletion by which the spans that a segment holds of a trace are gone: the first one
    /// after them, by its [`Tombstone::segments_before`].
    pub(crate) fn deletion_of(&self, entry: &SegmentEntry, trace_id_low: u64) -> Option<u64> {
        let tombstones = self.tombstones_of(&entry.tenant, trace_id_low).iter();
        let before = tombstones.map(|tombstone| tombstone.segments_before);
        before.filter(|before| entry.id < *before).min()
    }

    /// Whether the spans of a trace in a record of the log are deleted.
    #[must_use]
    pub fn is_deleted_in_log(
        &self,
        tenant: &Tenant,
        trace_id_low: u64,
        position: LogPosition,
    ) -> bool {
        let tombstones = self.tombstones_of(tenant, trace_id_low);
        tombstones.iter().any(|tombstone| position < tombstone.log_before)
    }

    fn tombstones_of(&self, tenant: &Tenant, trace_id_low: u64) -> &[Tombstone] {
        let key = |tombstone: &Tombstone| {
            tombstone.tenant.cmp(tenant).then(tombstone.trace_id_low.cmp(&trace_id_low))
        };
        let start = self.tombstones.partition_point(|tombstone| key(tombstone).is_lt());
        let end = self.tombstones.partition_point(|tombstone| key(tombstone).is_le());
        &self.tombstones[start..end]
    }
}

impl Default for Manifest {
    fn default() -> Self {
        Self::empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_hides_what_was_there_and_nothing_else() {
        let (one, two) = (Tenant::new("one").unwrap(), Tenant::new("two").unwrap());
        let log_before = LogPosition { file_id: 4, offset: 100 };
        let tombstone = |tenant: &Tenant, trace_id_low, segments_before| Tombstone {
            tenant: tenant.clone(),
            trace_id_low,
            segments_before,
            log_before,
        };
        let bury = vec![tombstone(&one, 5, 9), tombstone(&two, 5, 2), tombstone(&one, 5, 3)];
        let change = ManifestChange { bury, ..ManifestChange::default() };
        let manifest = Manifest::empty().changed(&change).unwrap();
        let entry = |tenant: &Tenant, id| SegmentEntry {
            tenant: tenant.clone(),
            ..crate::maintenance::tests::entry(id)
        };
        assert!(manifest.is_deleted(&entry(&one, 8), 5));
        assert!(!manifest.is_deleted(&entry(&one, 9), 5));
        assert!(!manifest.is_deleted(&entry(&two, 8), 5));
        assert!(!manifest.is_deleted(&entry(&one, 1), 6));
        let position = |offset| LogPosition { file_id: 4, offset };
        assert!(manifest.is_deleted_in_log(&one, 5, position(99)));
        assert!(!manifest.is_deleted_in_log(&one, 5, position(100)));
        assert!(!manifest.is_deleted_in_log(&one, 4, position(0)));
    }
}
