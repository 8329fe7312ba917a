//! Reads a segment: tells which bytes to read, and what they mean. It reads none itself, so that
//! the reads of many segments go out in one batch.

use std::ops::Range;
use std::sync::Arc;

use super::decode::{Fetched, SegmentDecoder};
use super::directory::{Directory, HEADER_LEN, PartEntry, directory_of, total_len};
use super::error::{Fault, PartAt, PartName, SegmentError};
use super::group::GroupColumns;
use super::loaded_dictionaries::Dictionaries;
use super::observer::{ScanPartId, SectionId};
use super::projection::Projection;
use super::sections::{self, SectionReader};
use super::trace_table::TraceTable;
use super::{directory, part_id};
use crate::columns::{Chunk, Request};
use crate::encoding::filter::Filter;
use crate::encoding::hash;

/// A stretch of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByteRange {
    /// Where it starts.
    pub(crate) offset: u64,
    /// Its length in bytes.
    pub(crate) len: usize,
}

/// What a segment's footer says. Small, and all that planning needs.
#[derive(Debug)]
pub(crate) struct Segment {
    name: Arc<str>,
    directory: Directory,
    /// Where each group starts, and the last one ends.
    group_offsets: Vec<u64>,
    /// The same of their scan parts.
    scan_offsets: Vec<u64>,
    section_offsets: Vec<u64>,
    index_offset: u64,
    footer_len: u64,
}

/// What the footer says of one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupEntry {
    /// How many rows it has.
    pub(crate) row_count: u32,
    /// How many traces, or parts of them.
    pub(crate) trace_count: u32,
    /// The number of its first trace, counted over the whole segment.
    pub(crate) first_trace: u32,
    /// The earliest and the latest of its traces' starts; `None` when no trace has one.
    pub(crate) start_ns: Option<(u64, u64)>,
    /// Whether a trace of it has no start.
    pub(crate) has_startless: bool,
    /// The latest start of a span in it.
    pub(crate) latest_start_ns: Option<u64>,
    /// Whether its first trace goes on from the group before.
    pub(crate) continues: bool,
}

/// Parts of a group that were read.
#[derive(Debug)]
pub(crate) struct GroupRead<'r, B> {
    /// The group.
    pub(crate) group: u32,
    /// The columns that the parts were read for.
    pub(crate) wanted: &'r Projection,
    /// What was read of the ranges of [`Segment::part_ranges`], in the same order.
    pub(crate) stretches: &'r [B],
}

impl Segment {
    /// Where the footer is, in an object of this length, by what the manifest says. `None` when
    /// it can't be.
    pub(crate) fn footer_range(len: u64, footer_len: u32) -> Option<ByteRange> {
        let offset = len.checked_sub(footer_len.into())?;
        Some(ByteRange { offset, len: footer_len as usize })
    }

