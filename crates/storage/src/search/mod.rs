//! Searching columns: which rows may meet a [`SpanFilter`](crate::SpanFilter), and which traces
//! come next.
//!
//! A [`Plan`] is a filter made ready for one set of dictionaries: texts are tested once for each
//! distinct entry, and rows are then a matter of comparing words. [`Merge`] puts what many chunks
//! and segments find into one order, newest first.
//!
//! Nothing here reads a file: whoever calls brings the columns.

mod candidates;
mod merge;
mod plan;
mod row_set;
mod select;
mod tables;
mod value_test;
mod values;

#[cfg(test)]
mod measured;
#[cfg(test)]
mod merge_tests;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use candidates::{StartRange, Surroundings, push_candidates};
pub(crate) use merge::{Candidate, GroupPlace, Merge, Step};
#[cfg(test)]
pub(crate) use merge::{Source, scan};
pub(crate) use plan::Plan;
pub(crate) use row_set::RowSet;
pub(crate) use select::Selection;
pub(crate) use tables::Tables;
pub(crate) use value_test::{CodeTest, may_be_number, value_of};
pub(crate) use values::LastValues;
