//! Reads a segment: tells which bytes to read, and what they mean. It reads none itself, so that
//! the reads of many segments go out in one batch.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::error::SegmentError;
use super::group::GroupColumns;
use super::observer::{ScanPartId, SectionId};
use super::trace_table::TraceTable;
use crate::columns::{Chunk, ColumnKey, Request, Shapes, TextHeap};

/// A stretch of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByteRange {
    /// Where it starts.
    pub(crate) offset: u64,
    /// Its length in bytes.
    pub(crate) len: usize,
}

/// What a segment's footer says. Small, and all that planning needs.
#[derive(Debug)]
pub(crate) struct Segment {}

/// What the footer says of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupEntry {
    /// How many rows it has.
    pub(crate) row_count: u32,
    /// How many traces, or parts of them.
    pub(crate) trace_count: u32,
    /// The number of its first trace, counted over the whole segment.
    pub(crate) first_trace: u32,
    /// The earliest and the latest of its traces' starts; `None` when no trace has one.
    pub(crate) start_ns: Option<(u64, u64)>,
    /// Whether a trace of it has no start.
    pub(crate) has_startless: bool,
    /// The latest start of a span in it.
    pub(crate) latest_start_ns: Option<u64>,
    /// Whether its first trace goes on from the group before.
    pub(crate) continues: bool,
}

/// Which columns are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Projection {
    /// Fixed columns, as bits: [`Projection::MARKS`] and so on. What these need is added.
    pub(crate) columns: u32,
    /// Codes of the keys whose values are wanted. Shapes are added.
    pub(crate) keys: Vec<u32>,
}

impl Projection {
    pub(crate) const TRACES: u32 = 1 << 0;
    pub(crate) const SPAN_ID: u32 = 1 << 1;
    pub(crate) const PARENT: u32 = 1 << 2;
    pub(crate) const START: u32 = 1 << 3;
    pub(crate) const DURATION: u32 = 1 << 4;
    pub(crate) const MARKS: u32 = 1 << 5;
    pub(crate) const NAME: u32 = 1 << 6;
    pub(crate) const RESOURCE: u32 = 1 << 7;
    pub(crate) const SCOPE: u32 = 1 << 8;
    pub(crate) const ADDRESS: u32 = 1 << 9;
    pub(crate) const SHAPE: u32 = 1 << 10;
    pub(crate) const EVENTS: u32 = 1 << 11;
    pub(crate) const LINKS: u32 = 1 << 12;
    /// Every column but the values of keys.
    pub(crate) const FIXED: u32 = (1 << 13) - 1;
}

/// What the codes of a segment stand for, as far as it was loaded. Chunks and scans share it.
#[derive(Clone, Debug)]
pub(crate) struct Dictionaries {
    /// Keys by their codes.
    pub(crate) keys: Arc<[ColumnKey]>,
    /// The dictionary of each key; `None` where it has none or it was not loaded.
    pub(crate) values: Vec<Option<Arc<TextHeap>>>,
    pub(crate) shapes: Arc<Shapes>,
    pub(crate) names: Arc<TextHeap>,
    pub(crate) event_names: Arc<TextHeap>,
    /// Resources, encoded.
    pub(crate) resources: Arc<TextHeap>,
    /// The service of each resource, or [`NO_SERVICE`](crate::columns::NO_SERVICE).
    pub(crate) services_of_resources: Arc<[u32]>,
    pub(crate) services: Arc<TextHeap>,
    pub(crate) scopes: Arc<TextHeap>,
    pub(crate) addresses: Arc<TextHeap>,
}

impl Segment {
    /// Where the footer is, in an object of this length, by what the manifest says.
    pub(crate) fn footer_range(len: u64, footer_len: u32) -> ByteRange {
        ByteRange { offset: len - u64::from(footer_len), len: footer_len as usize }
    }

    /// Reads the footer of an object of this name and length.
    pub(crate) fn parse(_name: Arc<str>, _len: u64, _footer: Bytes) -> Result<Self, SegmentError> {
        unimplemented!("the shape comes first")
    }

