//! Stored spans as files that other programs read.
//!
//! A format here turns spans into bytes and no more: which spans, in which order and into which
//! file is the caller's to say.

mod lines;
mod selection;

pub(crate) use lines::{LineFormat, LinesExport};
pub(crate) use selection::Selection;
