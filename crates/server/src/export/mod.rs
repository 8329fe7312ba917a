//! Stored spans as files that other programs read.
//!
//! A format here turns spans into bytes and no more: which spans, in which order and into which
//! file is the caller's to say.

mod lines;
#[cfg(feature = "parquet")]
mod parquet;
mod selection;

pub(crate) use lines::{LineFormat, LinesExport};
#[cfg(feature = "parquet")]
pub(crate) use parquet::ParquetExport;
pub(crate) use selection::Selection;
