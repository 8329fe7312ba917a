//! The segment: an immutable file of traces as compressed columns (docs/format-segment.md).
//!
//! A [`SegmentWriter`] takes traces in the order of their start and streams them out in groups;
//! a [`Segment`] is what the file's footer says, and turns bytes that somebody else read into
//! rows. Neither knows where segments live, and neither reads a clock. Whatever is read is held
//! to be hostile: it is checked, and what it may take is bounded.

mod error;
mod group;
mod observer;
mod reader;
pub(crate) mod search;
mod source;
mod trace_table;
mod writer;

pub(crate) use error::{Fault, SegmentError, WriteError};
pub(crate) use group::{EventColumns, GroupColumns, KeyColumn, LinkColumns, NO_ROW, ValueForm};
pub(crate) use observer::{GroupObserver, GroupParts, ScanPartId, SectionId, SegmentTexts};
pub(crate) use reader::{ByteRange, Dictionaries, GroupEntry, Projection, Segment};
pub(crate) use source::Source;
pub(crate) use trace_table::{CONTINUES, HAS_START, MIXED_HIGH, SUPERSEDES, TraceTable};
pub(crate) use writer::{SegmentSummary, SegmentWriter, WriterOptions};

/// The format version that this program writes, and the newest that it reads.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// How many rows a group has at most, and about how many it has.
pub(crate) const GROUP_ROW_COUNT_MAX: usize = crate::columns::CHUNK_ROW_COUNT_MAX;
