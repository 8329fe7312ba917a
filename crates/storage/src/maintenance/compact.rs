//! Makes one segment of several: traces in the order of their start, each whole, exact
//! repetitions of a span once, deleted traces not at all.
//!
//! The order is made of the inputs' trace tables, which are read first. Then groups are read as
//! the order asks for them. An input is in that order itself, so each of its groups is read once,
//! but for traces that came late and are joined far from where they stood.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::flush::{TRACES_BETWEEN_CHECKS, parts_of};
use super::job::{Done, JobError, Workshop};
use super::merge_plan::Merge;
use super::settle::{Deleted, DeletedIn, Settling};
use crate::columns::Chunk;
use crate::manifest::{Manifest, ManifestChange, SegmentClass, SegmentEntry};
use crate::reads::{OpenSegment, Trouble};
use crate::rollup::{Limits, Rollup};
use crate::segment::search::SearchObserver;
use crate::segment::{
    Dictionaries, SUPERSEDES, SegmentDecoder, SegmentSummary, Source, TraceTable,
};
use crate::segment_store::{RangeRead, read_ranges_blocking};
use crate::store::ReadError;

/// How many decoded groups of an input are kept at once.
const GROUPS_KEPT: usize = 3;

/// How many trace tables are read with one call.
const TABLES_PER_READ: usize = 256;

/// A merge that is about to be written.
pub(super) struct Compaction<'w> {
    workshop: &'w Workshop,
    merge: &'w Merge,
    inputs: Vec<Input>,
    groups: Groups,
    /// The parts of all traces, in the order of the segment to write; those of one trace are
    /// behind each other.
    parts: Vec<Part>,
    settling: Settling<'w>,
}

/// What the trace tables of the inputs tell.
#[derive(Default)]
struct Collected {
    parts: Vec<Part>,
    /// Traces that supersede what other segments say, with their generations.
    superseding: BTreeMap<u64, u64>,
    deleted: BTreeSet<u64>,
}

/// A segment to read.
struct Input {
    segment: Arc<OpenSegment>,
    dictionaries: Arc<Dictionaries>,
}

/// Decoded groups of the inputs, in the order of input and group.
#[derive(Default)]
struct Groups {
    places: Vec<(u16, u32)>,
    sources: Vec<Source>,
    decoder: SegmentDecoder,
}

/// Rows of one trace in one group of one input. The order is that of the segment to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    /// The earliest start of the whole trace.
    start_ns: Option<u64>,
    trace_id_low: u64,
    input: u16,
    group: u32,
    first_row: u32,
    row_count: u32,
}

impl<'w> Compaction<'w> {
    /// Reads what the order is made of.
    pub(super) fn new(
        workshop: &'w Workshop,
        view: Arc<Manifest>,
        merge: &'w Merge,
    ) -> Result<Self, JobError> {
        let open = workshop.cache.open(&merge.segments)?;
        let open = workshop.cache.with_dictionaries(open)?;
        for entry in &merge.segments {
            if !open.iter().any(|(segment, _)| segment.entry.id == entry.id) {
                return Err(JobError::Damaged { id: entry.id });
            }
        }
        let input = |(segment, dictionaries)| Input { segment, dictionaries };
        let inputs: Vec<_> = open.into_iter().map(input).collect();
        let mut collected = Collected::default();
        for (input, place) in inputs.iter().zip(0..) {
            input.collect_parts(workshop, place, &view, &mut collected)?;
        }
        let mut parts = std::mem::take(&mut collected.parts);
        let settling = settling(workshop, view, merge, &inputs, collected)?;
        order(&mut parts);
        let row_count = parts.iter().map(|part| u64::from(part.row_count)).sum();
        workshop.compacted.0.store(0, Ordering::Relaxed);
        workshop.compacted.1.store(row_count, Ordering::Relaxed);
        Ok(Self { workshop, merge, inputs, groups: Groups::default(), parts, settling })
    }
}

/// Writes the segment, and then the manifest in which it stands for its inputs.
pub(super) fn run(mut compaction: Compaction<'_>, segment_id: u64) -> Result<Done, JobError> {
    let Compaction { workshop, merge, .. } = compaction;
    let remove = merge.segments.iter().map(|entry| entry.id).collect();
    let mut change = ManifestChange { remove, ..ManifestChange::default() };
    let mut done = Done::default();
    // All traces of the inputs may be deleted ones: nothing is left to write then, unless what
    // they changed of calls that other segments count.
    if !compaction.parts.is_empty() || compaction.settling.counts_something() {
        let summary = compaction.write(segment_id)?;
        done.unsettled_count = compaction.settling.finish()?;
        (done.written_len, done.folded_count) = (summary.len, summary.folded_count);
        change.add.push(entry_of(merge, segment_id, &summary));
    }
    done.change = change;
    workshop.apply(done)
}

