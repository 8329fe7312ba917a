//! One order over what many sources find: the trace with the latest start first, those without a
//! start last, each trace once.
//!
//! A source is a chunk of the head or a segment; it has groups, and of each a bound: no trace in
//! it starts later. The merge names the group that has to be searched next, and hands out a trace
//! once no group is left that could have an earlier one. It searches nothing itself, so that its
//! caller may read many groups at once, and ahead.
//!
//! A trace may have parts in several groups. Where it stands is told by the greatest latest start
//! of the parts that are given as candidates, so the order is that of whole traces if for each
//! trace the part with the greatest is given. Whoever searches a group therefore gives a part that
//! is known to belong to a trace with other parts whether or not it meets the filter itself, with
//! the latest start of the whole trace as far as that is known, and bounds the group by the same.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
#[cfg(test)]
use std::ops::ControlFlow;

/// A trace, or a part of one, that may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The low 64 bits of its id.
    pub(crate) trace_id_low: u64,
    /// The latest start of its spans, as far as the source knows.
    pub(crate) latest_start_ns: Option<u64>,
    /// Whether no other group of any source has spans of it.
    pub(crate) is_whole: bool,
}

/// A group of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupPlace {
    /// Which source.
    pub(crate) source: u32,
    /// Which of its groups.
    pub(crate) group: u32,
}

/// What has to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A group has to be searched; [`Merge::found`] takes what it has.
    Search(GroupPlace),
    /// The next trace.
    Visit(Candidate),
    /// There is none left.
    Done,
}

/// Where a trace stands; greater is visited earlier.
type Key = (Option<u64>, u64);

/// The bound of a group, and its place; greater is searched earlier.
type Bounded = (Option<u64>, Reverse<(u32, u32)>);

/// Puts candidates in order.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    /// Groups that were not searched, the one with the greatest bound last.
    groups: Vec<Bounded>,
    is_sorted: bool,
    waiting: BinaryHeap<(Key, bool)>,
    /// Traces that came, or that may come again.
    visited: HashSet<u64>,
}

impl Merge {
    /// Makes one without sources.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a group to be searched. No candidate of it has a later start than `bound`; where that
    /// is `None`, none has any.
    pub(crate) fn add_group(&mut self, place: GroupPlace, bound: Option<u64>) {
        self.groups.push((bound, Reverse((place.source, place.group))));
        self.is_sorted = false;
    }

    /// What has to be done next.
    pub(crate) fn step(&mut self) -> Step {
        self.sort();
        loop {
            let bound = self.groups.last().map(|(bound, _)| *bound);
            let newest = self.waiting.peek().map(|((start, _), _)| *start);
            match (bound, newest) {
                (None, None) => return Step::Done,
                // A group that may have a trace of the same start comes first, as the trace may
                // stand before this one by its id.
                (Some(bound), newest) if newest.is_none_or(|newest| bound >= newest) => {
                    let (_, Reverse((source, group))) =
                        self.groups.pop().expect("its bound was read");
                    return Step::Search(GroupPlace { source, group });
                }
                _ => {}
            }
            if let Some(candidate) = self.pop() {
                return Step::Visit(candidate);
            }
        }
    }

    /// The groups that have to be searched next, if nothing ends the scan before: to be read ahead.
    pub(crate) fn next_groups(&mut self) -> impl Iterator<Item = GroupPlace> {
        self.sort();
        let place =
            |(_, Reverse((source, group))): &Bounded| GroupPlace { source: *source, group: *group };
        self.groups.iter().rev().map(place)
    }

    /// Takes candidates that a group has.
    pub(crate) fn found(&mut self, candidates: impl IntoIterator<Item = Candidate>) {
        let entry =
            |found: Candidate| ((found.latest_start_ns, found.trace_id_low), found.is_whole);
        self.waiting.extend(candidates.into_iter().map(entry));
    }

    fn sort(&mut self) {
        if !self.is_sorted {
            self.groups.sort_unstable();
            self.is_sorted = true;
        }
    }

    /// The next candidate, unless its trace came already.
    fn pop(&mut self) -> Option<Candidate> {
        let ((latest_start_ns, trace_id_low), is_whole) = self.waiting.pop()?;
        // Even of a trace that is whole in one group a list is kept: what was in the head when the
        // scan began may be in a segment of the scan as well by now.
        let is_again = !self.visited.insert(trace_id_low);
        (!is_again).then_some(Candidate { trace_id_low, latest_start_ns, is_whole })
    }
}

/// A chunk or a segment, as a scan sees it.
#[cfg(test)]
pub(crate) trait Source {
    /// Why a group can't be searched.
    type Error;

    /// The latest start that any candidate of each group can have, in the order of the groups;
    /// groups that can't have any may be left out.
    fn bounds(&self) -> Vec<(u32, Option<u64>)>;

    /// Searches a group, and appends the candidates it has.
    fn search(&mut self, group: u32, found: &mut Vec<Candidate>) -> Result<(), Self::Error>;
}

/// Visits the candidates of all sources in order, each trace once, until the visitor breaks.
///
/// # Errors
///
/// Fails when a source does.
#[cfg(test)]
pub(crate) fn scan<S: Source>(
    sources: &mut [S],
    mut visit: impl FnMut(Candidate) -> ControlFlow<()>,
) -> Result<(), S::Error> {
    let mut merge = Merge::new();
    for (source, number) in sources.iter().zip(0..) {
        for (group, bound) in source.bounds() {
            merge.add_group(GroupPlace { source: number, group }, bound);
        }
    }
    let mut found = Vec::new();
    loop {
        match merge.step() {
            Step::Done => return Ok(()),
            Step::Visit(candidate) => {
                if visit(candidate).is_break() {
                    return Ok(());
                }
            }
            Step::Search(place) => {
                sources[place.source as usize].search(place.group, &mut found)?;
                merge.found(found.drain(..));
            }
        }
    }
}