    /// How many groups there are.
    pub(crate) fn group_count(&self) -> u32 {
        unimplemented!()
    }

    /// What the footer says of a group.
    pub(crate) fn group(&self, _group: u32) -> &GroupEntry {
        unimplemented!()
    }

    /// Whether it may hold spans of a trace: false positives are below one in a hundred.
    pub(crate) fn may_hold(&self, _trace_id_low: u64) -> bool {
        unimplemented!()
    }

    /// Where the index tells of a trace; `None` when the filter says that it is not here.
    pub(crate) fn index_page_range(&self, _trace_id_low: u64) -> Option<ByteRange> {
        unimplemented!()
    }

    /// The traces, counted over the whole segment, that may be the one asked for: what was read
    /// from [`Self::index_page_range`] tells.
    pub(crate) fn ordinals_in_page(
        &self,
        _page: &[u8],
        _trace_id_low: u64,
    ) -> Result<Vec<u32>, SegmentError> {
        unimplemented!()
    }

    /// The group that holds a trace.
    pub(crate) fn group_of_ordinal(&self, _ordinal: u32) -> Option<u32> {
        unimplemented!()
    }

    /// Where a group's trace table is. It is the first part of the group.
    pub(crate) fn trace_table_range(&self, _group: u32) -> ByteRange {
        unimplemented!()
    }

    /// Reads a trace table.
    pub(crate) fn decode_trace_table(
        &self,
        _group: u32,
        _bytes: &[u8],
    ) -> Result<TraceTable, SegmentError> {
        unimplemented!()
    }

    /// Where all parts of a group are.
    pub(crate) fn group_range(&self, _group: u32) -> ByteRange {
        unimplemented!()
    }

    /// Where the parts are that some columns need, neighbours joined.
    pub(crate) fn part_ranges(&self, _group: u32, _wanted: &Projection) -> Vec<ByteRange> {
        unimplemented!()
    }

    /// Reads some columns of a group, from the ranges that [`Self::part_ranges`] told.
    pub(crate) fn decode_columns(
        &self,
        _group: u32,
        _wanted: &Projection,
        _read: &[Bytes],
        _dictionaries: &Dictionaries,
        _into: &mut GroupColumns,
    ) -> Result<(), SegmentError> {
        unimplemented!()
    }

    /// Reads a whole group. All rows have the one given request.
    pub(crate) fn decode_group(
        &self,
        _group: u32,
        _bytes: &[u8],
        _dictionaries: &Dictionaries,
        _request: Request,
    ) -> Result<Chunk, SegmentError> {
        unimplemented!()
    }

    /// Where the sections are that [`Dictionaries`] are made of, all of them.
    pub(crate) fn dictionaries_range(&self) -> ByteRange {
        unimplemented!()
    }

    /// Reads the dictionaries.
    pub(crate) fn parse_dictionaries(&self, _bytes: &[u8]) -> Result<Dictionaries, SegmentError> {
        unimplemented!()
    }

    /// Where a section is, if there is one of this id.
    pub(crate) fn section_range(&self, _id: SectionId) -> Option<ByteRange> {
        unimplemented!()
    }

    /// Checks what was read of a section.
    pub(crate) fn check_section<'b>(
        &self,
        _id: SectionId,
        _bytes: &'b [u8],
    ) -> Result<&'b [u8], SegmentError> {
        unimplemented!()
    }

    /// Where the scan parts of some groups are: they stand behind each other.
    pub(crate) fn scan_range(&self, _groups: Range<u32>) -> ByteRange {
        unimplemented!()
    }

    /// Where one scan part of a group is, if it has one of this id.
    pub(crate) fn scan_part_range(&self, _group: u32, _id: ScanPartId) -> Option<ByteRange> {
        unimplemented!()
    }

    /// Checks what was read of a scan part.
    pub(crate) fn check_scan_part<'b>(
        &self,
        _group: u32,
        _id: ScanPartId,
        _bytes: &'b [u8],
    ) -> Result<&'b [u8], SegmentError> {
        unimplemented!()
    }
}
