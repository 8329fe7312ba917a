//! Parents turned into children: the shape of a tree, or of several, over numbered nodes.
//!
//! Knows nothing of spans. Every walk is a loop, never a recursion: a sender decides how deep a
//! trace is, and the stack must not be what stops it.
#![cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        reason = "every index is a node, and every array has one entry a node"
    )
)]

use std::collections::VecDeque;

/// Nodes 0 to n, each with at most one parent, and no cycle among them.
#[derive(Clone, Debug)]
pub(super) struct Forest {
    parents: Vec<Option<usize>>,
    /// The children of all nodes, those of one node side by side.
    children: Vec<usize>,
    /// Where the children of node i begin; those of node i + 1 begin where they end.
    children_at: Vec<usize>,
    tops: Vec<usize>,
}

impl Forest {
    /// Hangs every node under its parent. Siblings stand in the order of their keys, and where
    /// these are equal by number. The parents must be free of cycles.
    pub(super) fn new<K: Ord>(parents: Vec<Option<usize>>, key: impl Fn(usize) -> K) -> Self {
        let mut sorted: Vec<usize> = (0..parents.len()).collect();
        sorted.sort_by_key(|&node| key(node));

        let mut children_at = vec![0usize; parents.len() + 1];
        for parent in parents.iter().flatten() {
            children_at[parent + 1] += 1;
        }
        for node in 0..parents.len() {
            children_at[node + 1] += children_at[node];
        }

        // One sort of all nodes, dealt out in order, leaves each list of children sorted.
        let mut next = children_at.clone();
        let mut children = vec![0; children_at[parents.len()]];
        let mut tops = Vec::new();
        for node in sorted {
            if let Some(parent) = parents[node] {
                children[next[parent]] = node;
                next[parent] += 1;
            } else {
                tops.push(node);
            }
        }
        Self { parents, children, children_at, tops }
    }

    pub(super) fn parent(&self, node: usize) -> Option<usize> {
        self.parents.get(node).copied().flatten()
    }

    pub(super) fn children(&self, node: usize) -> &[usize] {
        if node < self.parents.len() {
            &self.children[self.children_at[node]..self.children_at[node + 1]]
        } else {
            &[]
        }
    }

    /// The nodes without a parent.
    pub(super) fn tops(&self) -> &[usize] {
        &self.tops
    }

    /// Visits each level before the one below it.
    pub(super) fn breadth_first(&self) -> impl Iterator<Item = usize> {
        let mut queue: VecDeque<usize> = self.tops.iter().copied().collect();
        std::iter::from_fn(move || {
            let node = queue.pop_front()?;
            queue.extend(self.children(node));
            Some(node)
        })
    }

    /// Visits each node before what hangs under it, and all of that before the node's sibling.
    pub(super) fn depth_first(&self) -> impl Iterator<Item = usize> {
        let mut stack: Vec<usize> = self.tops.iter().rev().copied().collect();
        std::iter::from_fn(move || {
            let node = stack.pop()?;
            stack.extend(self.children(node).iter().rev());
            Some(node)
        })
    }
}

/// Finds the cycles among `parents` and takes the parent from one node of each: the one with the
/// smallest key.
pub(super) fn cut_cycles<K: Ord>(parents: &mut [Option<usize>], key: impl Fn(usize) -> K) {
    // The walk that reached a node first, counted from one. A walk that meets its own trail has
    // gone round a cycle; one that meets an older trail has not.
    let mut walks = vec![0usize; parents.len()];
    for start in 0..parents.len() {
        let walk = start + 1;
        let mut at = Some(start);
        while let Some(node) = at
            && walks[node] == 0
        {
            walks[node] = walk;
            at = parents[node];
        }
        let Some(entry) = at.filter(|&node| walks[node] == walk) else { continue };
        let round = std::iter::successors(Some(entry), |&node| {
            parents[node].filter(|&parent| parent != entry)
        });
        if let Some(first) = round.min_by_key(|&node| key(node)) {
            parents[first] = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_are_visited_in_their_order() {
        let parents = vec![None, Some(0), Some(0), Some(2)];
        let forest = Forest::new(parents, std::cmp::Reverse);
        assert_eq!(forest.children(0), [2, 1]);
        assert_eq!(forest.depth_first().collect::<Vec<_>>(), [0, 2, 3, 1]);
        assert_eq!(forest.breadth_first().collect::<Vec<_>>(), [0, 2, 1, 3]);
    }

    #[test]
    fn several_trees_are_visited_one_after_the_other() {
        let forest = Forest::new(vec![None, Some(2), None], |node| node);
        assert_eq!(forest.tops(), [0, 2]);
        assert_eq!(forest.depth_first().collect::<Vec<_>>(), [0, 2, 1]);
    }

    #[test]
    fn every_cycle_loses_its_first_node_and_nothing_else_changes() {
        // 0 hangs under a cycle of three, 4 and 5 are a cycle of two, 6 is its own parent.
        let mut parents = vec![Some(3), Some(2), Some(3), Some(1), Some(5), Some(4), Some(6), None];
        cut_cycles(&mut parents, |node| node);
        assert_eq!(parents, [Some(3), None, Some(3), Some(1), None, Some(4), None, None]);
    }
}
