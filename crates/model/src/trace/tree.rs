//! The tree of a trace: which span hangs under which.
//!
//! The halves of a shared span are two nodes here, the server's under the client's; what joins
//! them into one row is [`Row`](super::Row).

use std::borrow::Cow;
use std::collections::HashMap;

use super::forest::{Forest, cut_cycles};
use super::order::{fold_name, is_emitter_unknown};
use crate::{Address, Span, SpanId};

/// The tree of a trace. A node is the index of a span in [`Trace::spans`](super::Trace::spans),
/// and every span is a node.
///
/// Spans whose parent is not there, and parentless spans after the first, hang under the root.
/// Without a root the tree is headless: they all stand at the top.
#[derive(Clone, Debug)]
pub struct Tree {
    forest: Forest,
    root: Option<usize>,
    is_parent_missing: Vec<bool>,
}

impl Tree {
    /// Hangs merged spans under their parents.
    pub(super) fn of(spans: &[Span<'static>]) -> Self {
        let root = spans.iter().position(|span| span.parent_id.is_none() && !span.is_shared);
        let index = Index::of(spans);
        let emitters = index.emitters.iter().copied();
        let mut parents: Vec<Option<usize>> =
            spans.iter().zip(emitters).map(|(span, from)| index.parent_of(span, from)).collect();
        // A server half is never cut off its client half, which has the same place in the cycle.
        cut_cycles(&mut parents, |node| {
            let span = spans.get(node);
            let start_ns = span.and_then(|span| span.start_ns);
            (span.is_some_and(|span| span.is_shared), start_ns.is_none(), start_ns, node)
        });

        let mut is_parent_missing = vec![false; spans.len()];
        let slots = parents.iter_mut().zip(&mut is_parent_missing).zip(spans);
        for (node, ((parent, is_missing), span)) in slots.enumerate() {
            if parent.is_none() && Some(node) != root {
                *parent = root;
                *is_missing = span.parent_id.is_some();
            }
        }
        let forest = Forest::new(parents, |node| spans.get(node).and_then(|span| span.start_ns));
        Self { forest, root, is_parent_missing }
    }

    /// The span that began the trace: the first without a parent. `None` when the tree is
    /// headless.
    #[must_use]
    pub fn root(&self) -> Option<usize> {
        self.root
    }

    /// Whether the trace lacks its root.
    #[must_use]
    pub fn is_headless(&self) -> bool {
        self.root.is_none()
    }

    /// The nodes that hang under no other: the root, or in a headless tree all orphans.
    #[must_use]
    pub fn tops(&self) -> &[usize] {
        self.forest.tops()
    }

    /// The node that `node` hangs under.
    #[must_use]
    pub fn parent(&self, node: usize) -> Option<usize> {
        self.forest.parent(node)
    }

    /// The nodes that hang under `node`, by start, those without one first.
    #[must_use]
    pub fn children(&self, node: usize) -> &[usize] {
        self.forest.children(node)
    }

    /// Whether the span names a parent that it could not be hung under: it was not received, or
    /// it descends from the span itself.
    #[must_use]
    pub fn is_parent_missing(&self, node: usize) -> bool {
        self.is_parent_missing.get(node).copied().unwrap_or(false)
    }

    /// Visits all nodes, each level before the one below it.
    pub fn breadth_first(&self) -> impl Iterator<Item = usize> {
        self.forest.breadth_first()
    }

    /// Visits all nodes, each before what hangs under it.
    pub fn depth_first(&self) -> impl Iterator<Item = usize> {
        self.forest.depth_first()
    }
}

/// Finds a span by its id and by who emitted it.
///
/// Where several spans answer to one key, the first of the merge order does.
struct Index {
    /// A number for the emitter of each span; equal numbers are equal emitters.
    emitters: Vec<usize>,
    plain: HashMap<SpanId, usize>,
    shared: HashMap<SpanId, usize>,
    plain_of: HashMap<(SpanId, usize), usize>,
    shared_of: HashMap<(SpanId, usize), usize>,
}

impl Index {
    fn of(spans: &[Span<'static>]) -> Self {
        let mut index = Self {
            emitters: number_emitters(spans),
            plain: HashMap::with_capacity(spans.len()),
            shared: HashMap::new(),
            plain_of: HashMap::with_capacity(spans.len()),
            shared_of: HashMap::new(),
        };
        for (node, (span, &emitter)) in spans.iter().zip(&index.emitters).enumerate() {
            let (by_id, by_emitter) = if span.is_shared {
                (&mut index.shared, &mut index.shared_of)
            } else {
                (&mut index.plain, &mut index.plain_of)
            };
            by_id.entry(span.span_id).or_insert(node);
            by_emitter.entry((span.span_id, emitter)).or_insert(node);
        }
        index
    }

    /// A server half hangs under its client half. Any other span, and a server half whose client
    /// half is missing, hangs under the span that it names: best the server half on its own
    /// emitter, since that is where the work went on.
    fn parent_of(&self, span: &Span<'_>, emitter: usize) -> Option<usize> {
        if span.is_shared
            && let Some(&client) = self.plain.get(&span.span_id)
        {
            return Some(client);
        }
        let parent_id = span.parent_id?;
        let own = (parent_id, emitter);
        self.shared_of
            .get(&own)
            .or_else(|| self.plain_of.get(&own))
            .or_else(|| self.plain.get(&parent_id))
            .or_else(|| self.shared.get(&parent_id))
            .copied()
    }
}

fn number_emitters(spans: &[Span<'static>]) -> Vec<usize> {
    let mut numbers: HashMap<(Option<Cow<'_, str>>, Address), usize> = HashMap::new();
    spans
        .iter()
        .map(|span| {
            if is_emitter_unknown(span) {
                return 0;
            }
            let next = numbers.len() + 1;
            *numbers.entry((span.service_name().map(fold_name), span.local)).or_insert(next)
        })
        .collect()
}
