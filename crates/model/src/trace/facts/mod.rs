//! What a list, a graph or a comparison needs to know of a trace, found in one pass over codes.
//!
//! A [`Settler`] takes the spans of one trace as [`Node`]s: ids, times, and the numbers that the
//! caller's dictionaries gave to the names. It follows the rules of [`Trace`](super::Trace), and
//! finds the same root, counts and links, but touches no text and allocates nothing once its
//! buffers have grown. Takes time in n log n, whatever the shape of the trace.
//!
//! Clock skew is not corrected: the critical path goes by the times as they were received.

mod calls;
mod counts;
mod critical_path;
mod fingerprint;
mod hang;
mod phases;
mod pieces;

pub use phases::{PHASE_COUNT, Phase, Phases, Step};

use crate::{Address, Span, SpanId, SpanKind};
use hang::Hanging;
use pieces::Pieces;

/// The code of a name, or the place of an entry, that is not there.
pub const NO_CODE: u32 = u32::MAX;

/// The most spans that one trace may have here. The caller's own limits are far below.
pub const NODES_MAX: usize = 1 << 31;

/// One received span, less its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its id within the trace.
    pub span_id: SpanId,
    /// The span that caused it.
    pub parent_id: Option<SpanId>,
    /// The start, in nanoseconds since 1970.
    pub start_ns: Option<u64>,
    /// The duration in nanoseconds.
    pub duration_ns: Option<u64>,
    /// The emitter's network address.
    pub local: Address,
    /// The code of the emitting service's name, or [`NO_CODE`].
    pub service: u32,
    /// The code of the name of the service at the other side, or [`NO_CODE`]. Services at either
    /// side share one dictionary.
    pub remote_service: u32,
    /// The code of the operation's name, or [`NO_CODE`] for an empty one.
    pub operation: u32,
    /// The place of its network phases in [`Tables::phases`], or [`NO_CODE`].
    pub phases: u32,
    /// Which side of a call it is.
    pub kind: Option<SpanKind>,
    /// Whether it failed: [`Span::is_error`].
    pub is_error: bool,
    /// Whether its sender said that it shares its client's id.
    pub is_shared: bool,
}

/// The numbers of what a span says in texts.
#[derive(Clone, Copy, Debug)]
pub struct Codes {
    /// See [`Node::service`].
    pub service: u32,
    /// See [`Node::remote_service`].
    pub remote_service: u32,
    /// See [`Node::operation`].
    pub operation: u32,
    /// See [`Node::phases`].
    pub phases: u32,
}

impl Node {
    /// The node of a span.
    #[must_use]
    pub fn of(span: &Span<'_>, codes: Codes) -> Self {
        Self {
            span_id: span.span_id,
            parent_id: span.parent_id,
            start_ns: span.start_ns,
            duration_ns: span.duration_ns,
            local: span.local,
            service: codes.service,
            remote_service: codes.remote_service,
            operation: codes.operation,
            phases: codes.phases,
            kind: span.kind,
            is_error: span.is_error(),
            is_shared: span.is_shared,
        }
    }

    /// Start and end, when both are known.
    fn window(&self) -> Option<(u64, u64)> {
        let start_ns = self.start_ns?;
        Some((start_ns, start_ns.saturating_add(self.duration_ns?)))
    }
}

/// What the caller knows of its codes. A code past the end of a table has no entry in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tables<'t> {
    /// For each service a hash of its name, the same for ever: fingerprints are made of it.
    pub service_hashes: &'t [u64],
    /// The same for each operation.
    pub operation_hashes: &'t [u64],
    /// For each service the code of its name in lower case; one without an entry has its own.
    pub folded_services: &'t [u32],
    /// The network phases that nodes point at.
    pub phases: &'t [Phases],
}

impl Tables<'_> {
    fn folded(&self, service: u32) -> u32 {
        entry(self.folded_services, service).unwrap_or(service)
    }
}

fn entry<T: Copy>(table: &[T], code: u32) -> Option<T> {
    table.get(usize::try_from(code).ok()?).copied()
}

/// What is known of one trace. A node is told by its place in the list that was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceFacts {
    /// The span that began the trace; of a trace that lacks it, a server half without a parent.
    pub root: Option<u32>,
    /// How many rows a waterfall of it has: spans, halves under one id joined.
    pub span_count: u32,
    /// How many rows have a half that failed.
    pub error_count: u32,
    /// The services by code, each with the number of rows in which it takes part.
    pub services: Vec<(u32, u32)>,
    /// When it began: [`Trace::start_ns`](super::Trace::start_ns).
    pub start_ns: Option<u64>,
    /// The earliest start of all spans.
    pub earliest_start_ns: Option<u64>,
    /// The latest start of all spans.
    pub latest_start_ns: Option<u64>,
    /// The latest end; of a span without a duration, its start.
    pub latest_end_ns: Option<u64>,
    /// Each call between services, in the order of parent, child, then node. Services are those
    /// of the folded names.
    pub calls: Vec<Call>,
    /// The calls added up by parent and child, and in that order.
    pub links: Vec<CallCount>,
    /// The nodes that the root waited for, the root first, each before those in it, with the time
    /// that each took itself. The times add up to the root's duration. Empty when that or the
    /// root's start is not known.
    pub critical_path: Vec<(u32, u64)>,
    /// A number that two traces share when they have the same set of paths of service, operation
    /// and kind from the root down, whatever their counts, times and ids.
    pub fingerprint: u64,
    /// The network phases of all spans added up; a span received twice counts once.
    pub phases: Phases,
}

