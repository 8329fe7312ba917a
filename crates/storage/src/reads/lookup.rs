//! One trace by its id, out of any number of segments.
//!
//! Three dependent batches of reads at most: footers, if they are not in memory; pages of the
//! trace indexes, for those segments whose filters don't say no; and the groups that hold the
//! trace, with dictionaries that are not in memory.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use spandrel_model::Span;

use super::cache::{OpenSegment, SegmentCache, Trouble, disk};
use super::group_reader::{GroupReader, RecentGroups};
use crate::columns::{Chunk, Request, SpanReader};
use crate::manifest::SegmentEntry;
use crate::segment::{SegmentDecoder, TraceTable};
use crate::segment_store::read_ranges_blocking;
use crate::store::ReadError;

/// The spans of a trace in one group of one segment.
#[derive(Debug)]
pub(crate) struct FoundRows {
    /// The segment's number.
    pub(crate) segment_id: u64,
    /// Rows of the trace, and no others.
    pub(crate) chunk: Chunk,
}

/// A group that may hold the trace.
struct Place {
    segment: Arc<OpenSegment>,
    group: u32,
}

impl SegmentCache {
    /// Finds the rows of a trace, by the low 64 bits of its id, in the order of the entries.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read. What is damaged is set apart and left out.
    pub(crate) fn find_trace<'e>(
        &self,
        entries: impl IntoIterator<Item = &'e SegmentEntry>,
        trace_id_low: u64,
    ) -> Result<Vec<FoundRows>, ReadError> {
        let mut recent = RecentGroups::default();
        let found = self.find_next_trace(entries, trace_id_low, &mut recent);
        self.with_decoder(|decoder| recent.recycle(decoder));
        found
    }

    /// [`Self::find_trace`], for one of many traces that are likely to share groups.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub(crate) fn find_next_trace<'e>(
        &self,
        entries: impl IntoIterator<Item = &'e SegmentEntry>,
        trace_id_low: u64,
        recent: &mut RecentGroups,
    ) -> Result<Vec<FoundRows>, ReadError> {
        let places = self.places_of(entries, trace_id_low)?;
        let is_kept = |place: &Place| recent.has(place.segment.entry.id, place.group);
        let (kept, new): (Vec<_>, Vec<_>) = places.into_iter().partition(is_kept);
        let mut found = Vec::new();
        // Those that are kept first: the new ones might take their place.
        let read = self.read_groups(&new)?.into_iter().map(Some);
        let places =
            kept.into_iter().zip(std::iter::repeat_with(|| None)).chain(new.into_iter().zip(read));
        for (place, bytes) in places {
            let find = |decoder: &mut _| place.find(bytes, trace_id_low, recent, decoder);
            match self.with_decoder(find) {
                Ok(rows) => found.extend(rows),
                Err(Trouble::Damaged(reason)) => self.quarantine(place.segment.entry.id, &reason),
                Err(Trouble::Disk(error)) => return Err(disk(&error)),
            }
        }
        found.sort_by_key(|rows| rows.segment_id);
        Ok(found)
    }

    /// Whether any of these segments may hold spans of a trace; no false negatives.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub(crate) fn may_hold<'e>(
        &self,
        entries: impl IntoIterator<Item = &'e SegmentEntry>,
        trace_id_low: u64,
    ) -> Result<bool, ReadError> {
        Ok(self.open(entries)?.iter().any(|open| open.segment.may_hold(trace_id_low)))
    }

    /// The low halves of the ids of all traces in segments, by the segment's number, in two
    /// batches of reads. What is damaged is set apart, and has what could be read of it.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub(crate) fn traces_of<'e>(
        &self,
        entries: impl IntoIterator<Item = &'e SegmentEntry>,
    ) -> Result<BTreeMap<u64, HashSet<u64>>, ReadError> {
        let open = self.open(entries)?;
        let groups = |open: &Arc<OpenSegment>| 0..open.segment.group_count();
        let places = open.iter().flat_map(|open| groups(open).map(move |group| (open, group)));
        let places: Vec<_> = places.collect();
        let range = |open: &OpenSegment, group| open.read(open.segment.trace_table_range(group));
        let reads = places.iter().map(|(open, group)| range(open, *group)).collect();
        let tables = read_ranges_blocking(&**self.store(), reads);
        let mut traces: BTreeMap<u64, HashSet<u64>> = BTreeMap::new();
        for ((open, group), table) in places.into_iter().zip(tables) {
            let table = table.map_err(Trouble::of_read);
            match table.and_then(|bytes| self.trace_table(open, group, &bytes)) {
                Ok(table) => traces.entry(open.entry.id).or_default().extend(&table.low),
                Err(Trouble::Damaged(reason)) => self.quarantine(open.entry.id, &reason),
                Err(Trouble::Disk(error)) => return Err(disk(&error)),
            }
        }
        Ok(traces)
    }

    /// Reads a trace table.
    pub(crate) fn trace_table(
        &self,
        open: &OpenSegment,
        group: u32,
        bytes: &[u8],
    ) -> Result<TraceTable, Trouble> {
        let mut table = TraceTable::default();
        self.with_decoder(|decoder| {
            open.segment.decode_trace_table(group, bytes, decoder, &mut table)
        })?;
        Ok(table)
    }

    fn places_of<'e>(
        &self,
        entries: impl IntoIterator<Item = &'e SegmentEntry>,
        trace_id_low: u64,
    ) -> Result<Vec<Place>, ReadError> {
        let open = self.open(entries)?;
        let pages = open.into_iter().filter_map(|open| {
            let range = open.segment.index_page_range(trace_id_low)?;
            Some((open, range))
        });
        let pages: Vec<_> = pages.collect();
        let reads = pages.iter().map(|(open, range)| open.read(*range)).collect();
        let read = read_ranges_blocking(&**self.store(), reads);
        let mut places = Vec::new();
        for ((open, _), page) in pages.into_iter().zip(read) {
            match groups_in(&open, page, trace_id_low) {
                Ok(groups) => places.extend(
                    groups.into_iter().map(|group| Place { segment: Arc::clone(&open), group }),
                ),
                Err(Trouble::Damaged(reason)) => self.quarantine(open.entry.id, &reason),
                Err(Trouble::Disk(error)) => return Err(disk(&error)),
            }
        }
        Ok(places)
    }

    /// Reads groups, and the dictionaries that they need and that are not there yet.
    fn read_groups(&self, places: &[Place]) -> Result<Vec<io::Result<Bytes>>, ReadError> {
        let mut without: Vec<&Arc<OpenSegment>> = Vec::new();
        for place in places {
            let is_new = without.last().is_none_or(|last| last.entry.id != place.segment.entry.id);
            if is_new && place.segment.dictionaries().is_none() {
                without.push(&place.segment);
            }
        }
        let groups = places
            .iter()
            .map(|place| place.segment.read(place.segment.segment.group_range(place.group)));
        let reads = groups.chain(without.iter().map(|segment| segment.dictionaries_read()));
        let mut read = read_ranges_blocking(&**self.store(), reads.collect());
        let dictionaries = read.split_off(places.len());
        for (segment, bytes) in without.into_iter().zip(dictionaries) {
            self.take_dictionaries(segment, bytes)?;
        }
        Ok(read)
    }
}

