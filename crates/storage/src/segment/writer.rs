//! Writes a segment, one group of traces in memory at a time.

use std::fmt;
use std::mem;

use super::dictionaries::DictionaryWriter;
use super::directory::{Directory, GroupDirectory, PartEntry, header};
use super::encode::GroupEncoder;
use super::error::WriteError;
use super::gather::Gatherer;
use super::limits::{CODE_COUNT_MAX, GROUP_ROW_COUNT_MAX, GROUP_START_GAP_NS, TEXT_LEN_MAX};
use super::observer::{GroupObserver, GroupParts};
use super::order::TraceOrder;
use super::reader::GroupEntry;
use super::source::Source;
use super::trace_table::{CONTINUES, SUPERSEDES, TraceTable};
use super::{index, sections};
use crate::encoding::filter::FilterBuilder;
use crate::encoding::hash;
use crate::segment_store::SegmentUpload;

/// How a segment is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriterOptions {
    /// How many rows a group has at most.
    pub(crate) group_row_count_max: usize,
    /// Whether spans of one trace that are equal in everything are written once.
    pub(crate) folds_duplicates: bool,
    /// A number that no sender knows, for tables in memory; it changes no byte.
    pub(crate) seed: u64,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { group_row_count_max: GROUP_ROW_COUNT_MAX, folds_duplicates: true, seed: 0 }
    }
}

/// What the manifest has to know of a written segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentSummary {
    /// The object's length in bytes.
    pub(crate) len: u64,
    /// The length of its last part.
    pub(crate) footer_len: u32,
    /// CRC-32C of that.
    pub(crate) footer_checksum: u32,
    /// Spans in it.
    pub(crate) span_count: u64,
    /// Traces in it, or parts of them.
    pub(crate) trace_count: u64,
    /// The earliest start of a span, if any span has one.
    pub(crate) start_min_ns: Option<u64>,
    /// The latest start of a span, if any span has one.
    pub(crate) start_max_ns: Option<u64>,
    /// Spans that were left out because an equal one is there.
    pub(crate) folded_count: u64,
}

/// Writes one segment.
pub(crate) struct SegmentWriter<'o> {
    upload: Box<dyn SegmentUpload>,
    observers: Vec<&'o mut dyn GroupObserver>,
    options: WriterOptions,
    dictionaries: DictionaryWriter,
    order: TraceOrder,
    group: Gatherer,
    encoder: GroupEncoder,
    directory: Directory,
    /// The scan parts of all groups, which stand behind the groups.
    scan: Vec<u8>,
    /// The hash of each trace, with its number.
    index: Vec<(u64, u32)>,
    last: Option<TraceKey>,
    folded_count: u64,
}

/// What traces are ordered by: whether there is a start, the start, the low half of the id.
type TraceKey = (bool, u64, u64);

impl<'o> SegmentWriter<'o> {
    /// Begins a segment.
    ///
    /// # Errors
    ///
    /// Fails when the store refuses.
    pub(crate) fn new(
        mut upload: Box<dyn SegmentUpload>,
        options: WriterOptions,
        observers: Vec<&'o mut dyn GroupObserver>,
    ) -> Result<Self, WriteError> {
        upload.write(&header())?;
        Ok(Self {
            upload,
            observers,
            options,
            dictionaries: DictionaryWriter::new(options.seed),
            order: TraceOrder::new(options.seed),
            group: Gatherer::new(options.group_row_count_max),
            encoder: GroupEncoder::default(),
            directory: Directory::default(),
            scan: Vec::new(),
            index: Vec::new(),
            last: None,
            folded_count: 0,
        })
    }

    /// Appends a trace: the given rows of each source. All rows have the same low half of the
    /// trace id. Traces come in the order of their earliest start, those without one first, and
    /// of the low half of the id where that is equal.
    ///
    /// # Errors
    ///
    /// Fails when the store refuses, and when the trace is out of order.
    ///
    /// # Panics
    ///
    /// Panics when a source does not have one of its rows.
    pub(crate) fn push_trace(
        &mut self,
        parts: &mut [(&mut Source, &[u32])],
    ) -> Result<(), WriteError> {
        self.order.sort(parts, self.options.folds_duplicates);
        let Some(first) = self.order.rows.first() else { return Ok(()) };
        let low = parts[first.source as usize].0.chunk.rows.trace_low[first.row as usize];
        let started = self.order.rows.iter().find(|row| row.has_start);
        let key = (started.is_some(), started.map_or(0, |row| row.start_ns), low);
        if self.last.is_some_and(|last| last >= key) {
            return Err(WriteError::OutOfOrder { trace_id_low: low });
        }
        let row_count = self.order.rows.len();
        let row_count_max = self.options.group_row_count_max.max(1);
        let jumps = self.last.is_some_and(|last| {
            (last.0, key.0) == (false, true) || key.1 - last.1 > GROUP_START_GAP_NS
        });
        self.last = Some(key);
        for (source, row) in self.order.folded.iter().copied() {
            let chunk = parts[source as usize].0.chunk();
            self.observers.iter_mut().for_each(|observer| observer.folded(chunk, row as usize));
        }
        self.folded_count += self.order.folded.len() as u64;
        self.directory.trace_count += 1;
        let has_room = self.group.columns.row_count + row_count <= row_count_max;
        if jumps || !has_room || self.group.is_full() {
            self.end_group()?;
        }
        let mut taken = 0;
        while taken < row_count {
            if taken > 0 {
                self.group.columns.goes_on = true;
                self.end_group()?;
            }
            taken += self.group.push_trace(&self.order, taken, parts, &mut self.dictionaries);
            self.index.push((hash::trace_id(low), self.index.len() as u32));
            check_len("texts of a group", self.group.text_len, TEXT_LEN_MAX)?;
        }
        check_len("traces of a segment", self.index.len(), CODE_COUNT_MAX)?;
        // What is left of a trace that does not fit one group has the last of them to itself.
        if row_count > row_count_max {
            self.end_group()?;
        }
        Ok(())
    }

