//! Which service called which: the rules of
//! [`Trace::dependency_links`](crate::trace::Trace::dependency_links), over codes.
#![cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        reason = "every index is a node, and every array has one entry a node"
    )
)]

use super::hang::{Hanging, NOWHERE};
use super::{Call, CallCount, NO_CODE, Node, Tables};
use crate::SpanKind;

#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// For each node the nearest one above it that has a side.
    remotes: Vec<u32>,
    has_children: Vec<bool>,
}

impl Scratch {
    /// Finds the calls, in the order in which the nodes hang.
    pub(super) fn find(
        &mut self,
        nodes: &[Node],
        hanging: &Hanging,
        tables: &Tables<'_>,
        calls: &mut Vec<Call>,
    ) {
        let parents = hanging.parents();
        self.remotes.clear();
        self.remotes.resize(nodes.len(), NOWHERE);
        self.has_children.clear();
        self.has_children.resize(nodes.len(), false);
        for &parent in parents.iter().filter(|&&parent| parent != NOWHERE) {
            self.has_children[parent as usize] = true;
        }
        for &place in hanging.sequence() {
            let node = &nodes[place as usize];
            let parent = parents[place as usize];
            let mut above = Above::default();
            if parent != NOWHERE {
                let is_remote = has_side(&nodes[parent as usize]);
                let remote = if is_remote { parent } else { self.remotes[parent as usize] };
                self.remotes[place as usize] = remote;
                above.caller = is_remote.then(|| &nodes[parent as usize]);
                above.ancestor = nodes.get(remote as usize);
            }
            // The server names itself better than its client does.
            if node.kind == Some(SpanKind::Client) && self.has_children[place as usize] {
                continue;
            }
            add(place, node, &above, tables, calls);
        }
    }
}

/// Above a node: its parent if that has a side, and the nearest one that has one.
#[derive(Default)]
struct Above<'n> {
    caller: Option<&'n Node>,
    ancestor: Option<&'n Node>,
}

fn has_side(node: &Node) -> bool {
    !matches!(node.kind, None | Some(SpanKind::Internal))
}

fn add(place: u32, node: &Node, above: &Above<'_>, tables: &Tables<'_>, calls: &mut Vec<Call>) {
    let named = |service: u32| (service != NO_CODE).then(|| tables.folded(service));
    let (own, other) = (named(node.service), named(node.remote_service));
    let ancestor = above.ancestor.and_then(|ancestor| named(ancestor.service));
    let mut is_error = node.is_error;
    let (parent, child) = match node.kind {
        Some(SpanKind::Internal) => return,
        // Messages are linked to their broker, never through it.
        Some(SpanKind::Producer) => (own, other),
        Some(SpanKind::Consumer) => (other, own),
        Some(SpanKind::Server) => {
            let caller = above.caller.filter(|caller| caller.kind == Some(SpanKind::Client));
            is_error |= caller.is_some_and(|caller| caller.is_error);
            (ancestor.or(other), own)
        }
        None if own.is_none() || other.is_none() => return,
        // A span that does not say which side it is, but knows both, is read as the caller.
        None | Some(SpanKind::Client) => {
            // A client that gives another name than the service it runs in. The way from the
            // service to that name is kept.
            if let (Some(parent), Some(child)) = (ancestor, own)
                && parent != child
            {
                let is_error = false;
                calls.push(Call { parent, child, node: place, duration_ns: None, is_error });
            }
            (own.or(ancestor), other)
        }
    };
    if let (Some(parent), Some(child)) = (parent, child) {
        let duration_ns = node.duration_ns;
        calls.push(Call { parent, child, node: place, duration_ns, is_error });
    }
}

/// Puts the calls in order and adds them up.
pub(super) fn sort_and_sum(calls: &mut [Call], links: &mut Vec<CallCount>) {
    calls.sort_unstable_by_key(|call| (call.parent, call.child, call.node));
    for call in calls {
        let errors = u32::from(call.is_error);
        match links.last_mut() {
            Some(link) if (link.parent, link.child) == (call.parent, call.child) => {
                link.calls += 1;
                link.errors += errors;
            }
            _ => links.push(CallCount { parent: call.parent, child: call.child, calls: 1, errors }),
        }
    }
}
