//! The chunks of the head: the one that rows are appended to, and those that are full.
//!
//! Beside each row stands where the row before it of the same trace is, so that a trace is found
//! from its last row without a list of its own.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use spandrel_model::Span;

use super::names::NameCodes;
use super::pointer::RowPointer;
use crate::LogPosition;
use crate::columns::{CHUNK_ROW_COUNT_MAX, Chunk, ChunkBuilder, Request};

/// From how many bytes on a chunk gets no more rows, however few it has.
pub(super) const CHUNK_BYTE_LEN_MAX: u64 = 32 << 20;

/// After how many rows a chunk is measured again.
pub(super) const MEASURED_ROW_COUNT: usize = 64;

/// Between what the rows of a chunk lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChunkBounds {
    /// The earliest and the latest start; `None` when no row has any.
    pub(crate) start_ns: Option<(u64, u64)>,
    /// Whether a row has no start.
    pub(crate) has_unstarted: bool,
    /// The earliest and the latest arrival; `None` without rows.
    pub(crate) arrival_ns: Option<(u64, u64)>,
    /// The oldest and the newest place in the log, of the rows that it keeps.
    pub(crate) log: Option<(LogPosition, LogPosition)>,
}

impl ChunkBounds {
    fn add_request(&mut self, request: Request) {
        self.arrival_ns = widened(self.arrival_ns, request.arrival_ns);
        if request.log_file_id != 0 {
            let position = LogPosition { file_id: request.log_file_id, offset: request.log_offset };
            self.log = widened(self.log, position);
        }
    }

    fn add_start(&mut self, start_ns: Option<u64>) {
        match start_ns {
            Some(start_ns) => self.start_ns = widened(self.start_ns, start_ns),
            None => self.has_unstarted = true,
        }
    }
}

fn widened<T: Ord + Copy>(range: Option<(T, T)>, by: T) -> Option<(T, T)> {
    Some(range.map_or((by, by), |(low, high)| (low.min(by), high.max(by))))
}

/// A chunk that gets no more rows.
#[derive(Clone, Debug)]
pub(crate) struct SealedChunk {
    /// Greater than those of all chunks whose rows arrived earlier.
    pub(super) number: u64,
    /// The rows.
    pub(crate) chunk: Arc<Chunk>,
    /// Between what they lie.
    pub(crate) bounds: ChunkBounds,
    /// Beside each row, the row of its trace that arrived before.
    pub(super) previous: Arc<[RowPointer]>,
    /// The distinct names of the rows.
    pub(super) names: Arc<[NameCodes]>,
}

impl SealedChunk {
    pub(super) fn byte_len(&self) -> u64 {
        (size_of::<Self>()
            + size_of::<Chunk>()
            + self.chunk.byte_len()
            + size_of_val(&*self.previous)
            + self.names.len() * size_of::<NameCodes>()) as u64
    }
}

/// A chunk that rows are appended to.
#[derive(Debug)]
pub(super) struct OpenChunk {
    pub(super) number: u64,
    builder: ChunkBuilder,
    pub(super) previous: Vec<RowPointer>,
    pub(super) bounds: ChunkBounds,
    names: HashSet<NameCodes, FixedState>,
    /// What it took when it was measured last.
    measured_len: u64,
}

impl OpenChunk {
    /// Makes an empty one. `seed` is a number that no sender knows.
    pub(super) fn new(number: u64, seed: u64) -> Self {
        Self {
            number,
            builder: ChunkBuilder::new(seed),
            previous: Vec::new(),
            bounds: ChunkBounds::default(),
            names: HashSet::with_hasher(FixedState::with_seed(seed)),
            measured_len: 0,
        }
    }

    /// The rows so far.
    pub(super) fn chunk(&self) -> &Chunk {
        self.builder.chunk()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &NameCodes> {
        self.names.iter()
    }

    /// Whether a row must go to another chunk, which brings about `more_len` bytes.
    pub(super) fn is_full(&self, more_len: u64) -> bool {
        self.previous.len() >= CHUNK_ROW_COUNT_MAX
            || self.measured_len + more_len > CHUNK_BYTE_LEN_MAX && !self.previous.is_empty()
    }

    /// Begins a request: the rows that follow came with it.
    pub(super) fn begin_request(&mut self, request: Request) {
        self.builder.begin_request(request);
        self.bounds.add_request(request);
    }

    /// Appends a row to the request that was begun; returns its pointer, and whether no row of
    /// the chunk had its names before.
    pub(super) fn push(&mut self, span: &Span<'_>, previous: RowPointer) -> (RowPointer, bool) {
        let row = self.builder.push(span);
        self.previous.push(previous);
        self.bounds.add_start(span.start_ns);
        if self.previous.len().is_multiple_of(MEASURED_ROW_COUNT) {
            self.measure();
        }
        let names = NameCodes::of(self.builder.chunk(), row);
        let are_new = names.is_some_and(|names| self.names.insert(names));
        (RowPointer::new(self.number, row), are_new)
    }

    /// Goes through what it has allocated; returns its bytes.
    pub(super) fn measure(&mut self) -> u64 {
        let rows = self.builder.byte_len() + self.previous.capacity() * size_of::<RowPointer>();
        self.measured_len = (size_of::<Self>() + rows + self.names.allocation_size()) as u64;
        self.measured_len
    }

    /// Ends the chunk, and goes on as an empty one with the next number.
    pub(super) fn seal(&mut self, next_number: u64) -> SealedChunk {
        let previous = self.previous.as_slice().into();
        self.previous.clear();
        self.measured_len = 0;
        SealedChunk {
            number: std::mem::replace(&mut self.number, next_number),
            chunk: Arc::new(self.builder.finish()),
            bounds: std::mem::take(&mut self.bounds),
            previous,
            names: self.names.drain().collect(),
        }
    }
}
