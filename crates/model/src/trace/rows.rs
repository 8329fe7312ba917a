//! The rows of a trace: one for each span id, its halves joined, in the order to draw them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Tree;
use super::forest::Forest;
use crate::{Span, SpanId};

/// One line of a waterfall: a span, or the halves that client and servers made under one id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The id that the halves share.
    pub span_id: SpanId,
    /// The row that this one hangs under; always one before it.
    pub parent: Option<usize>,
    /// How many rows are above it in the tree.
    pub depth: u32,
    /// The halves, as indices into [`Trace::spans`](super::Trace::spans), the client's first.
    pub spans: Vec<usize>,
    /// Whether it does not hang where it said: its parent was not received, or descends from it.
    pub is_parent_missing: bool,
}

pub(super) fn rows(spans: &[Span<'static>], tree: &Tree) -> Vec<Row> {
    let drafts = join_halves(spans, tree);
    let keys: Vec<_> = drafts.iter().map(|draft| sibling_key(draft, spans)).collect();
    let parents = drafts.iter().map(|draft| draft.parent).collect();
    let forest = Forest::new(parents, |row| keys.get(row));
    arrange(drafts, &forest)
}

/// Rows without a start come first; names and ids part what began together.
fn sibling_key<'s>(row: &Row, spans: &'s [Span<'static>]) -> (Option<u64>, &'s str, SpanId) {
    let halves = || row.spans.iter().filter_map(|&half| spans.get(half));
    let name = halves().next().map_or("", |half| &half.name);
    (halves().find_map(|half| half.start_ns), name, row.span_id)
}

/// Makes one row of each id. Going down level by level, the topmost half decides where the row
/// hangs; its parent's row is already there, so that rows cannot hang in a circle.
fn join_halves(spans: &[Span<'static>], tree: &Tree) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::with_capacity(spans.len());
    let mut rows_by_id: HashMap<SpanId, usize> = HashMap::with_capacity(spans.len());
    for node in tree.breadth_first() {
        let Some(span) = spans.get(node) else { continue };
        match rows_by_id.entry(span.span_id) {
            Entry::Occupied(row) => {
                if let Some(row) = rows.get_mut(*row.get()) {
                    row.spans.push(node);
                }
            }
            Entry::Vacant(place) => {
                place.insert(rows.len());
                let parent = tree.parent(node).and_then(|parent| spans.get(parent));
                rows.push(Row {
                    span_id: span.span_id,
                    parent: parent.and_then(|parent| rows_by_id.get(&parent.span_id).copied()),
                    depth: 0,
                    spans: vec![node],
                    is_parent_missing: tree.is_parent_missing(node),
                });
            }
        }
    }
    for row in &mut rows {
        // The merge order has the client half first.
        row.spans.sort_unstable();
    }
    rows
}

/// Puts the rows in the order of the forest and renumbers their parents.
fn arrange(drafts: Vec<Row>, forest: &Forest) -> Vec<Row> {
    let mut drafts: Vec<Option<Row>> = drafts.into_iter().map(Some).collect();
    let mut places = vec![0; drafts.len()];
    let mut rows: Vec<Row> = Vec::with_capacity(drafts.len());
    for node in forest.depth_first() {
        let Some(mut row) = drafts.get_mut(node).and_then(Option::take) else { continue };
        row.parent = row.parent.and_then(|parent| places.get(parent).copied());
        let above = row.parent.and_then(|parent| rows.get(parent));
        row.depth = above.map_or(0, |above| above.depth.saturating_add(1));
        if let Some(place) = places.get_mut(node) {
            *place = rows.len();
        }
        rows.push(row);
    }
    rows
}
