//! A search over segments and the head, newest first.
//!
//! What is in memory rules out segments and groups; of those that are left, the groups that come
//! next in the order are read ahead, in two batches: their filters, and then the columns that the
//! request names. The more groups a search needs, the more it reads ahead.
//!
//! Before its first group a search waits for three batches at most: footers, dictionaries, and
//! what segments have for searches, as far as that is not in memory. Then it waits for two for
//! the first group, for the next 2, 4 and 8, and for every 16 more; and for each trace that it
//! gives to its visitor as often as a lookup does.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::cache::{OpenSegment, SegmentCache, Trouble, disk};
use super::search_parts::Searchable;
use crate::manifest::SegmentEntry;
use crate::predicate::{AttributeScope, Predicate, SpanFilter, ValueTest};
use crate::search::{
    Candidate, GroupPlace, Merge, Plan, RowSet, Selection, StartRange, Step, Surroundings,
    push_candidates,
};
use crate::segment::search::{FILTER_PART, FaultPlan, GroupFilter, Probes, ServicePlan};
use crate::segment::{GroupColumns, GroupRead, Projection, SegmentDecoder};
use crate::segment_store::read_ranges_blocking;
use crate::store::{ReadError, ScanRequest};

/// How many groups are read ahead at most.
const AHEAD_COUNT_MAX: usize = 16;

/// The number of the head among the sources; segments count from 0.
const HEAD_SOURCE: u32 = u32::MAX;

/// What a scan asks of the head.
pub(crate) trait HeadGroups {
    /// The latest start in each group of rows.
    fn bounds(&self) -> Vec<Option<u64>>;

    /// Appends the traces with rows in a group that may answer.
    fn search(&mut self, group: u32, found: &mut Vec<Candidate>);

    /// Whether the head has rows of a trace.
    fn has_trace(&self, trace_id_low: u64) -> bool;
}

/// A search over a set of segments.
pub(crate) struct Scan<'s> {
    cache: &'s SegmentCache,
    range: StartRange,
    segments: Vec<Searcher>,
    /// All segments of the view, which may hold other parts of traces that are found.
    all: Vec<Arc<OpenSegment>>,
    merge: Merge,
    fetched: HashMap<(u32, u32), Fetched>,
    ahead_count: usize,
    columns: GroupColumns,
}

/// The spans that meet a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// How many meet it, as far as columns tell.
    pub spans: u64,
    /// Whether that is exact; else some of them may not.
    pub is_exact: bool,
    /// How many groups of rows were read.
    pub groups_read: u64,
    /// How many there are.
    pub groups: u64,
}

/// A segment that may answer.
struct Searcher {
    segment: Searchable,
    probes: Probes,
    /// One for each filter, the one that decides first.
    plans: Vec<Plan>,
    faults: Option<FaultPlan>,
    /// Of the filter that decides.
    services: Option<ServicePlan>,
    projection: Projection,
}

/// What was read of a group.
enum Fetched {
    /// Nothing: no span of it can answer.
    Nothing,
    /// The columns that the plans name.
    Columns(Vec<Bytes>),
    /// The rows that the list of faults tells, whether that is exact, and the trace table.
    Faults(Selection, Vec<Bytes>),
}

/// The filters of a request, the one that fewest spans are likely to meet first: it decides which
/// traces come into question, the others are asked of those.
pub(crate) fn decisive_first(filters: &[SpanFilter]) -> Vec<SpanFilter> {
    let mut filters = filters.to_vec();
    let weight = |filter: &SpanFilter| filter.predicates.iter().map(weight_of).sum::<u32>();
    filters.sort_by_key(|filter| std::cmp::Reverse(weight(filter)));
    filters
}

/// How much fewer spans a predicate leaves, on a rough scale.
fn weight_of(predicate: &Predicate) -> u32 {
    match predicate {
        Predicate::Attribute { scope: AttributeScope::Resource, .. } => 3,
        Predicate::Attribute { test: ValueTest::PrintsAs(_) | ValueTest::Equals(_), .. } => 8,
        Predicate::IsError(true) => 6,
        Predicate::Attribute { .. } | Predicate::SpanName(_) | Predicate::EventName(_) => 4,
        Predicate::ServiceName(_) | Predicate::RemoteServiceName(_) => 3,
        Predicate::DurationNs { .. } => 2,
        Predicate::Kind(_) | Predicate::IsError(false) => 1,
    }
}

