//! The traces of a group: a row for each, with what lists and searches ask of a whole trace.

use std::ops::Range;

use super::group::{NO_ROW, range_of};
use super::limits::VALUE_COUNT_MAX;
use crate::encoding::input::{Input, nested};
use crate::encoding::ints::{self, Kind};
use crate::encoding::{Damaged, Decoder, Encoder, Fault, Word};

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

/// Appends a table: each list with its length before it. Times are told from the trace's start,
/// starts from the trace before.
pub(super) fn encode(table: &TraceTable, encoder: &mut Encoder, out: &mut Vec<u8>) {
    let mut put = |values: &[u64], kind: Kind| {
        nested(out, |out| ints::encode(values, kind, encoder, out));
    };
    let from_start = |times: &[u64]| -> Vec<u64> {
        times.iter().zip(&table.start_ns).map(|(time, start)| time.wrapping_sub(*start)).collect()
    };
    let mut before = 0;
    let start_of = |start: &u64| start.wrapping_sub(std::mem::replace(&mut before, *start));
    let starts: Vec<u64> = table.start_ns.iter().map(start_of).collect();
    put(&table.low, Kind::Code);
    put(&table.high, Kind::Code);
    put(&starts, Kind::Number);
    put(&from_start(&table.end_ns), Kind::Number);
    put(&from_start(&table.latest_start_ns), Kind::Number);
    put(&table.fingerprint, Kind::Code);
    let mut put = |values: &[u32]| {
        nested(out, |out| ints::encode(values, Kind::Code, encoder, out));
    };
    put(&counts(&table.rows_end));
    put(&table.error_count);
    put(&table.root);
    put(&counts(&table.services_end));
    put(&table.services);
    nested(out, |out| ints::encode(&table.flags, Kind::Code, encoder, out));
}

/// Reads a table of `count` traces, into one that is cleared first. Their rows, codes and flags
/// are checked by [`TraceTable::flaw`].
pub(super) fn decode(
    part: &[u8],
    count: usize,
    decoder: &mut Decoder,
    table: &mut TraceTable,
) -> Result<(), Damaged> {
    table.clear();
    let mut input = Input::new(part);
    for list in [
        &mut table.low,
        &mut table.high,
        &mut table.start_ns,
        &mut table.end_ns,
        &mut table.latest_start_ns,
        &mut table.fingerprint,
    ] {
        list_of(&mut input, count, decoder, list)?;
    }
    for list in
        [&mut table.rows_end, &mut table.error_count, &mut table.root, &mut table.services_end]
    {
        list_of(&mut input, count, decoder, list)?;
    }
    let services_at = input;
    add_up(&mut table.rows_end);
    let service_count = add_up(&mut table.services_end);
    if service_count > VALUE_COUNT_MAX as u64 {
        let (what, len_max) = ("count of services", VALUE_COUNT_MAX as u64);
        return Err(services_at.damaged(Fault::TooLong { what, len: service_count, len_max }));
    }
    list_of(&mut input, service_count as usize, decoder, &mut table.services)?;
    list_of(&mut input, count, decoder, &mut table.flags)?;
    let mut before = 0_u64;
    for start in &mut table.start_ns {
        before = before.wrapping_add(*start);
        *start = before;
    }
    for (place, start) in table.start_ns.iter().enumerate() {
        table.end_ns[place] = table.end_ns[place].wrapping_add(*start);
        table.latest_start_ns[place] = table.latest_start_ns[place].wrapping_add(*start);
    }
    input.finish()
}

fn list_of<W: Word>(
    input: &mut Input<'_>,
    count: usize,
    decoder: &mut Decoder,
    list: &mut Vec<W>,
) -> Result<(), Damaged> {
    ints::decode_input(input.nested()?, count, decoder, list)
}

/// How many things there are of each, where the list tells where each ends.
pub(super) fn counts(ends: &[u32]) -> Vec<u32> {
    let mut start = 0;
    ends.iter().map(|end| end - std::mem::replace(&mut start, *end)).collect()
}

/// The way back from [`counts`]; returns how many there are of all, and leaves ends that are of
/// no use when that is more than 32 bits say.
pub(super) fn add_up(counts: &mut [u32]) -> u64 {
    let mut end = 0_u64;
    for count in counts {
        end += u64::from(*count);
        *count = end as u32;
    }
    end
}

impl TraceTable {
    /// Says what can't be true of the traces of a group of so many rows, if anything.
    pub(super) fn flaw(&self, row_count: usize, service_count: usize) -> Option<&'static str> {
        let last = self.rows_end.last().map_or(0, |end| *end as usize);
        if last != row_count || !self.rows_end.is_sorted_by(|before, end| before < end) {
            return Some("the rows of the traces are not those of the group");
        }
        if self.rows_end.first() == Some(&0) {
            return Some("a trace has no rows");
        }
        let is_row = |trace: usize, root: u32| (root as usize) < self.rows_of(trace).len();
        let mut roots = self.root.iter().enumerate();
        if !roots.all(|(trace, root)| *root == NO_ROW || is_row(trace, *root)) {
            return Some("the root of a trace is not among its rows");
        }
        if self.services.iter().any(|service| *service as usize >= service_count) {
            return Some("a trace has a service that the segment does not have");
        }
        let is_unknown = self.flags.iter().any(|flags| flags & !FLAGS_ALL != 0);
        is_unknown.then_some("a trace has flags that no writer sets")
    }
}
