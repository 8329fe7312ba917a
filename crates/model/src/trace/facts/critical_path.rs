//! The critical path: what the root waited for at each instant of its time.
//!
//! The walk goes backwards from the root's end. Where it meets the end of a child it goes on
//! inside that child, and comes out at the child's start; between children the time is the
//! node's own. Of children that end together the one that began first is taken. What a child did
//! outside of the time of the span above it was not waited for. A span whose time is not known is
//! passed over, as if what hangs under it hung where it hangs.
#![cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        reason = "every index is a node, and every array has one entry a node"
    )
)]

use std::cmp::Reverse;

use super::Node;
use super::hang::{Hanging, NOWHERE};

#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The nearest node above each whose time is known.
    timed: Vec<u32>,
    /// The children of a node whose time is known: the first, and after each the next.
    first_child: Vec<u32>,
    next_sibling: Vec<u32>,
    frames: Vec<Frame>,
    /// The children of all open frames that are still ahead, those of one side by side.
    ahead: Vec<Stretch>,
}

/// A node in which the walk is.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Where its entry is in the path.
    entry: usize,
    start_ns: u64,
    /// How far back the walk has come.
    cursor_ns: u64,
    /// Where its children begin among those ahead.
    ahead_at: usize,
}

/// The part of a child that lies within its parent.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    end_ns: u64,
    start_ns: u64,
    node: u32,
}

impl Scratch {
    pub(super) fn find(&mut self, nodes: &[Node], hanging: &Hanging, path: &mut Vec<(u32, u64)>) {
        let Some(root) = hanging.first_span(nodes) else { return };
        let Some((start_ns, end_ns)) = nodes[root as usize].window() else { return };
        self.link_children(nodes, hanging);
        self.enter(Stretch { end_ns, start_ns, node: root }, nodes, path);
        while let Some(frame) = self.frames.last_mut() {
            let own_ns = &mut path[frame.entry].1;
            let child = if self.ahead.len() > frame.ahead_at { self.ahead.pop() } else { None };
            match child {
                None => {
                    *own_ns += frame.cursor_ns - frame.start_ns;
                    self.frames.pop();
                }
                Some(child) if child.end_ns <= frame.cursor_ns => {
                    *own_ns += frame.cursor_ns - child.end_ns;
                    frame.cursor_ns = child.start_ns;
                    self.enter(child, nodes, path);
                }
                // It ended while a later one ran: it was not what was waited for.
                Some(_) => {}
            }
        }
    }

    fn enter(&mut self, stretch: Stretch, nodes: &[Node], path: &mut Vec<(u32, u64)>) {
        let Stretch { end_ns, start_ns, node } = stretch;
        let ahead_at = self.ahead.len();
        self.frames.push(Frame { entry: path.len(), start_ns, cursor_ns: end_ns, ahead_at });
        path.push((node, 0));
        let mut child = self.first_child[node as usize];
        while child != NOWHERE {
            if let Some((child_start_ns, child_end_ns)) = nodes[child as usize].window() {
                let (start_ns, end_ns) = (child_start_ns.max(start_ns), child_end_ns.min(end_ns));
                if start_ns < end_ns {
                    self.ahead.push(Stretch { end_ns, start_ns, node: child });
                }
            }
            child = self.next_sibling[child as usize];
        }
        // The last one is met first.
        self.ahead[ahead_at..].sort_unstable_by_key(|child| {
            (child.end_ns, Reverse(child.start_ns), Reverse(child.node))
        });
    }

    fn link_children(&mut self, nodes: &[Node], hanging: &Hanging) {
        for list in [&mut self.timed, &mut self.first_child, &mut self.next_sibling] {
            list.clear();
            list.resize(nodes.len(), NOWHERE);
        }
        for &node in hanging.sequence() {
            let parent = hanging.parents()[node as usize];
            if parent == NOWHERE {
                continue;
            }
            let is_timed = nodes[parent as usize].window().is_some();
            let above = if is_timed { parent } else { self.timed[parent as usize] };
            self.timed[node as usize] = above;
            if above != NOWHERE && nodes[node as usize].window().is_some() {
                self.next_sibling[node as usize] = self.first_child[above as usize];
                self.first_child[above as usize] = node;
            }
        }
    }
}
