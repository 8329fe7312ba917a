//! One trace as columns: an entry per joined row, strings by index, times from the trace's start.
//!
//! Columns rather than objects, because a reader of 100,000 rows can't afford an object each.

use std::collections::HashMap;

use serde::Serialize;
use spandrel_model::trace::{Row, SkewCorrection, Trace};
use spandrel_model::{Event, Span, SpanKind};

use super::fields::{address_text, event_label, offset_ns};

/// The row failed.
const FLAG_ERROR: u32 = 1;
/// The row's parent was not received.
const FLAG_PARENT_MISSING: u32 = 1 << 1;
/// The row joins the two halves of one span.
const FLAG_JOINED: u32 = 1 << 2;
/// The sender asked to keep the trace.
const FLAG_DEBUG: u32 = 1 << 3;

/// No string, no row.
const NONE: i64 = -1;

/// The answer to `GET /api/spandrel/traces/{id}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TraceView {
    trace_id: String,
    /// Nanoseconds since 1970, in decimal: more than a JavaScript number holds.
    start_ns: Option<String>,
    duration_ns: Option<u64>,
    span_count: usize,
    received_span_count: usize,
    error_count: usize,
    is_skew_corrected: bool,
    corrections: Vec<CorrectionView>,
    has_root: bool,
    services: Vec<ServiceColumn>,
    strings: Vec<String>,
    rows: RowColumns,
    events: EventColumns,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CorrectionView {
    service: Option<String>,
    address: Option<String>,
    skew_ns: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceColumn {
    name: i64,
    span_count: usize,
}

/// One entry per row, in the order of the tree: a parent before its children.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct RowColumns {
    span_id: Vec<String>,
    parent: Vec<i64>,
    depth: Vec<u32>,
    name: Vec<i64>,
    service: Vec<i64>,
    client_service: Vec<i64>,
    kind: Vec<u8>,
    start_ns: Vec<Option<i64>>,
    duration_ns: Vec<Option<u64>>,
    server_start_ns: Vec<Option<i64>>,
    server_duration_ns: Vec<Option<u64>>,
    flags: Vec<u32>,
}

/// One entry per event, in the order of the rows, then of time.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventColumns {
    row: Vec<usize>,
    offset_ns: Vec<i64>,
    label: Vec<i64>,
    detail: Vec<i64>,
}

impl TraceView {
    /// Lays a trace out, with its clocks corrected unless the raw times are wanted.
    pub(super) fn of(mut trace: Trace, received_span_count: usize, is_raw: bool) -> Self {
        let corrections = if is_raw { Vec::new() } else { trace.correct_skew() };
        let summary = trace.summary();
        let mut strings = Strings::default();
        let start_ns = summary.start_ns;
        let mut rows = RowColumns::default();
        let mut events = EventColumns::default();
        let joined = trace.rows();
        for (index, row) in joined.iter().enumerate() {
            let halves = Halves::of(row, trace.spans());
            rows.push(row, &halves, start_ns, &mut strings);
            events.push(index, &halves, start_ns, &mut strings);
        }
        let service = |(name, span_count): &(String, usize)| ServiceColumn {
            name: strings.index(name),
            span_count: *span_count,
        };
        let services = summary.services.iter().map(service).collect();
        Self {
            trace_id: summary.trace_id.to_string(),
            start_ns: start_ns.map(|start_ns| start_ns.to_string()),
            duration_ns: summary.duration_ns,
            span_count: summary.span_count,
            received_span_count,
            error_count: summary.error_count,
            is_skew_corrected: !corrections.is_empty(),
            corrections: corrections.into_iter().map(CorrectionView::from).collect(),
            has_root: joined.iter().any(|row| row.parent.is_none() && !row.is_parent_missing),
            services,
            strings: strings.texts,
            rows,
            events,
        }
    }
}

impl From<SkewCorrection> for CorrectionView {
    fn from(correction: SkewCorrection) -> Self {
        Self {
            service: correction.service,
            address: address_text(&correction.address),
            skew_ns: correction.skew_ns,
        }
    }
}

/// The spans of a row: the first is the client half where there is one, the last the server's.
struct Halves<'t> {
    all: Vec<&'t Span<'static>>,
}

