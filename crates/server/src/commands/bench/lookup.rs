//! Traces by their ids: how long that takes, and whether what comes back is what was sent.

use anyhow::Context as _;
use spandrel_corpus::Corpus;
use spandrel_storage::{EmbeddedStore, SpanStore as _, StoredSpan, Tenant};

use super::chance::Chance;
use super::clock::Stopwatch;
use super::compare::Compared;
use super::figures::Section;

/// How many lookups come before those that are timed, so that footers and dictionaries are in
/// memory as they are in a server that has run for a while.
const WARM_UP: u32 = 100;

/// Asks for traces by id, and compares them.
pub(super) fn measure(
    store: &EmbeddedStore,
    corpus: &Corpus,
    traces: u64,
    count: u32,
    compared: &mut Compared,
) -> anyhow::Result<Section> {
    let mut chance = Chance::new(0x1d_00_c4);
    let mut section = Section::new("lookup: a trace by its id, warm");
    for _ in 0..WARM_UP.min(count) {
        let _ = timed_trace(store, low_id(corpus, chance.below(traces)))?;
    }
    let (mut times_ns, mut spans) = (Vec::new(), 0);
    for _ in 0..count {
        let index = chance.below(traces);
        let Some(trace_id_low) = try_low_id(corpus, index) else { continue };
        let (found, ns) = timed_trace(store, trace_id_low)?;
        times_ns.push(ns);
        spans += found.len();
        compared.add(corpus, index, &found);
    }
    section.add("traces asked for", times_ns.len() as f64, "");
    section.add("spans of them", spans as f64, "");
    section.add_times("found", times_ns);
    let mut times_ns = Vec::new();
    for _ in 0..count {
        let (found, ns) = timed_trace(store, chance.next())?;
        anyhow::ensure!(found.is_empty(), "a trace was found that nobody sent");
        times_ns.push(ns);
    }
    section.add_times("not there", times_ns);
    Ok(section)
}

/// Compares every trace of the corpus with what the store returns.
pub(super) fn verify_all(
    store: &EmbeddedStore,
    corpus: &Corpus,
    traces: u64,
    compared: &mut Compared,
) -> anyhow::Result<()> {
    for index in 0..traces {
        if let Some(trace_id_low) = try_low_id(corpus, index) {
            let (found, _) = timed_trace(store, trace_id_low)?;
            compared.add(corpus, index, &found);
        }
    }
    Ok(())
}

fn timed_trace(store: &EmbeddedStore, trace_id_low: u64) -> anyhow::Result<(Vec<StoredSpan>, u64)> {
    let stopwatch = Stopwatch::start();
    let found = store.trace(&Tenant::default(), trace_id_low).context("a trace can't be read")?;
    Ok((found, stopwatch.ns()))
}

/// The id under which a trace is asked for; `None` when all its spans were lost on their way.
fn try_low_id(corpus: &Corpus, index: u64) -> Option<u64> {
    corpus.trace(index).first().map(|span| span.trace_id.low())
}

fn low_id(corpus: &Corpus, index: u64) -> u64 {
    try_low_id(corpus, index).unwrap_or(0)
}
