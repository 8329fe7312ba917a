//! Calls between services, as rollups count them and as whole traces show them.

use std::collections::BTreeMap;

use spandrel_model::Span;
use spandrel_model::trace::{Trace, sum_links};
use spandrel_storage::{NameText, Rollup};

/// By caller and called: how many calls, and how many failed.
pub(crate) type Calls = BTreeMap<(String, String), (i64, i64)>;

/// The calls that a rollup counts, and how many of them failed, by caller and called.
pub(crate) fn counted_calls(rollup: &Rollup) -> Calls {
    let mut calls = Calls::new();
    for row in rollup.calls() {
        let sums = calls.entry((text(row.parent), text(row.child))).or_default();
        sums.0 += row.count;
        sums.1 += row.errors;
    }
    calls.retain(|_, sums| *sums != (0, 0));
    calls
}

/// The calls of whole traces, by the rules of the waterfall.
pub(crate) fn expected_calls(traces: &[Vec<Span<'static>>]) -> Calls {
    let traces = traces.iter().filter_map(|spans| Trace::assemble(spans.clone()));
    let links = sum_links(traces.flat_map(|trace| trace.dependency_links()));
    let count = |count| i64::try_from(count).unwrap();
    links
        .into_iter()
        .map(|link| ((link.parent, link.child), (count(link.call_count), count(link.error_count))))
        .collect()
}

/// The text of a name.
pub(crate) fn text(name: NameText<'_>) -> String {
    match name {
        NameText::Absent => String::new(),
        NameText::Text(text) => text.to_owned(),
        NameText::Other => panic!("there is room for all names"),
    }
}
