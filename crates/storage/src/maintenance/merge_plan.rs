//! Which segments to merge next: a choice made of the manifest alone.
//!
//! Segments of one level are merged, as many as [`CompactionPolicy::fan_in`] and neighbours in
//! arrival, into one of the next. A span is rewritten once for each level, so the largest size
//! bounds the write amplification: with the usual limits, what memory flushes reaches it in one.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::{Manifest, SegmentClass, SegmentEntry};
use crate::tenant::Tenant;

/// When segments are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactionPolicy {
    /// How many segments of a level are merged into one.
    pub fan_in: usize,
    /// The most spans of a merged segment. One with half of them is not merged again.
    pub span_count_max: u64,
}

impl Default for CompactionPolicy {
    fn default() -> Self {
        Self { fan_in: 8, span_count_max: 16 << 20 }
    }
}

/// Segments that are to become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Merge {
    pub(crate) tenant: Tenant,
    /// In the order of arrival.
    pub(crate) segments: Vec<SegmentEntry>,
    /// The level of the result.
    pub(crate) level: u8,
}

/// What the manifest does not say about its segments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MergeLimits<'a> {
    /// The oldest file that is still in the log. What was flushed from it or a newer one must
    /// keep its segment, by which a replay knows what it need not load again.
    pub(crate) oldest_log_file_id: u64,
    /// Segments that can't be read.
    pub(crate) quarantined: &'a BTreeSet<u64>,
}

/// Chooses the next merge: the lowest level first, its oldest segments first.
pub(crate) fn next_merge(
    manifest: &Manifest,
    policy: &CompactionPolicy,
    limits: MergeLimits<'_>,
) -> Option<Merge> {
    let mut levels: BTreeMap<(u8, &Tenant), Vec<&SegmentEntry>> = BTreeMap::new();
    for entry in manifest.segments() {
        if is_ready(entry, limits) && entry.span_count < policy.span_count_max / 2 {
            levels.entry((entry.level, &entry.tenant)).or_default().push(entry);
        }
    }
    levels.into_iter().find_map(|((level, tenant), mut entries)| {
        entries.sort_by_key(|entry| (entry.arrival_min_ns, entry.id));
        let segments = full_run(&entries, policy)?;
        Some(Merge { tenant: tenant.clone(), segments, level: level.saturating_add(1) })
    })
}

/// Whether a segment may be replaced by another now.
pub(crate) fn is_ready(entry: &SegmentEntry, limits: MergeLimits<'_>) -> bool {
    entry.class == SegmentClass::Ordinary
        && !limits.quarantined.contains(&entry.id)
        && entry.flushed_through.is_none_or(|place| place.file_id < limits.oldest_log_file_id)
}

/// The first run of neighbours that is long enough, or that fills a segment.
fn full_run(entries: &[&SegmentEntry], policy: &CompactionPolicy) -> Option<Vec<SegmentEntry>> {
    let mut run = Vec::new();
    let mut span_count = 0;
    for entry in entries {
        if span_count + entry.span_count > policy.span_count_max && run.len() > 1 {
            return Some(run);
        }
        span_count += entry.span_count;
        run.push((*entry).clone());
        if run.len() >= policy.fan_in {
            return Some(run);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maintenance::tests::{entry, manifest_of};

    const NONE: &BTreeSet<u64> = &BTreeSet::new();
    const LIMITS: MergeLimits<'_> = MergeLimits { oldest_log_file_id: 5, quarantined: NONE };

    fn ids(merge: Option<Merge>) -> Option<(Vec<u64>, u8)> {
        merge.map(|merge| (merge.segments.iter().map(|entry| entry.id).collect(), merge.level))
    }

    #[test]
    fn the_oldest_neighbours_of_a_full_level_are_merged() {
        let policy = CompactionPolicy { fan_in: 3, span_count_max: 1_000 };
        let arrived = |id, at| SegmentEntry { arrival_min_ns: at, arrival_max_ns: at, ..entry(id) };
        let entries = (1..=4).map(|id| arrived(id, 100 - id));
        let merge = next_merge(&manifest_of(entries), &policy, LIMITS);
        assert_eq!(ids(merge), Some((vec![4, 3, 2], 1)));
        let merge = next_merge(&manifest_of((1..=2).map(entry)), &policy, LIMITS);
        assert_eq!(ids(merge), None);
    }

    #[test]
    fn a_merged_segment_stays_below_its_size_and_is_then_left_alone() {
        let policy = CompactionPolicy { fan_in: 8, span_count_max: 1_000 };
        let sized = |id, span_count| SegmentEntry { span_count, ..entry(id) };
        let manifest = manifest_of([sized(1, 400), sized(2, 400), sized(3, 400), sized(4, 500)]);
        assert_eq!(ids(next_merge(&manifest, &policy, LIMITS)), Some((vec![1, 2], 1)));
        let manifest = manifest_of((1..=9).map(|id| sized(id, 500)));
        assert_eq!(ids(next_merge(&manifest, &policy, LIMITS)), None);
    }

    #[test]
    fn what_the_log_still_needs_what_is_pinned_and_what_is_damaged_is_left_alone() {
        let policy = CompactionPolicy { fan_in: 2, span_count_max: 1_000 };
        let recent = crate::LogPosition { file_id: 5, offset: 0 };
        let recent = SegmentEntry { flushed_through: Some(recent), ..entry(2) };
        let pinned = SegmentEntry { class: SegmentClass::Pinned, ..entry(3) };
        let manifest = manifest_of([entry(1), recent, pinned, entry(4)]);
        let damaged = BTreeSet::from([4]);
        let limits = MergeLimits { quarantined: &damaged, ..LIMITS };
        assert_eq!(ids(next_merge(&manifest, &policy, limits)), None);
        assert_eq!(ids(next_merge(&manifest, &policy, LIMITS)), Some((vec![1, 4], 1)));
    }
}
