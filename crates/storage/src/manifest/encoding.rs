//! The manifest's bytes: two equal copies, so that one bad sector does not take the store with it.
//!
//! Whatever the bytes are, reading them ends in a manifest or in an error, and takes no more memory
//! than a few times their length.

use std::collections::BTreeMap;

use super::{LogPosition, Manifest, SegmentClass, SegmentEntry, Tombstone};
use crate::tenant::Tenant;

/// The format version that this program writes, and the newest that it reads.
const FORMAT_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"SPANDMAN";

/// Magic, version, length and checksum, which keep their places in every version to come.
const PREFIX_LEN: usize = 24;
const CHECKSUM_OFFSET: usize = 20;

const SEGMENT_LEN: usize = 96;
const TOMBSTONE_LEN: usize = 36;

/// A length, and a name of one byte.
const TENANT_LEN_MIN: usize = 2;

/// Bits that say which numbers of a segment are there.
const HAS_START: u16 = 1;
const HAS_FLUSHED_THROUGH: u16 = 2;

/// Why bytes are no manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// They are of a newer version of this program. Start that one.
    #[error(
        "the manifest has format version {version}, newer than {version_max}, the newest known here"
    )]
    Newer {
        /// Their version.
        version: u32,
        /// The newest version that this program reads.
        version_max: u32,
    },
    /// They were changed since they were written, or never were a manifest.
    #[error("the manifest is damaged: {what}, at {offset}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
        /// Where, in bytes from the start.
        offset: usize,
    },
}

/// A manifest, and how its bytes were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedManifest {
    /// The manifest.
    pub manifest: Manifest,
    /// What is wrong with the copy that was not used, if anything. The next manifest that is
    /// written has two whole copies again.
    pub damage: Option<ManifestError>,
}

impl Manifest {
    /// Prints the manifest.
    ///
    /// # Panics
    ///
    /// Panics on more than 2^32 segments or tombstones, which no memory holds.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.encode_copy();
        bytes.extend_from_within(..);
        bytes
    }

    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// Says why neither copy can be used.
    pub fn decode(bytes: &[u8]) -> Result<DecodedManifest, ManifestError> {
        let half = bytes.len() / 2;
        match decode_copy(bytes, 0) {
            Ok(manifest) => {
                let is_whole = manifest.encode() == bytes;
                let damage = || decode_copy(bytes, half).err();
                let damage =
                    || damage().unwrap_or_else(|| damaged("it is not two equal copies", half));
                Ok(DecodedManifest { manifest, damage: (!is_whole).then(damage) })
            }
            Err(newer @ ManifestError::Newer { .. }) => Err(newer),
            Err(damage) => match decode_copy(bytes, half) {
                Ok(manifest) => Ok(DecodedManifest { manifest, damage: Some(damage) }),
                Err(newer @ ManifestError::Newer { .. }) => Err(newer),
                Err(_) => Err(damage),
            },
        }
    }

    fn encode_copy(&self) -> Vec<u8> {
        let of_segments = self.segments.iter().map(|entry| &entry.tenant);
        let of_tombstones = self.tombstones.iter().map(|tombstone| &tombstone.tenant);
        let mut tenants: BTreeMap<&Tenant, u32> =
            of_segments.chain(of_tombstones).map(|tenant| (tenant, 0)).collect();
        for (code, place) in (0..).zip(tenants.values_mut()) {
            *place = code;
        }
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&[0; PREFIX_LEN - 12]);
        out.extend_from_slice(&self.next_segment_id.to_le_bytes());
        for count in [tenants.len(), self.segments.len(), self.tombstones.len()] {
            let count = u32::try_from(count).expect("no memory holds so many");
            out.extend_from_slice(&count.to_le_bytes());
        }
        for tenant in tenants.keys() {
            let name = tenant.as_str();
            out.push(u8::try_from(name.len()).expect("a tenant's name has at most 150 bytes"));
            out.extend_from_slice(name.as_bytes());
        }
        for entry in &self.segments {
            encode_segment(entry, tenants[&entry.tenant], &mut out);
        }
        for tombstone in &self.tombstones {
            out.extend_from_slice(&tenants[&tombstone.tenant].to_le_bytes());
            out.extend_from_slice(&tombstone.trace_id_low.to_le_bytes());
            out.extend_from_slice(&tombstone.segments_before.to_le_bytes());
            out.extend_from_slice(&tombstone.log_before.file_id.to_le_bytes());
            out.extend_from_slice(&tombstone.log_before.offset.to_le_bytes());
        }
        let len = out.len() as u64;
        out[12..CHECKSUM_OFFSET].copy_from_slice(&len.to_le_bytes());
        let checksum = checksum(&out);
        out[CHECKSUM_OFFSET..PREFIX_LEN].copy_from_slice(&checksum.to_le_bytes());
        out
    }
}

