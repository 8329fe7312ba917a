//! Out of the head into a segment: which traces go, which stay, and the change from one to the
//! other.
//!
//! A plan covers all chunks that are there when it is made. Whoever has it writes a segment of
//! the traces in it, while the head goes on; then the rows of all other traces are put in chunks
//! of their own, and these take the place of the old ones in one step. Rows that arrived
//! meanwhile are in newer chunks and stay.

use std::sync::Arc;

use super::chunks::{OpenChunk, SealedChunk};
use super::names::NameIndex;
use super::pointer::RowPointer;
use super::tenant::{TenantHead, TraceEntry};
use crate::LogPosition;
use crate::columns::{Chunk, Marks, SpanReader};
use crate::tenant::Tenant;

/// How many numbers a plan sets aside for the chunks of what stays. No plan covers as many
/// chunks as this, so what stays never needs more.
const CARRIED_CHUNK_COUNT_MAX: u64 = 1 << 16;

/// When a trace may leave the head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlushPolicy {
    /// It may when none of its spans arrived for so long.
    pub(crate) settle_ns: u64,
    /// It may when its first span arrived so long ago, whatever came since.
    pub(crate) straggler_ns: u64,
    /// All may, as memory is short or the store closes.
    pub(crate) is_forced: bool,
}

impl Default for FlushPolicy {
    fn default() -> Self {
        Self { settle_ns: 10_000_000_000, straggler_ns: 120_000_000_000, is_forced: false }
    }
}

impl FlushPolicy {
    fn lets_go(&self, entry: &TraceEntry, now_ns: u64) -> bool {
        self.is_forced
            || now_ns.saturating_sub(entry.last_arrival_ns) >= self.settle_ns
            || now_ns.saturating_sub(entry.first_arrival_ns) >= self.straggler_ns
    }
}

/// What is to leave the head. It must come back to it, either way.
#[derive(Debug)]
#[must_use = "no other flush can begin before this one is finished or abandoned"]
pub(crate) struct FlushPlan {
    pub(super) tenant: Tenant,
    /// Rows in chunks up to this one are covered.
    last_number: u64,
    carried_number: u64,
    chunks: Vec<SealedChunk>,
    traces: Vec<Planned>,
    parts: Vec<Part>,
    rows: Vec<u32>,
    /// The traces that stay, and their rows in the order of arrival, each with its trace's place.
    carried: Vec<u64>,
    carried_rows: Vec<(RowPointer, u32)>,
    newest_log_position: Option<LogPosition>,
    arrival_ns: Option<(u64, u64)>,
}

#[derive(Debug)]
struct Planned {
    trace_id_low: u64,
    parts_end: usize,
}

/// The rows of a trace in one chunk.
#[derive(Debug)]
struct Part {
    chunk: usize,
    rows_end: usize,
}

/// A trace that is to leave the head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlannedTrace<'p> {
    plan: &'p FlushPlan,
    place: usize,
}

/// What a tenant's head shows of itself when a plan is made.
pub(super) struct Covered {
    chunks: Vec<SealedChunk>,
    entries: Vec<(u64, TraceEntry)>,
    carried_number: u64,
}

impl Covered {
    /// Ends the active chunk and takes all in; `None` when no trace may go, or a flush is open.
    pub(super) fn take(head: &mut TenantHead, now_ns: u64, policy: FlushPolicy) -> Option<Self> {
        if head.is_flushing || !head.index.values().any(|entry| policy.lets_go(entry, now_ns)) {
            return None;
        }
        let carried_number = head.active.number + 1;
        head.next_number = carried_number + CARRIED_CHUNK_COUNT_MAX;
        head.seal();
        head.is_flushing = true;
        let entries = head.index.iter().map(|(low, entry)| (*low, *entry)).collect();
        Some(Self { chunks: head.sealed.clone(), entries, carried_number })
    }
}

