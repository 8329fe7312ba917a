//! The order of scans, against traces that lie in one list.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::ControlFlow;

use proptest::prelude::*;
use spandrel_model::{Span, SpanKind};

use super::tests::{chunk, filter, group, spans};
use super::{
    Candidate, GroupPlace, Merge, Plan, Source, StartRange, Step, Surroundings, push_candidates,
    scan,
};
use crate::predicate::{Predicate, SpanFilter, TextTest};
use crate::segment::{Dictionaries, GroupColumns, HAS_START, SUPERSEDES, TraceTable};
use crate::store::ScanRequest;

/// A part of a trace: the low half of its id, its spans, and whether it tells of the whole trace.
type Part = (u64, Vec<Span<'static>>, bool);

/// Traces by the low half of their id.
type Traces = BTreeMap<u64, Vec<Span<'static>>>;

fn starts(spans: &[Span<'_>]) -> Option<(u64, u64)> {
    let starts = || spans.iter().filter_map(|span| span.start_ns);
    Some((starts().min()?, starts().max()?))
}

/// A segment of a few groups.
struct Segment<'a> {
    groups: Vec<(GroupColumns, Dictionaries)>,
    request: &'a ScanRequest,
    split: &'a [u64],
    searched: usize,
}

impl Source for Segment<'_> {
    type Error = Infallible;

    fn bounds(&self) -> Vec<(u32, Option<u64>)> {
        let range = StartRange::of(self.request);
        let bound = |(group, number): (&(GroupColumns, Dictionaries), u32)| {
            let traces = &group.0.traces;
            let latest = (0..traces.len()).filter_map(|trace| traces.latest_start_of(trace)).max();
            // A group that is all before the range holds no trace of the range.
            range.may_touch(latest.map(|latest| (0, latest)), true).then_some((number, latest))
        };
        self.groups.iter().zip(0..).filter_map(bound).collect()
    }

    fn search(&mut self, group: u32, found: &mut Vec<Candidate>) -> Result<(), Infallible> {
        self.searched += 1;
        let (group, dictionaries) = &self.groups[group as usize];
        let select =
            |filter| Plan::new(filter, dictionaries).select_in_group(group, &dictionaries.shapes);
        let selections: Vec<_> = self.request.filters.iter().map(select).collect();
        let is_only_here = &mut |trace| !self.split.contains(&trace);
        let surroundings = Surroundings { is_continued: false, is_only_here };
        push_candidates(group, &selections, StartRange::of(self.request), surroundings, found);
        Ok(())
    }
}

/// A group of parts of traces. The flagged part of a split trace tells of the whole trace.
fn group_of(parts: &[Part], all: &Traces) -> (GroupColumns, Dictionaries) {
    let spans: Vec<_> = parts.iter().flat_map(|(_, spans, _)| spans.clone()).collect();
    let (mut group, dictionaries) = group(&chunk(&spans), |key| key % 2 == 0);
    let mut traces = TraceTable::default();
    for (low, spans, is_flagged) in parts {
        let starts = starts(if *is_flagged { &all[low] } else { spans });
        let rows = traces.rows_end.last().copied().unwrap_or(0) + spans.len() as u32;
        traces.low.push(*low);
        traces.rows_end.push(rows);
        traces.start_ns.push(starts.map_or(0, |(earliest, _)| earliest));
        traces.latest_start_ns.push(starts.map_or(0, |(_, latest)| latest));
        let has_start = if starts.is_some() { HAS_START } else { 0 };
        traces.flags.push(has_start | if *is_flagged { SUPERSEDES } else { 0 });
    }
    group.traces = traces;
    (group, dictionaries)
}

/// Cuts traces into segments of groups. Of a trace with several parts one is flagged.
fn cut(all: &Traces, seed: u64) -> (Vec<Vec<(GroupColumns, Dictionaries)>>, Vec<u64>) {
    let mut numbers = testkit::Seeded::new(seed);
    let mut parts: BTreeMap<(u64, u64), Vec<Part>> = BTreeMap::new();
    let mut split = Vec::new();
    for (low, spans) in all {
        let part_count = if numbers.one_in(2) { 1 + numbers.below(3) } else { 1 };
        let mut of_trace = vec![Vec::new(); part_count as usize];
        for span in spans {
            of_trace[numbers.below(part_count) as usize].push(span.clone());
        }
        of_trace.retain(|spans: &Vec<_>| !spans.is_empty());
        let (count, flagged) = (of_trace.len(), numbers.below(of_trace.len() as u64) as usize);
        if count > 1 {
            split.push(*low);
        }
        let first_segment = numbers.below(3);
        for (place, spans) in of_trace.into_iter().enumerate() {
            let segment = (first_segment + place as u64) % 3;
            let part = (*low, spans, count > 1 && place == flagged);
            parts.entry((segment, numbers.below(3))).or_default().push(part);
        }
    }
    let mut segments = vec![Vec::new(), Vec::new(), Vec::new()];
    for ((segment, _), parts) in &parts {
        segments[*segment as usize].push(group_of(parts, all));
    }
    (segments, split)
}

