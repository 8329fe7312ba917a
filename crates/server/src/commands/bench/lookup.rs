//! Traces by their ids: how long that takes, and whether what comes back is what was sent.

use anyhow::Context as _;
use spandrel_corpus::Corpus;
use spandrel_storage::{EmbeddedStore, SpanStore as _, StoredSpan, Tenant};

use super::chance::Chance;
use super::compare::Compared;
use crate::commands::measure::clock::Times;
use crate::commands::measure::figures::Section;

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
        if let Some(trace_id_low) = low_id(corpus, chance.below(traces)) {
            find(store, trace_id_low)?;
        }
    }
    let (mut times, mut spans) = (Times::default(), 0);
    for _ in 0..count {
        let index = chance.below(traces);
        let Some(trace_id_low) = low_id(corpus, index) else { continue };
        let found = times.measure(|| find(store, trace_id_low))?;
        spans += found.len();
        compared.add(corpus, index, &found);
    }
    section.add("traces asked for", times.wall_ns.len() as f64, "");
    section.add("spans of them", spans as f64, "");
    section.add_times("found", times);
    let mut times = Times::default();
    for _ in 0..count {
        let found = times.measure(|| find(store, chance.next()))?;
        anyhow::ensure!(found.is_empty(), "a trace was found that nobody sent");
    }
    section.add_times("not there", times);
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
        if let Some(trace_id_low) = low_id(corpus, index) {
            compared.add(corpus, index, &find(store, trace_id_low)?);
        }
    }
    Ok(())
}

fn find(store: &EmbeddedStore, trace_id_low: u64) -> anyhow::Result<Vec<StoredSpan>> {
    store.trace(&Tenant::default(), trace_id_low).context("a trace can't be read")
}

/// The id under which a trace is asked for; `None` when all its spans were lost on their way.
fn low_id(corpus: &Corpus, index: u64) -> Option<u64> {
    corpus.trace(index).first().map(|span| span.trace_id.low())
}
