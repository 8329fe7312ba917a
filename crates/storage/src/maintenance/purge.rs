//! Gives back what deleted traces take: segments that may hold one are rewritten without it, and
//! a deletion that nothing needs any more is forgotten.

use std::sync::Arc;

use super::compact::{self, Compaction};
use super::job::{Done, JobError, Workshop};
use super::merge_plan::{Merge, MergeLimits, is_ready};
use crate::manifest::{Manifest, ManifestChange, SegmentEntry, Tombstone};

/// What there is to give back, as of one instant.
#[derive(Debug)]
pub(crate) struct Purge {
    tombstones: Vec<Tombstone>,
    /// All segments, each with whether it can be rewritten now.
    entries: Vec<(SegmentEntry, bool)>,
    oldest_log_file_id: u64,
}

impl Purge {
    /// Collects what is needed; `None` when nothing is deleted.
    pub(crate) fn new(visible: &Manifest, limits: MergeLimits<'_>) -> Option<Self> {
        let tombstones = visible.tombstones().to_vec();
        let entry = |entry: &SegmentEntry| (entry.clone(), is_ready(entry, limits));
        let entries = visible.segments().iter().map(entry).collect();
        let oldest_log_file_id = limits.oldest_log_file_id;
        (!tombstones.is_empty()).then_some(Self { tombstones, entries, oldest_log_file_id })
    }
}

/// Rewrites the first segment that may hold a deleted trace; when there is none, forgets the
/// deletions that are done with. A change of nothing says that nothing can be done now.
pub(super) fn run(
    workshop: &Workshop,
    view: Arc<Manifest>,
    purge: &Purge,
    segment_id: u64,
) -> Result<Done, JobError> {
    let mut change = ManifestChange::default();
    for tombstone in &purge.tombstones {
        let is_concerned = |entry: &SegmentEntry| {
            entry.tenant == tombstone.tenant && entry.id < tombstone.segments_before
        };
        let mut is_needed = tombstone.log_before.file_id >= purge.oldest_log_file_id;
        for (entry, is_ready) in purge.entries.iter().filter(|(entry, _)| is_concerned(entry)) {
            if workshop.cache.quarantined_ids().contains(&entry.id) {
                // Nobody can tell what is in it; another start may be able to read it.
                is_needed = true;
                continue;
            }
            if !workshop.cache.may_hold([entry], tombstone.trace_id_low)? {
                continue;
            }
            if *is_ready {
                let (tenant, level) = (entry.tenant.clone(), entry.level);
                let merge = Merge { tenant, segments: vec![entry.clone()], level };
                return compact::run(Compaction::new(workshop, view, &merge)?, segment_id);
            }
            is_needed = true;
        }
        if !is_needed {
            change.unbury.push(tombstone.clone());
        }
    }
    let done = Done { change, ..Done::default() };
    if done.change.unbury.is_empty() { Ok(done) } else { workshop.apply(done) }
}