impl<'s> Scan<'s> {
    /// Begins a scan over the segments of these entries. `filters` are the request's, the
    /// deciding one first.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub(crate) fn new<'e>(
        cache: &'s SegmentCache,
        entries: impl IntoIterator<Item = &'e SegmentEntry>,
        filters: &[SpanFilter],
        request: &ScanRequest,
    ) -> Result<Self, ReadError> {
        let range = StartRange::of(request);
        let all = cache.open(entries)?;
        let may_touch = |open: &&Arc<OpenSegment>| {
            let starts = open.entry.start_min_ns.zip(open.entry.start_max_ns);
            range.may_touch(starts, true)
        };
        let inside = all.iter().filter(may_touch).cloned().collect();
        let everything = SpanFilter::default();
        let decisive = filters.first().unwrap_or(&everything);
        let mut segments = Vec::new();
        for segment in cache.searchable(inside)? {
            let probes = Probes::new(decisive);
            if !segment.parts.summary.may_match(&probes) {
                continue;
            }
            let searcher = Searcher::new(segment, probes, filters);
            if !searcher.plans.first().is_some_and(Plan::is_never) {
                segments.push(searcher);
            }
        }
        let mut merge = Merge::new();
        for (searcher, source) in segments.iter().zip(0..) {
            let segment = &searcher.segment.open.segment;
            for group in 0..segment.group_count() {
                let bound = segment.group(group).latest_start_ns;
                merge.add_group(GroupPlace { source, group }, bound);
            }
        }
        Ok(Self {
            cache,
            range,
            segments,
            all,
            merge,
            fetched: HashMap::new(),
            ahead_count: 1,
            columns: GroupColumns::default(),
        })
    }

    /// Returns the next trace that may answer, the one with the latest start first.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub(crate) fn next(
        &mut self,
        head: &mut dyn HeadGroups,
    ) -> Result<Option<Candidate>, ReadError> {
        loop {
            match self.merge.step() {
                Step::Done => return Ok(None),
                Step::Visit(candidate) => return Ok(Some(candidate)),
                Step::Search(GroupPlace { source: HEAD_SOURCE, group }) => {
                    let mut found = Vec::new();
                    head.search(group, &mut found);
                    self.merge.found(found);
                }
                Step::Search(place) => self.search(place, head)?,
            }
        }
    }

    /// Adds the groups of the head.
    pub(crate) fn add_head(&mut self, head: &dyn HeadGroups) {
        for (bound, group) in head.bounds().into_iter().zip(0..) {
            self.merge.add_group(GroupPlace { source: HEAD_SOURCE, group }, bound);
        }
    }

    /// Counts the spans in all segments that meet the filter that decides, whatever their start.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub(crate) fn select(mut self) -> Result<Selected, ReadError> {
        let mut selected = Selected { is_exact: true, ..Selected::default() };
        for open in &self.all {
            selected.groups += u64::from(open.segment.group_count());
        }
        for source in 0..self.segments.len() as u32 {
            let group_count = self.segments[source as usize].segment.open.segment.group_count();
            let groups: Vec<u32> = (0..group_count).collect();
            for groups in groups.chunks(AHEAD_COUNT_MAX) {
                let places = groups.iter().map(|group| GroupPlace { source, group: *group });
                self.fetch(places.collect())?;
                for group in groups {
                    let Some((selections, _)) =
                        self.decode(GroupPlace { source, group: *group })?
                    else {
                        continue;
                    };
                    selected.groups_read += 1;
                    let Some(first) = selections.first() else { continue };
                    selected.spans += first.rows.count() as u64;
                    selected.is_exact &= first.is_exact;
                }
            }
        }
        Ok(selected)
    }

    /// Searches a group, and gives what it has to the merge.
    fn search(&mut self, place: GroupPlace, head: &dyn HeadGroups) -> Result<(), ReadError> {
        if !self.fetched.contains_key(&(place.source, place.group)) {
            let rest = self.merge.next_groups().filter(|next| next.source != HEAD_SOURCE);
            let is_new = |next: &GroupPlace| !self.fetched.contains_key(&(next.source, next.group));
            let rest = rest.filter(is_new).take(self.ahead_count - 1);
            let places = std::iter::once(place).chain(rest).collect();
            self.ahead_count = (self.ahead_count * 2).min(AHEAD_COUNT_MAX);
            self.fetch(places)?;
        }
        let Some((selections, is_continued)) = self.decode(place)? else { return Ok(()) };
        let id = self.segments[place.source as usize].segment.open.entry.id;
        let mut is_only_here = |low: u64| {
            let others = self.all.iter().filter(|open| open.entry.id != id);
            !head.has_trace(low) && !others.into_iter().any(|open| open.segment.may_hold(low))
        };
        let surroundings = Surroundings { is_continued, is_only_here: &mut is_only_here };
        let mut found = Vec::new();
        push_candidates(&self.columns, &selections, self.range, surroundings, &mut found);
        self.merge.found(found);
        Ok(())
    }

    /// Reads what searching some groups takes.
    fn fetch(&mut self, places: Vec<GroupPlace>) -> Result<(), ReadError> {
        let places = self.rule_out(places)?;
        let mut reads = Vec::new();
        let mut wanted = Vec::new();
        for place in places {
            let searcher = &self.segments[place.source as usize];
            let open = &searcher.segment.open;
            let listed = searcher.listed_faults(place.group);
            if listed.as_ref().is_some_and(|listed| listed.rows.is_empty()) {
                self.fetched.insert((place.source, place.group), Fetched::Nothing);
                continue;
            }
            let traces = Projection { columns: Projection::TRACES, ..Projection::default() };
            let projection = if listed.is_some() { &traces } else { &searcher.projection };
            let ranges = open.segment.part_ranges(place.group, projection);
            wanted.push((place, listed, ranges.len()));
            reads.extend(ranges.into_iter().map(|range| open.read(range)));
        }
        let mut read = read_ranges_blocking(&**self.cache.store(), reads).into_iter();
        for (place, listed, count) in wanted {
            let parts: io::Result<Vec<Bytes>> = read.by_ref().take(count).collect();
            let fetched = match (parts, listed) {
                (Ok(parts), Some(listed)) => Fetched::Faults(listed, parts),
                (Ok(parts), None) => Fetched::Columns(parts),
                (Err(error), _) => {
                    self.give_up(place, Trouble::of_read(error))?;
                    Fetched::Nothing
                }
            };
            self.fetched.insert((place.source, place.group), fetched);
        }
        Ok(())
    }

    /// Leaves out groups that can't answer: by the summary, and by their own filters, which are
    /// read in one batch.
    fn rule_out(&mut self, places: Vec<GroupPlace>) -> Result<Vec<GroupPlace>, ReadError> {
        let (mut asked, mut left, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        for place in places {
            let searcher = &self.segments[place.source as usize];
            let Searchable { open, parts, .. } = &searcher.segment;
            let group = place.group;
            if !searcher.may_answer(group, self.range) {
                self.fetched.insert((place.source, group), Fetched::Nothing);
                continue;
            }
            let is_listed = searcher.faults.is_some() && parts.faults.is_listed(group as usize);
            match open.segment.scan_part_range(group, FILTER_PART) {
                Some(range) if searcher.probes.asks_filters() && !is_listed => {
                    asked.push(place);
                    reads.push(open.read(range));
                }
                _ => left.push(place),
            }
        }
        let read: Vec<_> = read_ranges_blocking(&**self.cache.store(), reads);
        for (place, filter) in asked.into_iter().zip(read) {
            let searcher = &self.segments[place.source as usize];
            match searcher.filter_may_match(place.group, filter) {
                Ok(true) => left.push(place),
                Ok(false) => {
                    self.fetched.insert((place.source, place.group), Fetched::Nothing);
                }
                Err(trouble) => {
                    self.give_up(place, trouble)?;
                    self.fetched.insert((place.source, place.group), Fetched::Nothing);
                }
            }
        }
        Ok(left)
    }

    /// Decodes a group that was fetched, and selects its rows; `None` when it can't answer. Tells
    /// as well whether its last trace goes on in the next group.
    fn decode(&mut self, place: GroupPlace) -> Result<Option<(Vec<Selection>, bool)>, ReadError> {
        let fetched = self.fetched.remove(&(place.source, place.group));
        let searcher = &self.segments[place.source as usize];
        let columns = &mut self.columns;
        let decoded = self.cache.with_decoder(|decoder| {
            searcher.decode(place.group, fetched.unwrap_or(Fetched::Nothing), decoder, columns)
        });
        match decoded {
            Ok(Some(selections)) => {
                let segment = &searcher.segment.open.segment;
                let next = place.group + 1;
                let is_continued = next < segment.group_count() && segment.group(next).continues;
                Ok(Some((selections, is_continued)))
            }
            Ok(None) => Ok(None),
            Err(trouble) => {
                self.give_up(place, trouble)?;
                Ok(None)
            }
        }
    }

    /// Sets a damaged segment apart.
    fn give_up(&self, place: GroupPlace, trouble: Trouble) -> Result<(), ReadError> {
        match trouble {
            Trouble::Damaged(reason) => {
                let id = self.segments[place.source as usize].segment.open.entry.id;
                self.cache.quarantine(id, &reason);
                Ok(())
            }
            Trouble::Disk(error) => Err(disk(&error)),
        }
    }
}

