//! Writes a segment, one group of traces in memory at a time.

use super::error::WriteError;
use super::observer::GroupObserver;
use super::source::Source;
use crate::segment_store::SegmentUpload;

/// How a segment is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriterOptions {
    /// How many rows a group has at most.
    pub(crate) group_row_count_max: usize,
    /// Whether spans of one trace that are equal in everything are written once.
    pub(crate) folds_duplicates: bool,
    /// A number that no sender knows, for tables in memory; it changes no byte.
    pub(crate) seed: u64,
}

/// What the manifest has to know of a written segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentSummary {
    /// The object's length in bytes.
    pub(crate) len: u64,
    /// The length of its last part.
    pub(crate) footer_len: u32,
    /// CRC-32C of that.
    pub(crate) footer_checksum: u32,
    /// Spans in it.
    pub(crate) span_count: u64,
    /// Traces in it, or parts of them.
    pub(crate) trace_count: u64,
    /// The earliest start of a span, if any span has one.
    pub(crate) start_min_ns: Option<u64>,
    /// The latest start of a span, if any span has one.
    pub(crate) start_max_ns: Option<u64>,
    /// Spans that were left out because an equal one is there.
    pub(crate) folded_count: u64,
}

/// Writes one segment.
pub(crate) struct SegmentWriter<'o> {
    upload: Box<dyn SegmentUpload>,
    observers: Vec<&'o mut dyn GroupObserver>,
    options: WriterOptions,
}

impl<'o> SegmentWriter<'o> {
    /// Begins a segment.
    pub(crate) fn new(
        upload: Box<dyn SegmentUpload>,
        options: WriterOptions,
        observers: Vec<&'o mut dyn GroupObserver>,
    ) -> Self {
        Self { upload, observers, options }
    }

    /// Appends a trace: the given rows of each source. All rows have the same low half of the
    /// trace id. Traces come in the order of their earliest start, those without one first, and
    /// of the low half of the id where that is equal.
    ///
    /// # Errors
    ///
    /// Fails when the store refuses, and when the trace is out of order.
    pub(crate) fn push_trace(
        &mut self,
        _parts: &mut [(&mut Source, &[u32])],
    ) -> Result<(), WriteError> {
        unimplemented!("the shape comes first")
    }

    /// Ends the segment and makes it durable.
    ///
    /// # Errors
    ///
    /// Fails when the store refuses.
    pub(crate) fn finish(self) -> Result<SegmentSummary, WriteError> {
        unimplemented!("the shape comes first")
    }
}
