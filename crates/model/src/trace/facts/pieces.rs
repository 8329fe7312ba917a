//! Received nodes into whole ones, as far as that needs no text.
//!
//! What is decided here is decided as [`merge`](crate::trace::merge) does; what would depend on
//! the order of two texts is left to it.

use super::{NO_CODE, Node, Tables, entry};
use crate::{Address, SpanId, SpanKind};

/// The merged nodes of one trace, by span id, client halves before their server halves.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// Ids and places of what was received.
    order: Vec<(SpanId, u32)>,
    nodes: Vec<Node>,
    /// Where each node was in what was received; of several pieces, the first.
    origins: Vec<u32>,
}

impl Pieces {
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn origins(&self) -> &[u32] {
        &self.origins
    }

    /// Takes nodes that are merged already.
    pub(super) fn take_merged(&mut self, nodes: &[Node]) {
        self.nodes.clear();
        self.nodes.extend_from_slice(nodes);
        self.origins.clear();
        self.origins.extend((0u32..).take(nodes.len()));
    }

    /// Merges what was received; returns false when that needs the texts.
    pub(super) fn gather(&mut self, received: &[Node], tables: &Tables<'_>) -> bool {
        self.nodes.clear();
        self.origins.clear();
        self.order.clear();
        self.order.extend(received.iter().map(|node| node.span_id).zip(0u32..));
        self.order.sort_unstable();
        self.nodes.reserve(received.len());
        self.origins.reserve(received.len());

        for group in self.order.chunk_by(|left, right| left.0 == right.0) {
            if let [(_, place)] = group
                && let Some(node) = entry(received, *place)
            {
                self.nodes.push(normalized(node));
                self.origins.push(*place);
            } else if !gather_group(group, received, tables, &mut self.nodes, &mut self.origins) {
                return false;
            }
        }
        true
    }
}

/// No span is its own parent, and no client half shares another's id.
fn normalized(mut node: Node) -> Node {
    if node.parent_id == Some(node.span_id) {
        node.parent_id = None;
    }
    if node.kind == Some(SpanKind::Client) {
        node.is_shared = false;
    }
    node
}

#[derive(Clone, Copy)]
struct Piece {
    node: Node,
    origin: u32,
}

/// Appends the whole spans of the pieces under one id; returns false when that needs their texts.
fn gather_group(
    group: &[(SpanId, u32)],
    received: &[Node],
    tables: &Tables<'_>,
    nodes: &mut Vec<Node>,
    origins: &mut Vec<u32>,
) -> bool {
    let mut pieces = group.iter().filter_map(|&(_, origin)| {
        Some(Piece { node: normalized(entry(received, origin)?), origin })
    });
    let Some(first) = pieces.next() else { return true };
    let mut different = pieces.filter(|piece| piece.node != first.node);
    let Some(second) = different.next() else {
        nodes.push(first.node);
        origins.push(first.origin);
        return true;
    };
    if different.any(|piece| piece.node != second.node) {
        return false;
    }
    if first.node.is_shared == second.node.is_shared && is_one_emitter(&first, &second, tables) {
        let Some(joined) = join(&first.node, &second.node) else { return false };
        nodes.push(joined);
        origins.push(first.origin);
        return true;
    }
    // Halves of one side stand in the order of their emitters' texts.
    let (mut early, mut late) = match half(&first.node).cmp(&half(&second.node)) {
        std::cmp::Ordering::Less => (first, second),
        std::cmp::Ordering::Greater => (second, first),
        std::cmp::Ordering::Equal => return false,
    };
    if early.node.kind == Some(SpanKind::Client) && late.node.kind == Some(SpanKind::Server) {
        late.node.is_shared = true;
    }
    if late.node.is_shared && late.node.parent_id.is_none() {
        late.node.parent_id = early.node.parent_id;
    }
    for piece in [&mut early, &mut late] {
        nodes.push(piece.node);
        origins.push(piece.origin);
    }
    true
}

fn half(node: &Node) -> u8 {
    match node {
        Node { is_shared: true, .. } => 2,
        Node { kind: Some(SpanKind::Client), .. } => 0,
        _ => 1,
    }
}

/// Whether what is known of their emitters does not conflict.
fn is_one_emitter(first: &Piece, second: &Piece, tables: &Tables<'_>) -> bool {
    let service = |piece: &Piece| known(tables.folded(piece.node.service));
    let (left, right) = (first.node.local, second.node.local);
    either(service(first), service(second)).is_some()
        && either(left.ipv4, right.ipv4).is_some()
        && either(left.ipv6, right.ipv6).is_some()
        && either(left.port, right.port).is_some()
}

/// What two pieces say together; `None` when they say different things, and the order of the
/// texts says which one holds.
fn join(first: &Node, second: &Node) -> Option<Node> {
    let code = |left: u32, right: u32| Some(either(known(left), known(right))?.unwrap_or(NO_CODE));
    if first.is_error != second.is_error {
        return None;
    }
    Some(Node {
        span_id: first.span_id,
        parent_id: either(first.parent_id, second.parent_id)?,
        start_ns: either(first.start_ns, second.start_ns)?,
        duration_ns: either(first.duration_ns, second.duration_ns)?,
        local: Address {
            ipv4: either(first.local.ipv4, second.local.ipv4)?,
            ipv6: either(first.local.ipv6, second.local.ipv6)?,
            port: either(first.local.port, second.local.port)?,
        },
        service: code(first.service, second.service)?,
        remote_service: code(first.remote_service, second.remote_service)?,
        operation: code(first.operation, second.operation)?,
        phases: code(first.phases, second.phases)?,
        kind: either(first.kind, second.kind)?,
        is_error: first.is_error,
        is_shared: first.is_shared,
    })
}

fn known(code: u32) -> Option<u32> {
    (code != NO_CODE).then_some(code)
}

/// What either of two says; `None` when they contradict each other.
#[expect(clippy::option_option, reason = "the outer one says whether they agree")]
fn either<T: PartialEq>(left: Option<T>, right: Option<T>) -> Option<Option<T>> {
    match (left, right) {
        (Some(left), Some(right)) => (left == right).then_some(Some(left)),
        (left, right) => Some(left.or(right)),
    }
}
