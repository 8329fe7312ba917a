//! A batch of spans as Arrow columns: one field of a span, one column.
//!
//! A column has nulls exactly where the span's field is optional.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder as _, BooleanBuilder, StringBuilder, TimestampMicrosecondBuilder, UInt16Builder,
    UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use spandrel_model::{Address, Span, SpanKind, StatusCode};

use super::nested::{EventColumn, LinkColumn, MapColumn};

/// What times of day are told in.
pub(super) const TIME_ZONE: &str = "UTC";

/// What the columns of fixed width take for one span, and the offsets of the others.
const SPAN_BYTES: usize = 256;

/// What the offset of one text takes.
const OFFSET_BYTES: usize = 4;

/// Spans that wait to be encoded, column by column.
#[derive(Debug, Default)]
pub(super) struct SpanColumns {
    trace_id: StringBuilder,
    span_id: StringBuilder,
    parent_span_id: StringBuilder,
    name: StringBuilder,
    kind: StringBuilder,
    start: TimestampMicrosecondBuilder,
    start_ns: UInt64Builder,
    duration_ns: UInt64Builder,
    status_code: StringBuilder,
    status_message: StringBuilder,
    is_error: BooleanBuilder,
    service_name: StringBuilder,
    local: AddressColumns,
    remote_service_name: StringBuilder,
    remote: AddressColumns,
    attributes: MapColumn,
    resource_attributes: MapColumn,
    scope_name: StringBuilder,
    scope_version: StringBuilder,
    scope_attributes: MapColumn,
    events: EventColumn,
    links: LinkColumn,
    trace_state: StringBuilder,
    trace_flags: UInt32Builder,
    is_shared: BooleanBuilder,
    is_debug: BooleanBuilder,
    dropped: DroppedColumns,
}

/// A network address in three columns.
#[derive(Debug, Default)]
struct AddressColumns {
    ipv4: StringBuilder,
    ipv6: StringBuilder,
    port: UInt16Builder,
}

/// What senders dropped.
#[derive(Debug, Default)]
struct DroppedColumns {
    attributes: UInt32Builder,
    events: UInt32Builder,
    links: UInt32Builder,
    resource_attributes: UInt32Builder,
    scope_attributes: UInt32Builder,
}

impl SpanColumns {
    /// How many spans wait.
    pub(super) fn len(&self) -> usize {
        self.trace_id.len()
    }

    /// What the spans that wait hold in memory, closely enough to bound it.
    pub(super) fn bytes_len(&self) -> usize {
        let texts = [
            &self.name,
            &self.status_message,
            &self.service_name,
            &self.remote_service_name,
            &self.scope_name,
            &self.scope_version,
            &self.trace_state,
        ];
        let maps = [&self.attributes, &self.resource_attributes, &self.scope_attributes];
        self.len() * SPAN_BYTES
            + texts.into_iter().map(text_len).sum::<usize>()
            + maps.into_iter().map(MapColumn::bytes_len).sum::<usize>()
            + self.events.bytes_len()
            + self.links.bytes_len()
    }

    /// Adds a span.
    pub(super) fn append(&mut self, span: &Span<'_>) {
        append_printed(&mut self.trace_id, span.trace_id);
        append_printed(&mut self.span_id, span.span_id);
        append_if_known(&mut self.parent_span_id, span.parent_id);
        self.name.append_value(&span.name);
        self.kind.append_option(span.kind.map(kind_name));
        self.start.append_option(span.start_ns.map(microseconds));
        self.start_ns.append_option(span.start_ns);
        self.duration_ns.append_option(span.duration_ns);
        self.status_code.append_value(status_code_name(span.status.code));
        self.status_message.append_value(&span.status.message);
        self.is_error.append_value(span.is_error());
        self.service_name.append_option(span.service_name());
        self.local.append(&span.local);
        self.remote_service_name.append_option(span.remote_service_name());
        let unknown = Address::default();
        self.remote.append(span.remote.as_ref().map_or(&unknown, |remote| &remote.address));
        self.attributes.append(&span.attributes);
        self.resource_attributes.append(&span.resource.attributes);
        self.append_scope(span);
        self.events.append(&span.events);
        self.links.append(&span.links);
        self.trace_state.append_value(&span.trace_state);
        self.trace_flags.append_value(span.trace_flags);
        self.is_shared.append_value(span.is_shared);
        self.is_debug.append_value(span.is_debug);
        self.dropped.append(span);
    }

    fn append_scope(&mut self, span: &Span<'_>) {
        let scope = span.scope.as_ref();
        self.scope_name.append_option(scope.map(|scope| &scope.name));
        self.scope_version.append_option(scope.map(|scope| &scope.version));
        self.scope_attributes.append(scope.map_or(&[], |scope| &scope.attributes));
    }

