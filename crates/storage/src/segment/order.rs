//! The order of the rows of one trace: by start, those without one first; where that is equal a
//! parent before its child, then by span id. And which row is whose parent.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::fold::is_same_span;
use super::group::NO_ROW;
use super::limits::FOLD_CANDIDATES_MAX;
use super::source::Source;
use crate::columns::{Chunk, Marks};

/// Up to this many rows looking through all of them beats a table.
const LINEAR_COUNT_MAX: usize = 32;

/// A row of a trace that is being written.
#[derive(Clone, Copy, Debug)]
pub(super) struct TraceRow {
    pub(super) has_start: bool,
    pub(super) start_ns: u64,
    /// How many ancestors it has among the rows of the same start.
    depth: u32,
    pub(super) span_id: u64,
    pub(super) parent_id: u64,
    /// The place of its source in the list that the trace was given with.
    pub(super) source: u32,
    /// The row in that source's chunk.
    pub(super) row: u32,
}

/// The rows of a trace in order; the room is used again for the next trace.
#[derive(Debug)]
pub(super) struct TraceOrder {
    pub(super) rows: Vec<TraceRow>,
    /// For each row the one that is its parent, or [`NO_ROW`].
    pub(super) parents: Vec<u32>,
    /// How many rows the last trace had that were left out.
    pub(super) folded_count: usize,
    /// The first row of each span id.
    places: HashMap<u64, u32, FixedState>,
    depths: Vec<u32>,
    path: Vec<u32>,
}

impl TraceRow {
    fn key(&self) -> (bool, u64, u32, u64, u32, u32) {
        (self.has_start, self.start_ns, self.depth, self.span_id, self.source, self.row)
    }

    fn is_at(&self, other: &Self) -> bool {
        self.has_start == other.has_start && self.start_ns == other.start_ns
    }
}

impl TraceOrder {
    /// Makes an empty one. `seed` is a number that no sender knows.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rows: Vec::new(),
            parents: Vec::new(),
            folded_count: 0,
            places: HashMap::with_hasher(FixedState::with_seed(seed)),
            depths: Vec::new(),
            path: Vec::new(),
        }
    }

    /// Puts the rows of a trace in order.
    pub(super) fn sort(&mut self, parts: &[(&mut Source, &[u32])], folds_duplicates: bool) {
        self.rows.clear();
        for ((source, rows), place) in parts.iter().zip(0..) {
            let chunk = source.chunk();
            self.rows.extend(rows.iter().map(|row| trace_row(chunk, place, *row)));
        }
        self.rows.sort_unstable_by_key(TraceRow::key);
        let mut start = 0;
        while start < self.rows.len() {
            let first = self.rows[start];
            let len = self.rows[start..].iter().take_while(|row| row.is_at(&first)).count();
            if len > 1 {
                self.put_parents_first(start, start + len);
            }
            start += len;
        }
        self.folded_count = 0;
        if folds_duplicates {
            self.fold(parts);
        }
        self.find_parents();
    }

    /// Orders rows of the same start, which are sorted by their span id.
    fn put_parents_first(&mut self, start: usize, end: usize) {
        let rows = &mut self.rows[start..end];
        let place_of = |rows: &[TraceRow], id: u64| {
            let place = rows.partition_point(|row| row.span_id < id);
            rows.get(place).is_some_and(|row| row.span_id == id).then_some(place)
        };
        if rows.iter().all(|row| place_of(rows, row.parent_id).is_none()) {
            return;
        }
        const UNKNOWN: u32 = u32::MAX;
        const ON_PATH: u32 = u32::MAX - 1;
        self.depths.clear();
        self.depths.resize(rows.len(), UNKNOWN);
        for first in 0..rows.len() {
            self.path.clear();
            let mut at = first;
            // A row that is met again on the way up closes a cycle, which is cut there.
            let mut depth = loop {
                match self.depths[at] {
                    UNKNOWN => {}
                    ON_PATH => break 0,
                    known => break known + 1,
                }
                self.depths[at] = ON_PATH;
                self.path.push(at as u32);
                match place_of(rows, rows[at].parent_id) {
                    Some(parent) => at = parent,
                    None => break 0,
                }
            };
            for place in self.path.iter().rev() {
                self.depths[*place as usize] = depth;
                depth += 1;
            }
        }
        for (row, depth) in rows.iter_mut().zip(&self.depths) {
            row.depth = *depth;
        }
        rows.sort_unstable_by_key(TraceRow::key);
    }

    /// Leaves out rows that say what one before them says. Such rows stand side by side.
    fn fold(&mut self, parts: &[(&mut Source, &[u32])]) {
        let chunk_of = |row: &TraceRow| &**parts[row.source as usize].0.chunk();
        let mut kept = 0;
        for place in 0..self.rows.len() {
            let row = self.rows[place];
            let is_candidate =
                |other: &&TraceRow| other.span_id == row.span_id && other.is_at(&row);
            let before = self.rows[..kept].iter().rev().take_while(is_candidate);
            let is_there = before.take(FOLD_CANDIDATES_MAX).any(|other| {
                let other_at = (chunk_of(other), other.row as usize);
                is_same_span((chunk_of(&row), row.row as usize), other_at)
            });
            if is_there {
                self.folded_count += 1;
            } else {
                self.rows[kept] = row;
                kept += 1;
            }
        }
        self.rows.truncate(kept);
    }

    fn find_parents(&mut self) {
        let Self { rows, parents, places, .. } = self;
        parents.clear();
        if rows.len() <= LINEAR_COUNT_MAX {
            parents.extend(rows.iter().map(|row| {
                let parent = rows.iter().position(|other| other.span_id == row.parent_id);
                parent.map_or(NO_ROW, |place| place as u32)
            }));
        } else {
            places.clear();
            // A table that one large trace left behind would be cleared for each small one.
            places.shrink_to(rows.len() * 2);
            for (row, place) in rows.iter().zip(0..) {
                places.entry(row.span_id).or_insert(place);
            }
            let place_of = |row: &TraceRow| places.get(&row.parent_id).copied().unwrap_or(NO_ROW);
            parents.extend(rows.iter().map(place_of));
        }
        for (parent, place) in parents.iter_mut().zip(0..) {
            // A span that is its own parent says so by its id.
            if *parent == place {
                *parent = NO_ROW;
            }
        }
    }
}

fn trace_row(chunk: &Chunk, source: u32, row: u32) -> TraceRow {
    let (rows, place) = (&chunk.rows, row as usize);
    TraceRow {
        has_start: rows.marks[place].has(Marks::HAS_START),
        start_ns: rows.start_ns[place],
        depth: 0,
        span_id: rows.span_id[place],
        parent_id: rows.parent_id[place],
        source,
        row,
    }
}
