//! One tenant's part of the head: its chunks, and where in them each trace is.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use spandrel_model::Span;

use super::chunks::{MEASURED_ROW_COUNT, OpenChunk, SealedChunk};
use super::names::NameIndex;
use super::pointer::RowPointer;
use super::trace::TraceRows;
use crate::batch::SpanBatch;
use crate::budget::Reservation;
use crate::columns::{Chunk, Marks, Request, SpanReader};
use crate::store::NameRequest;

/// One tenant's rows.
#[derive(Debug)]
pub(crate) struct TenantHead {
    pub(super) active: OpenChunk,
    /// By number, so that what arrived earlier stands earlier.
    pub(super) sealed: Vec<SealedChunk>,
    /// The bytes of `sealed`.
    pub(super) sealed_len: u64,
    pub(super) index: HashMap<u64, TraceEntry, FixedState>,
    pub(super) names: NameIndex,
    pub(super) next_number: u64,
    /// How many rows the index leads to.
    pub(super) span_count: u64,
    pub(super) is_flushing: bool,
    /// How many flushes were finished.
    pub(super) flush_count: u64,
    held: Reservation,
    unmeasured_count: usize,
}

/// What is known of a trace: of those of its rows that the head holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct TraceEntry {
    /// The row that arrived last.
    pub(super) last: RowPointer,
    pub(super) span_count: u32,
    pub(super) latest_start_ns: Option<u64>,
    pub(super) first_arrival_ns: u64,
    pub(super) last_arrival_ns: u64,
}

impl TraceEntry {
    fn empty() -> Self {
        Self {
            last: RowPointer::NONE,
            span_count: 0,
            latest_start_ns: None,
            first_arrival_ns: u64::MAX,
            last_arrival_ns: 0,
        }
    }

    fn add(&mut self, start_ns: Option<u64>, arrival_ns: u64) {
        self.span_count += 1;
        self.latest_start_ns = self.latest_start_ns.max(start_ns);
        self.first_arrival_ns = self.first_arrival_ns.min(arrival_ns);
        self.last_arrival_ns = self.last_arrival_ns.max(arrival_ns);
    }
}

impl TenantHead {
    /// Makes an empty one that pays with `held`, of nothing as yet.
    pub(super) fn new(seed: u64, held: Reservation) -> Self {
        Self {
            active: OpenChunk::new(0, seed),
            sealed: Vec::new(),
            sealed_len: 0,
            index: HashMap::with_hasher(FixedState::with_seed(seed)),
            names: NameIndex::default(),
            next_number: 1,
            span_count: 0,
            is_flushing: false,
            flush_count: 0,
            held,
            unmeasured_count: 0,
        }
    }

    /// Appends the spans of a request. `charge` paid for it until now; what it really takes is
    /// measured, though not each time.
    pub(super) fn insert(&mut self, spans: &SpanBatch, request: Request, charge: Reservation) {
        if self.active.is_full(spans.byte_len()) {
            self.seal();
        }
        self.active.begin_request(request);
        spans.for_each(|span| self.push(span, request));
        self.held.absorb(charge);
        self.unmeasured_count += spans.len();
        if self.unmeasured_count >= MEASURED_ROW_COUNT {
            self.measure();
        }
    }

    fn push(&mut self, span: &Span<'_>, request: Request) {
        if self.active.is_full(0) {
            self.seal();
            self.active.begin_request(request);
        }
        let entry = self.index.entry(span.trace_id.low()).or_insert_with(TraceEntry::empty);
        let (pointer, are_names_new) = self.active.push(span, entry.last);
        entry.last = pointer;
        entry.add(span.start_ns, request.arrival_ns);
        self.span_count += 1;
        if are_names_new && let Some(service) = span.service_name() {
            let remote = span.remote_service_name().unwrap_or_default();
            self.names.insert(service, &span.name, remote);
        }
    }

    /// Ends the active chunk, and begins another.
    pub(super) fn seal(&mut self) {
        let sealed = self.active.seal(self.next_number);
        self.next_number += 1;
        self.sealed_len += sealed.byte_len();
        self.sealed.push(sealed);
    }

    /// Pays for what is really held.
    pub(super) fn measure(&mut self) {
        self.unmeasured_count = 0;
        let index_len = self.index.allocation_size() as u64 + self.names.byte_len();
        let list_len = (self.sealed.capacity() - self.sealed.len()) * size_of::<SealedChunk>();
        let len = self.sealed_len + self.active.measure() + index_len + list_len as u64;
        self.held.resize_regardless(len);
    }

    /// The chunks that get no more rows, in the order in which these arrived. Rows of a removed
    /// trace are still in there.
    pub(crate) fn sealed(&self) -> &[SealedChunk] {
        &self.sealed
    }

