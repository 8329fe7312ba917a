//! What a manifest says of one segment, and of one deleted trace.

use crate::segment_store::SEGMENTS_DIR;
use crate::tenant::Tenant;

const SEGMENT_SUFFIX: &str = ".segment";

/// One segment that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentEntry {
    /// Its number, which no other segment of the store ever has.
    pub id: u64,
    /// Whose spans it holds.
    pub tenant: Tenant,
    /// Which rule retires it.
    pub class: SegmentClass,
    /// How often its spans were compacted.
    pub level: u8,
    /// The object's length in bytes.
    pub len: u64,
    /// The length of its footer: the last bytes of the object.
    pub footer_len: u32,
    /// CRC-32C of the footer.
    pub footer_checksum: u32,
    /// Spans in it.
    pub span_count: u64,
    /// Traces in it, or parts of them.
    pub trace_count: u64,
    /// When its first span arrived, in nanoseconds since 1970.
    pub arrival_min_ns: u64,
    /// When its last span arrived.
    pub arrival_max_ns: u64,
    /// The earliest start of a span, if any span has one.
    pub start_min_ns: Option<u64>,
    /// The latest start of a span, if any span has one.
    pub start_max_ns: Option<u64>,
    /// The end of the log that went in it: with the segments before it, everything up to there
    /// is kept. A compacted segment says nothing of the log.
    pub flushed_through: Option<LogPosition>,
}

impl SegmentEntry {
    /// Returns the path of the segment's object.
    #[must_use]
    pub fn path(&self) -> String {
        Self::path_of(&self.tenant, self.id)
    }

    /// Returns the path of the object of a segment.
    #[must_use]
    pub fn path_of(tenant: &Tenant, id: u64) -> String {
        format!("{SEGMENTS_DIR}/{tenant}/{id:016x}{SEGMENT_SUFFIX}")
    }

    /// Says what can't be true of a segment, if anything.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        if self.id == 0 {
            return Some("a segment's id is zero");
        }
        if u64::from(self.footer_len) > self.len {
            return Some("a segment's footer is longer than the segment");
        }
        if self.arrival_min_ns > self.arrival_max_ns {
            return Some("a segment's first span arrived after its last");
        }
        match (self.start_min_ns, self.start_max_ns) {
            (Some(min), Some(max)) if min > max => Some("a segment's starts end before they begin"),
            (None, None) | (Some(_), Some(_)) => None,
            _ => Some("a segment has only one end of its starts"),
        }
    }
}

/// Returns the id in the path of a segment's object, or in that of an upload: the file's name,
/// with whatever is behind it.
pub(super) fn id_of_path(path: &str) -> Option<u64> {
    let name = path.rsplit('/').next()?;
    let (digits, suffix) = name.split_at_checked(16)?;
    let is_lower = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_ours = is_lower && suffix.starts_with(SEGMENT_SUFFIX);
    is_ours.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// Which rule retires a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentClass {
    /// Age, bytes and free space do.
    Ordinary,
    /// None does: it holds archived traces.
    Pinned,
}

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// The log file.
    pub file_id: u64,
    /// The offset in it.
    pub offset: u64,
}

/// A trace that was deleted: what of it was there by then is not to be seen any more.
///
/// Numbers, not times, tell what was there: they are handed out in order, whatever a clock says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tombstone {
    /// Whose trace.
    pub tenant: Tenant,
    /// The low half of its id.
    pub trace_id_low: u64,
    /// Its spans in segments with a lower number than this are deleted.
    pub segments_before: u64,
    /// Its spans in records of the log before this place are deleted.
    pub log_before: LogPosition,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_from_its_path_and_from_an_uploads_but_from_nothing_else() {
        let path = SegmentEntry::path_of(&Tenant::default(), 0x2a);
        assert_eq!(path, "segments/default/000000000000002a.segment");
        assert_eq!(id_of_path(&path), Some(0x2a));
        assert_eq!(id_of_path(&format!("{path}.part")), Some(0x2a));
        for name in ["a/notes.txt", "a/000000000000002A.segment", "a/+00000000000002a.segment", ""]
        {
            assert_eq!(id_of_path(name), None, "{name}");
        }
    }
}
