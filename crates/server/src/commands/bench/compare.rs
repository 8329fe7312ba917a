//! Compares what a store returns with the corpus, made again: every field of every span.

use std::collections::HashMap;

use spandrel_corpus::Corpus;
use spandrel_model::{Span, SpanId};
use spandrel_storage::StoredSpan;

/// How many characters are shown of a span that is not as it should be.
const SPAN_SHOWN_LEN: usize = 2_000;

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
                self.first.get_or_insert_with(|| lost_text(index, span, found));
            }
        }
        // A trace that has the id of the one before it shares its place; that one's spans are
        // compared when it is asked for itself.
        let ids: Vec<_> = expected.iter().map(|span| span.trace_id).collect();
        let foreign: Vec<_> =
            rest.values().flatten().filter(|span| ids.contains(&span.trace_id)).collect();
        if foreign.is_empty() {
            return;
        }
        let before = index.checked_sub(1).map_or_else(Vec::new, |before| corpus.trace(before));
        let after = corpus.trace(index + 1);
        for span in foreign {
            if !before.iter().chain(&after).any(|other| *other == **span) {
                self.foreign += 1;
                let shown = || format!("trace {index} has got {}", shown(span));
                self.first.get_or_insert_with(shown);
            }
        }
    }
}

fn lost_text(index: u64, span: &Span<'_>, found: Option<&Vec<&Span<'_>>>) -> String {
    let span_id = span.span_id;
    match found.and_then(|found| found.first()) {
        None => format!("trace {index} has no span {span_id}"),
        Some(other) => format!("trace {index} has {} for {}", shown(other), shown(span)),
    }
}

/// The beginning of a span, which may be long.
fn shown(span: &Span<'_>) -> String {
    let text = format!("{span:?}");
    let mut shown: String = text.chars().take(SPAN_SHOWN_LEN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
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
