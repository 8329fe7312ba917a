//! The segment: an immutable file of traces as compressed columns (docs/format-segment.md).
//!
//! A [`SegmentWriter`] takes traces in the order of their start and streams them out in groups;
//! a [`Segment`] is what the file's footer says, and turns bytes that somebody else read into
//! rows. Neither knows where segments live, and neither reads a clock. Whatever is read is held
//! to be hostile: it is checked, and what it may take is bounded.

mod breakdown;
mod chunk;
mod decode;
mod dictionaries;
mod directory;
mod encode;
mod error;
mod fold;
mod fuzz;
mod gather;
mod group;
mod index;
mod limits;
mod loaded_dictionaries;
mod observer;
mod order;
mod part_id;
mod projection;
mod reader;
pub(crate) mod search;
mod sections;
mod source;
mod trace_table;
mod verify;
mod writer;

pub(crate) use decode::SegmentDecoder;
pub(crate) use error::{Fault, SegmentError, WriteError};
pub use fuzz::read_hostile_segment;
pub(crate) use group::{GroupColumns, KeyColumn, ValueForm};
pub(crate) use limits::GROUP_ROW_COUNT_MAX;
pub(crate) use loaded_dictionaries::Dictionaries;
pub(crate) use observer::{GroupObserver, GroupParts, ScanPartId, SectionId, SegmentTexts};
pub(crate) use projection::Projection;
pub(crate) use reader::{ByteRange, GroupEntry, GroupRead, Segment};
pub(crate) use source::Source;
pub(crate) use trace_table::{CONTINUES, HAS_START, SUPERSEDES, TraceTable};
pub(crate) use verify::{VerifyError, verify};
pub(crate) use writer::{SegmentSummary, SegmentWriter, WriterOptions};

/// The format version that this program writes, and the newest that it reads.
pub(crate) const FORMAT_VERSION: u32 = 1;

#[cfg(test)]
pub(crate) mod tests;