impl Compaction<'_> {
    fn write(&mut self, segment_id: u64) -> Result<SegmentSummary, JobError> {
        let workshop = self.workshop;
        let Self { inputs, groups, parts, settling, .. } = self;
        let (mut search, tenant) = (SearchObserver::new(), &self.merge.tenant);
        let mut writer = workshop.writer(tenant, segment_id, true, (&mut search, settling))?;
        let mut rows: Vec<u32> = Vec::new();
        for (count, trace) in parts.chunk_by(Part::is_same_trace).enumerate() {
            if count % TRACES_BETWEEN_CHECKS == 0 {
                workshop.check_cancelled()?;
            }
            groups.load(workshop, inputs, trace)?;
            rows.clear();
            rows.extend(trace.iter().flat_map(Part::rows));
            let mut rest = &rows[..];
            let rows_of_parts: Vec<_> = trace
                .iter()
                .map(|part| {
                    let (rows, others) = rest.split_at(part.row_count as usize);
                    rest = others;
                    (groups.place_of(part), rows)
                })
                .collect();
            let mut parts = parts_of(&mut groups.sources, rows_of_parts.into_iter());
            writer.push_trace(&mut parts)?;
            workshop.compacted.0.fetch_add(rows.len() as u64, Ordering::Relaxed);
        }
        Ok(writer.finish()?)
    }
}

impl Groups {
    /// Has the groups of a trace's parts decoded, and lets go of groups that were passed.
    fn load(
        &mut self,
        workshop: &Workshop,
        inputs: &[Input],
        trace: &[Part],
    ) -> Result<(), JobError> {
        for part in trace {
            let place = (part.input, part.group);
            if self.places.binary_search(&place).is_ok() {
                continue;
            }
            let passed = self.let_go(part.input, trace);
            let input = &inputs[usize::from(part.input)];
            let chunk = input.read(workshop, part.group, &mut self.decoder)?;
            let source = match passed {
                Some(mut source) => {
                    // Nobody else holds the chunk that it leaves.
                    let old = Arc::into_inner(source.advance(chunk));
                    old.into_iter().for_each(|old| self.decoder.recycle(old));
                    source
                }
                None => Source::new(chunk),
            };
            let index = self.place_of(part);
            self.places.insert(index, place);
            self.sources.insert(index, source);
        }
        Ok(())
    }

    fn place_of(&self, part: &Part) -> usize {
        self.places.partition_point(|place| *place < (part.input, part.group))
    }

    /// Makes room for one more group of an input: lets go of the first ones, unless the trace
    /// needs them, as the order of traces has passed them. Returns one of these.
    fn let_go(&mut self, input: u16, trace: &[Part]) -> Option<Source> {
        let of_input = |place: &&(u16, u32)| place.0 == input;
        let count = self.places.iter().filter(of_input).count();
        let mut excess = (count + 1).saturating_sub(GROUPS_KEPT);
        let mut passed = None;
        let mut index = self.places.partition_point(|place| place.0 < input);
        while excess > 0 && self.places.get(index).is_some_and(|place| place.0 == input) {
            let is_needed = |part: &Part| (part.input, part.group) == self.places[index];
            if trace.iter().any(is_needed) {
                index += 1;
                continue;
            }
            self.places.remove(index);
            passed = Some(self.sources.remove(index));
            excess -= 1;
        }
        passed
    }
}

impl Input {
    /// Reads a group.
    fn read(
        &self,
        workshop: &Workshop,
        group: u32,
        decoder: &mut SegmentDecoder,
    ) -> Result<Arc<Chunk>, JobError> {
        let range = self.segment.segment.group_range(group);
        let bytes = read_one(workshop, &self.segment, self.segment.read(range))?;
        let segment = &self.segment.segment;
        let chunk = segment.decode_group(group, &bytes, &self.dictionaries, decoder);
        chunk.map(Arc::new).map_err(|error| damaged(workshop, &self.segment, error.into()))
    }

    /// Adds the parts of all traces that are not deleted, as the trace tables tell. What was
    /// deleted since the merge was planned stays: a flush that is under way may count on it.
    fn collect_parts(
        &self,
        workshop: &Workshop,
        input: u16,
        view: &Manifest,
        collected: &mut Collected,
    ) -> Result<(), JobError> {
        let groups: Vec<u32> = (0..self.segment.segment.group_count()).collect();
        for groups in groups.chunks(TABLES_PER_READ) {
            let range = |group: &u32| self.segment.segment.trace_table_range(*group);
            let reads = groups.iter().map(|group| self.segment.read(range(group))).collect();
            let tables = read_ranges_blocking(&**workshop.cache.store(), reads);
            for (group, table) in groups.iter().zip(tables) {
                let table = table
                    .map_err(Trouble::of_read)
                    .and_then(|bytes| workshop.cache.trace_table(&self.segment, *group, &bytes));
                let table = table.map_err(|trouble| damaged(workshop, &self.segment, trouble))?;
                for part in parts_in(&table, input, *group) {
                    let low = part.trace_id_low;
                    if view.is_deleted(&self.segment.entry, low) {
                        collected.deleted.insert(low);
                    } else {
                        collected.parts.push(part);
                    }
                }
                let flags = table.low.iter().zip(&table.flags);
                let superseding = flags.filter(|(_, flags)| *flags & SUPERSEDES != 0);
                superseding.for_each(|(low, _)| {
                    collected.superseding.entry(*low).or_insert(0);
                });
            }
        }
        let generations = workshop.cache.generations_in(&self.segment);
        let generations =
            generations.map_err(|trouble| damaged(workshop, &self.segment, trouble))?;
        for (low, generation) in generations {
            let known = collected.superseding.entry(low).or_insert(0);
            *known = generation.max(*known);
        }
        Ok(())
    }
}

