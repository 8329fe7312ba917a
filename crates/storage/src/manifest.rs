//! The manifest: which segments count, which traces are deleted, and which ids are taken.
//!
//! A manifest is a value that never changes; [`Catalog`] replaces it. Its bytes are described in
//! `docs/format.md`. What is inside a segment is not known here.

mod catalog;
mod change;
mod encoding;
mod entry;

pub use catalog::{Catalog, CatalogError, Opened};
pub use change::{ChangeError, ManifestChange};
pub use encoding::{DecodedManifest, ManifestError};
pub use entry::{LogPosition, SegmentClass, SegmentEntry, Tombstone};

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

    /// Returns the arrival time up to which the spans of a trace are deleted, if any are.
    #[must_use]
    pub fn deleted_through_ns(&self, tenant: &Tenant, trace_id_low: u64) -> Option<u64> {
        let key = |tombstone: &Tombstone| (tombstone.tenant.clone(), tombstone.trace_id_low);
        let wanted = (tenant.clone(), trace_id_low);
        let end = self.tombstones.partition_point(|tombstone| key(tombstone) <= wanted);
        let last = self.tombstones.get(end.checked_sub(1)?)?;
        (key(last) == wanted).then_some(last.deleted_at_ns)
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
    fn the_latest_deletion_of_a_trace_is_found() {
        let (one, two) = (Tenant::new("one").unwrap(), Tenant::new("two").unwrap());
        let tombstone = |tenant: &Tenant, trace_id_low, deleted_at_ns| Tombstone {
            tenant: tenant.clone(),
            trace_id_low,
            deleted_at_ns,
        };
        let bury = vec![tombstone(&one, 5, 90), tombstone(&two, 5, 7), tombstone(&one, 5, 10)];
        let change = ManifestChange { bury, ..ManifestChange::default() };
        let manifest = Manifest::empty().changed(&change).unwrap();
        assert_eq!(manifest.deleted_through_ns(&one, 5), Some(90));
        assert_eq!(manifest.deleted_through_ns(&two, 5), Some(7));
        assert_eq!(manifest.deleted_through_ns(&one, 4), None);
        assert_eq!(manifest.deleted_through_ns(&two, 6), None);
    }
}
