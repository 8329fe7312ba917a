//! Checks all of a segment: every byte of it has a checksum, and everything decodes and agrees.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::decode::SegmentDecoder;
use super::directory::{HEADER_LEN, check_header};
use super::error::{Fault, PartAt, PartName, SegmentError};
use super::group::GroupColumns;
use super::loaded_dictionaries::Dictionaries;
use super::observer::{ScanPartId, SectionId};
use super::projection::Projection;
use super::reader::{ByteRange, GroupRead, Segment};
use super::trace_table::CONTINUES;
use super::writer::entry_of;
use crate::columns::{Request, SpanReader};

/// Reads a stretch of the object.
pub(crate) type Read<'r> = dyn FnMut(ByteRange) -> io::Result<Bytes> + 'r;

/// What was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Spans that were decoded.
    pub(crate) span_count: u64,
    /// Traces, one that is spread over several groups counted once.
    pub(crate) trace_count: u64,
    /// Bytes that were read.
    pub(crate) len: u64,
}

/// Why a segment is not what it should be, or can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    /// The store refused.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// It is damaged.
    #[error(transparent)]
    Damaged(#[from] SegmentError),
}

/// Checks all of a segment whose object has this name, length and length of footer.
///
/// # Errors
///
/// Fails at the first thing that is wrong, or that can't be read.
pub(crate) fn verify(
    name: Arc<str>,
    len: u64,
    footer_len: u32,
    read: &mut Read<'_>,
) -> Result<Verified, VerifyError> {
    let offset = len.saturating_sub(footer_len.into());
    let (expected, found) = (u64::from(footer_len), len);
    let at = PartAt { name: &name, part: PartName::Footer, offset };
    let too_short = || at.fault(Fault::Length { expected, found });
    let footer = read(Segment::footer_range(len, footer_len).ok_or_else(too_short)?)?;
    let segment = Segment::parse(Arc::clone(&name), len, &footer)?;
    let header = read(ByteRange { offset: 0, len: HEADER_LEN })?;
    let at = PartAt { name: &name, part: PartName::Header, offset: 0 };
    check_header(&header).map_err(|fault| at.fault(fault))?;
    let mut decoder = SegmentDecoder::new();
    let dictionaries = read(segment.dictionaries_range())?;
    let dictionaries = segment.parse_dictionaries(&dictionaries, &mut decoder)?;
    let index = read(segment.index_range())?;
    let mut verifying = Verifying {
        segment: &segment,
        dictionaries: &dictionaries,
        index: &index,
        decoder: &mut decoder,
        group: GroupColumns::default(),
        verified: Verified { len, ..Verified::default() },
    };
    for group in 0..segment.group_count() {
        let bytes = read(segment.group_range(group))?;
        verifying.group(group, &bytes)?;
        let scan = segment.scan_range(group..group + 1);
        verifying.scan_parts(group, scan, &read(scan)?)?;
    }
    verifying.counts()?;
    for section in &segment.directory().sections {
        let id = SectionId(section.id);
        if let Some(range) = segment.section_range(id) {
            segment.check_section(id, &read(range)?)?;
        }
    }
    Ok(verifying.verified)
}

struct Verifying<'v> {
    segment: &'v Segment,
    dictionaries: &'v Dictionaries,
    index: &'v [u8],
    decoder: &'v mut SegmentDecoder,
    group: GroupColumns,
    verified: Verified,
}

impl Verifying<'_> {
    fn group(&mut self, group: u32, bytes: &[u8]) -> Result<(), SegmentError> {
        let Self { segment, dictionaries, decoder, group: columns, .. } = self;
        let range = segment.group_range(group);
        let at = PartAt {
            name: segment.name(),
            part: PartName::GroupPart(group, 0),
            offset: range.offset,
        };
        let all = Projection::all();
        let read = GroupRead { group, wanted: &all, stretches: &[bytes] };
        segment.decode_columns(read, dictionaries, decoder, columns)?;
        // Parts that no column needs are there for a version to come, and have checksums too.
        segment.check_group(group, bytes)?;
        let entry = segment.group(group);
        let behind = entry.first_trace as usize + columns.traces.len();
        if *entry != entry_of(&columns.traces, behind) {
            return Err(at.inconsistent("the footer says something else of the group's traces"));
        }
        let request = Request { arrival_ns: 0, log_file_id: 0, log_offset: 0 };
        let chunk = columns.to_chunk(0..columns.row_count, dictionaries, request);
        let reader = SpanReader::new(&chunk);
        if (0..chunk.len()).any(|row| reader.span(row).is_none()) {
            return Err(at.inconsistent("a row is no span"));
        }
        for (low, ordinal) in columns.traces.low.iter().zip(entry.first_trace..) {
            if !Self::is_found(segment, self.index, *low, ordinal)? {
                return Err(at.inconsistent("a trace is not found by its id"));
            }
        }
        self.verified.span_count += columns.row_count as u64;
        let begun = columns.traces.flags.iter().filter(|flags| **flags & CONTINUES == 0);
        self.verified.trace_count += begun.count() as u64;
        Ok(())
    }

    fn is_found(
        segment: &Segment,
        index: &[u8],
        low: u64,
        ordinal: u32,
    ) -> Result<bool, SegmentError> {
        let Some(range) = segment.index_page_range(low) else { return Ok(false) };
        let from = (range.offset - segment.index_range().offset) as usize;
        let page = index.get(from..from + range.len).unwrap_or_default();
        Ok(segment.ordinals_in_page(page, low)?.contains(&ordinal))
    }

    fn scan_parts(&self, group: u32, scan: ByteRange, bytes: &[u8]) -> Result<(), SegmentError> {
        for part in &self.segment.directory().groups[group as usize].scan {
            let id = ScanPartId(part.id);
            if let Some(range) = self.segment.scan_part_range(group, id) {
                let from = (range.offset - scan.offset) as usize;
                let part = bytes.get(from..from + range.len).unwrap_or_default();
                self.segment.check_scan_part(group, id, part)?;
            }
        }
        Ok(())
    }

    fn counts(&self) -> Result<(), SegmentError> {
        let counted = (self.verified.span_count, self.verified.trace_count);
        if counted == (self.segment.span_count(), self.segment.trace_count()) {
            return Ok(());
        }
        let at = PartAt { name: self.segment.name(), part: PartName::Footer, offset: 0 };
        Err(at.inconsistent("the footer counts other spans or traces than there are"))
    }
}
