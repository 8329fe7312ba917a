//! Compares what a store returns with the corpus, made again: every field of every span.

use std::collections::HashMap;

use spandrel_corpus::Corpus;
use spandrel_model::{Span, SpanId};
use spandrel_storage::StoredSpan;

/// What comparing found.
#[derive(Clone, Debug, Default)]
pub(super) struct Compared {
    pub(super) traces: u64,
    pub(super) spans: u64,
    /// Spans that are not there.
    pub(super) lost: u64,
    /// Spans that were never sent under this trace's id.
    pub(super) foreign: u64,
    /// The first difference, for people.
    pub(super) first: Option<String>,
}

impl Compared {
    pub(super) fn is_clean(&self) -> bool {
        self.lost == 0 && self.foreign == 0
    }

    /// Compares trace `index` with what was found under its id. Spans that are equal in
    /// everything count once on both sides.
    pub(super) fn add(&mut self, corpus: &Corpus, index: u64, found: &[StoredSpan]) {
        let expected = corpus.trace(index);
        self.traces += 1;
        let mut rest: HashMap<SpanId, Vec<&Span<'_>>> = HashMap::new();
        for span in found {
            rest.entry(span.span_id).or_default().push(span);
        }
        let mut matched: HashMap<SpanId, Vec<&Span<'_>>> = HashMap::new();
        for span in &expected {
            let same = rest.get_mut(&span.span_id);
            let is_there = same.is_some_and(|same| {
                let before = same.len();
                same.retain(|other| *other != span);
                same.len() < before
            });
            let known = matched.entry(span.span_id).or_default();
            if is_there {
                self.spans += 1;
                known.push(span);
            } else if !known.contains(&span) {
                self.lost += 1;
                let found = rest.get(&span.span_id);
                let what = format!("trace {index}: {span:?} is not among {found:?}");
                self.first.get_or_insert(what);
            }
        }
        // A trace that has the id of the one before it shares its place; that one's spans are
        // compared when it is asked for itself.
        let ids: Vec<_> = expected.iter().map(|span| span.trace_id).collect();
        let foreign = rest.values().flatten().filter(|span| ids.contains(&span.trace_id));
        let neighbours = || corpus.trace(index.wrapping_sub(1).min(index)).into_iter().chain(corpus.trace(index + 1));
        for span in foreign {
            if !neighbours().any(|other| other == **span) {
                self.foreign += 1;
                self.first.get_or_insert_with(|| format!("trace {index} has got {span:?}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_corpus::Profile;
    use std::sync::Arc;

    #[test]
    fn a_lost_span_a_changed_one_and_a_foreign_one_are_noticed() {
        let corpus = Corpus::of(Profile::Ten, 7);
        let spans: Vec<StoredSpan> = corpus.trace(3).into_iter().map(Arc::new).collect();
        let compare = |found: &[StoredSpan]| {
            let mut compared = Compared::default();
            compared.add(&corpus, 3, found);
            (compared.lost, compared.foreign)
        };
        let twice: Vec<_> = spans.iter().chain(&spans).cloned().collect();
        assert_eq!(compare(&spans), (0, 0));
        assert_eq!(compare(&twice), (0, 0));
        assert_eq!(compare(&spans[1..]), (1, 0));
        let mut changed = spans.clone();
        changed[0] = Arc::new(Span { trace_flags: 77, ..Span::clone(&spans[0]) });
        assert_eq!(compare(&changed), (1, 1));
    }
}
