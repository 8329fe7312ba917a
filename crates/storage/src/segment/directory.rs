//! The directory: what the last bytes of a segment say of all the others.
//!
//! Everything stands back to back, in one order: header, groups, scan parts, sections, index
//! pages, directory, trailer. So the directory holds lengths and no offsets, and every byte of
//! the object belongs to something that has a checksum.

use super::index::IndexDirectory;
use super::limits::{CODE_COUNT_MAX, PAGE_ENTRY_COUNT, ROW_COUNT_MAX, VALUE_COUNT_MAX};
use super::{FORMAT_VERSION, Fault, GroupEntry};
use crate::encoding::Damaged;
use crate::encoding::input::{Input, put_varint};

pub(super) const MAGIC: [u8; 8] = *b"SPANDSEG";

/// Magic and version at the start of the object.
pub(super) const HEADER_LEN: usize = 12;

/// Length and checksum of the directory, version and magic at its end.
pub(super) const TRAILER_LEN: usize = 20;

/// What stands between header and directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) span_count: u64,
    /// Traces, one that is spread over several groups counted once.
    pub(super) trace_count: u64,
    pub(super) groups: Vec<GroupDirectory>,
    pub(super) sections: Vec<PartEntry>,
    pub(super) index: IndexDirectory,
    /// Of the low halves of trace ids.
    pub(super) filter: Vec<u8>,
}

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupDirectory {
    pub(super) entry: GroupEntry,
    pub(super) event_count: u32,
    pub(super) link_count: u32,
    /// The parts of the group, sorted by id, and back to back in that order.
    pub(super) parts: Vec<PartEntry>,
    /// The same of its part of the scan region.
    pub(super) scan: Vec<PartEntry>,
}

/// One part. Where it starts follows from the ones before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PartEntry {
    pub(super) id: u32,
    pub(super) len: u32,
    pub(super) checksum: u32,
}

/// How long parts are that stand back to back.
pub(super) fn total_len(parts: &[PartEntry]) -> u64 {
    parts.iter().map(|part| u64::from(part.len)).sum()
}

impl Directory {
    /// The length of the object up to the directory.
    pub(super) fn body_len(&self) -> u64 {
        let groups = self.groups.iter().map(|group| total_len(&group.parts)).sum::<u64>();
        let scan = self.groups.iter().map(|group| total_len(&group.scan)).sum::<u64>();
        let sections = total_len(&self.sections);
        HEADER_LEN as u64 + groups + scan + sections + self.index.len()
    }

    /// Appends directory and trailer: the footer.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        put_varint(self.span_count, out);
        put_varint(self.trace_count, out);
        put_parts(&self.sections, out);
        put_varint(self.groups.len() as u64, out);
        self.groups.iter().for_each(|group| group.encode(out));
        put_varint(self.index.entry_count as u64, out);
        for (fence, checksum) in self.index.fences.iter().zip(&self.index.checksums) {
            out.extend_from_slice(&fence.to_le_bytes());
            out.extend_from_slice(&checksum.to_le_bytes());
        }
        out.extend_from_slice(&self.filter);
        let len = (out.len() - start) as u32;
        let checksum = crc32c::crc32c(&out[start..]);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&checksum.to_le_bytes());
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&MAGIC);
    }

    /// A footer with the checksums that the bytes in front of it have, for tests that lie where
    /// no checksum can tell; `None` when these are fewer than the directory says.
    pub(super) fn with_checksums_of(mut self, object: &[u8]) -> Option<Vec<u8>> {
        let mut rest = object.get(HEADER_LEN..)?;
        let mut checksum_of = |len: u64| Some(crc32c::crc32c(rest.split_off(..len as usize)?));
        let parts = self.groups.iter_mut().flat_map(|group| &mut group.parts);
        for part in parts {
            part.checksum = checksum_of(part.len.into())?;
        }
        let scan = self.groups.iter_mut().flat_map(|group| &mut group.scan);
        for part in scan.chain(&mut self.sections) {
            part.checksum = checksum_of(part.len.into())?;
        }
        for page in 0..self.index.checksums.len() {
            let range = self.index.page(page);
            self.index.checksums[page] = checksum_of(range.end - range.start)?;
        }
        let mut footer = Vec::new();
        self.encode(&mut footer);
        Some(footer)
    }

    /// Reads a directory. It says nothing that could not be; whether its lengths come to that of
    /// the object is for the caller to check.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut input = Input::new(bytes);
        let span_count = input.varint()?;
        let trace_count = input.varint()?;
        let sections = parts(&mut input)?;
        let group_count = count_of(&mut input, "count of groups", GROUP_LEN_MIN)?;
        let mut first_trace = 0_u32;
        let mut groups = Vec::with_capacity(group_count);
        for _ in 0..group_count {
            let at = input;
            let group = GroupDirectory::decode(&mut input, first_trace)?;
            first_trace = (first_trace as usize + group.entry.trace_count as usize)
                .try_into()
                .ok()
                .filter(|count| *count as usize <= CODE_COUNT_MAX)
                .ok_or_else(|| at.damaged(too_many("count of traces", u64::MAX)))?;
            groups.push(group);
        }
        let index = index(&mut input, first_trace as usize)?;
        let filter = input.rest().to_vec();
        Ok(Self { span_count, trace_count, groups, sections, index, filter })
    }
}

