//! A piece of maintenance that is under way: it runs on any thread, and changes nothing that the
//! engine sees before it is finished there.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::head::FlushPlan;
use crate::manifest::{Catalog, CatalogError, Manifest, ManifestChange, SegmentEntry};
use crate::reads::SegmentCache;
use crate::segment::search::SearchObserver;
use crate::segment::{SegmentWriter, WriteError, WriterOptions};
use crate::store::ReadError;
use crate::tenant::Tenant;

use super::compact::Compaction;
use super::merge_plan::Merge;
use super::purge::Purge;
use super::settle::Settling;
use super::{compact, flush, purge};

/// What jobs work with.
#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) catalog: Catalog,
    pub(crate) cache: SegmentCache,
    /// A number that no sender knows, for tables in memory.
    pub(crate) seed: u64,
    /// How many rows the groups of a segment have at most.
    pub(crate) group_row_count_max: usize,
    /// Asks jobs to end early.
    pub(crate) is_cancelled: AtomicBool,
    /// Rows that the compaction under way has written, and has to write.
    pub(crate) compacted: (AtomicU64, AtomicU64),
}

/// A job that waits for a thread.
pub struct Job {
    pub(crate) workshop: Arc<Workshop>,
    /// The view that it was planned on: while it is held, the segments in it can be read.
    pub(crate) view: Arc<Manifest>,
    pub(crate) task: Task,
}

/// What a job does.
pub(crate) enum Task {
    /// Writes settled traces of the head to a segment of this number.
    Flush { plan: Box<FlushPlan>, segment_id: u64 },
    /// Makes one segment of several.
    Compact { merge: Merge, segment_id: u64 },
    /// Rewrites a segment without what was deleted, if there is one.
    Purge { purge: Purge, segment_id: u64 },
}

/// A job that ran, for the engine to finish.
pub struct JobDone {
    pub(crate) task: Task,
    pub(crate) outcome: Result<Done, JobError>,
}

/// What a job changed.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// The change, which is in the manifest.
    pub(crate) change: ManifestChange,
    /// Bytes written.
    pub(crate) written_len: u64,
    /// Spans that were left out because an equal one is there.
    pub(crate) folded_count: u64,
    /// Traces that are too large, or too contradictory for their size, to be settled.
    pub(crate) unsettled_count: u64,
}

/// Why a job changed nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    /// The segment could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A segment could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A segment to read is damaged. It is set apart by now, so that the next plan leaves it.
    #[error("segment {id:016x} is damaged")]
    Damaged {
        /// Its number.
        id: u64,
    },
    /// The manifest could not be replaced.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Whether the manifest was replaced is not known: the work may count, and must not be done
    /// again before that is found out.
    #[error("{source}")]
    InDoubt {
        /// What may be done.
        done: Box<Done>,
        /// What the store said last.
        source: CatalogError,
    },
    /// The engine asked to stop.
    #[error("it was stopped")]
    Cancelled,
    /// It has a fault of its own; standard error has the place.
    #[error("it panicked")]
    Panicked,
}

impl Job {
    /// Does it. Blocks for as long as it takes to read and write its segments.
    #[must_use]
    pub fn run(self) -> JobDone {
        // A job changes nothing that outlives it before its manifest is written: one that panics
        // leaves an unfinished object behind, and its plan is given back.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.do_it()));
        let outcome = outcome.unwrap_or(Err(JobError::Panicked));
        drop(self.view);
        JobDone { task: self.task, outcome }
    }

    fn do_it(&self) -> Result<Done, JobError> {
        let (workshop, view) = (&*self.workshop, Arc::clone(&self.view));
        match &self.task {
            Task::Flush { plan, segment_id } => flush::run(workshop, view, plan, *segment_id),
            Task::Compact { merge, segment_id } => {
                compact::run(Compaction::new(workshop, view, merge)?, *segment_id)
            }
            Task::Purge { purge, segment_id } => purge::run(workshop, view, purge, *segment_id),
        }
    }

    /// Whether it makes room in memory, and should not wait behind one that does not.
    #[must_use]
    pub fn is_flush(&self) -> bool {
        matches!(self.task, Task::Flush { .. })
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The spans of a flush are no help to whoever reads this.
        let (name, segment_id) = match self {
            Self::Flush { segment_id, .. } => ("Flush", segment_id),
            Self::Compact { segment_id, .. } => ("Compact", segment_id),
            Self::Purge { segment_id, .. } => ("Purge", segment_id),
        };
        f.debug_struct(name).field("segment_id", segment_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("task", &self.task).finish_non_exhaustive()
    }
}

impl fmt::Debug for JobDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, outcome } = self;
        f.debug_struct("JobDone").field("task", task).field("outcome", outcome).finish()
    }
}

impl Workshop {
    /// Begins a segment.
    pub(crate) fn writer<'o>(
        &self,
        tenant: &Tenant,
        segment_id: u64,
        folds_duplicates: bool,
        observers: (&'o mut SearchObserver, &'o mut Settling<'_>),
    ) -> Result<SegmentWriter<'o>, JobError> {
        let path = SegmentEntry::path_of(tenant, segment_id);
        let upload = self.cache.store().create(&path).map_err(WriteError::from)?;
        let options = WriterOptions {
            group_row_count_max: self.group_row_count_max,
            folds_duplicates,
            seed: self.seed,
        };
        Ok(SegmentWriter::new(upload, options, vec![observers.0, observers.1])?)
    }

    /// Makes finished work count. What does not count is removed.
    pub(crate) fn apply(&self, done: Done) -> Result<Done, JobError> {
        match self.catalog.apply(&done.change) {
            Ok(_) => Ok(done),
            Err(source @ CatalogError::Unknown { .. }) => {
                Err(JobError::InDoubt { done: Box::new(done), source })
            }
            Err(error) => {
                if matches!(error, CatalogError::Change(_) | CatalogError::Disk { .. }) {
                    self.discard(&done.change);
                }
                Err(error.into())
            }
        }
    }

    /// Removes the objects that a change was to add, which is not in.
    pub(crate) fn discard(&self, change: &ManifestChange) {
        for entry in &change.add {
            // What stays behind is an orphan, which the next start removes.
            let _ = self.cache.store().remove(&entry.path());
        }
    }

    /// Fails when the engine asked to stop.
    pub(crate) fn check_cancelled(&self) -> Result<(), JobError> {
        if self.is_cancelled.load(Ordering::Relaxed) { Err(JobError::Cancelled) } else { Ok(()) }
    }
}