impl Searcher {
    fn new(segment: Searchable, probes: Probes, filters: &[SpanFilter]) -> Self {
        let dictionaries = &*segment.dictionaries;
        let plans: Vec<_> = filters.iter().map(|filter| Plan::new(filter, dictionaries)).collect();
        // The list of faults serves a single filter: others need columns all the same.
        let faults = match filters {
            [only] => FaultPlan::new(only, dictionaries),
            _ => None,
        };
        let decisive = filters.first();
        let services = decisive.and_then(|filter| ServicePlan::new(filter, &dictionaries.services));
        let mut projection = Projection { columns: Projection::TRACES, ..Projection::default() };
        for plan in &plans {
            let wanted = plan.projection();
            projection.columns |= wanted.columns;
            projection.keys.extend(wanted.keys);
        }
        projection.keys.sort_unstable();
        projection.keys.dedup();
        Self { segment, probes, plans, faults, services, projection }
    }

    /// Whether a group may answer, by what is in memory.
    fn may_answer(&self, group: u32, range: StartRange) -> bool {
        let entry = self.segment.open.segment.group(group);
        let first = entry.start_ns.map(|(first, _)| first);
        // A trace without a start may have spans with one in another part.
        let (summary, services) = (&self.segment.parts.summary, self.services.as_ref());
        range.may_touch(first.zip(entry.latest_start_ns), true)
            && summary.group_may_match(group as usize, &self.probes)
            && services.is_none_or(|services| services.group_may_match(summary, group as usize))
    }