fn answers(request: &ScanRequest, spans: &[Span<'_>]) -> bool {
    let range = StartRange::of(request);
    let is_met = |filter: &SpanFilter| spans.iter().any(|span| filter.matches(span));
    spans.iter().any(|span| range.contains(span.start_ns)) && request.filters.iter().all(is_met)
}

fn traces_of(spans: Vec<Span<'static>>) -> Traces {
    let mut traces = Traces::new();
    for span in spans {
        traces.entry(span.trace_id.low()).or_default().push(span);
    }
    traces
}

/// A filter that some spans of most traces meet, and some don't.
fn halving_filter() -> impl Strategy<Value = SpanFilter> {
    let predicates = vec![
        Predicate::Kind(SpanKind::Client),
        Predicate::IsError(true),
        Predicate::DurationNs { min: 0, max: 200 },
        Predicate::SpanName(TextTest::Equals("operation-3".to_owned())),
        Predicate::ServiceName(TextTest::EqualsFolded("backend".to_owned())),
    ];
    proptest::sample::select(predicates)
        .prop_map(|predicate| SpanFilter { predicates: vec![predicate] })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn traces_come_once_and_newest_first_however_they_are_cut(
        filters in proptest::collection::vec(prop_oneof![halving_filter(), filter()], 0..3),
        bounds in (proptest::option::of(1_000_u64..2_000), proptest::option::of(1_000_u64..2_000)),
        first in 0_u64..1 << 32,
        limit in 1_usize..20,
    ) {
        let all = traces_of(spans(first, 160));
        let (start_min_ns, start_max_ns) = bounds;
        let request = ScanRequest { start_min_ns, start_max_ns, filters };
        let (segments, split) = cut(&all, first);
        let segment = |groups| Segment { groups, request: &request, split: &split, searched: 0 };
        let mut sources: Vec<_> = segments.into_iter().map(segment).collect();

        let mut expected: Vec<_> = all
            .iter()
            .filter(|(_, spans)| answers(&request, spans))
            .map(|(low, spans)| (starts(spans).map(|(_, latest)| latest), *low))
            .collect();
        expected.sort_by(|a, b| b.cmp(a));
        expected.truncate(limit);

        let mut visited = Vec::new();
        let Ok(()) = scan(&mut sources, |candidate| {
            if answers(&request, &all[&candidate.trace_id_low]) {
                visited.push((candidate.latest_start_ns, candidate.trace_id_low));
            }
            if visited.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        prop_assert_eq!(visited, expected);
    }
}

fn candidate(trace_id_low: u64, start: u64) -> Candidate {
    Candidate { trace_id_low, latest_start_ns: Some(start), is_whole: true }
}

#[test]
fn older_groups_are_not_searched_before_newer_traces_are_visited() {
    let place = |group| GroupPlace { source: 0, group };
    let mut merge = Merge::new();
    merge.add_group(place(0), Some(10));
    merge.add_group(place(1), Some(30));
    merge.add_group(place(2), None);
    let ahead: Vec<_> = merge.next_groups().map(|place| place.group).collect();
    assert_eq!(ahead, [1, 0, 2]);
    assert_eq!(merge.step(), Step::Search(place(1)));
    merge.found([candidate(1, 30), candidate(2, 10), candidate(3, 9)]);
    assert_eq!(merge.step(), Step::Visit(candidate(1, 30)));
    // The group may have a trace of the same start that stands before this one.
    assert_eq!(merge.step(), Step::Search(place(0)));
    merge.found([candidate(4, 10)]);
    assert_eq!(merge.step(), Step::Visit(candidate(4, 10)));
    assert_eq!(merge.step(), Step::Visit(candidate(2, 10)));
    assert_eq!(merge.step(), Step::Visit(candidate(3, 9)));
    assert_eq!(merge.step(), Step::Search(place(2)));
    let startless = Candidate { latest_start_ns: None, ..candidate(5, 0) };
    merge.found([startless]);
    assert_eq!([merge.step(), merge.step()], [Step::Visit(startless), Step::Done]);
}

#[test]
fn a_trace_of_several_parts_is_visited_where_its_latest_stands() {
    let part = |start| Candidate { is_whole: false, ..candidate(7, start) };
    let mut merge = Merge::new();
    merge.found([part(5), part(9), candidate(1, 7)]);
    let steps = [merge.step(), merge.step(), merge.step()];
    assert_eq!(steps, [Step::Visit(part(9)), Step::Visit(candidate(1, 7)), Step::Done]);
}
