//! Which node hangs under which, and an order that has every node after the one above it.
//!
//! The rules are those of [`Tree`](crate::trace::Tree), over buffers that are used again.
#![cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        reason = "every index is a node, and every array has one entry a node"
    )
)]

use std::collections::HashMap;
use std::ops::Range;

use super::{NO_CODE, Node, Tables};
use crate::trace::forest::cut_cycles;
use crate::{Address, SpanId};

/// No node.
pub(super) const NOWHERE: u32 = u32::MAX;

/// How many spans under one id are looked through for the one of an emitter; more are indexed.
const SCAN_MAX: usize = 8;

/// The tree of one trace.
#[derive(Debug, Default)]
pub(super) struct Hanging {
    parents: Vec<u32>,
    sequence: Vec<u32>,
    /// The tree's root: the first node without a parent that is no server half.
    root: Option<u32>,
    ids: Vec<SpanId>,
    crowd: Crowd,
    /// The walk that reached a node first, counted from one.
    walks: Vec<u32>,
    trail: Vec<u32>,
}

impl Hanging {
    /// The node above each, or [`NOWHERE`].
    pub(super) fn parents(&self) -> &[u32] {
        &self.parents
    }

    /// All nodes, each after the one above it.
    pub(super) fn sequence(&self) -> &[u32] {
        &self.sequence
    }

    /// The span that began the trace: the tree's root, or else a server half that was told no
    /// parent.
    pub(super) fn first_span(&self, nodes: &[Node]) -> Option<u32> {
        let parentless = || nodes.iter().zip(0u32..).find(|(node, _)| node.parent_id.is_none());
        self.root.or_else(|| parentless().map(|(_, place)| place))
    }

    pub(super) fn hang(&mut self, nodes: &[Node], tables: &Tables<'_>) {
        self.ids.clear();
        self.ids.extend(nodes.iter().map(|node| node.span_id));
        self.crowd.index(nodes, &self.ids, tables);
        self.root = nodes
            .iter()
            .zip(0u32..)
            .find(|(node, _)| node.parent_id.is_none() && !node.is_shared)
            .map(|(_, place)| place);

        let top = self.root.unwrap_or(NOWHERE);
        self.parents.clear();
        for (place, node) in (0u32..).zip(nodes) {
            let parent = parent_of(node, nodes, &self.ids, &self.crowd, tables);
            let above_all = if place == top { NOWHERE } else { top };
            self.parents.push(parent.unwrap_or(above_all));
        }
        if !self.arrange() {
            self.cut(nodes);
            let is_whole = self.arrange();
            debug_assert!(is_whole, "a cycle outlived its cut");
        }
    }

    /// Puts the nodes in sequence; returns false when some hang in a circle.
    fn arrange(&mut self) -> bool {
        self.sequence.clear();
        self.walks.clear();
        self.walks.resize(self.parents.len(), 0);
        for (start, walk) in (0u32..).zip(1u32..).take(self.parents.len()) {
            let mut at = start;
            while at != NOWHERE && self.walks[at as usize] == 0 {
                self.walks[at as usize] = walk;
                self.trail.push(at);
                at = self.parents[at as usize];
            }
            // An older trail is in the sequence already; its own is a circle.
            if at != NOWHERE && self.walks[at as usize] == walk {
                self.trail.clear();
                return false;
            }
            self.sequence.extend(self.trail.drain(..).rev());
        }
        true
    }

    /// Takes one node out of every circle, and hangs it under the root.
    #[expect(clippy::cast_possible_truncation, reason = "nodes are numbered in 32 bits")]
    fn cut(&mut self, nodes: &[Node]) {
        let to_place = |&parent: &u32| (parent != NOWHERE).then_some(parent as usize);
        let mut parents: Vec<Option<usize>> = self.parents.iter().map(to_place).collect();
        cut_cycles(&mut parents, |place| {
            let node = &nodes[place];
            (node.is_shared, node.start_ns.is_none(), node.start_ns, place)
        });
        let root = self.root.map(|root| root as usize);
        for (place, parent) in parents.into_iter().enumerate() {
            let parent = parent.or_else(|| root.filter(|&root| root != place));
            self.parents[place] = parent.map_or(NOWHERE, |parent| parent as u32);
        }
    }
}

fn parent_of(
    node: &Node,
    nodes: &[Node],
    ids: &[SpanId],
    crowd: &Crowd,
    tables: &Tables<'_>,
) -> Option<u32> {
    if node.is_shared {
        let client = first_of(ids, node.span_id)?;
        if !nodes[client].is_shared {
            return u32::try_from(client).ok();
        }
    }
    let parent_id = node.parent_id?;
    let first = first_of(ids, parent_id)?;
    if ids.get(first + 1) != Some(&parent_id) {
        return u32::try_from(first).ok();
    }
    let emitter = emitter(node, tables);
    let last = first + ids[first..].partition_point(|id| *id == parent_id);
    crowd.find(nodes, first..last, emitter, tables)
}

/// The first node with this id.
fn first_of(ids: &[SpanId], id: SpanId) -> Option<usize> {
    let place = ids.partition_point(|other| *other < id);
    (ids.get(place) == Some(&id)).then_some(place)
}

type Emitter = (u32, Address);

/// Equal for equal emitters, and for all that are not known.
fn emitter(node: &Node, tables: &Tables<'_>) -> Emitter {
    (tables.folded(node.service), node.local)
}

/// Finds spans among many of one id, where looking through them each time would take a sender's
/// word for how long that lasts.
#[derive(Debug, Default)]
struct Crowd(HashMap<(SpanId, Emitter), [u32; 2]>);

impl Crowd {
    fn index(&mut self, nodes: &[Node], ids: &[SpanId], tables: &Tables<'_>) {
        self.0.clear();
        let mut first = 0;
        for group in ids.chunk_by(|left, right| left == right) {
            let places = first..first + group.len();
            first = places.end;
            if group.len() <= SCAN_MAX {
                continue;
            }
            for (node, place) in nodes[places.clone()].iter().zip(places) {
                let key = (node.span_id, emitter(node, tables));
                let found = self.0.entry(key).or_insert([NOWHERE; 2]);
                let slot = &mut found[usize::from(!node.is_shared)];
                if *slot == NOWHERE {
                    *slot = u32::try_from(place).unwrap_or(NOWHERE);
                }
            }
        }
    }

    /// The span on this emitter, best a server half, else the first of all.
    fn find(
        &self,
        nodes: &[Node],
        group: Range<usize>,
        wanted: Emitter,
        tables: &Tables<'_>,
    ) -> Option<u32> {
        let mut found = [NOWHERE; 2];
        if group.len() > SCAN_MAX {
            let key = (nodes[group.start].span_id, wanted);
            found = self.0.get(&key).copied().unwrap_or(found);
        } else {
            for place in group.clone() {
                let slot = &mut found[usize::from(!nodes[place].is_shared)];
                if *slot == NOWHERE && emitter(&nodes[place], tables) == wanted {
                    *slot = u32::try_from(place).unwrap_or(NOWHERE);
                }
            }
        }
        let own = found.into_iter().find(|&place| place != NOWHERE);
        own.or_else(|| u32::try_from(group.start).ok())
    }
}

const _: () = assert!(NOWHERE == NO_CODE, "one mark for what is not there");