impl TraceFacts {
    /// From the earliest start to the latest end.
    #[must_use]
    pub fn duration_ns(&self) -> Option<u64> {
        Some(self.latest_end_ns?.saturating_sub(self.earliest_start_ns?))
    }

    fn clear(&mut self) {
        let kept = std::mem::take(self);
        self.services = emptied(kept.services);
        self.calls = emptied(kept.calls);
        self.links = emptied(kept.links);
        self.critical_path = emptied(kept.critical_path);
    }
}

fn emptied<T>(mut list: Vec<T>) -> Vec<T> {
    list.clear();
    list
}

/// One call of one service by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The service that called.
    pub parent: u32,
    /// The service that was called.
    pub child: u32,
    /// The node that recorded it: the called side where there is one.
    pub node: u32,
    /// How long it took by that node; none where the node only shows that there was a call.
    pub duration_ns: Option<u64>,
    /// Whether it failed, on either side.
    pub is_error: bool,
}

/// How often one service called another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallCount {
    /// The service that called.
    pub parent: u32,
    /// The service that was called.
    pub child: u32,
    /// How many calls there were.
    pub calls: u32,
    /// How many of them failed.
    pub errors: u32,
}

/// Finds the facts of one trace after the other, in buffers that are used again.
#[derive(Debug, Default)]
pub struct Settler {
    pieces: Pieces,
    hanging: Hanging,
    calls: calls::Scratch,
    counts: counts::Scratch,
    critical_path: critical_path::Scratch,
    fingerprint: fingerprint::Scratch,
    facts: TraceFacts,
}

impl Settler {
    /// Makes one whose buffers are empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds the facts of a trace from its spans as they were received, in any order.
    ///
    /// Returns `None` when only the texts of the spans decide how pieces of one span go together:
    /// pieces that contradict each other, or more than two under one id. Then
    /// [`merge`](super::merge) has to go first, and [`Settler::settle_merged`] takes what it
    /// made. Spans that were received several times are no such case, nor are a client half and
    /// its server half. Pieces that are equal as nodes are taken for one span received twice.
    ///
    /// # Panics
    ///
    /// Panics on more than [`NODES_MAX`] nodes.
    pub fn settle(&mut self, nodes: &[Node], tables: &Tables<'_>) -> Option<&TraceFacts> {
        assert!(nodes.len() <= NODES_MAX, "a trace of {} spans is not one", nodes.len());
        if self.pieces.gather(nodes, tables) {
            self.find(tables);
            Some(&self.facts)
        } else {
            None
        }
    }

    /// Finds the facts of a trace whose spans were merged, in the order that
    /// [`merge`](super::merge) gave them.
    ///
    /// # Panics
    ///
    /// Panics on more than [`NODES_MAX`] nodes.
    pub fn settle_merged(&mut self, nodes: &[Node], tables: &Tables<'_>) -> &TraceFacts {
        assert!(nodes.len() <= NODES_MAX, "a trace of {} spans is not one", nodes.len());
        self.pieces.take_merged(nodes);
        self.find(tables);
        &self.facts
    }

    fn find(&mut self, tables: &Tables<'_>) {
        let nodes = self.pieces.nodes();
        self.facts.clear();
        self.hanging.hang(nodes, tables);
        self.counts.count(nodes, &mut self.facts);
        for node in nodes {
            if let Some(phases) = entry(tables.phases, node.phases) {
                self.facts.phases.add(&phases);
            }
        }
        self.facts.fingerprint = self.fingerprint.of(nodes, &self.hanging, tables);
        self.calls.find(nodes, &self.hanging, tables, &mut self.facts.calls);
        self.critical_path.find(nodes, &self.hanging, &mut self.facts.critical_path);

        // Until here a node is a place among the merged ones.
        let origins = self.pieces.origins();
        let origin = |node: u32| entry(origins, node).unwrap_or(NO_CODE);
        self.facts.root = self.hanging.first_span(nodes).map(origin);
        for call in &mut self.facts.calls {
            call.node = origin(call.node);
        }
        for (node, _) in &mut self.facts.critical_path {
            *node = origin(*node);
        }
        calls::sort_and_sum(&mut self.facts.calls, &mut self.facts.links);
    }
}
