//! The traces of a group: a row for each, with what lists and searches ask of a whole trace.

use std::ops::Range;

use super::group::{NO_ROW, range_of};

/// Says that the trace goes on from the group before: it has more rows than a group takes.
pub(crate) const CONTINUES: u8 = 1 << 0;

/// Says that rows of the trace have different high halves in their ids.
pub(crate) const MIXED_HIGH: u8 = 1 << 1;

/// Says that a span of the trace has a start.
pub(crate) const HAS_START: u8 = 1 << 2;

/// Says that this row supersedes what older segments say of the trace.
pub(crate) const SUPERSEDES: u8 = 1 << 3;

/// All flags that this version knows.
pub(super) const FLAGS_ALL: u8 = CONTINUES | MIXED_HIGH | HAS_START | SUPERSEDES;

/// One entry of each list is a trace, or the part of a trace that is in this segment and group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceTable {
    /// The low half of its id.
    pub(crate) low: Vec<u64>,
    /// The high half, of its first row.
    pub(crate) high: Vec<u64>,
    /// Where its rows end in the group.
    pub(crate) rows_end: Vec<u32>,
    /// The earliest start of its spans; 0 unless [`HAS_START`].
    pub(crate) start_ns: Vec<u64>,
    /// The latest end of a span that has start and duration, and no less than the latest start.
    pub(crate) end_ns: Vec<u64>,
    /// The latest start of its spans; 0 unless [`HAS_START`].
    pub(crate) latest_start_ns: Vec<u64>,
    /// How many of its spans failed.
    pub(crate) error_count: Vec<u32>,
    /// Its first row without a parent, counted from the trace's first row, or [`NO_ROW`].
    pub(crate) root: Vec<u32>,
    /// Where its services end in `services`.
    pub(crate) services_end: Vec<u32>,
    /// Codes of the services that emitted its spans, sorted, each once.
    pub(crate) services: Vec<u32>,
    /// What its structure hashes to; 0 where nobody told.
    pub(crate) fingerprint: Vec<u64>,
    /// [`CONTINUES`] and so on.
    pub(crate) flags: Vec<u8>,
}

impl TraceTable {
    /// How many traces there are.
    pub(crate) fn len(&self) -> usize {
        self.low.len()
    }

    /// The rows of a trace.
    pub(crate) fn rows_of(&self, trace: usize) -> Range<usize> {
        range_of(&self.rows_end, trace)
    }

    /// The services of a trace.
    pub(crate) fn services_of(&self, trace: usize) -> &[u32] {
        &self.services[range_of(&self.services_end, trace)]
    }

    /// Whether a flag of a trace is set.
    pub(crate) fn has(&self, trace: usize, flag: u8) -> bool {
        self.flags[trace] & flag != 0
    }

    /// The earliest start of a trace's spans.
    pub(crate) fn start_of(&self, trace: usize) -> Option<u64> {
        self.has(trace, HAS_START).then(|| self.start_ns[trace])
    }

    /// The latest start of a trace's spans.
    pub(crate) fn latest_start_of(&self, trace: usize) -> Option<u64> {
        self.has(trace, HAS_START).then(|| self.latest_start_ns[trace])
    }

    /// The row in the group that is a trace's root.
    pub(crate) fn root_of(&self, trace: usize) -> Option<usize> {
        let root = self.root[trace];
        (root != NO_ROW).then(|| self.rows_of(trace).start + root as usize)
    }

    /// Makes it empty, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        for list in [
            &mut self.low,
            &mut self.high,
            &mut self.start_ns,
            &mut self.end_ns,
            &mut self.latest_start_ns,
            &mut self.fingerprint,
        ] {
            list.clear();
        }
        for list in [
            &mut self.rows_end,
            &mut self.error_count,
            &mut self.root,
            &mut self.services_end,
            &mut self.services,
        ] {
            list.clear();
        }
        self.flags.clear();
    }
}