    fn filter_may_match(&self, group: u32, filter: io::Result<Bytes>) -> Result<bool, Trouble> {
        let bytes = filter.map_err(Trouble::of_read)?;
        let part = self.segment.open.segment.check_scan_part(group, FILTER_PART, &bytes)?;
        let path = &self.segment.open.path;
        let filter = GroupFilter::parse(part)
            .map_err(|damaged| Trouble::Damaged(format!("{path}: {damaged}")))?;
        Ok(self.segment.parts.summary.filter_may_match(group as usize, filter, &self.probes))
    }

    /// The rows that the list of faults tells, where that is all that may answer.
    fn listed_faults(&self, group: u32) -> Option<Selection> {
        let (plan, faults) = (self.faults.as_ref()?, &self.segment.parts.faults);
        if !faults.is_listed(group as usize) {
            return None;
        }
        let row_count = self.segment.open.segment.group(group).row_count as usize;
        let mut selection = Selection { rows: RowSet::none(row_count), is_exact: true };
        for (fault, is_certain) in plan.select(faults, group as usize) {
            selection.rows.insert(fault.row as usize);
            selection.is_exact &= is_certain;
        }
        Some(selection)
    }

    fn decode(
        &self,
        group: u32,
        fetched: Fetched,
        decoder: &mut SegmentDecoder,
        columns: &mut GroupColumns,
    ) -> Result<Option<Vec<Selection>>, Trouble> {
        let (segment, dictionaries) = (&self.segment.open.segment, &*self.segment.dictionaries);
        match fetched {
            Fetched::Nothing => Ok(None),
            Fetched::Faults(selection, parts) => {
                let traces = Projection { columns: Projection::TRACES, ..Projection::default() };
                let read = GroupRead { group, wanted: &traces, stretches: &parts };
                segment.decode_columns(read, dictionaries, decoder, columns)?;
                Ok(Some(vec![selection]))
            }
            Fetched::Columns(parts) => {
                let read = GroupRead { group, wanted: &self.projection, stretches: &parts };
                segment.decode_columns(read, dictionaries, decoder, columns)?;
                let shapes = &dictionaries.shapes;
                let select = |plan: &Plan| plan.select_in_group(columns, shapes);
                Ok(Some(self.plans.iter().map(select).collect()))
            }
        }
    }
}
