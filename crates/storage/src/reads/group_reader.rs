//! Traces out of groups: what every span has is decoded once a group, the values of a key only
//! when a trace has some. Decoding all of a group for one trace is most of what a lookup costs.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::cache::{OpenSegment, Trouble};
use crate::columns::Chunk;
use crate::segment::{
    Dictionaries, GroupColumns, GroupRead, Projection, SegmentDecoder, ValueForm,
};

/// How many groups a scan keeps: traces that start close to each other share a group, and with
/// what started before a flush and after it some two or three are in use at once.
const GROUPS_KEPT_MAX: usize = 4;

/// A group that was read, and what was decoded of it so far.
pub(super) struct GroupReader {
    segment: Arc<OpenSegment>,
    dictionaries: Arc<Dictionaries>,
    group: u32,
    bytes: Bytes,
    columns: GroupColumns,
}

/// The groups that the last traces were in; the one used last stands first.
#[derive(Default)]
pub(crate) struct RecentGroups {
    kept: VecDeque<GroupReader>,
}

impl GroupReader {
    /// Takes what was read of a group, and decodes what every span has.
    pub(super) fn new(
        segment: Arc<OpenSegment>,
        dictionaries: Arc<Dictionaries>,
        group: u32,
        bytes: Bytes,
        decoder: &mut SegmentDecoder,
    ) -> Result<Self, Trouble> {
        let columns = decoder.take_columns();
        let mut reader = Self { segment, dictionaries, group, bytes, columns };
        let wanted = Projection { columns: Projection::FIXED, ..Projection::default() };
        let stretches = reader.stretches(&wanted)?;
        let read = GroupRead { group, wanted: &wanted, stretches: &stretches };
        let segment = &reader.segment.segment;
        segment.decode_columns(read, &reader.dictionaries, decoder, &mut reader.columns)?;
        Ok(reader)
    }

    /// The rows of a trace; `None` when none are here.
    pub(super) fn trace(
        &mut self,
        trace_id_low: u64,
        decoder: &mut SegmentDecoder,
    ) -> Result<Option<Chunk>, Trouble> {
        let traces = &self.columns.traces;
        let Some(trace) = traces.low.iter().position(|low| *low == trace_id_low) else {
            return Ok(None);
        };
        let rows = self.columns.rows_of(trace);
        let keys = self.keys_to_decode(rows.clone());
        if !keys.is_empty() {
            let wanted = Projection { keys, ..Projection::default() };
            let stretches = self.stretches(&wanted)?;
            let read = GroupRead { group: self.group, wanted: &wanted, stretches: &stretches };
            let segment = &self.segment.segment;
            segment.decode_values(read, &self.dictionaries, decoder, &mut self.columns)?;
        }
        let request = self.segment.entry.request();
        Ok(Some(self.columns.to_chunk(rows, &self.dictionaries, request)))
    }

    /// The keys of which these rows have values, and that were not decoded yet.
    fn keys_to_decode(&self, rows: std::ops::Range<usize>) -> Vec<u32> {
        let Self { columns, dictionaries, .. } = self;
        let mut shapes = Vec::new();
        for row in rows {
            shapes.push(columns.shape[row]);
            shapes.extend_from_slice(&columns.events.shape[columns.events_of(row)]);
            shapes.extend_from_slice(&columns.links.shape[columns.links_of(row)]);
        }
        shapes.sort_unstable();
        shapes.dedup();
        let keys = shapes.iter().flat_map(|shape| dictionaries.shapes.get(*shape));
        let is_decoded = |key: u32| {
            let column = columns.values.get(key as usize);
            column.is_some_and(|column| column.form != ValueForm::Absent)
        };
        let mut keys: Vec<u32> = keys.copied().filter(|key| !is_decoded(*key)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The stretches of the group that some columns need.
    fn stretches(&self, wanted: &Projection) -> Result<Vec<Bytes>, Trouble> {
        let segment = &self.segment.segment;
        let start = segment.group_range(self.group).offset;
        let stretch = |range: crate::segment::ByteRange| {
            let from = usize::try_from(range.offset.checked_sub(start)?).ok()?;
            let to = from.checked_add(range.len)?;
            (to <= self.bytes.len()).then(|| self.bytes.slice(from..to))
        };
        let ranges = segment.part_ranges(self.group, wanted);
        let stretches: Option<_> = ranges.into_iter().map(stretch).collect();
        stretches.ok_or_else(|| {
            let (path, group) = (&self.segment.path, self.group);
            Trouble::Damaged(format!("{path}: group {group} is shorter than its parts"))
        })
    }

    fn is_of(&self, segment_id: u64, group: u32) -> bool {
        self.segment.entry.id == segment_id && self.group == group
    }
}

impl RecentGroups {
    /// Whether a group is kept.
    pub(super) fn has(&self, segment_id: u64, group: u32) -> bool {
        self.kept.iter().any(|kept| kept.is_of(segment_id, group))
    }

    /// Takes out a group that is kept; [`Self::keep`] puts it back.
    pub(super) fn take(&mut self, segment_id: u64, group: u32) -> Option<GroupReader> {
        let place = self.kept.iter().position(|kept| kept.is_of(segment_id, group))?;
        self.kept.remove(place)
    }

    /// Keeps a group. The room of the one that goes for it is given to the decoder.
    pub(super) fn keep(&mut self, reader: GroupReader, decoder: &mut SegmentDecoder) {
        self.kept.push_front(reader);
        if self.kept.len() > GROUPS_KEPT_MAX
            && let Some(oldest) = self.kept.pop_back()
        {
            decoder.recycle_columns(oldest.columns);
        }
    }

    /// Gives the room of a group to the decoder, when no more traces are asked for.
    pub(super) fn recycle(&mut self, decoder: &mut SegmentDecoder) {
        if let Some(reader) = self.kept.pop_front() {
            decoder.recycle_columns(reader.columns);
        }
    }
}
