//! From rows that may meet filters to traces that may answer.

use super::merge::Candidate;
use super::select::Selection;
use crate::segment::{CONTINUES, GroupColumns, HAS_START, SUPERSEDES};
use crate::store::ScanRequest;

/// Which starts are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StartRange {
    /// The earliest, included. `None` asks for spans without a start too.
    pub(crate) min_ns: Option<u64>,
    /// The latest, included.
    pub(crate) max_ns: Option<u64>,
}

impl StartRange {
    /// The range of a request.
    pub(crate) fn of(request: &ScanRequest) -> Self {
        Self { min_ns: request.start_min_ns, max_ns: request.start_max_ns }
    }

    /// Whether a span of this start is inside.
    #[cfg(test)]
    pub(crate) fn contains(self, start_ns: Option<u64>) -> bool {
        match start_ns {
            Some(start_ns) => self.may_touch(Some((start_ns, start_ns)), false),
            None => self.min_ns.is_none(),
        }
    }

    /// Whether a span may be inside, of spans that start between two instants or, if
    /// `has_startless`, have no start.
    pub(crate) fn may_touch(self, starts_ns: Option<(u64, u64)>, has_startless: bool) -> bool {
        let is_inside = |(earliest, latest)| {
            self.min_ns.is_none_or(|min| latest >= min)
                && self.max_ns.is_none_or(|max| earliest <= max)
        };
        starts_ns.is_some_and(is_inside) || (has_startless && self.min_ns.is_none())
    }
}

/// What is known of the traces of a group beyond the group.
pub(crate) struct Surroundings<'a> {
    /// Whether the last trace goes on in the group behind.
    pub(crate) is_continued: bool,
    /// Whether no other source may have spans of a trace.
    pub(crate) is_only_here: &'a mut dyn FnMut(u64) -> bool,
}

/// Appends the traces of a group that may answer.
///
/// There is a selection for each filter of the request. The first decides which traces come into
/// question: it must be that of the same filter in all groups of all sources, or a trace whose
/// parts meet different filters in different groups is lost. The others are asked only of traces
/// that are here whole.
pub(crate) fn push_candidates(
    group: &GroupColumns,
    selections: &[Selection],
    range: StartRange,
    surroundings: Surroundings<'_>,
    found: &mut Vec<Candidate>,
) {
    let traces = &group.traces;
    let Surroundings { is_continued, is_only_here } = surroundings;
    for trace in 0..traces.len() {
        let rows = traces.rows_of(trace);
        let meets = |selection: &Selection| {
            selection.rows.first_from(rows.start).is_some_and(|row| row < rows.end)
        };
        // Of these, other parts may meet the filter, and their order is told by all parts.
        let has_others = traces.has(trace, CONTINUES | SUPERSEDES)
            || (is_continued && trace + 1 == traces.len());
        if !has_others && !selections.first().is_none_or(meets) {
            continue;
        }
        let is_whole = !has_others && is_only_here(traces.low[trace]);
        if is_whole {
            // Some of its spans may lack a start even where others have one.
            let starts = traces.has(trace, HAS_START);
            let starts = starts.then(|| (traces.start_ns[trace], traces.latest_start_ns[trace]));
            if !range.may_touch(starts, true) || !selections.iter().skip(1).all(meets) {
                continue;
            }
        }
        found.push(Candidate {
            trace_id_low: traces.low[trace],
            latest_start_ns: traces.latest_start_of(trace),
            is_whole,
        });
    }
}