/// The least that a group takes in the directory.
const GROUP_LEN_MIN: usize = 7;

/// The same of a part.
const PART_LEN_MIN: usize = 6;

/// Bits that say what a group has.
const HAS_START: u8 = 1;
const HAS_STARTLESS: u8 = 2;
const CONTINUES: u8 = 4;

impl GroupDirectory {
    fn encode(&self, out: &mut Vec<u8>) {
        let entry = &self.entry;
        let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        out.push(
            bit(entry.start_ns.is_some(), HAS_START)
                | bit(entry.has_startless, HAS_STARTLESS)
                | bit(entry.continues, CONTINUES),
        );
        for count in [entry.row_count, entry.trace_count, self.event_count, self.link_count] {
            put_varint(count.into(), out);
        }
        if let (Some((first, last)), Some(latest)) = (entry.start_ns, entry.latest_start_ns) {
            out.extend_from_slice(&first.to_le_bytes());
            put_varint(last - first, out);
            put_varint(latest - last, out);
        }
        put_parts(&self.parts, out);
        put_parts(&self.scan, out);
    }

    fn decode(input: &mut Input<'_>, first_trace: u32) -> Result<Self, Damaged> {
        let at = *input;
        let flags = input.byte()?;
        if flags > HAS_START | HAS_STARTLESS | CONTINUES {
            return Err(at.damaged(unknown("group", flags)));
        }
        let row_count = input.count("count of rows", ROW_COUNT_MAX)? as u32;
        let trace_count = input.count("count of traces", row_count as usize)? as u32;
        let event_count = input.count("count of events", VALUE_COUNT_MAX)? as u32;
        let link_count = input.count("count of links", VALUE_COUNT_MAX)? as u32;
        let (mut start_ns, mut latest_start_ns) = (None, None);
        if flags & HAS_START != 0 {
            let first = u64::from_le_bytes(input.array()?);
            let last = first.saturating_add(input.varint()?);
            start_ns = Some((first, last));
            latest_start_ns = Some(last.saturating_add(input.varint()?));
        }
        let entry = GroupEntry {
            row_count,
            trace_count,
            first_trace,
            start_ns,
            has_startless: flags & HAS_STARTLESS != 0,
            latest_start_ns,
            continues: flags & CONTINUES != 0,
        };
        Ok(Self { entry, event_count, link_count, parts: parts(input)?, scan: parts(input)? })
    }
}

fn put_parts(parts: &[PartEntry], out: &mut Vec<u8>) {
    put_varint(parts.len() as u64, out);
    let mut next = 0;
    for part in parts {
        put_varint(u64::from(part.id - next), out);
        put_varint(part.len.into(), out);
        out.extend_from_slice(&part.checksum.to_le_bytes());
        next = part.id + 1;
    }
}