    /// Takes the spans that wait, as rows. The names and the order of the columns are the
    /// file's.
    pub(super) fn finish(&mut self) -> RecordBatch {
        let [local_ipv4, local_ipv6, local_port] = self.local.finish();
        let [remote_ipv4, remote_ipv6, remote_port] = self.remote.finish();
        let [attributes, events, links, resource_attributes, scope_attributes] =
            self.dropped.finish();
        let text = |column: &mut StringBuilder| Arc::new(column.finish()) as ArrayRef;
        RecordBatch::try_from_iter_with_nullable([
            ("trace_id", text(&mut self.trace_id), false),
            ("span_id", text(&mut self.span_id), false),
            ("parent_span_id", text(&mut self.parent_span_id), true),
            ("name", text(&mut self.name), false),
            ("kind", text(&mut self.kind), true),
            ("start", Arc::new(self.start.finish().with_timezone(TIME_ZONE)), true),
            ("start_ns", Arc::new(self.start_ns.finish()), true),
            ("duration_ns", Arc::new(self.duration_ns.finish()), true),
            ("status_code", text(&mut self.status_code), false),
            ("status_message", text(&mut self.status_message), false),
            ("is_error", Arc::new(self.is_error.finish()), false),
            ("service_name", text(&mut self.service_name), true),
            ("local_ipv4", local_ipv4, true),
            ("local_ipv6", local_ipv6, true),
            ("local_port", local_port, true),
            ("remote_service_name", text(&mut self.remote_service_name), true),
            ("remote_ipv4", remote_ipv4, true),
            ("remote_ipv6", remote_ipv6, true),
            ("remote_port", remote_port, true),
            ("attributes", self.attributes.finish(), false),
            ("resource_attributes", self.resource_attributes.finish(), false),
            ("scope_name", text(&mut self.scope_name), true),
            ("scope_version", text(&mut self.scope_version), true),
            ("scope_attributes", self.scope_attributes.finish(), false),
            ("events", self.events.finish(), false),
            ("links", self.links.finish(), false),
            ("trace_state", text(&mut self.trace_state), false),
            ("trace_flags", Arc::new(self.trace_flags.finish()), false),
            ("is_shared", Arc::new(self.is_shared.finish()), false),
            ("is_debug", Arc::new(self.is_debug.finish()), false),
            ("dropped_attributes", attributes, false),
            ("dropped_events", events, false),
            ("dropped_links", links, false),
            ("dropped_resource_attributes", resource_attributes, false),
            ("dropped_scope_attributes", scope_attributes, false),
        ])
        .expect("every column got one value with every span")
    }
}

impl AddressColumns {
    fn append(&mut self, address: &Address) {
        append_if_known(&mut self.ipv4, address.ipv4);
        append_if_known(&mut self.ipv6, address.ipv6);
        self.port.append_option(address.port.map(u16::from));
    }

    fn finish(&mut self) -> [ArrayRef; 3] {
        [Arc::new(self.ipv4.finish()), Arc::new(self.ipv6.finish()), Arc::new(self.port.finish())]
    }
}

impl DroppedColumns {
    fn append(&mut self, span: &Span<'_>) {
        let scope_attributes = span.scope.as_ref().map_or(0, |scope| scope.dropped_attributes);
        self.attributes.append_value(span.dropped.attributes);
        self.events.append_value(span.dropped.events);
        self.links.append_value(span.dropped.links);
        self.resource_attributes.append_value(span.resource.dropped_attributes);
        self.scope_attributes.append_value(scope_attributes);
    }

    fn finish(&mut self) -> [ArrayRef; 5] {
        let number = |column: &mut UInt32Builder| Arc::new(column.finish()) as ArrayRef;
        [
            number(&mut self.attributes),
            number(&mut self.events),
            number(&mut self.links),
            number(&mut self.resource_attributes),
            number(&mut self.scope_attributes),
        ]
    }
}

/// A time of day as most readers know it. Nanoseconds since 1970 pass the signed 64 bits of
/// their timestamps in the year 2262; microseconds hold all that a span can say.
pub(super) fn microseconds(time_ns: u64) -> i64 {
    i64::try_from(time_ns / 1000).expect("2^64 / 1000 is less than 2^63")
}

/// Appends what prints, without a text of its own in between.
pub(super) fn append_printed(column: &mut StringBuilder, printed: impl fmt::Display) {
    write!(column, "{printed}").expect("a builder takes every text");
    // What was written becomes a value together with the next one that is appended.
    column.append_value("");
}

/// What the values of a column of text hold in memory.
pub(super) fn text_len(column: &StringBuilder) -> usize {
    column.values_slice().len() + column.len() * OFFSET_BYTES
}

fn append_if_known<T: fmt::Display>(column: &mut StringBuilder, printed: Option<T>) {
    match printed {
        Some(printed) => append_printed(column, printed),
        None => column.append_null(),
    }
}

/// The kind as TraceQL spells it.
fn kind_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Internal => "internal",
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    }
}

/// The outcome as TraceQL spells it.
fn status_code_name(code: StatusCode) -> &'static str {
    match code {
        StatusCode::Unset => "unset",
        StatusCode::Ok => "ok",
        StatusCode::Error => "error",
    }
}
