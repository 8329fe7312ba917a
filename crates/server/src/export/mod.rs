//! Stored spans as files that other programs read.
//!
//! A format here turns spans into bytes and no more: which spans, in which order and into which
//! file is the caller's to say.

mod lines;
#[cfg(feature = "parquet")]
#[cfg_attr(not(test), expect(dead_code, reason = "no command of this version writes it yet"))]
mod parquet;
mod selection;

pub(crate) use lines::{LineFormat, LinesExport};
pub(crate) use selection::Selection;