impl FlushPlan {
    pub(super) fn new(tenant: Tenant, covered: Covered, now_ns: u64, policy: FlushPolicy) -> Self {
        let Covered { chunks, mut entries, carried_number } = covered;
        let last_number = carried_number - 1;
        let logs = chunks.iter().filter_map(|chunk| chunk.bounds.log);
        let mut plan = Self {
            tenant,
            last_number,
            carried_number,
            newest_log_position: logs.map(|(_, newest)| newest).max(),
            chunks,
            traces: Vec::new(),
            parts: Vec::new(),
            rows: Vec::new(),
            carried: Vec::new(),
            carried_rows: Vec::new(),
            arrival_ns: None,
        };
        // The index has its own order, which depends on its seed.
        entries.sort_unstable_by_key(|(low, _)| *low);
        let mut leaving = Vec::new();
        let mut chain = Vec::new();
        for (low, entry) in &entries {
            if policy.lets_go(entry, now_ns) {
                leaving.push((plan.start_of(entry.last), *low, entry.last));
                plan.widen_arrival(entry);
                continue;
            }
            let place = plan.carried.len() as u32;
            plan.carried.push(*low);
            plan.follow(entry.last, &mut chain);
            plan.carried_rows.extend(chain.iter().map(|pointer| (*pointer, place)));
        }
        plan.carried_rows.sort_unstable_by_key(|(pointer, _)| *pointer);
        leaving.sort_unstable();
        for (_, trace_id_low, last) in leaving {
            plan.follow(last, &mut chain);
            plan.push_trace(trace_id_low, &chain);
        }
        plan
    }

    /// Whose spans they are.
    pub(crate) fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The chunks that the rows of the traces are in.
    pub(crate) fn chunks(&self) -> impl ExactSizeIterator<Item = &Arc<Chunk>> {
        self.chunks.iter().map(|sealed| &sealed.chunk)
    }

    /// The traces, in the order of their start, those without one first; then by id.
    pub(crate) fn traces(&self) -> impl ExactSizeIterator<Item = PlannedTrace<'_>> {
        (0..self.traces.len()).map(|place| PlannedTrace { plan: self, place })
    }

    /// How many spans are to leave.
    pub(crate) fn span_count(&self) -> usize {
        self.rows.len()
    }

    /// The newest place in the log of all rows that the plan covers, also of those that stay.
    pub(crate) fn newest_log_position(&self) -> Option<LogPosition> {
        self.newest_log_position
    }

    /// The earliest and the latest arrival of the spans that are to leave.
    pub(crate) fn arrival_ns(&self) -> Option<(u64, u64)> {
        self.arrival_ns
    }

    fn widen_arrival(&mut self, entry: &TraceEntry) {
        let (first, last) = self.arrival_ns.unwrap_or((u64::MAX, 0));
        self.arrival_ns =
            Some((first.min(entry.first_arrival_ns), last.max(entry.last_arrival_ns)));
    }

    /// The place of a chunk in the list.
    fn place_of(&self, number: u64) -> usize {
        self.chunks.partition_point(|sealed| sealed.number < number)
    }

    /// The rows of a trace, in the order of arrival.
    fn follow(&self, last: RowPointer, chain: &mut Vec<RowPointer>) {
        chain.clear();
        let (mut next, mut place) = (last, 0);
        while next != RowPointer::NONE {
            chain.push(next);
            if self.chunks[place].number != next.chunk() {
                place = self.place_of(next.chunk());
            }
            next = self.chunks[place].previous[next.row()];
        }
        chain.reverse();
    }

    /// The earliest start of a trace.
    fn start_of(&self, last: RowPointer) -> Option<u64> {
        let (mut next, mut place) = (last, 0);
        let mut start_ns = None;
        while next != RowPointer::NONE {
            if self.chunks[place].number != next.chunk() {
                place = self.place_of(next.chunk());
            }
            let (sealed, row) = (&self.chunks[place], next.row());
            let rows = &sealed.chunk.rows;
            if rows.marks[row].has(Marks::HAS_START) {
                let earliest = start_ns.unwrap_or(u64::MAX);
                start_ns = Some(rows.start_ns[row].min(earliest));
            }
            next = sealed.previous[row];
        }
        start_ns
    }

    fn push_trace(&mut self, trace_id_low: u64, chain: &[RowPointer]) {
        for rows in chain.chunk_by(|a, b| a.chunk() == b.chunk()) {
            self.rows.extend(rows.iter().map(|pointer| pointer.row() as u32));
            let chunk = self.place_of(rows[0].chunk());
            self.parts.push(Part { chunk, rows_end: self.rows.len() });
        }
        self.traces.push(Planned { trace_id_low, parts_end: self.parts.len() });
    }
}

impl<'p> PlannedTrace<'p> {
    /// The low 64 bits of its id.
    pub(crate) fn trace_id_low(&self) -> u64 {
        self.plan.traces[self.place].trace_id_low
    }

    /// Its rows, a list for each chunk that has any: the chunk's place in the plan's list, and
    /// the rows in the order of arrival.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (usize, &'p [u32])> {
        let plan = self.plan;
        let before = self.place.checked_sub(1).map(|before| &plan.traces[before]);
        let parts_start = before.map_or(0, |before| before.parts_end);
        let mut start = parts_start.checked_sub(1).map_or(0, |part| plan.parts[part].rows_end);
        plan.parts[parts_start..plan.traces[self.place].parts_end].iter().map(move |part| {
            let rows = &plan.rows[start..part.rows_end];
            start = part.rows_end;
            (part.chunk, rows)
        })
    }
}

