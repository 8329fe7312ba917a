//! Reading segments: their footers and dictionaries are kept in memory as far as an account
//! allows, everything else is read when it is asked for.
//!
//! A question over many segments makes few dependent reads: each step collects what it needs of
//! all of them and reads it in one batch. A segment that turns out to be damaged is set apart,
//! with the reason; answers go on without it, and say so.

mod batch;
mod cache;
mod group_reader;
mod lookup;
mod names;
mod rollups;
mod scan;
mod search_parts;
mod trace_rows;

pub(crate) use cache::{OpenSegment, SegmentCache, Trouble, disk};
pub(crate) use group_reader::RecentGroups;
pub(crate) use lookup::FoundRows;
pub use scan::Selected;
pub(crate) use scan::{HeadGroups, Scan, decisive_first};
pub use trace_rows::TraceRow;