fn parts(input: &mut Input<'_>) -> Result<Vec<PartEntry>, Damaged> {
    let count = count_of(input, "count of parts", PART_LEN_MIN)?;
    let mut parts = Vec::with_capacity(count);
    let mut next = 0_u64;
    for _ in 0..count {
        let at = *input;
        let id = input
            .varint()?
            .checked_add(next)
            .and_then(|id| u32::try_from(id).ok())
            .ok_or_else(|| at.damaged(too_many("id of a part", u64::MAX)))?;
        let len = input.count("length of a part", u32::MAX as usize)? as u32;
        let checksum = u32::from_le_bytes(input.array()?);
        parts.push(PartEntry { id, len, checksum });
        next = u64::from(id) + 1;
    }
    Ok(parts)
}

fn index(input: &mut Input<'_>, entry_count: usize) -> Result<IndexDirectory, Damaged> {
    let at = *input;
    let found = input.varint()?;
    if found != entry_count as u64 {
        let expected = entry_count as u64;
        return Err(at.damaged(crate::encoding::Fault::Miscounted {
            what: "entries of the trace index",
            expected,
            found,
        }));
    }
    let ordinal_len = IndexDirectory::ordinal_len_for(entry_count);
    let mut index = IndexDirectory { ordinal_len, entry_count, ..IndexDirectory::default() };
    for _ in 0..entry_count.div_ceil(PAGE_ENTRY_COUNT) {
        index.fences.push(u64::from_le_bytes(input.array()?));
        index.checksums.push(u32::from_le_bytes(input.array()?));
    }
    Ok(index)
}

/// A number of things of which each takes so many bytes at least.
fn count_of(input: &mut Input<'_>, what: &'static str, len_min: usize) -> Result<usize, Damaged> {
    let count_max = input.len() / len_min;
    input.count(what, count_max)
}

fn too_many(what: &'static str, len: u64) -> crate::encoding::Fault {
    crate::encoding::Fault::TooLong { what, len, len_max: u32::MAX.into() }
}

fn unknown(what: &'static str, method: u8) -> crate::encoding::Fault {
    crate::encoding::Fault::UnknownMethod { what, method }
}

/// Cuts a footer into the directory's bytes, or says why it is no footer.
pub(super) fn directory_of(footer: &[u8]) -> Result<&[u8], Fault> {
    let (rest, trailer) = footer
        .split_last_chunk::<TRAILER_LEN>()
        .ok_or(Fault::Length { expected: TRAILER_LEN as u64, found: footer.len() as u64 })?;
    let (numbers, magic) = trailer.split_at(TRAILER_LEN - MAGIC.len());
    if magic != MAGIC {
        return Err(Fault::Inconsistent { what: "these are not the last bytes of a segment" });
    }
    let number = |place: usize| {
        let bytes = numbers[place * 4..].first_chunk().expect("there are three numbers");
        u32::from_le_bytes(*bytes)
    };
    check_version(number(2))?;
    if u64::from(number(0)) != rest.len() as u64 {
        return Err(Fault::Length { expected: number(0).into(), found: rest.len() as u64 });
    }
    let (expected, found) = (number(1), crc32c::crc32c(rest));
    if expected != found {
        return Err(Fault::Checksum { expected, found });
    }
    Ok(rest)
}

/// Checks the first bytes of an object.
pub(super) fn check_header(header: &[u8]) -> Result<(), Fault> {
    let Some((version, [])) = header.strip_prefix(&MAGIC).and_then(<[u8]>::split_first_chunk::<4>)
    else {
        return Err(Fault::Inconsistent { what: "these are not the first bytes of a segment" });
    };
    check_version(u32::from_le_bytes(*version))
}

/// The first bytes of an object.
pub(super) fn header() -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..MAGIC.len()].copy_from_slice(&MAGIC);
    header[MAGIC.len()..].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    header
}

fn check_version(version: u32) -> Result<(), Fault> {
    match version {
        FORMAT_VERSION => Ok(()),
        0 => Err(Fault::Inconsistent { what: "no segment has format version 0" }),
        _ => Err(Fault::Newer { version, version_max: FORMAT_VERSION }),
    }
}
