//! Which segments have been kept long enough: a choice made of the manifest and the disk's room.
//!
//! Whole segments go, oldest arrival first, and never one that holds pinned traces.

use crate::disk::Capacity;
use crate::manifest::{Manifest, SegmentClass, SegmentEntry};

/// What is kept at most. Whichever limit is met first holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The longest time since a span arrived; `None` for no limit.
    pub age_max_ns: Option<u64>,
    /// The most bytes of segments and log together.
    pub len_max: StoreLen,
    /// The least free space of the disk, in bytes. Below it the oldest segments go, and while
    /// that does not help, new spans are refused.
    pub disk_free_min: u64,
}

/// A number of bytes, or a part of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreLen {
    /// So many bytes.
    Bytes(u64),
    /// So many hundredths of the disk's size.
    DiskPercent(u8),
}

impl Default for Retention {
    fn default() -> Self {
        Self { age_max_ns: None, len_max: StoreLen::DiskPercent(80), disk_free_min: 512 << 20 }
    }
}

/// How much room is used and left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Bytes of the log.
    pub(crate) log_len: u64,
    /// The disk's.
    pub(crate) disk: Capacity,
}

impl Retention {
    /// The segments that have to go, oldest first.
    pub(crate) fn expired(&self, manifest: &Manifest, now_ns: u64, usage: Usage) -> Vec<u64> {
        let ordinary = |entry: &&SegmentEntry| entry.class == SegmentClass::Ordinary;
        let mut entries: Vec<_> = manifest.segments().iter().filter(ordinary).collect();
        entries.sort_by_key(|entry| (entry.arrival_max_ns, entry.id));
        let arrival_min_ns = self.age_max_ns.map_or(0, |age_ns| now_ns.saturating_sub(age_ns));
        let len: u64 = manifest.segments().iter().map(|entry| entry.len).sum();
        let mut excess = (len + usage.log_len).saturating_sub(self.len_max_in(usage.disk));
        excess = excess.max(self.disk_free_min.saturating_sub(usage.disk.free_len)).min(len);
        let mut expired = Vec::new();
        for entry in entries {
            if entry.arrival_max_ns >= arrival_min_ns && excess == 0 {
                break;
            }
            expired.push(entry.id);
            excess = excess.saturating_sub(entry.len);
        }
        expired
    }

    /// When the oldest segment will have been kept long enough, if age is a limit.
    pub(crate) fn next_expiry_ns(&self, manifest: &Manifest) -> Option<u64> {
        let age_max_ns = self.age_max_ns?;
        let ordinary = |entry: &&SegmentEntry| entry.class == SegmentClass::Ordinary;
        let oldest = manifest.segments().iter().filter(ordinary).map(|entry| entry.arrival_max_ns);
        Some(oldest.min()?.saturating_add(age_max_ns).saturating_add(1))
    }

    /// Whether the disk is too full to take anything new.
    pub(crate) fn is_disk_full(&self, disk: Capacity) -> bool {
        disk.free_len < self.disk_free_min
    }

    fn len_max_in(&self, disk: Capacity) -> u64 {
        match self.len_max {
            StoreLen::Bytes(len) => len,
            StoreLen::DiskPercent(percent) => disk.total_len / 100 * u64::from(percent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maintenance::tests::{entry, manifest_of};

    const ROOM: Usage = Usage { log_len: 0, disk: Capacity { free_len: 1_000, total_len: 1_000 } };

    fn retention(len_max: u64) -> Retention {
        Retention { age_max_ns: None, len_max: StoreLen::Bytes(len_max), disk_free_min: 10 }
    }

    /// Segments of 100 bytes; the one with the id 1 arrived at 1, and so on.
    fn manifest() -> Manifest {
        manifest_of((1..=5).map(entry))
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits() {
        assert_eq!(retention(500).expired(&manifest(), 9, ROOM), [0; 0]);
        assert_eq!(retention(499).expired(&manifest(), 9, ROOM), [1]);
        assert_eq!(retention(250).expired(&manifest(), 9, ROOM), [1, 2, 3]);
        let usage = Usage { log_len: 100, ..ROOM };
        assert_eq!(retention(500).expired(&manifest(), 9, usage), [1]);
        let percent = Retention { len_max: StoreLen::DiskPercent(45), ..retention(0) };
        assert_eq!(percent.expired(&manifest(), 9, ROOM), [1]);
    }

    #[test]
    fn age_counts_from_the_last_arrival() {
        let aged = Retention { age_max_ns: Some(3), ..retention(1_000) };
        assert_eq!(aged.expired(&manifest(), 5, ROOM), [1]);
        assert_eq!(aged.next_expiry_ns(&manifest()), Some(5));
        assert_eq!(aged.expired(&manifest(), 100, ROOM), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_full_disk_takes_the_oldest_and_never_what_is_pinned() {
        let disk = Capacity { free_len: 0, total_len: 1_000 };
        let usage = Usage { disk, ..ROOM };
        assert_eq!(retention(1_000).expired(&manifest(), 9, usage), [1]);
        assert!(retention(1_000).is_disk_full(disk));
        let pinned = |id| SegmentEntry { class: SegmentClass::Pinned, ..entry(id) };
        let manifest = manifest_of([pinned(1), entry(2)]);
        assert_eq!(retention(0).expired(&manifest, 9, usage), [2]);
    }
}