impl Place {
    /// Finds the rows in the group, which is kept or was read.
    fn find(
        &self,
        read: Option<io::Result<Bytes>>,
        trace_id_low: u64,
        recent: &mut RecentGroups,
        decoder: &mut SegmentDecoder,
    ) -> Result<Option<FoundRows>, Trouble> {
        let segment_id = self.segment.entry.id;
        let kept = recent.take(segment_id, self.group);
        let mut reader = match (kept, read) {
            (Some(reader), _) => reader,
            (None, Some(bytes)) => {
                // Without dictionaries the segment was set apart just now.
                let Some(dictionaries) = self.segment.dictionaries() else { return Ok(None) };
                let bytes = bytes.map_err(Trouble::of_read)?;
                let (segment, dictionaries) = (Arc::clone(&self.segment), Arc::clone(dictionaries));
                GroupReader::new(segment, dictionaries, self.group, bytes, decoder)?
            }
            (None, None) => return Ok(None),
        };
        let chunk = reader.trace(trace_id_low, decoder)?;
        recent.keep(reader, decoder);
        Ok(chunk.map(|chunk| FoundRows { segment_id, chunk }))
    }
}

impl FoundRows {
    /// The spans; `None` when a row can't be read.
    pub(crate) fn spans(&self) -> Option<Vec<Span<'static>>> {
        let reader = SpanReader::new(&self.chunk);
        (0..self.chunk.len()).map(|row| Some(reader.span(row)?.into_owned())).collect()
    }
}

impl SegmentEntry {
    /// Stands for the requests that the segment's spans came with, of which it knows the times
    /// only.
    pub(crate) fn request(&self) -> Request {
        Request { arrival_ns: self.arrival_min_ns, log_file_id: 0, log_offset: 0 }
    }
}

/// The groups that may hold a trace, each once, and those that it may go on in.
pub(super) fn groups_in(
    open: &OpenSegment,
    page: io::Result<Bytes>,
    trace_id_low: u64,
) -> Result<Vec<u32>, Trouble> {
    let segment = &open.segment;
    let ordinals = segment.ordinals_in_page(&page.map_err(Trouble::of_read)?, trace_id_low)?;
    let mut groups = Vec::new();
    for ordinal in ordinals {
        let Some(first) = segment.group_of_ordinal(ordinal) else { continue };
        let goes_on = |group: &u32| segment.group(*group).continues;
        let rest = (first + 1..segment.group_count()).take_while(goes_on);
        groups.extend(std::iter::once(first).chain(rest));
    }
    groups.sort_unstable();
    groups.dedup();
    Ok(groups)
}
