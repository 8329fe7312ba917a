//! Rows that may meet a filter: each test takes rows out of the set that the one before left.

use super::plan::{Plan, RowTest};
use super::row_set::RowSet;
use super::value_test::CodeTest;
use super::values::Values;
use crate::columns::{Chunk, Marks, Shapes};
use crate::segment::GroupColumns;

/// The rows of a chunk or a group that may meet a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    /// All that do, and no other if `is_exact`.
    pub(crate) rows: RowSet,
    /// Whether each of the rows meets the filter; else their spans must be asked.
    pub(crate) is_exact: bool,
}

/// Columns that spans have in any form of columns. One that is empty while there are rows was
/// not read.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowColumns<'c> {
    pub(super) row_count: usize,
    pub(super) marks: &'c [Marks],
    pub(super) duration_ns: &'c [u64],
    pub(super) resource: &'c [u32],
    pub(super) name: &'c [u32],
    pub(super) shape: &'c [u32],
    pub(super) events_end: &'c [u32],
    pub(super) event_name: &'c [u32],
}

impl Plan {
    /// The rows of a chunk that meet the filter.
    pub(crate) fn select_in_chunk(&self, chunk: &Chunk) -> Selection {
        let rows = &chunk.rows;
        let columns = RowColumns {
            row_count: chunk.len(),
            marks: &rows.marks,
            duration_ns: &rows.duration_ns,
            resource: &rows.resource,
            name: &rows.name,
            shape: &rows.shape,
            events_end: &rows.events_end,
            event_name: &chunk.events.name,
        };
        self.select(&columns, &Values::Lists(chunk))
    }

    /// The rows of a group that meet the filter, as far as the columns that were read tell.
    pub(crate) fn select_in_group(&self, group: &GroupColumns, shapes: &Shapes) -> Selection {
        let columns = RowColumns {
            row_count: group.row_count,
            marks: &group.marks,
            duration_ns: &group.duration_ns,
            resource: &group.resource,
            name: &group.name,
            shape: &group.shape,
            events_end: &group.events_end,
            event_name: &group.events.name,
        };
        self.select(&columns, &Values::Dense(group, shapes))
    }

    fn select(&self, columns: &RowColumns<'_>, values: &Values<'_>) -> Selection {
        let mut selection = Selection { rows: RowSet::all(columns.row_count), is_exact: true };
        for test in &self.tests {
            if selection.rows.is_empty() {
                // What is not there at all is no doubt.
                selection.is_exact = true;
                break;
            }
            selection.is_exact &= test.apply(columns, values, &mut selection.rows);
        }
        selection
    }
}

impl RowTest {
    /// Takes out the rows that don't pass. Returns whether those that stay do.
    fn apply(&self, columns: &RowColumns<'_>, values: &Values<'_>, rows: &mut RowSet) -> bool {
        let count = columns.row_count;
        match self {
            Self::Never => rows.clear(),
            Self::Duration(min, max) => {
                if columns.duration_ns.len() < count || columns.marks.len() < count {
                    return false;
                }
                rows.retain_column(columns.duration_ns, |duration| {
                    // One comparison does for both bounds.
                    duration.wrapping_sub(*min) <= max - min
                });
                rows.retain_column(columns.marks, |marks| marks.has(Marks::HAS_DURATION));
            }
            Self::Kind(kind) => {
                if columns.marks.len() < count {
                    return false;
                }
                rows.retain_column(columns.marks, |marks| marks.kind() == Some(*kind));
            }
            Self::IsError(is_error) => {
                if columns.marks.len() < count {
                    return false;
                }
                rows.retain_column(columns.marks, |marks| marks.has(Marks::ERROR) == *is_error);
            }
            Self::Resource(test) => return retain_codes(rows, columns.resource, test),
            Self::Name(test) => return retain_codes(rows, columns.name, test),
            Self::EventName(test) => return retain_events(rows, columns, test),
            Self::Value(test) => return values.retain(test, columns, rows),
        }
        true
    }
}

pub(super) fn retain_codes(rows: &mut RowSet, column: &[u32], test: &CodeTest) -> bool {
    if column.len() < rows.row_count() {
        return false;
    }
    match test {
        CodeTest::Never => rows.clear(),
        CodeTest::Always => {}
        CodeTest::One(only) => rows.retain_column(column, |code| code == *only),
        CodeTest::Table(_) => rows.retain_column(column, |code| test.holds(code)),
    }
    true
}

fn retain_events(rows: &mut RowSet, columns: &RowColumns<'_>, test: &CodeTest) -> bool {
    let ends = columns.events_end;
    let end = ends.last().copied().unwrap_or(0);
    if ends.len() < rows.row_count() || columns.event_name.len() < end as usize {
        return false;
    }
    let is_met = |events: &[u32]| events.iter().any(|name| test.holds(*name));
    rows.retain(|row| {
        let start = row.checked_sub(1).map_or(0, |before| ends[before]) as usize;
        columns.event_name.get(start..ends[row] as usize).is_some_and(is_met)
    });
    true
}