impl<'t> Halves<'t> {
    fn of(row: &Row, spans: &'t [Span<'static>]) -> Self {
        Self { all: row.spans.iter().filter_map(|index| spans.get(*index)).collect() }
    }

    fn first(&self) -> Option<&'t Span<'static>> {
        self.all.first().copied()
    }

    /// The half that answered, which knows best what was done; the only one if it is alone.
    fn answering(&self) -> Option<&'t Span<'static>> {
        self.all.last().copied()
    }

    /// The answering half of a row that has both.
    fn second(&self) -> Option<&'t Span<'static>> {
        if self.all.len() > 1 { self.answering() } else { None }
    }

    /// The half that asked.
    fn asking(&self) -> Option<&'t Span<'static>> {
        let asks = |kind| matches!(kind, Some(SpanKind::Client | SpanKind::Producer));
        self.first().filter(|span| asks(span.kind))
    }
}

impl RowColumns {
    fn push(
        &mut self,
        row: &Row,
        halves: &Halves<'_>,
        trace_start_ns: Option<u64>,
        strings: &mut Strings,
    ) {
        let offset = |span: Option<&Span<'_>>| offset_ns(span?.start_ns?, trace_start_ns);
        let duration = |span: Option<&Span<'_>>| span?.duration_ns;
        let named = |span: &&Span<'_>| !span.name.is_empty();
        let name = halves.answering().filter(named).or_else(|| halves.first());
        let service_of = |span: &'_ Span<'static>| span.service_name().map(str::to_owned);
        let service = halves.answering().and_then(service_of);
        let client_service = halves.asking().and_then(service_of);
        self.span_id.push(row.span_id.to_string());
        self.parent.push(row.parent.map_or(NONE, |parent| i64::try_from(parent).unwrap_or(NONE)));
        self.depth.push(row.depth);
        self.name.push(strings.index(name.map_or("", |span| &span.name)));
        self.service.push(strings.index_of(service.as_deref()));
        self.client_service.push(strings.index_of(client_service.as_deref()));
        self.kind.push(halves.first().map_or(0, |span| kind_number(span.kind)));
        self.start_ns.push(offset(halves.first()));
        self.duration_ns.push(duration(halves.first()));
        self.server_start_ns.push(offset(halves.second()));
        self.server_duration_ns.push(duration(halves.second()));
        self.flags.push(flags(row, halves));
    }
}

fn flags(row: &Row, halves: &Halves<'_>) -> u32 {
    let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
    flag(halves.all.iter().any(|span| span.is_error()), FLAG_ERROR)
        | flag(row.is_parent_missing, FLAG_PARENT_MISSING)
        | flag(halves.all.len() > 1, FLAG_JOINED)
        | flag(halves.all.iter().any(|span| span.is_debug), FLAG_DEBUG)
}

const fn kind_number(kind: Option<SpanKind>) -> u8 {
    match kind {
        None => 0,
        Some(SpanKind::Internal) => 1,
        Some(SpanKind::Server) => 2,
        Some(SpanKind::Client) => 3,
        Some(SpanKind::Producer) => 4,
        Some(SpanKind::Consumer) => 5,
    }
}

impl EventColumns {
    fn push(
        &mut self,
        row: usize,
        halves: &Halves<'_>,
        trace_start_ns: Option<u64>,
        strings: &mut Strings,
    ) {
        let mut events: Vec<&Event<'_>> = halves.all.iter().flat_map(|span| &span.events).collect();
        events.sort_by_key(|event| event.time_ns);
        for event in events {
            let Some(offset_ns) = offset_ns(event.time_ns, trace_start_ns) else { continue };
            self.row.push(row);
            self.offset_ns.push(offset_ns);
            self.label.push(strings.index(&event_label(event)));
            self.detail.push(strings.index(&event.name));
        }
    }
}

/// Every text once, by index.
#[derive(Default)]
struct Strings {
    texts: Vec<String>,
    indices: HashMap<String, i64>,
}

impl Strings {
    fn index(&mut self, text: &str) -> i64 {
        if let Some(index) = self.indices.get(text) {
            return *index;
        }
        let index = i64::try_from(self.texts.len()).unwrap_or(NONE);
        self.texts.push(text.to_owned());
        self.indices.insert(text.to_owned(), index);
        index
    }

    fn index_of(&mut self, text: Option<&str>) -> i64 {
        text.map_or(NONE, |text| self.index(text))
    }
}
