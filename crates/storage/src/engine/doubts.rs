//! Changes of the manifest of which the store did not say whether they are in.
//!
//! Until that is known nothing else is begun: what a change was to add may count or not, and the
//! head must neither keep nor give up what a flush wrote.

use super::Engine;
use super::maintenance::RETRY_AFTER_NS;
use crate::head::FlushPlan;
use crate::maintenance::Done;
use crate::manifest::{Manifest, ManifestChange};

/// A change that may be in the manifest, and who made it.
#[derive(Debug)]
pub(super) enum Doubt {
    /// A flush of these traces.
    Flush(Box<FlushPlan>, Done),
    /// A merge or a rewrite.
    Merge(Done),
    /// Anything that nothing waits for.
    Other(ManifestChange),
}

impl Doubt {
    fn change(&self) -> &ManifestChange {
        match self {
            Self::Flush(_, done) | Self::Merge(done) => &done.change,
            Self::Other(change) => change,
        }
    }

    fn is_in(&self, manifest: &Manifest) -> bool {
        let ManifestChange { add, remove, bury, unbury } = self.change();
        add.iter().all(|entry| manifest.segment(entry.id).is_some())
            && remove.iter().all(|id| manifest.segment(*id).is_none())
            && bury.iter().all(|tombstone| manifest.tombstones().contains(tombstone))
            && !unbury.iter().any(|tombstone| manifest.tombstones().contains(tombstone))
    }
}

impl<T> Engine<T> {
    /// Finds out what became of the changes in doubt. Returns whether there are none any more.
    pub(super) fn end_doubts(&mut self, now_ns: u64) -> bool {
        let of_others = self.shared.take_doubts().into_iter().map(Doubt::Other);
        self.upkeep.doubts.extend(of_others);
        if self.upkeep.doubts.is_empty() {
            return true;
        }
        if now_ns < self.upkeep.doubt_pause_ns {
            return false;
        }
        let Ok(manifest) = self.shared.workshop.catalog.settle() else {
            self.upkeep.doubt_pause_ns = now_ns + RETRY_AFTER_NS;
            return false;
        };
        for doubt in std::mem::take(&mut self.upkeep.doubts) {
            let is_in = doubt.is_in(&manifest);
            if !is_in {
                self.shared.workshop.discard(doubt.change());
            }
            match doubt {
                Doubt::Flush(plan, done) if is_in => self.complete_flush(*plan, &done, now_ns),
                Doubt::Flush(plan, _) => self.abandon_flush(*plan, now_ns),
                Doubt::Merge(done) if is_in => self.complete_merge(&done),
                Doubt::Merge(_) => self.abandon_merge(now_ns),
                // What a deletion was to hide in the head stays there: newer spans may be with
                // it, and the deletion was told to have failed.
                Doubt::Other(change) if is_in => self.adopt(&change),
                Doubt::Other(_) => {}
            }
        }
        true
    }
}
