//! Settling: while a segment is written, each of its traces is understood once.
//!
//! A [`Settling`] watches the groups go by. It tells the structural fingerprint of each trace and,
//! in a part of the group, what else lists and comparisons ask ([`FactRows`]); and it counts spans
//! and calls in a [`Rollup`], which becomes a section.
//!
//! What is counted adds up over segments, exactly. Spans are counted where they are. The calls of
//! a segment are those of its traces, together with what older segments hold of them, less what
//! those count already: the sum over all segments is what the traces are now, whatever came late.
//! The trace's row says then that it supersedes, and a section tells of the whole ([`Wholes`]). A
//! merge adds up the sections of what it merges
//! and counts nothing anew, but takes off what it leaves out: a span that is there twice, and
//! traces that were deleted. What retention takes, it takes with its counts; what remains of a
//! trace of which a part expired may then count less than nothing.

mod deleted;
mod facts;
mod fuzz;
mod names;
mod nodes;
mod older;
mod sections;
mod trace_settler;
mod wholes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use spandrel_model::Span;
use spandrel_model::trace::facts::Node;

use self::names::Names;
use self::nodes::{CodeMap, NodeTexts, PhaseTable};
use self::older::Older;
use self::trace_settler::{TRACE_NODE_COUNT_MAX, TraceSettler, is_in_order, put_in_order};
use super::job::JobError;
use crate::columns::{Chunk, Marks, Request, SpanReader};
use crate::encoding::Encoder;
use crate::manifest::{Manifest, SegmentEntry};
use crate::reads::SegmentCache;
use crate::rollup::{Class, Limits, Name, Rollup, SpanKey, minute_of};
use crate::segment::{
    CONTINUES, Dictionaries, GroupColumns, GroupObserver, GroupParts, SectionId, SegmentTexts,
};
use crate::store::ReadError;
use crate::tenant::Tenant;

pub(super) use deleted::{Deleted, DeletedIn};
pub(crate) use facts::{Bases, FACTS_PART, FactRows};
pub use fuzz::read_hostile_rollup;
pub(crate) use sections::{ROLLUP_SECTION, STRAYS_SECTION, read_rollup};
pub(crate) use wholes::{WHOLES_SECTION, Wholes};

/// Settles the traces of one segment that is written.
pub(crate) struct Settling<'w> {
    counting: Counting,
    generations: Generations,
    older: Older<'w>,
    spans_of: SpansOf<'w>,
    rollup: Rollup,
    /// Calls that older segments count, and that the rollup counts again.
    counted_before: Rollup,
    /// The minutes of the segment's own spans: the first and the last.
    minutes: Option<(u32, u32)>,
    names: Names,
    codes: CodeMap,
    phases: PhaseTable,
    settler: TraceSettler,
    /// The rows of the group at hand.
    nodes: Vec<Node>,
    /// The rows of a trace that are not a stretch of these.
    whole: Vec<Node>,
    /// The rows so far of a trace that goes on in the next group.
    open: Vec<Node>,
    /// What the group's part says.
    facts: FactRows,
    wholes: Wholes,
    path_buffer: Vec<(u32, u64)>,
    encoder: Encoder,
    unsettled_count: u64,
    error: Option<ReadError>,
}

/// Finds the spans of a trace that is being written, for one that is not in one group.
pub(super) type SpansOf<'w> = Box<dyn Fn(u64) -> Result<Vec<Span<'static>>, ReadError> + 'w>;

/// For a trace that is in several segments, the one that its latest spans were flushed to: what
/// is written with those knows of the others.
#[derive(Debug, Default)]
pub(super) struct Generations {
    /// That of traces that are not in the list.
    pub(super) own: u64,
    /// By the low half of the trace's id.
    pub(super) by_trace: BTreeMap<u64, u64>,
}

