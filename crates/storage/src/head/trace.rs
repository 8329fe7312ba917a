//! The rows of one trace, found under the head's lock and read without it.

use std::sync::Arc;

use crate::columns::{Chunk, SpanReader};
use crate::store::StoredSpan;

/// The rows of one trace, in the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct TraceRows {
    sealed: Vec<(Arc<Chunk>, Vec<u32>)>,
    /// Of the chunk that still grows.
    read: Vec<StoredSpan>,
}

impl TraceRows {
    pub(super) fn push_sealed(&mut self, chunk: Arc<Chunk>, rows: Vec<u32>) {
        self.sealed.push((chunk, rows));
    }

    pub(super) fn push_read(&mut self, reader: &SpanReader<'_>, row: usize) {
        self.read.push(stored(reader, row));
    }

    /// The spans.
    pub(crate) fn into_spans(self) -> Vec<StoredSpan> {
        let old_count = self.sealed.iter().map(|(_, rows)| rows.len()).sum::<usize>();
        let mut spans = Vec::with_capacity(old_count + self.read.len());
        for (chunk, rows) in &self.sealed {
            let reader = SpanReader::new(chunk);
            spans.extend(rows.iter().map(|row| stored(&reader, *row as usize)));
        }
        spans.extend(self.read);
        spans
    }
}

fn stored(reader: &SpanReader<'_>, row: usize) -> StoredSpan {
    let span = reader.span(row).expect("the head's rows were made from spans, not from a disk");
    Arc::new(span.into_owned())
}