/// The checksum of a copy, its own field left out.
fn checksum(copy: &[u8]) -> u32 {
    let before = crc32c::crc32c(&copy[..CHECKSUM_OFFSET]);
    crc32c::crc32c_append(before, &copy[PREFIX_LEN..])
}

/// Puts the checksums of both copies right, as far as the copies are there.
pub(super) fn with_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    for start in [0, bytes.len() / 2] {
        let copy = &mut bytes[start..];
        let Some(len) = copy.get(12..CHECKSUM_OFFSET).and_then(|len| len.first_chunk()) else {
            continue;
        };
        let len = usize::try_from(u64::from_le_bytes(*len)).unwrap_or(usize::MAX);
        let Some(copy) = copy.get_mut(..len).filter(|copy| copy.len() >= PREFIX_LEN) else {
            continue;
        };
        let checksum = checksum(copy);
        copy[CHECKSUM_OFFSET..PREFIX_LEN].copy_from_slice(&checksum.to_le_bytes());
    }
    bytes
}

fn encode_segment(entry: &SegmentEntry, tenant: u32, out: &mut Vec<u8>) {
    let mut flags = 0;
    if entry.start_min_ns.is_some() {
        flags |= HAS_START;
    }
    if entry.flushed_through.is_some() {
        flags |= HAS_FLUSHED_THROUGH;
    }
    let flushed = entry.flushed_through.unwrap_or(LogPosition { file_id: 0, offset: 0 });
    out.extend_from_slice(&tenant.to_le_bytes());
    out.push(match entry.class {
        SegmentClass::Ordinary => 0,
        SegmentClass::Pinned => 1,
    });
    out.push(entry.level);
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&entry.footer_len.to_le_bytes());
    out.extend_from_slice(&entry.footer_checksum.to_le_bytes());
    for number in [
        entry.id,
        entry.len,
        entry.span_count,
        entry.trace_count,
        entry.arrival_min_ns,
        entry.arrival_max_ns,
        entry.start_min_ns.unwrap_or(0),
        entry.start_max_ns.unwrap_or(0),
        flushed.file_id,
        flushed.offset,
    ] {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn damaged(what: &'static str, offset: usize) -> ManifestError {
    ManifestError::Damaged { what, offset }
}

/// Reads the copy that starts at `start`.
fn decode_copy(bytes: &[u8], start: usize) -> Result<Manifest, ManifestError> {
    let bytes = bytes.get(start..).unwrap_or_default();
    let mut prefix = Input { rest: bytes, at: start };
    if prefix.array()? != MAGIC {
        return Err(damaged("no manifest starts", start));
    }
    let (version, len, told) = (prefix.u32()?, prefix.u64()?, prefix.u32()?);
    let copy = usize::try_from(len).ok().and_then(|len| bytes.get(..len));
    let copy = copy.ok_or_else(|| damaged("it ends too early", start + bytes.len()))?;
    let Some(body) = copy.get(PREFIX_LEN..).filter(|_| told == checksum(copy)) else {
        return Err(damaged("the checksum is another", start));
    };
    if version > FORMAT_VERSION {
        return Err(ManifestError::Newer { version, version_max: FORMAT_VERSION });
    }
    let manifest = decode_body(&mut Input { rest: body, at: start + PREFIX_LEN })?;
    // There is one way to write a manifest: sorted, each thing once, no bit set that means
    // nothing. Whatever else is in order, another way is not ours.
    if manifest.encode_copy() != copy {
        return Err(damaged("it is not written as this program writes it", start));
    }
    Ok(manifest)
}

fn decode_body(input: &mut Input<'_>) -> Result<Manifest, ManifestError> {
    let next_segment_id = input.u64()?;
    let [tenant_count, segment_count, tombstone_count] = [input.u32()?, input.u32()?, input.u32()?];
    let tenants = input.list(tenant_count, TENANT_LEN_MIN, |input| input.tenant())?;
    let segments = input.list(segment_count, SEGMENT_LEN, |input| input.segment(&tenants))?;
    let tombstones = input.list(tombstone_count, TOMBSTONE_LEN, |input| {
        Ok(Tombstone {
            tenant: input.tenant_of(&tenants)?,
            trace_id_low: input.u64()?,
            segments_before: input.u64()?,
            log_before: LogPosition { file_id: input.u64()?, offset: input.u64()? },
        })
    })?;
    let is_sorted = segments.is_sorted_by(|a, b| a.id < b.id)
        && tombstones.is_sorted_by(|a, b| a < b)
        && segments.last().is_none_or(|entry| entry.id < next_segment_id);
    if !is_sorted || next_segment_id == 0 {
        return Err(damaged("ids are out of order", input.at));
    }
    Ok(Manifest { next_segment_id, segments, tombstones })
}

/// What is left to read of a copy.
struct Input<'a> {
    rest: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], ManifestError> {
        let split = self.rest.split_first_chunk();
        let (array, rest) = split.ok_or_else(|| damaged("it ends too early", self.at))?;
        self.rest = rest;
        self.at += LEN;
        Ok(*array)
    }

    fn u16(&mut self) -> Result<u16, ManifestError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, ManifestError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, ManifestError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Reads things of at least `len_min` bytes each, of which there can be no more than fit.
    fn list<T>(
        &mut self,
        count: u32,
        len_min: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, ManifestError>,
    ) -> Result<Vec<T>, ManifestError> {
        let count = count as usize;
        if count > self.rest.len() / len_min {
            return Err(damaged("it ends too early", self.at));
        }
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(read(self)?);
        }
        Ok(list)
    }

    fn tenant(&mut self) -> Result<Tenant, ManifestError> {
        let at = self.at;
        let [len] = self.array()?;
        let split = self.rest.split_at_checked(len.into());
        let (name, rest) = split.ok_or_else(|| damaged("it ends too early", at))?;
        self.rest = rest;
        self.at += name.len();
        let name = std::str::from_utf8(name).ok();
        let tenant = name.and_then(|name| Tenant::new(name).ok());
        tenant.ok_or_else(|| damaged("a tenant has no tenant's name", at))
    }

    fn tenant_of(&mut self, tenants: &[Tenant]) -> Result<Tenant, ManifestError> {
        let at = self.at;
        let code = self.u32()? as usize;
        let tenant = tenants.get(code).cloned();
        tenant.ok_or_else(|| damaged("a tenant is not in the list", at))
    }

    fn segment(&mut self, tenants: &[Tenant]) -> Result<SegmentEntry, ManifestError> {
        let at = self.at;
        let tenant = self.tenant_of(tenants)?;
        let [class, level] = self.array()?;
        let class = match class {
            0 => SegmentClass::Ordinary,
            1 => SegmentClass::Pinned,
            _ => return Err(damaged("a segment is of an unknown class", at)),
        };
        let flags = self.u16()?;
        let (footer_len, footer_checksum) = (self.u32()?, self.u32()?);
        let mut numbers = [0; 10];
        for number in &mut numbers {
            *number = self.u64()?;
        }
        let [id, len, span_count, trace_count, arrival_min_ns, arrival_max_ns, rest @ ..] = numbers;
        let [start_min_ns, start_max_ns, file_id, offset] = rest;
        let has = |flag| flags & flag != 0;
        let entry = SegmentEntry {
            id,
            tenant,
            class,
            level,
            len,
            footer_len,
            footer_checksum,
            span_count,
            trace_count,
            arrival_min_ns,
            arrival_max_ns,
            start_min_ns: has(HAS_START).then_some(start_min_ns),
            start_max_ns: has(HAS_START).then_some(start_max_ns),
            flushed_through: has(HAS_FLUSHED_THROUGH).then_some(LogPosition { file_id, offset }),
        };
        match entry.flaw() {
            Some(what) => Err(damaged(what, at)),
            None => Ok(entry),
        }
    }
}

#[cfg(test)]
mod tests;
