//! One trace: its facts, with or without its texts.

use spandrel_model::Span;
use spandrel_model::trace::facts::{Node, Settler, TraceFacts};
use spandrel_model::trace::merge;

use super::names::Names;
use super::nodes::{PhaseTable, node_of};
use crate::rollup::{CallKey, Name, Rollup, minute_of};

/// A trace of more rows is not settled: no fingerprint, no calls.
pub(super) const TRACE_NODE_COUNT_MAX: usize = 1 << 20;

/// One of more rows is not either, if its spans have to be merged by their texts: that takes all of
/// them in memory.
const MERGED_SPAN_COUNT_MAX: usize = 1 << 16;

/// Finds the facts of traces. Equal spans have equal facts, wherever and in whatever order they
/// stand: sums over segments would not be exact otherwise.
#[derive(Debug, Default)]
pub(super) struct TraceSettler {
    settler: Settler,
    /// For traces whose spans had to be merged by their texts.
    merging: Settler,
    merged: Vec<Node>,
}

/// The facts of a trace, and the nodes that they tell of.
pub(super) struct Settled<'s> {
    pub(super) facts: &'s TraceFacts,
    nodes: &'s [Node],
    /// The spans as they were received: pieces of one span are not joined.
    pub(super) received: &'s [Node],
}

impl TraceSettler {
    /// Finds the facts of a trace, whose nodes are in order ([`put_in_order`]). `spans` are the
    /// same ones, whole; they are asked for when the nodes don't tell enough. `None` when the
    /// trace is too large, or the spans are not to be had.
    pub(super) fn settle<'s>(
        &'s mut self,
        nodes: &'s [Node],
        names: &mut Names,
        phases: &mut PhaseTable,
        spans: impl FnOnce() -> Option<Vec<Span<'static>>>,
    ) -> Option<Settled<'s>> {
        if nodes.len() > TRACE_NODE_COUNT_MAX {
            return None;
        }
        if let Some(facts) = self.settler.settle(nodes, &names.tables(&phases.list)) {
            return Some(Settled { facts, nodes, received: nodes });
        }
        if nodes.len() > MERGED_SPAN_COUNT_MAX {
            return None;
        }
        self.merged.clear();
        let merged = merge(spans()?);
        self.merged.extend(merged.iter().map(|span| node_of(span, names, phases)));
        let facts = self.merging.settle_merged(&self.merged, &names.tables(&phases.list));
        Some(Settled { facts, nodes: &self.merged, received: nodes })
    }
}

impl Settled<'_> {
    /// A node that the facts tell of.
    pub(super) fn node(&self, place: u32) -> Option<&Node> {
        self.nodes.get(place as usize)
    }

    /// Counts the trace's calls; `name` gives the rollup's names of codes.
    pub(super) fn count_calls(
        &self,
        rollup: &mut Rollup,
        mut name: impl FnMut(u32, &mut Rollup) -> Name,
    ) {
        for call in &self.facts.calls {
            let start_ns = self.node(call.node).and_then(|node| node.start_ns);
            let key = CallKey {
                parent: name(call.parent, rollup),
                child: name(call.child, rollup),
                minute: minute_of(start_ns),
            };
            rollup.add_call(key, call.is_error, call.duration_ns);
        }
    }
}

/// Puts nodes in the order in which traces are settled: by start, those without one last. Of a
/// span in pieces the one that says when it began is the first then.
pub(super) fn put_in_order(nodes: &mut [Node]) {
    nodes.sort_by_key(|node| (node.start_ns.is_none(), node.start_ns));
}

/// Whether rows of a segment, which are by start and those without one first, are in that order.
pub(super) fn is_in_order(rows: &[Node]) -> bool {
    rows.first().is_none_or(|first| first.start_ns.is_some())
}