impl Generations {
    fn of(&self, low: u64) -> u64 {
        self.by_trace.get(&low).copied().unwrap_or(self.own)
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    /// All that goes by.
    New,
    /// Nothing: the rollup is that of the segments that are merged. What they have twice is
    /// taken off.
    Merged,
    /// Nothing, and there is no rollup: the spans are copies.
    Copies,
}

impl<'w> Settling<'w> {
    /// For a flush of these traces to a segment of this number. `view` names all segments that
    /// were flushed before.
    pub(super) fn of_flush(
        cache: &'w SegmentCache,
        view: Arc<Manifest>,
        (tenant, segment_id): (&Tenant, u64),
        lows: &[u64],
        spans_of: SpansOf<'w>,
    ) -> Result<Self, JobError> {
        let older = Older::find(cache, view, tenant, BTreeSet::new(), lows)?;
        let generations = Generations { own: segment_id, ..Generations::default() };
        let rollup = Rollup::new(Limits::SEGMENT);
        Ok(Self { generations, ..Self::new(Counting::New, older, spans_of, rollup) })
    }

    /// For a merge of segments, whose rollups were added up. `superseding` are the generations of
    /// the traces whose rows supersede others; these may be in segments that are not merged.
    pub(super) fn of_merge(
        cache: &'w SegmentCache,
        view: Arc<Manifest>,
        (tenant, merged): (&Tenant, &'w [SegmentEntry]),
        superseding: BTreeMap<u64, u64>,
        rollup: Rollup,
    ) -> Result<Self, JobError> {
        let ids = merged.iter().map(|entry| entry.id).collect();
        let lows: Vec<u64> = superseding.keys().copied().collect();
        let older = Older::find(cache, Arc::clone(&view), tenant, ids, &lows)?;
        let generations = Generations { own: 0, by_trace: superseding };
        let spans_of: SpansOf<'w> = Box::new(move |low| {
            let kept = merged.iter().filter(|entry| !view.is_deleted(entry, low));
            let found = cache.find_trace(kept, low)?;
            Ok(found.iter().filter_map(|rows| rows.spans()).flatten().collect())
        });
        Ok(Self { generations, ..Self::new(Counting::Merged, older, spans_of, rollup) })
    }

    /// For copies of spans that are counted elsewhere.
    pub(super) fn of_copies(cache: &'w SegmentCache, tenant: &Tenant) -> Result<Self, JobError> {
        let none = Arc::new(Manifest::empty());
        let older = Older::find(cache, none, tenant, BTreeSet::new(), &[])?;
        let spans_of: SpansOf<'w> = Box::new(|_| Ok(Vec::new()));
        Ok(Self::new(Counting::Copies, older, spans_of, Rollup::new(Limits::SEGMENT)))
    }

    fn new(counting: Counting, older: Older<'w>, spans_of: SpansOf<'w>, rollup: Rollup) -> Self {
        Self {
            counting,
            generations: Generations::default(),
            older,
            spans_of,
            rollup,
            counted_before: Rollup::new(Limits::SEGMENT),
            minutes: None,
            names: Names::default(),
            codes: CodeMap::default(),
            phases: PhaseTable::default(),
            settler: TraceSettler::default(),
            nodes: Vec::new(),
            whole: Vec::new(),
            open: Vec::new(),
            facts: FactRows::default(),
            wholes: Wholes::default(),
            path_buffer: Vec::new(),
            encoder: Encoder::new(),
            unsettled_count: 0,
            error: None,
        }
    }

    /// Whether the rollup so far counts anything.
    pub(super) fn counts_something(&self) -> bool {
        !self.rollup.is_empty()
    }

    /// Says how many traces could not be settled, once the segment is written.
    ///
    /// # Errors
    ///
    /// Fails when an older segment could not be read: the segment must not count then.
    pub(super) fn finish(self) -> Result<u64, JobError> {
        self.error.map_or(Ok(self.unsettled_count), |error| Err(error.into()))
    }