/// Prepares to settle the traces, with the counts of all inputs.
fn settling<'w>(
    workshop: &'w Workshop,
    view: Arc<Manifest>,
    merge: &'w Merge,
    inputs: &[Input],
    collected: Collected,
) -> Result<Settling<'w>, JobError> {
    let mut rollup = Rollup::new(Limits::MERGED);
    for input in inputs {
        let added = workshop.cache.add_rollup(&input.segment, |_| true, true, &mut rollup);
        added.map_err(|trouble| damaged(workshop, &input.segment, trouble))?;
    }
    let rewritten: BTreeSet<u64> = merge.segments.iter().map(|entry| entry.id).collect();
    let (cache, tenant) = (&workshop.cache, &merge.tenant);
    let place = DeletedIn { cache, view: Arc::clone(&view), tenant, rewritten };
    let mut deleted = Deleted::default();
    for low in &collected.deleted {
        deleted.take_out(&place, *low, &mut rollup)?;
    }
    Settling::of_merge(cache, view, (tenant, &merge.segments), collected.superseding, rollup)
}

fn parts_in(table: &TraceTable, input: u16, group: u32) -> impl Iterator<Item = Part> + '_ {
    (0..table.len()).map(move |trace| {
        let rows = table.rows_of(trace);
        Part {
            start_ns: table.start_of(trace),
            trace_id_low: table.low[trace],
            input,
            group,
            first_row: rows.start as u32,
            row_count: rows.len() as u32,
        }
    })
}

/// Brings parts in the order of the segment to write. Those of one trace get its earliest start.
fn order(parts: &mut [Part]) {
    parts.sort_unstable_by_key(|part| part.trace_id_low);
    for trace in parts.chunk_by_mut(|a, b| a.trace_id_low == b.trace_id_low) {
        let start_ns = trace.iter().filter_map(|part| part.start_ns).min();
        trace.iter_mut().for_each(|part| part.start_ns = start_ns);
    }
    parts.sort_unstable();
}

impl Part {
    fn is_same_trace(&self, other: &Self) -> bool {
        self.trace_id_low == other.trace_id_low
    }

    fn rows(&self) -> std::ops::Range<u32> {
        self.first_row..self.first_row + self.row_count
    }
}

fn read_one(
    workshop: &Workshop,
    segment: &OpenSegment,
    read: RangeRead,
) -> Result<bytes::Bytes, JobError> {
    let bytes = read_ranges_blocking(&**workshop.cache.store(), vec![read]).pop();
    let bytes = bytes.unwrap_or_else(|| Err(std::io::Error::other("the store gave no answer")));
    bytes.map_err(|error| damaged(workshop, segment, Trouble::of_read(error)))
}

/// Sets a damaged segment apart; a disk that refused may not the next time.
fn damaged(workshop: &Workshop, segment: &OpenSegment, trouble: Trouble) -> JobError {
    match trouble {
        Trouble::Damaged(reason) => {
            workshop.cache.quarantine(segment.entry.id, &reason);
            JobError::Damaged { id: segment.entry.id }
        }
        Trouble::Disk(error) => ReadError::Disk { reason: error.to_string() }.into(),
    }
}

fn entry_of(merge: &Merge, id: u64, summary: &SegmentSummary) -> SegmentEntry {
    let arrivals = merge.segments.iter();
    SegmentEntry {
        id,
        tenant: merge.tenant.clone(),
        class: merge.segments.first().map_or(SegmentClass::Ordinary, |entry| entry.class),
        level: merge.level,
        len: summary.len,
        footer_len: summary.footer_len,
        footer_checksum: summary.footer_checksum,
        span_count: summary.span_count,
        trace_count: summary.trace_count,
        arrival_min_ns: arrivals.clone().map(|entry| entry.arrival_min_ns).min().unwrap_or(0),
        arrival_max_ns: arrivals.map(|entry| entry.arrival_max_ns).max().unwrap_or(0),
        start_min_ns: summary.start_min_ns,
        start_max_ns: summary.start_max_ns,
        flushed_through: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_trace_stand_together_at_its_earliest_start() {
        let part = |start_ns, trace_id_low, input| Part {
            start_ns,
            trace_id_low,
            input,
            group: 0,
            first_row: 0,
            row_count: 1,
        };
        let mut parts =
            [part(Some(5), 7, 0), part(Some(6), 8, 0), part(Some(4), 9, 1), part(None, 7, 1)];
        order(&mut parts);
        let found = parts.map(|part| (part.start_ns, part.trace_id_low, part.input));
        let expected = [(Some(4), 9, 1), (Some(5), 7, 0), (Some(5), 7, 1), (Some(6), 8, 0)];
        assert_eq!(found, expected);
    }
}
