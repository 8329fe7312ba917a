//! What a test appended, and what of it a store must hold.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_model::{Span, SpanId};
use spandrel_storage::{Engine, Options, StoredSpan, Tenant};
use testkit::seeded_span;

/// How many trace ids the test spans share.
pub(crate) const TRACE_ID_MAX: u64 = 32;

/// What is known of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Acknowledged: it must be there.
    Kept,
    /// Never acknowledged, or acknowledged and free to go: it may be there, whole.
    Free,
}

/// Every batch that was ever appended, by its seeds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) batches: BTreeMap<u64, (Vec<u64>, Fate)>,
    spans: BTreeMap<SpanId, (u64, Span<'static>)>,
}

impl Ledger {
    /// Adds a batch of `len` spans, free as yet; returns its number and its seeds.
    pub(crate) fn add(&mut self, len: u64) -> (u64, Vec<u64>) {
        let batch = self.batches.len() as u64;
        let seeds: Vec<u64> = (0..len).map(|index| batch * 16 + index).collect();
        for seed in &seeds {
            let span = seeded_span(*seed);
            self.spans.insert(span.span_id, (batch, span));
        }
        self.batches.insert(batch, (seeds.clone(), Fate::Free));
        (batch, seeds)
    }

    pub(crate) fn set(&mut self, batch: u64, fate: Fate) {
        self.batches.get_mut(&batch).expect("a batch that was added").1 = fate;
    }

    /// Checks what a store holds: every kept batch, whole batches alone, nothing twice, nothing
    /// else. Returns what is wrong.
    pub(crate) fn check(&self, spans: &[StoredSpan]) -> Result<(), String> {
        let mut found: BTreeMap<u64, usize> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for span in spans {
            match self.spans.get(&span.span_id) {
                Some(_) if !seen.insert(span.span_id) => {
                    return Err(format!("span {} is there twice", span.span_id));
                }
                Some((batch, same)) if *same == **span => *found.entry(*batch).or_default() += 1,
                Some((batch, _)) => return Err(format!("a span of batch {batch} differs")),
                None => return Err(format!("span {} was never appended", span.span_id)),
            }
        }
        for (batch, (seeds, fate)) in &self.batches {
            match found.get(batch).copied().unwrap_or(0) {
                0 if *fate == Fate::Kept => return Err(format!("kept batch {batch} is lost")),
                0 => {}
                count if count == seeds.len() => {}
                count => return Err(format!("{count} of batch {batch}'s {} spans", seeds.len())),
            }
        }
        Ok(())
    }
}

/// All spans that an engine holds.
pub(crate) fn all_spans<T>(engine: &Engine<T>) -> Vec<StoredSpan> {
    (1..=TRACE_ID_MAX).flat_map(|low| engine.trace(&Tenant::default(), low).unwrap()).collect()
}

/// Options with log files of `file_len_max` bytes and room for anything.
pub(crate) fn small_options(file_len_max: u64) -> Options {
    let account = |name| spandrel_storage::Account::new(name, 1 << 30);
    Options {
        file_len_max,
        group_len_max: 600,
        ..Options::new(account("head"), account("queue"), account("segments"))
    }
}