    fn widen_minutes(&mut self, group: &GroupColumns) {
        for trace in 0..group.traces.len() {
            let Some(start_ns) = group.traces.start_of(trace) else { continue };
            let last = minute_of(group.traces.latest_start_of(trace));
            let first = minute_of(Some(start_ns));
            let (min, max) = self.minutes.unwrap_or((first, last));
            self.minutes = Some((min.min(first), max.max(last)));
        }
    }

    fn count_spans(&mut self, marks: &[Marks]) {
        for (node, marks) in self.nodes.iter().zip(marks) {
            let key = SpanKey {
                service: self.names.rolled(node.service, &mut self.rollup),
                operation: self.names.rolled(node.operation, &mut self.rollup),
                class: Class::new(node.kind, marks.status(), node.is_error),
                minute: minute_of(node.start_ns),
            };
            self.rollup.add_span(key, node.duration_ns);
        }
    }

    /// Settles a trace of the group; returns its fingerprint, and whether it supersedes what older
    /// segments say.
    fn settle(&mut self, group: &mut GroupSpans<'_>, trace: usize) -> (u64, bool) {
        let traces = &group.columns.traces;
        let (low, rows) = (traces.low[trace], group.columns.rows_of(trace));
        let is_rest = traces.has(trace, CONTINUES);
        let before = self.older.nodes_of(low);
        let (older_count, is_counted) = (before.len(), self.counting == Counting::New);
        if older_count > 0 && is_counted {
            self.whole.clear();
            self.whole.extend_from_slice(before);
            self.settle_before(low);
        }
        let mut nodes = &self.nodes[rows.clone()];
        if older_count > 0 || is_rest || !is_in_order(nodes) {
            self.whole.clear();
            self.whole.extend_from_slice(self.older.nodes_of(low));
            self.whole.append(&mut self.open);
            self.whole.extend_from_slice(nodes);
            put_in_order(&mut self.whole);
            nodes = &self.whole;
        }
        let (older, spans_of, error) = (&self.older, &self.spans_of, &mut self.error);
        let spans = || {
            let mut spans = match is_rest {
                false => group.spans(rows)?,
                true => keep_error(spans_of(low), error)?,
            };
            if older_count > 0 {
                spans.append(&mut keep_error(older.spans_of(low), error)?);
            }
            Some(spans)
        };
        let settled = self.settler.settle(nodes, &mut self.names, &mut self.phases, spans);
        let Some(settled) = settled else {
            self.unsettled_count += 1;
            self.facts.push_nothing();
            return (0, older_count > 0);
        };
        if is_counted {
            let names = &mut self.names;
            settled.count_calls(&mut self.rollup, |code, rollup| names.rolled(code, rollup));
        }
        let (codes, buffer) = (&self.codes, &mut self.path_buffer);
        if older_count > 0 || is_rest {
            self.facts.push_nothing();
            let generation = if older_count > 0 { self.generations.of(low) } else { 0 };
            self.wholes.push((low, generation), &settled, buffer);
        } else {
            let service = |code| codes.service_back(code);
            self.facts.push(&settled, buffer, service, |code| codes.name_back(code));
        }
        (settled.facts.fingerprint, older_count > 0)
    }

    /// Counts the calls that older segments count of a trace, whose rows there are `whole`.
    fn settle_before(&mut self, low: u64) {
        put_in_order(&mut self.whole);
        let (older, error) = (&self.older, &mut self.error);
        let spans = || keep_error(older.spans_of(low), error);
        let (names, phases) = (&mut self.names, &mut self.phases);
        if let Some(settled) = self.settler.settle(&self.whole, names, phases, spans) {
            settled
                .count_calls(&mut self.counted_before, |code, rollup| names.name_in(code, rollup));
        }
    }
}

fn keep_error<T>(outcome: Result<T, ReadError>, error: &mut Option<ReadError>) -> Option<T> {
    outcome.map_err(|failed| *error = Some(failed)).ok()
}

