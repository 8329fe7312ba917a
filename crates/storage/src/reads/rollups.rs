//! What the segments of a tenant count, added up.

use super::cache::{OpenSegment, SegmentCache, Trouble, disk};
use crate::maintenance::settle::{ROLLUP_SECTION, STRAYS_SECTION, read_rollup};
use crate::manifest::SegmentEntry;
use crate::rollup::Rollup;
use crate::segment::SectionId;
use crate::segment_store::read_ranges_blocking;
use crate::store::ReadError;

impl SegmentCache {
    /// Adds what segments count in some minutes. `is_near` tells of each segment whether it has
    /// spans in such a minute; one that does not may still count calls that it changed.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read. What is damaged is set apart and left out.
    pub(crate) fn add_rollups(
        &self,
        entries: &[&SegmentEntry],
        is_near: impl Fn(&SegmentEntry) -> bool,
        is_wanted: impl Fn(u32) -> bool,
        rollup: &mut Rollup,
    ) -> Result<(), ReadError> {
        for open in self.open(entries.iter().copied())? {
            match self.add_rollup(&open, &is_wanted, is_near(&open.entry), rollup) {
                Ok(()) => {}
                Err(Trouble::Damaged(reason)) => self.quarantine(open.entry.id, &reason),
                Err(Trouble::Disk(error)) => return Err(disk(&error)),
            }
        }
        Ok(())
    }

    /// Adds what one segment counts in some minutes: in its own only if it is near.
    pub(crate) fn add_rollup(
        &self,
        open: &OpenSegment,
        is_wanted: impl Fn(u32) -> bool,
        is_near: bool,
        rollup: &mut Rollup,
    ) -> Result<(), Trouble> {
        let ids: &[SectionId] =
            if is_near { &[ROLLUP_SECTION, STRAYS_SECTION] } else { &[STRAYS_SECTION] };
        let found = ids.iter().filter_map(|id| Some((*id, open.segment.section_range(*id)?)));
        let found: Vec<_> = found.collect();
        let reads = found.iter().map(|(_, range)| open.read(*range)).collect();
        let read = read_ranges_blocking(&**self.store(), reads);
        // All of it is right, or none of it counts.
        let mut parts = Vec::new();
        for ((id, _), bytes) in found.into_iter().zip(read) {
            let bytes = bytes.map_err(Trouble::of_read)?;
            let part = open.segment.check_section(id, &bytes)?;
            let part = read_rollup(part).map_err(|fault| {
                Trouble::Damaged(format!("{}: section {}: {fault}", open.path, id.0))
            })?;
            parts.push(part);
        }
        parts.iter().for_each(|part| rollup.merge_minutes(part, &is_wanted));
        Ok(())
    }
}
