//! Segments written into memory and read back.

mod damage;
mod golden;
mod measure;
mod round_trip;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use spandrel_model::Span;

use super::{
    Dictionaries, GroupObserver, GroupRead, Segment, SegmentDecoder, SegmentError, SegmentSummary,
    SegmentWriter, Source, WriteError, WriterOptions,
};
use crate::columns::{Chunk, ChunkBuilder, Marks, Request, SpanReader};
use crate::segment_store::SegmentUpload;

pub(crate) const REQUEST: Request = Request { arrival_ns: 5, log_file_id: 0, log_offset: 0 };

/// An object in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(pub(crate) Arc<Mutex<Vec<u8>>>);

impl SegmentUpload for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

/// A written segment.
pub(crate) struct Written {
    pub(crate) bytes: Vec<u8>,
    pub(crate) summary: SegmentSummary,
}

/// The rows of each trace in each of some chunks, in the order of the segment.
pub(crate) struct Plan {
    pub(crate) sources: Vec<Source>,
    traces: Vec<Vec<Vec<u32>>>,
}

/// Whether there is a start, the start, the low half of the id.
type TraceKey = (bool, u64, u64);

impl Plan {
    pub(crate) fn new(chunks: Vec<Arc<Chunk>>) -> Self {
        let mut keys: BTreeMap<u64, (bool, u64)> = BTreeMap::new();
        let mut rows: BTreeMap<u64, Vec<Vec<u32>>> = BTreeMap::new();
        for (place, chunk) in chunks.iter().enumerate() {
            for row in 0..chunk.len() {
                let low = chunk.rows.trace_low[row];
                let of_trace = rows.entry(low).or_insert_with(|| vec![Vec::new(); chunks.len()]);
                of_trace[place].push(row as u32);
                let key = keys.entry(low).or_default();
                if chunk.rows.marks[row].has(Marks::HAS_START) {
                    let start = chunk.rows.start_ns[row];
                    *key = (true, if key.0 { key.1.min(start) } else { start });
                }
            }
        }
        let mut order: Vec<TraceKey> =
            keys.iter().map(|(low, (has_start, start))| (*has_start, *start, *low)).collect();
        order.sort_unstable();
        let traces = order.iter().map(|(_, _, low)| rows.remove(low).unwrap()).collect();
        Self { sources: chunks.into_iter().map(Source::new).collect(), traces }
    }

    pub(crate) fn write(
        mut self,
        options: WriterOptions,
        observers: Vec<&mut dyn GroupObserver>,
    ) -> Result<Written, WriteError> {
        let memory = Memory::default();
        let mut writer = SegmentWriter::new(Box::new(memory.clone()), options, observers)?;
        for rows in &self.traces {
            let mut parts: Vec<(&mut Source, &[u32])> =
                self.sources.iter_mut().zip(rows.iter().map(Vec::as_slice)).collect();
            parts.retain(|(_, rows)| !rows.is_empty());
            writer.push_trace(&mut parts)?;
        }
        let summary = writer.finish()?;
        let bytes = std::mem::take(&mut *memory.0.lock().unwrap());
        Ok(Written { bytes, summary })
    }
}

/// Chunks of up to so many spans.
pub(crate) fn chunks_of(spans: &[Span<'static>], row_count: usize) -> Vec<Arc<Chunk>> {
    let mut builder = ChunkBuilder::new(1);
    spans
        .chunks(row_count)
        .map(|spans| {
            builder.begin_request(REQUEST);
            for span in spans {
                builder.push(span);
            }
            Arc::new(builder.finish())
        })
        .collect()
}

pub(crate) fn write(spans: &[Span<'static>], options: WriterOptions) -> Written {
    Plan::new(chunks_of(spans, 500)).write(options, Vec::new()).unwrap()
}

impl Written {
    pub(crate) fn open(&self) -> Result<Opened<'_>, SegmentError> {
        open(&self.bytes, self.summary.footer_len)
    }
}

/// A segment whose dictionaries are loaded.
pub(crate) struct Opened<'b> {
    pub(crate) bytes: &'b [u8],
    pub(crate) segment: Segment,
    pub(crate) dictionaries: Dictionaries,
    pub(crate) decoder: SegmentDecoder,
}

pub(crate) fn open(bytes: &[u8], footer_len: u32) -> Result<Opened<'_>, SegmentError> {
    let footer = &bytes[bytes.len() - (footer_len as usize).min(bytes.len())..];
    let segment = Segment::parse("test".into(), bytes.len() as u64, footer)?;
    let mut decoder = SegmentDecoder::new();
    let range = segment.dictionaries_range();
    let sections = &bytes[range.offset as usize..][..range.len];
    let dictionaries = segment.parse_dictionaries(sections, &mut decoder)?;
    Ok(Opened { bytes, segment, dictionaries, decoder })
}

impl<'b> Opened<'b> {
    pub(crate) fn bytes_at(&self, range: super::ByteRange) -> &'b [u8] {
        &self.bytes[range.offset as usize..][..range.len]
    }

    /// The spans of a group, in its order.
    pub(crate) fn group(&mut self, group: u32) -> Result<Vec<Span<'static>>, SegmentError> {
        let bytes = self.bytes_at(self.segment.group_range(group));
        let Self { segment, dictionaries, decoder, .. } = self;
        let chunk = segment.decode_group(group, bytes, dictionaries, decoder)?;
        let spans = spans_of(&chunk);
        decoder.recycle(chunk);
        Ok(spans)
    }

    pub(crate) fn spans(&mut self) -> Result<Vec<Span<'static>>, SegmentError> {
        let mut spans = Vec::new();
        for group in 0..self.segment.group_count() {
            spans.extend(self.group(group)?);
        }
        Ok(spans)
    }

    /// The spans of a trace, found by the index.
    pub(crate) fn trace(&mut self, low: u64) -> Result<Vec<Span<'static>>, SegmentError> {
        let Some(range) = self.segment.index_page_range(low) else { return Ok(Vec::new()) };
        let ordinals = self.segment.ordinals_in_page(self.bytes_at(range), low)?;
        let mut spans = Vec::new();
        for ordinal in ordinals {
            let Some(group) = self.segment.group_of_ordinal(ordinal) else { continue };
            let bytes = self.bytes_at(self.segment.group_range(group));
            let first_trace = self.segment.group(group).first_trace;
            let Self { segment, dictionaries, decoder, .. } = self;
            let mut columns = super::GroupColumns::default();
            let all = super::Projection::all();
            segment.decode_columns(
                GroupRead { group, wanted: &all, stretches: &[bytes] },
                dictionaries,
                decoder,
                &mut columns,
            )?;
            let trace = (ordinal - first_trace) as usize;
            if columns.traces.low[trace] == low {
                let chunk = columns.to_chunk(columns.rows_of(trace), dictionaries, REQUEST);
                spans.extend(spans_of(&chunk));
            }
        }
        Ok(spans)
    }
}

pub(crate) fn spans_of(chunk: &Chunk) -> Vec<Span<'static>> {
    let reader = SpanReader::new(chunk);
    let spans = (0..chunk.len()).filter_map(|row| Some(reader.span(row)?.into_owned()));
    spans.collect()
}

/// Spans in an order that does not depend on how they were kept.
pub(crate) fn sorted(mut spans: Vec<Span<'static>>) -> Vec<Span<'static>> {
    spans.sort_by_cached_key(|span| format!("{span:?}"));
    spans
}
