//! What a writer remembers of one chunk: which codes of the segment its places became.

use std::sync::Arc;

use crate::columns::Chunk;

/// A chunk that traces are taken from, with the segment's codes of its places as far as they
/// were asked for. It belongs to the writer that it is used with first.
#[derive(Debug)]
pub(crate) struct Source {
    chunk: Arc<Chunk>,
}

impl Source {
    /// Makes one that has no codes yet.
    pub(crate) fn new(chunk: Arc<Chunk>) -> Self {
        Self { chunk }
    }

    /// Goes on with another chunk, and keeps the codes of lists that both share: what a run of
    /// groups of one segment is read into.
    pub(crate) fn advance(&mut self, chunk: Arc<Chunk>) {
        self.chunk = chunk;
    }

    /// The chunk.
    pub(crate) fn chunk(&self) -> &Arc<Chunk> {
        &self.chunk
    }
}
