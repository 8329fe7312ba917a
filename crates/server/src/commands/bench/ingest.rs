//! Fills a store with the corpus, and tells what that took.

use std::path::Path;

use anyhow::Context as _;
use spandrel_storage::StoreStats;

use super::corpus_file::CorpusRequests;
use super::feed::{Fed, feed};
use super::flags::RunFlags;
use super::store::OpenStore;
use crate::commands::measure::clock::{Stopwatch, process_cpu_ns};
use crate::commands::measure::figures::{Section, per};
use crate::commands::measure::process::{ThreadTime, ThreadTimes, forget_peak, peak_memory};

/// The store's threads, by the names that it gives them, and what they do.
const THREADS: [(&str, &str); 3] =
    [("spandrel-log", "log and head"), ("spandrel-flush", "flushes"), ("spandrel-merge", "merges")];

/// What filling a store took.
#[derive(Debug, Default)]
pub(super) struct Ingest {
    fed: Fed,
    /// From the first request until all is in segments.
    flushed_wall_ns: u64,
    /// Until nothing is left to merge.
    merged_wall_ns: u64,
    /// Processor time of the process in all that time.
    cpu_ns: u64,
    threads: [ThreadTime; 3],
    stats: StoreStats,
    /// Segment bytes that merges wrote, and how many merges there were.
    merged_bytes: u64,
    merges: u64,
    peak_memory: Option<u64>,
}

/// Fills an empty store, and leaves it open.
pub(super) fn fill(
    folder: &Path,
    requests: &mut CorpusRequests,
    flags: &RunFlags,
) -> anyhow::Result<(OpenStore, Ingest)> {
    let fan_in = flags.fan_in.map(usize::from);
    let mut open = OpenStore::open(folder, flags, fan_in)?;
    let mut ingest = Ingest::default();
    forget_peak();
    let (wall, cpu_ns) = (Stopwatch::start(), process_cpu_ns());
    let mut threads = ThreadTimes::read();
    ingest.fed = feed(&open.store, &open.head, requests, flags.in_flight)?;
    open.store.flush();
    ingest.flushed_wall_ns = wall.ns();
    open.wait_at_rest()?;
    ingest.count(&open, &threads);
    if !flags.no_last_merge && ingest.merges == 0 && ingest.stats.segments > 1 {
        let all = ingest.stats.segments as usize;
        open.store.close().context("the store could not be closed")?;
        drop(open);
        threads = ThreadTimes::default();
        open = OpenStore::open(folder, flags, Some(all))?;
        open.wait_at_rest()?;
        ingest.count(&open, &threads);
    }
    ingest.merged_wall_ns = wall.ns();
    ingest.cpu_ns = process_cpu_ns() - cpu_ns;
    ingest.peak_memory = peak_memory();
    Ok((open, ingest))
}

impl Ingest {
    /// Adds what a store did since it was opened.
    fn count(&mut self, open: &OpenStore, earlier: &ThreadTimes) {
        let now = ThreadTimes::read();
        for ((name, _), time) in THREADS.iter().zip(&mut self.threads) {
            let since = now.since(earlier, name);
            time.cpu_ns += since.cpu_ns;
            time.kernel_ns += since.kernel_ns;
        }
        let stats = open.store.stats();
        self.merged_bytes += stats.segment_bytes_written - stats.flushed_bytes;
        self.merges += stats.compactions;
        if self.stats == StoreStats::default() {
            self.stats = stats;
        }
    }

    /// What all of it cost.
    pub(super) fn sections(&self, memory: u64) -> [Section; 3] {
        [self.time(), self.writing(), self.memory(memory)]
    }

    fn time(&self) -> Section {
        let Fed { spans, reading_cpu_ns, decoding_cpu_ns, appending_cpu_ns, .. } = self.fed;
        let mut section = Section::new("ingest: processor time of a span");
        let mut add = |name: &str, ns: u64| section.add(name, per(ns, spans) / 1e3, "us/span");
        let cpu_ns = self.cpu_ns.saturating_sub(reading_cpu_ns);
        add("all of it", cpu_ns);
        add("decoding OTLP into a batch", decoding_cpu_ns);
        add("handing batches over", appending_cpu_ns);
        for ((_, work), time) in THREADS.iter().zip(&self.threads) {
            add(work, time.cpu_ns);
            add(&format!("{work}, the kernel's part"), time.kernel_ns);
        }
        let known_ns = self.threads.iter().map(|time| time.cpu_ns).sum::<u64>();
        let known_ns = known_ns + decoding_cpu_ns + appending_cpu_ns;
        add("opening, closing and the rest", cpu_ns.saturating_sub(known_ns));
        add("reading or making the corpus, not counted", reading_cpu_ns);
        let mut add =
            |name: &str, ns: u64| section.add(name, per(spans * 1_000_000_000, ns), "spans/s");
        add("rate on the wall until all is acknowledged", self.fed.wall_ns);
        add("until all is in segments", self.flushed_wall_ns);
        add("until all is merged", self.merged_wall_ns);
        let full = per(self.fed.full_wall_ns * 100, self.fed.wall_ns);
        section.add("part of the time with a full head", full, "%");
        section
    }

    fn writing(&self) -> Section {
        let mut section = Section::new("ingest: what is written");
        let spans = self.fed.spans;
        let stats = &self.stats;
        let mut add = |name: &str, bytes: u64| section.add(name, per(bytes, spans), "B/span");
        add("received", self.fed.body_bytes);
        add("log", stats.log_bytes);
        add("segments, from the head", stats.flushed_bytes);
        add("segments, by merges", self.merged_bytes);
        let segment_bytes = stats.flushed_bytes + self.merged_bytes;
        section.add(
            "write amplification of segments",
            per(segment_bytes, stats.flushed_bytes),
            "x",
        );
        let all = per(segment_bytes + stats.log_bytes, stats.flushed_bytes);
        section.add("the same with the log", all, "x");
        section.add("flushes", stats.flushes as f64, "");
        section.add("merges", self.merges as f64, "");
        section.add("groups of the log", stats.groups as f64, "");
        section.add("requests", self.fed.requests as f64, "");
        section
    }

    fn memory(&self, budget: u64) -> Section {
        let mut section = Section::new("ingest: memory");
        if let Some(peak) = self.peak_memory {
            section.add("most memory of the process", peak as f64 / f64::from(1 << 20), "MiB");
            section.add("part of the budget", per(peak * 100, budget), "%");
        }
        section
    }
}
