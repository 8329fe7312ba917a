//! Many traces at once, out of many segments: which groups hold them.
//!
//! Segment by segment, so that a filter is read through once for all traces; the pages of its
//! index that the filter does not rule out are one batch of reads.

use std::sync::Arc;

use super::cache::{OpenSegment, SegmentCache, Trouble, disk};
use super::lookup::groups_in;
use crate::encoding::hash;
use crate::manifest::SegmentEntry;
use crate::segment_store::read_ranges_blocking;
use crate::store::ReadError;

/// How many segments are open at once for this, besides those that the cache keeps.
const SEGMENTS_AT_ONCE: usize = 32;

/// A group that may hold a trace.
#[derive(Clone, Debug)]
pub(crate) struct TracePlace {
    /// The low half of the trace's id.
    pub(crate) trace_id_low: u64,
    /// The segment.
    pub(crate) segment: Arc<OpenSegment>,
    /// The group.
    pub(crate) group: u32,
}

impl SegmentCache {
    /// Finds the groups of these segments that may hold some of the traces. Few are told that
    /// hold none of them, and none is left out.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read. What is damaged is set apart and left out.
    pub(crate) fn find_places(
        &self,
        entries: &[&SegmentEntry],
        lows: &[u64],
    ) -> Result<Vec<TracePlace>, ReadError> {
        let hashes: Vec<u64> = lows.iter().map(|low| hash::trace_id(*low)).collect();
        let mut places = Vec::new();
        for entries in entries.chunks(SEGMENTS_AT_ONCE) {
            for open in self.open(entries.iter().copied())? {
                match self.places_in(&open, lows, &hashes, &mut places) {
                    Ok(()) => {}
                    Err(Trouble::Damaged(reason)) => self.quarantine(open.entry.id, &reason),
                    Err(Trouble::Disk(error)) => return Err(disk(&error)),
                }
            }
        }
        Ok(places)
    }

    fn places_in(
        &self,
        open: &Arc<OpenSegment>,
        lows: &[u64],
        hashes: &[u64],
        places: &mut Vec<TracePlace>,
    ) -> Result<(), Trouble> {
        let Some(filter) = open.segment.filter() else { return Ok(()) };
        let hits = lows.iter().zip(hashes).filter(|(_, hash)| filter.contains(**hash));
        let pages = hits.filter_map(|(low, _)| Some((*low, open.segment.index_page_range(*low)?)));
        let mut pages: Vec<_> = pages.collect();
        pages.sort_unstable_by_key(|(_, range)| *range);
        let mut ranges: Vec<_> = pages.iter().map(|(_, range)| *range).collect();
        ranges.dedup();
        let reads = ranges.iter().map(|range| open.read(*range)).collect();
        let read = read_ranges_blocking(&**self.store(), reads);
        let same_page = pages.chunk_by(|(_, a), (_, b)| a == b);
        for (same_page, page) in same_page.zip(read) {
            let page = page.map_err(Trouble::of_read)?;
            for (low, _) in same_page {
                for group in groups_in(open, Ok(page.clone()), *low)? {
                    let segment = Arc::clone(open);
                    places.push(TracePlace { trace_id_low: *low, segment, group });
                }
            }
        }
        Ok(())
    }
}