    /// Reads the footer of an object of this name and length.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub(crate) fn parse(name: Arc<str>, len: u64, footer: &[u8]) -> Result<Self, SegmentError> {
        let offset = len.saturating_sub(footer.len() as u64);
        let at = PartAt { name: &name, part: PartName::Footer, offset };
        let bytes = directory_of(footer).map_err(|fault| at.fault(fault))?;
        let directory = Directory::decode(bytes).map_err(|damaged| at.damaged(damaged))?;
        Filter::parse(&directory.filter).map_err(|damaged| at.damaged(damaged))?;
        let found = directory.body_len() + footer.len() as u64;
        if found != len {
            return Err(at.fault(Fault::Length { expected: len, found }));
        }
        let mut next = HEADER_LEN as u64;
        let group_offsets =
            offsets(&mut next, directory.groups.iter().map(|group| total_len(&group.parts)));
        let scan_offsets =
            offsets(&mut next, directory.groups.iter().map(|group| total_len(&group.scan)));
        let section_offsets =
            offsets(&mut next, directory.sections.iter().map(|part| part.len.into()));
        let index_offset = next;
        let footer_len = footer.len() as u64;
        Ok(Self {
            name,
            directory,
            group_offsets,
            scan_offsets,
            section_offsets,
            index_offset,
            footer_len,
        })
    }

    /// The object's name.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The length of the directory and the trailer behind it.
    pub(super) fn footer_len(&self) -> u64 {
        self.footer_len
    }

    /// The memory that it takes.
    pub(crate) fn byte_len(&self) -> usize {
        let groups = &self.directory.groups;
        let parts: usize =
            groups.iter().map(|group| group.parts.capacity() + group.scan.capacity()).sum();
        (parts + self.directory.sections.capacity()) * size_of::<PartEntry>()
            + groups.capacity() * size_of::<directory::GroupDirectory>()
            + self.directory.filter.capacity()
            + self.directory.index.fences.capacity() * 12
            + (self.group_offsets.capacity() + self.scan_offsets.capacity()) * size_of::<u64>()
            + self.section_offsets.capacity() * size_of::<u64>()
    }

    /// How many spans there are.
    pub(crate) fn span_count(&self) -> u64 {
        self.directory.span_count
    }

    /// How many traces, or parts of traces that other segments have more of.
    pub(crate) fn trace_count(&self) -> u64 {
        self.directory.trace_count
    }

    /// How many groups there are.
    pub(crate) fn group_count(&self) -> u32 {
        self.directory.groups.len() as u32
    }

    /// What the footer says of a group.
    ///
    /// # Panics
    ///
    /// Panics when there is no such group.
    pub(crate) fn group(&self, group: u32) -> &GroupEntry {
        &self.directory.groups[group as usize].entry
    }

    /// Whether it may hold spans of a trace: false positives are below one in a hundred.
    pub(crate) fn may_hold(&self, trace_id_low: u64) -> bool {
        self.filter().is_some_and(|filter| filter.contains(hash::trace_id(trace_id_low)))
    }

    /// The filter over the hashes of trace ids. It is always there: it was parsed when the footer
    /// was.
    pub(crate) fn filter(&self) -> Option<Filter<'_>> {
        Filter::parse(&self.directory.filter).ok()
    }

    /// Where the index tells of a trace; `None` when the filter says that it is not here.
    pub(crate) fn index_page_range(&self, trace_id_low: u64) -> Option<ByteRange> {
        if !self.may_hold(trace_id_low) {
            return None;
        }
        let pages = self.directory.index.pages_of(trace_id_low);
        let first = self.directory.index.page(pages.start);
        let last = self.directory.index.page(pages.end.checked_sub(1)?);
        let len = last.end.saturating_sub(first.start) as usize;
        (len > 0).then_some(ByteRange { offset: self.index_offset + first.start, len })
    }

    /// The traces, counted over the whole segment, that may be the one asked for: what was read
    /// from [`Self::index_page_range`] tells.
    ///
    /// # Errors
    ///
    /// Fails when the page is damaged.
    pub(crate) fn ordinals_in_page(
        &self,
        bytes: &[u8],
        trace_id_low: u64,
    ) -> Result<Vec<u32>, SegmentError> {
        let index = &self.directory.index;
        let mut found = Vec::new();
        let mut rest = bytes;
        for page in index.pages_of(trace_id_low) {
            let range = index.page(page);
            let part = PartName::IndexPage(page as u32);
            let at = PartAt { name: &self.name, part, offset: self.index_offset + range.start };
            let len = (range.end - range.start) as usize;
            let (page_bytes, behind) = rest.split_at_checked(len).ok_or_else(|| {
                at.fault(Fault::Length { expected: len as u64, found: rest.len() as u64 })
            })?;
            at.check(page_bytes, index.checksums[page])?;
            index.find(page_bytes, trace_id_low, &mut found);
            rest = behind;
        }
        Ok(found)
    }

    /// The group that holds a trace.
    pub(crate) fn group_of_ordinal(&self, ordinal: u32) -> Option<u32> {
        let groups = &self.directory.groups;
        let behind = groups.partition_point(|group| group.entry.first_trace <= ordinal);
        let group = behind.checked_sub(1)?;
        let entry = &groups[group].entry;
        (ordinal - entry.first_trace < entry.trace_count).then_some(group as u32)
    }

    /// Where a group's trace table is: the first part of the group.
    pub(crate) fn trace_table_range(&self, group: u32) -> ByteRange {
        let len = self.directory.groups[group as usize].parts.first();
        let len = len.filter(|part| part.id == part_id::TRACES).map_or(0, |part| part.len);
        ByteRange { offset: self.group_offsets[group as usize], len: len as usize }
    }

    /// Reads a trace table. Services are not checked: a code may be none's.
    ///
    /// # Errors
    ///
    /// Fails when the part is damaged.
    pub(crate) fn decode_trace_table(
        &self,
        group: u32,
        bytes: &[u8],
        decoder: &mut SegmentDecoder,
        into: &mut TraceTable,
    ) -> Result<(), SegmentError> {
        let fetched = Fetched::new([(self.trace_table_range(group).offset, bytes)]);
        decoder.trace_table(&self.group_at(group, fetched), usize::MAX, into)
    }

    /// Where all parts of a group are.
    pub(crate) fn group_range(&self, group: u32) -> ByteRange {
        let group = group as usize;
        range(self.group_offsets[group], self.group_offsets[group + 1])
    }

    /// Where the parts are that some columns need, neighbours joined.
    pub(crate) fn part_ranges(&self, group: u32, wanted: &Projection) -> Vec<ByteRange> {
        let columns = wanted.closure();
        let mut ranges: Vec<ByteRange> = Vec::new();
        let mut offset = self.group_offsets[group as usize];
        for part in &self.directory.groups[group as usize].parts {
            let len = part.len as usize;
            if wanted.wants(columns, part.id) {
                match ranges.last_mut() {
                    Some(last) if last.offset + last.len as u64 == offset => last.len += len,
                    _ => ranges.push(ByteRange { offset, len }),
                }
            }
            offset += u64::from(part.len);
        }
        ranges
    }

    /// Reads some columns of a group. `into` is cleared first, and holds nothing of use after an
    /// error.
    ///
    /// # Errors
    ///
    /// Fails when a part is damaged.
    pub(crate) fn decode_columns<B: AsRef<[u8]>>(
        &self,
        read: GroupRead<'_, B>,
        dictionaries: &Dictionaries,
        decoder: &mut SegmentDecoder,
        into: &mut GroupColumns,
    ) -> Result<(), SegmentError> {
        let group = self.group_at(read.group, self.fetched(&read));
        decoder.columns(&group, read.wanted, dictionaries, into)
    }

    /// Reads the values of more keys of a group. `into` has all columns but those of keys, and
    /// none of these keys; it holds nothing of use after an error.
    ///
    /// # Errors
    ///
    /// Fails when a part is damaged.
    pub(crate) fn decode_values<B: AsRef<[u8]>>(
        &self,
        read: GroupRead<'_, B>,
        dictionaries: &Dictionaries,
        decoder: &mut SegmentDecoder,
        into: &mut GroupColumns,
    ) -> Result<(), SegmentError> {
        let group = self.group_at(read.group, self.fetched(&read));
        decoder.more_values(&group, read.wanted, dictionaries, into)
    }

    fn fetched<'b, B: AsRef<[u8]>>(&self, read: &GroupRead<'b, B>) -> Fetched<'b> {
        let ranges = self.part_ranges(read.group, read.wanted);
        let offsets = ranges.iter().map(|range| range.offset);
        Fetched::new(offsets.zip(read.stretches.iter().map(AsRef::as_ref)))
    }

    /// Reads a whole group, from what was read of [`Self::group_range`]. All rows have a request
    /// that says nothing: its arrival is for whoever knows it to put in.
    ///
    /// # Errors
    ///
    /// Fails when a part is damaged.
    pub(crate) fn decode_group(
        &self,
        group: u32,
        bytes: &[u8],
        dictionaries: &Dictionaries,
        decoder: &mut SegmentDecoder,
    ) -> Result<Chunk, SegmentError> {
        let mut columns = std::mem::take(&mut decoder.group);
        let read = GroupRead { group, wanted: &Projection::all(), stretches: &[bytes] };
        let done = self.decode_columns(read, dictionaries, decoder, &mut columns);
        let request = Request { arrival_ns: 0, log_file_id: 0, log_offset: 0 };
        let room = std::mem::take(&mut decoder.room);
        let rows = 0..columns.row_count;
        let chunk = done.map(|()| columns.to_chunk_in(room, rows, dictionaries, request));
        decoder.group = columns;
        chunk
    }

    /// Where the sections are that [`Dictionaries`] are made of, all of them.
    pub(crate) fn dictionaries_range(&self) -> ByteRange {
        let sections = &self.directory.sections;
        let count = sections.partition_point(|section| section.id < SectionId::OBSERVED_MIN);
        range(self.section_offsets[0], self.section_offsets[count])
    }

    /// Reads the dictionaries.
    ///
    /// # Errors
    ///
    /// Fails when a section is damaged or missing.
    pub(crate) fn parse_dictionaries(
        &self,
        bytes: &[u8],
        decoder: &mut SegmentDecoder,
    ) -> Result<Dictionaries, SegmentError> {
        let section = |id: u32| self.section_part(id, bytes);
        let decoder = &mut decoder.decoder;
        let mut texts = |id: u32| {
            let (at, part) = section(id)?;
            SectionReader { at, decoder }.texts(part)
        };
        let names = texts(sections::NAMES)?;
        let event_names = texts(sections::EVENT_NAMES)?;
        let services = texts(sections::SERVICES)?;
        let scopes = texts(sections::SCOPES)?;
        let addresses = texts(sections::ADDRESSES)?;
        let (at, part) = section(sections::RESOURCES)?;
        let (resources, services_of_resources) =
            SectionReader { at, decoder }.resources(part, services.len())?;
        let (at, part) = section(sections::KEYS)?;
        let keys = SectionReader { at, decoder }.keys(part)?;
        let (at, part) = section(sections::SHAPES)?;
        let shapes = SectionReader { at, decoder }.shapes(part, keys.len())?;
        let mut values = vec![None; keys.len()];
        for entry in &self.directory.sections {
            let key = entry.id.checked_sub(sections::KEY_DICTIONARY_MIN);
            if let Some(slot) = key.and_then(|key| values.get_mut(key as usize)) {
                let (at, part) = section(entry.id)?;
                *slot = Some(SectionReader { at, decoder }.key_texts(part)?);
            }
        }
        Ok(Dictionaries {
            keys,
            values,
            shapes,
            names,
            event_names,
            resources,
            services_of_resources,
            services,
            scopes,
            addresses,
        })
    }

    /// Where a section is, if there is one of this id.
    pub(crate) fn section_range(&self, id: SectionId) -> Option<ByteRange> {
        let sections = &self.directory.sections;
        let place = sections.binary_search_by_key(&id.0, |section| section.id).ok()?;
        Some(range(self.section_offsets[place], self.section_offsets[place + 1]))
    }

    /// Checks what was read of a section, and hands it back.
    ///
    /// # Errors
    ///
    /// Fails when it is not what was written.
    pub(crate) fn check_section<'b>(
        &self,
        id: SectionId,
        bytes: &'b [u8],
    ) -> Result<&'b [u8], SegmentError> {
        let at = self.section_at(id.0);
        check_part(&at, &self.directory.sections, id.0, bytes)
    }

    /// Where the scan parts of some groups are: they stand behind each other.
    pub(crate) fn scan_range(&self, groups: Range<u32>) -> ByteRange {
        let start = self.scan_offsets[groups.start as usize];
        range(start, self.scan_offsets[groups.end as usize])
    }

    /// Where one scan part of a group is, if it has one of this id.
    pub(crate) fn scan_part_range(&self, group: u32, id: ScanPartId) -> Option<ByteRange> {
        let mut offset = self.scan_offsets[group as usize];
        for part in &self.directory.groups[group as usize].scan {
            if part.id == id.0 {
                return Some(ByteRange { offset, len: part.len as usize });
            }
            offset += u64::from(part.len);
        }
        None
    }

    /// Checks what was read of a scan part, and hands it back.
    ///
    /// # Errors
    ///
    /// Fails when it is not what was written.
    pub(crate) fn check_scan_part<'b>(
        &self,
        group: u32,
        id: ScanPartId,
        bytes: &'b [u8],
    ) -> Result<&'b [u8], SegmentError> {
        let offset = self.scan_part_range(group, id).map_or(0, |range| range.offset);
        let part = PartName::ScanPart(group, id.0);
        let at = PartAt { name: &self.name, part, offset };
        check_part(&at, &self.directory.groups[group as usize].scan, id.0, bytes)
    }

    /// Checks every part of a group, known or not.
    pub(super) fn check_group(&self, group: u32, bytes: &[u8]) -> Result<(), SegmentError> {
        let mut rest = bytes;
        let mut offset = self.group_offsets[group as usize];
        for part in &self.directory.groups[group as usize].parts {
            let name = PartName::GroupPart(group, part.id);
            let at = PartAt { name: &self.name, part: name, offset };
            let (expected, found) = (u64::from(part.len), rest.len() as u64);
            let (bytes, behind) = rest
                .split_at_checked(part.len as usize)
                .ok_or_else(|| at.fault(Fault::Length { expected, found }))?;
            at.check(bytes, part.checksum)?;
            rest = behind;
            offset += u64::from(part.len);
        }
        Ok(())
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The pages of the index, all of them.
    pub(super) fn index_range(&self) -> ByteRange {
        range(self.index_offset, self.index_offset + self.directory.index.len())
    }

    /// A section of the dictionaries, cut out of all of them and checked.
    fn section_part<'b>(
        &self,
        id: u32,
        dictionaries: &'b [u8],
    ) -> Result<(PartAt<'_>, &'b [u8]), SegmentError> {
        let at = self.section_at(id);
        let range = self.section_range(SectionId(id));
        let range = range.ok_or_else(|| at.fault(Fault::Missing { what: "the section" }))?;
        let from = (range.offset - self.dictionaries_range().offset) as usize;
        let part = dictionaries.get(from..from + range.len).unwrap_or_default();
        Ok((at, self.check_section(SectionId(id), part)?))
    }

    fn section_at(&self, id: u32) -> PartAt<'_> {
        let offset = self.section_range(SectionId(id)).map_or(0, |range| range.offset);
        PartAt { name: &self.name, part: PartName::Section(id), offset }
    }

    fn group_at<'b>(&self, group: u32, fetched: Fetched<'b>) -> GroupAt<'_, 'b> {
        GroupAt {
            fetched,
            name: &self.name,
            number: group,
            offset: self.group_offsets[group as usize],
            directory: &self.directory.groups[group as usize],
        }
    }
}