    /// Ends the segment and makes it durable.
    ///
    /// # Errors
    ///
    /// Fails when the store refuses.
    pub(crate) fn finish(mut self) -> Result<SegmentSummary, WriteError> {
        self.end_group()?;
        self.upload.write(&self.scan)?;
        let mut observed = Vec::new();
        for observer in &mut self.observers {
            observer.sections(self.dictionaries.texts(), &mut observed);
        }
        let mut bytes = mem::take(&mut self.scan);
        bytes.clear();
        let encoder = &mut self.encoder.encoder;
        self.directory.sections =
            sections::encode(&self.dictionaries, observed, encoder, &mut bytes)?;
        let mut filter = Vec::new();
        let hashes: Vec<u64> = self.index.iter().map(|(hash, _)| *hash).collect();
        FilterBuilder::new().encode(&hashes, &mut filter);
        self.directory.filter = filter;
        self.directory.index = index::encode(&mut self.index, &mut bytes);
        let footer_start = bytes.len();
        self.directory.encode(&mut bytes);
        self.upload.write(&bytes)?;
        self.upload.finish()?;

        let footer = &bytes[footer_start..];
        let groups = || self.directory.groups.iter().map(|group| &group.entry);
        Ok(SegmentSummary {
            len: self.directory.body_len() + footer.len() as u64,
            footer_len: footer.len() as u32,
            footer_checksum: crc32c::crc32c(footer),
            span_count: self.directory.span_count,
            trace_count: self.directory.trace_count,
            start_min_ns: groups().filter_map(|group| Some(group.start_ns?.0)).min(),
            start_max_ns: groups().filter_map(|group| group.latest_start_ns).max(),
            folded_count: self.folded_count,
        })
    }

    fn end_group(&mut self) -> Result<(), WriteError> {
        let columns = &mut self.group.columns;
        if columns.row_count == 0 {
            return Ok(());
        }
        columns.traces.fingerprint.resize(columns.traces.len(), 0);
        let mut parts = GroupParts::default();
        for observer in &mut self.observers {
            observer.group(columns, self.dictionaries.texts(), &mut parts);
        }
        if parts.fingerprints.len() == columns.traces.len() {
            columns.traces.fingerprint = mem::take(&mut parts.fingerprints);
        }
        for trace in mem::take(&mut parts.superseding) {
            columns.traces.flags[trace] |= SUPERSEDES;
        }
        self.encoder.encode(columns, &self.dictionaries.keys);
        self.upload.write(&self.encoder.bytes)?;
        self.directory.span_count += columns.row_count as u64;
        self.directory.groups.push(GroupDirectory {
            entry: entry_of(&columns.traces, self.index.len()),
            event_count: columns.event_count as u32,
            link_count: columns.link_count as u32,
            parts: self.encoder.parts.clone(),
            scan: add_scan_parts(parts, &mut self.scan)?,
        });
        self.dictionaries.settle(&columns.values);
        self.group.clear();
        Ok(())
    }
}

impl fmt::Debug for SegmentWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentWriter").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What the directory says of a group. `trace_count` is that of the segment so far.
pub(super) fn entry_of(traces: &TraceTable, trace_count: usize) -> GroupEntry {
    let starts = || (0..traces.len()).filter_map(|trace| traces.start_of(trace));
    let latest_starts = (0..traces.len()).filter_map(|trace| traces.latest_start_of(trace));
    GroupEntry {
        row_count: traces.rows_end.last().copied().unwrap_or(0),
        trace_count: traces.len() as u32,
        first_trace: (trace_count - traces.len()) as u32,
        start_ns: starts().min().zip(starts().max()),
        has_startless: (0..traces.len()).any(|trace| traces.start_of(trace).is_none()),
        latest_start_ns: latest_starts.max(),
        continues: traces.flags.first().is_some_and(|flags| flags & CONTINUES != 0),
    }
}

fn add_scan_parts(parts: GroupParts, out: &mut Vec<u8>) -> Result<Vec<PartEntry>, WriteError> {
    let mut scan = parts.scan;
    scan.sort_by_key(|(id, _)| *id);
    let mut entries = Vec::with_capacity(scan.len());
    for (id, bytes) in &scan {
        entries.push(part_entry(id.0, bytes)?);
        out.extend_from_slice(bytes);
    }
    Ok(entries)
}

/// What the directory says of a part.
pub(super) fn part_entry(id: u32, bytes: &[u8]) -> Result<PartEntry, WriteError> {
    check_len("a part", bytes.len(), TEXT_LEN_MAX)?;
    Ok(PartEntry { id, len: bytes.len() as u32, checksum: crc32c::crc32c(bytes) })
}

/// Refuses what a reader would refuse.
pub(super) fn check_len(what: &'static str, len: usize, len_max: usize) -> Result<(), WriteError> {
    if len <= len_max {
        return Ok(());
    }
    Err(WriteError::TooLarge { what, len: len as u64, len_max: len_max as u64 })
}
