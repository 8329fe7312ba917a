//! Starts the store, and tells the log how its replay goes.
//!
//! What the store found is said here; what is made of it is decided elsewhere.

use std::sync::Arc;

use anyhow::Context as _;
use spandrel_storage::{
    EmbeddedStore, Options, Progress, RealDisk, ReplayReport, StoreStats, TellProgress,
};

use crate::app::Budget;
use crate::clock::Clock;
use crate::config::ServeConfig;
use crate::progress::Pace;
use crate::quantity::size_text;
use crate::receivers::StoredRequests;

/// How long a file of the log is. The largest request that a door lets in fits with its header.
const LOG_FILE_LEN: u64 = 80 << 20;
/// How long nothing is said between two words on a replay.
const TELL_EVERY_NS: u64 = 1_000_000_000;

/// Locks the data folder, reads its manifest, and starts the store, which then replays its log
/// on a thread of its own.
pub(crate) fn start_store(
    config: &ServeConfig,
    budget: &Budget,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<EmbeddedStore> {
    let Budget { head, segments, queue, .. } = budget.clone();
    let options = Options {
        durability: config.durability,
        file_len_max: LOG_FILE_LEN,
        retention: config.retention,
        ..Options::new(head, queue, segments)
    };
    let in_folder = || format!("the data folder {}", config.data_dir.display());
    let disk = RealDisk::new(&config.data_dir).with_context(in_folder)?;
    let decoder = Arc::new(StoredRequests);
    EmbeddedStore::start(options, Arc::new(disk), decoder, tell_replay(clock))
        .with_context(in_folder)
}

/// Says how far the replay is, at the start, at the end, and once a second at the most.
fn tell_replay(clock: Arc<dyn Clock>) -> TellProgress {
    let started_ns = clock.now_ns();
    let mut told_ns = None;
    Box::new(move |progress: &Progress| {
        let now_ns = clock.now_ns();
        let is_last = progress.files_done == progress.files;
        let is_due = told_ns.is_none_or(|told_ns| now_ns >= TELL_EVERY_NS + told_ns);
        if progress.files == 0 || !(is_last || is_due) {
            return;
        }
        told_ns = Some(now_ns);
        let elapsed_ns = now_ns.saturating_sub(started_ns);
        let pace = Pace { done: progress.bytes_done, total: progress.bytes, elapsed_ns };
        tracing::info!(
            files = %format_args!("{}/{}", progress.files_done, progress.files),
            percent = pace.percent(),
            rate = %format_args!("{}/s", size_text(pace.per_second())),
            left = %pace.left_text(),
            spans = progress.spans,
            "replaying the log"
        );
    })
}

/// Says what can't be read of the store. Silence means that all of it could.
pub(crate) fn log_damage(stats: &StoreStats) {
    log_replay(&stats.replay);
    for (id, reason) in &stats.quarantined_segments {
        tracing::error!(
            segment = %format_args!("{id:016x}"),
            reason,
            "a segment can't be read: its spans are missing from every answer"
        );
    }
}

fn log_replay(report: &ReplayReport) {
    if report.skipped > 0 || report.unreadable_files > 0 || report.miscounted > 0 {
        tracing::error!(
            damaged_stretches = report.skipped,
            damaged_bytes = report.skipped_bytes,
            unreadable_files = report.unreadable_files,
            miscounted_records = report.miscounted,
            "the disk has damaged the log: what could be read is served"
        );
    }
    for file in &report.quarantined {
        tracing::error!(file, "a request in the log can't be decoded and is in quarantine");
    }
}