impl GroupObserver for Settling<'_> {
    fn folded(&mut self, chunk: &Chunk, row: usize) {
        if self.counting != Counting::Merged {
            return;
        }
        let rows = &chunk.rows;
        let marks = rows.marks[row];
        let service = chunk.resources.service_of(rows.resource[row]);
        let operation = chunk.names.str(rows.name[row]);
        let mut twice = Rollup::new(Limits::SEGMENT);
        let key = SpanKey {
            service: service.map_or(Name::ABSENT, |name| twice.name(name)),
            operation: if operation.is_empty() { Name::ABSENT } else { twice.name(operation) },
            class: Class::new(marks.kind(), marks.status(), marks.has(Marks::ERROR)),
            minute: minute_of(marks.has(Marks::HAS_START).then(|| rows.start_ns[row])),
        };
        let duration_ns = marks.has(Marks::HAS_DURATION).then(|| rows.duration_ns[row]);
        twice.add_span(key, duration_ns);
        self.rollup.subtract(&twice);
    }

    fn group(&mut self, group: &GroupColumns, texts: SegmentTexts<'_>, parts: &mut GroupParts) {
        self.widen_minutes(group);
        if self.open.is_empty() {
            self.phases.clear();
        }
        self.nodes.clear();
        let node_texts = NodeTexts::written(&texts);
        let (names, phases) = (&mut self.names, &mut self.phases);
        self.codes.make(group, &node_texts, (names, phases), &mut self.nodes);
        let lows = group.traces.low.iter().copied();
        if let Err(error) = self.older.load(lows, names, phases) {
            self.error = Some(error);
        }
        if self.counting == Counting::New {
            self.count_spans(&group.marks);
        }
        self.facts.clear();
        let mut spans = GroupSpans { columns: group, texts, chunk: None };
        for trace in 0..group.traces.len() {
            let (mut fingerprint, mut supersedes) = (0, false);
            if group.goes_on && trace + 1 == group.traces.len() {
                if self.open.len() <= TRACE_NODE_COUNT_MAX {
                    self.open.extend_from_slice(&self.nodes[group.rows_of(trace)]);
                }
                self.facts.push_nothing();
            } else {
                (fingerprint, supersedes) = self.settle(&mut spans, trace);
            }
            parts.fingerprints.push(fingerprint);
            if supersedes {
                parts.superseding.push(trace);
            }
        }
        let mut out = Vec::new();
        self.facts.encode(&Bases::of_table(&group.traces), &mut self.encoder, &mut out);
        parts.scan.push((FACTS_PART, out));
    }

    fn sections(&mut self, _: SegmentTexts<'_>, sections: &mut Vec<(SectionId, Vec<u8>)>) {
        if self.wholes.len() > 0 {
            let mut out = Vec::new();
            self.wholes.encode(|code| self.names.text(code), &mut self.encoder, &mut out);
            sections.push((WHOLES_SECTION, out));
        }
        if self.counting != Counting::Copies {
            self.rollup.subtract(&self.counted_before);
            let minutes = self.minutes.map(|(first, last)| first..=last);
            sections::write(&self.rollup, minutes, sections);
        }
    }
}

/// The spans of a group, whole, for the few traces that need them.
struct GroupSpans<'g> {
    columns: &'g GroupColumns,
    texts: SegmentTexts<'g>,
    chunk: Option<Chunk>,
}

impl GroupSpans<'_> {
    fn spans(&mut self, rows: std::ops::Range<usize>) -> Option<Vec<Span<'static>>> {
        let Self { columns, texts, chunk } = self;
        let chunk = chunk.get_or_insert_with(|| {
            let request = Request { arrival_ns: 0, log_file_id: 0, log_offset: 0 };
            columns.to_chunk(0..columns.row_count, &Dictionaries::of_texts(texts), request)
        });
        let reader = SpanReader::new(chunk);
        rows.map(|row| Some(reader.span(row)?.into_owned())).collect()
    }
}