/// What stays of the chunks that a plan covers, in chunks of its own.
pub(super) struct Carried {
    chunks: Vec<SealedChunk>,
    /// The last row of each trace.
    last: Vec<RowPointer>,
}

impl Carried {
    /// Copies the rows that stay, with the requests that they came with.
    pub(super) fn copy(plan: &FlushPlan, seed: u64) -> Self {
        let mut carried =
            Self { chunks: Vec::new(), last: vec![RowPointer::NONE; plan.carried.len()] };
        let mut open = OpenChunk::new(plan.carried_number, seed);
        for rows in plan.carried_rows.chunk_by(|(a, _), (b, _)| a.chunk() == b.chunk()) {
            let chunk = &plan.chunks[plan.place_of(rows[0].0.chunk())].chunk;
            let reader = SpanReader::new(chunk);
            for (pointer, trace) in rows {
                if open.is_full(0) {
                    let next_number = open.number + 1;
                    carried.chunks.push(open.seal(next_number));
                }
                let span = reader.span(pointer.row());
                let span = span.expect("the head's rows were made from spans, not from a disk");
                open.begin_request(chunk.request_of(pointer.row()));
                let last = &mut carried.last[*trace as usize];
                *last = open.push(&span, *last).0;
            }
        }
        if open.chunk().len() > 0 {
            let next_number = open.number + 1;
            carried.chunks.push(open.seal(next_number));
        }
        debug_assert!(carried.chunks.len() as u64 <= CARRIED_CHUNK_COUNT_MAX, "numbers ran out");
        carried
    }

    /// The memory that it takes.
    pub(super) fn byte_len(&self) -> u64 {
        self.chunks.iter().map(SealedChunk::byte_len).sum()
    }
}

impl TenantHead {
    /// Puts what stays in the place of the chunks that a plan covers.
    pub(super) fn finish_flush(&mut self, plan: &FlushPlan, carried: Carried) {
        for trace in &plan.traces {
            self.cut(trace.trace_id_low, plan.last_number, RowPointer::NONE);
        }
        for (trace_id_low, last) in plan.carried.iter().zip(&carried.last) {
            self.cut(*trace_id_low, plan.last_number, *last);
        }
        let covered = self.sealed.partition_point(|chunk| chunk.number <= plan.last_number);
        self.sealed.splice(..covered, carried.chunks);
        self.sealed_len = self.sealed.iter().map(SealedChunk::byte_len).sum();
        self.names = NameIndex::default();
        for sealed in &self.sealed {
            self.names.insert_all(&sealed.chunk, sealed.names.iter());
        }
        self.names.insert_all(self.active.chunk(), self.active.names());
        self.is_flushing = false;
        self.flush_count += 1;
        self.index.shrink_to_fit();
        self.measure();
        self.drop_unreachable();
    }

    /// Lets nothing happen: the rows are where they were.
    pub(super) fn abandon_flush(&mut self) {
        self.is_flushing = false;
        self.drop_unreachable();
    }

    /// Puts the row `instead` in the place of all rows of a trace in chunks up to `last_number`;
    /// it leads to copies of them, or is none. A trace that was removed meanwhile has no such
    /// rows any more, and gets none.
    fn cut(&mut self, trace_id_low: u64, last_number: u64, instead: RowPointer) {
        let Some(entry) = self.index.get(&trace_id_low) else { return };
        let (last, span_count) = (entry.last, entry.span_count);
        let is_newer = |pointer: &RowPointer| pointer.chunk() > last_number;
        // The first row that arrived since the plan, and the one before it.
        let mut oldest_newer = None;
        let mut before = None;
        for pointer in self.chain(last) {
            if !is_newer(&pointer) {
                before = Some(pointer);
                break;
            }
            oldest_newer = Some(pointer);
        }
        let Some(before) = before else { return };
        if let Some(oldest_newer) = oldest_newer {
            self.set_previous(oldest_newer, instead);
        } else if instead == RowPointer::NONE {
            self.index.remove(&trace_id_low);
            self.span_count -= u64::from(span_count);
            return;
        } else if let Some(entry) = self.index.get_mut(&trace_id_low) {
            entry.last = instead;
        }
        if instead == RowPointer::NONE {
            let entry = self.entry_of(last, before);
            self.span_count -= u64::from(span_count - entry.span_count);
            self.index.insert(trace_id_low, entry);
        }
    }
}