    /// The newest rows.
    pub(crate) fn active(&self) -> &Chunk {
        self.active.chunk()
    }

    /// Whether there are rows of a trace.
    pub(crate) fn has_trace(&self, trace_id_low: u64) -> bool {
        self.index.contains_key(&trace_id_low)
    }

    /// The names that its rows have.
    pub(crate) fn names(&self, wanted: &NameRequest) -> Vec<String> {
        self.names.list(wanted)
    }

    /// The latest start of a trace's rows in the head, where any has one.
    pub(crate) fn latest_start_ns(&self, trace_id_low: u64) -> Option<u64> {
        self.index.get(&trace_id_low)?.latest_start_ns
    }

    /// The rows of a trace, to be read when no lock is held any more.
    pub(crate) fn trace_rows(&self, trace_id_low: u64) -> TraceRows {
        let mut rows = TraceRows::default();
        let Some(entry) = self.index.get(&trace_id_low) else { return rows };
        let mut pointers = Vec::with_capacity(entry.span_count as usize);
        pointers.extend(self.chain(entry.last));
        pointers.reverse();
        let is_sealed = |pointer: &RowPointer| pointer.chunk() != self.active.number;
        let (old, new) = pointers.split_at(pointers.partition_point(is_sealed));
        for part in old.chunk_by(|a, b| a.chunk() == b.chunk()) {
            let chunk = Arc::clone(&self.sealed[self.sealed_place(part[0].chunk())].chunk);
            rows.push_sealed(chunk, part.iter().map(|pointer| pointer.row() as u32).collect());
        }
        if !new.is_empty() {
            // The active chunk can't be taken along, so its rows are read here: those of one
            // trace, and a chunk's at most.
            let reader = SpanReader::new(self.active.chunk());
            new.iter().for_each(|pointer| rows.push_read(&reader, pointer.row()));
        }
        rows
    }

    /// Hides a trace at once; returns how many rows it had. The rows are dropped at a flush.
    pub(super) fn remove_trace(&mut self, trace_id_low: u64) -> u64 {
        let entry = self.index.remove(&trace_id_low);
        let span_count = entry.map_or(0, |entry| entry.span_count.into());
        self.span_count -= span_count;
        self.drop_unreachable();
        span_count
    }

    /// Drops all rows when the index leads to none of them.
    pub(super) fn drop_unreachable(&mut self) {
        if !self.index.is_empty() || self.is_flushing {
            return;
        }
        if !self.active.previous.is_empty() {
            let _ = self.active.seal(self.next_number);
            self.next_number += 1;
        }
        self.sealed.clear();
        self.sealed_len = 0;
        self.names = NameIndex::default();
        self.measure();
    }

    /// The rows of a trace from one on, the last to arrive first.
    pub(super) fn chain(&self, last: RowPointer) -> impl Iterator<Item = RowPointer> {
        let mut next = last;
        let mut place = usize::MAX;
        std::iter::from_fn(move || {
            let pointer = (next != RowPointer::NONE).then_some(next)?;
            let previous = if pointer.chunk() == self.active.number {
                self.active.previous.as_slice()
            } else {
                if self.sealed.get(place).is_none_or(|sealed| sealed.number != pointer.chunk()) {
                    place = self.sealed_place(pointer.chunk());
                }
                &self.sealed[place].previous
            };
            next = previous[pointer.row()];
            Some(pointer)
        })
    }

    /// The rows of a trace from `last` back to before the row `end`, as an entry of their own.
    pub(super) fn entry_of(&self, last: RowPointer, end: RowPointer) -> TraceEntry {
        let mut entry = TraceEntry::empty();
        for pointer in self.chain(last).take_while(|pointer| *pointer != end) {
            let (chunk, row) = (self.chunk_of(pointer), pointer.row());
            let has_start = chunk.rows.marks[row].has(Marks::HAS_START);
            let start_ns = has_start.then(|| chunk.rows.start_ns[row]);
            entry.add(start_ns, chunk.request_of(row).arrival_ns);
        }
        entry.last = last;
        entry
    }

    /// Changes which row of its trace arrived before a row.
    pub(super) fn set_previous(&mut self, pointer: RowPointer, previous: RowPointer) {
        if pointer.chunk() == self.active.number {
            self.active.previous[pointer.row()] = previous;
        } else {
            let place = self.sealed_place(pointer.chunk());
            Arc::make_mut(&mut self.sealed[place].previous)[pointer.row()] = previous;
        }
    }

    fn chunk_of(&self, pointer: RowPointer) -> &Chunk {
        if pointer.chunk() == self.active.number {
            return self.active.chunk();
        }
        &self.sealed[self.sealed_place(pointer.chunk())].chunk
    }

    fn sealed_place(&self, number: u64) -> usize {
        self.sealed.partition_point(|sealed| sealed.number < number)
    }
}