/// A group that is to be read.
#[derive(Debug)]
pub(super) struct GroupAt<'s, 'b> {
    pub(super) name: &'s Arc<str>,
    pub(super) number: u32,
    pub(super) offset: u64,
    pub(super) directory: &'s directory::GroupDirectory,
    pub(super) fetched: Fetched<'b>,
}

fn check_part<'b>(
    at: &PartAt<'_>,
    parts: &[PartEntry],
    id: u32,
    bytes: &'b [u8],
) -> Result<&'b [u8], SegmentError> {
    let place = parts.binary_search_by_key(&id, |part| part.id);
    let part = place.map_err(|_| at.fault(Fault::Missing { what: "the part" }))?;
    let part = parts[part];
    if part.len as usize != bytes.len() {
        let (expected, found) = (part.len.into(), bytes.len() as u64);
        return Err(at.fault(Fault::Length { expected, found }));
    }
    at.check(bytes, part.checksum)?;
    Ok(bytes)
}

/// Where things start that stand back to back, and the last one ends.
fn offsets(next: &mut u64, lens: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut offsets = vec![*next];
    for len in lens {
        *next += len;
        offsets.push(*next);
    }
    offsets
}

fn range(start: u64, end: u64) -> ByteRange {
    ByteRange { offset: start, len: (end - start) as usize }
}
