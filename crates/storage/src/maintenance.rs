//! What a store does besides taking and answering: it flushes memory to segments, merges
//! segments, and lets go of what was kept long enough.
//!
//! The plans are pure choices; the jobs do what a plan says, on any thread. When they run is the
//! engine's business.

mod compact;
mod flush;
mod job;
mod merge_plan;
pub(crate) mod pin;
mod purge;
mod retention;
pub(crate) mod settle;

pub(crate) use job::{Done, JobError, Task, Workshop};
pub use job::{Job, JobDone};
pub(crate) use merge_plan::{MergeLimits, next_merge};
pub(crate) use purge::Purge;
pub(crate) use retention::Usage;
pub use settle::read_hostile_rollup;

pub use merge_plan::CompactionPolicy;
pub use retention::{Retention, StoreLen};

#[cfg(test)]
pub(crate) mod tests {
    use crate::manifest::{Manifest, ManifestChange, SegmentClass, SegmentEntry};
    use crate::tenant::Tenant;

    /// A segment of 100 bytes and 10 spans that arrived when its id says.
    pub(crate) fn entry(id: u64) -> SegmentEntry {
        SegmentEntry {
            id,
            tenant: Tenant::default(),
            class: SegmentClass::Ordinary,
            level: 0,
            len: 100,
            footer_len: 10,
            footer_checksum: 0,
            span_count: 10,
            trace_count: 1,
            arrival_min_ns: id,
            arrival_max_ns: id,
            start_min_ns: None,
            start_max_ns: None,
            flushed_through: None,
        }
    }

    pub(crate) fn manifest_of(entries: impl IntoIterator<Item = SegmentEntry>) -> Manifest {
        let add = entries.into_iter().collect();
        let change = ManifestChange { add, ..ManifestChange::default() };
        Manifest::empty().unbounded().changed(&change).unwrap()
    }
}
