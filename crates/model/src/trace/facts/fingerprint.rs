//! The structural fingerprint: one number for the set of paths that a trace took.
//!
//! A path is the services, operations and kinds from the root down to a node; a path that was
//! taken many times counts once. The arithmetic is part of what is on disk: traces are compared
//! across segments and versions, so that it must never change.
#![cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        reason = "every index is a node, and every array has one entry a node"
    )
)]

use super::hang::{Hanging, NOWHERE};
use super::{Node, Tables, entry};
use crate::SpanKind;

/// What stands for a name that is not there.
const ABSENT: u64 = 0x9e37_79b9_7f4a_7c15;
/// An odd number whose bits are spread: the golden ratio's digits past [`ABSENT`]'s.
const FACTOR: u64 = 0xf39c_c060_5ced_c835;

#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The hash of the path down to each node.
    paths: Vec<u64>,
}

impl Scratch {
    pub(super) fn of(&mut self, nodes: &[Node], hanging: &Hanging, tables: &Tables<'_>) -> u64 {
        self.paths.clear();
        self.paths.resize(nodes.len(), 0);
        for &place in hanging.sequence() {
            let node = &nodes[place as usize];
            let parent = hanging.parents()[place as usize];
            let above = if parent == NOWHERE { 0 } else { self.paths[parent as usize] };
            let service = entry(tables.service_hashes, node.service).unwrap_or(ABSENT);
            let operation = entry(tables.operation_hashes, node.operation).unwrap_or(ABSENT);
            let path = step(step(step(above, service), operation), kind_number(node.kind));
            self.paths[place as usize] = path;
        }
        // The order of the hashes is the same whatever the order of the spans.
        self.paths.sort_unstable();
        self.paths.dedup();
        finish(self.paths.iter().fold(0, |hash, &path| step(hash, path)))
    }
}

fn kind_number(kind: Option<SpanKind>) -> u64 {
    match kind {
        None => 0,
        Some(SpanKind::Internal) => 1,
        Some(SpanKind::Client) => 2,
        Some(SpanKind::Server) => 3,
        Some(SpanKind::Producer) => 4,
        Some(SpanKind::Consumer) => 5,
    }
}

/// Takes one more word in.
fn step(hash: u64, word: u64) -> u64 {
    let mixed = (hash.rotate_left(29) ^ word).wrapping_add(ABSENT).wrapping_mul(FACTOR);
    mixed ^ (mixed >> 32)
}

/// Lets every bit depend on every other.
fn finish(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
