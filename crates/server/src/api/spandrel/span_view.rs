//! One joined row in full: both halves, all events in order, all tags.

use std::borrow::Cow;

use serde::Serialize;
use spandrel_model::trace::Trace;
use spandrel_model::{Attribute, Event, LinkKind, Span, SpanId, SpanKind, StatusCode, Value};

use super::fields::{endpoint_text, event_label, offset_ns};

/// The answer to `GET /api/spandrel/traces/{id}/spans/{span}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpanView {
    trace_id: String,
    span_id: String,
    parent_id: Option<String>,
    name: String,
    trace_start_ns: Option<String>,
    halves: Vec<HalfView>,
    events: Vec<EventView>,
    tags: Vec<TagView>,
}

/// What one side of the span recorded.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HalfView {
    service: Option<String>,
    kind: Option<&'static str>,
    is_shared: bool,
    name: String,
    start_ns: Option<String>,
    offset_ns: Option<i64>,
    duration_ns: Option<u64>,
    local_address: Option<String>,
    remote_address: Option<String>,
    status: StatusView,
    scope: Option<String>,
    resource: Vec<AttributeView>,
    links: Vec<LinkView>,
}

#[derive(Debug, Serialize)]
struct StatusView {
    code: &'static str,
    message: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LinkView {
    trace_id: String,
    span_id: String,
    kind: &'static str,
}

/// A typed value, printed.
#[derive(Debug, Serialize)]
struct AttributeView {
    key: String,
    r#type: &'static str,
    value: String,
}

#[derive(Debug, Serialize)]
struct TagView {
    #[serde(flatten)]
    attribute: AttributeView,
    service: Option<String>,
}

/// One line of the events' table: what a side recorded, or what its kind and times imply.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventView {
    time_ns: String,
    offset_ns: Option<i64>,
    label: String,
    is_derived: bool,
    address: Option<String>,
    service: Option<String>,
    text: Option<String>,
    attributes: Vec<AttributeView>,
    #[serde(skip)]
    order: (u64, u8),
}

impl SpanView {
    /// Lays out the row of one span id; `None` when the trace has none.
    pub(super) fn of(mut trace: Trace, span_id: SpanId, is_raw: bool) -> Option<Self> {
        if !is_raw {
            trace.correct_skew();
        }
        let trace_start_ns = trace.summary().start_ns;
        let row = trace.rows().into_iter().find(|row| row.span_id == span_id)?;
        let halves: Vec<&Span<'static>> =
            row.spans.iter().filter_map(|index| trace.spans().get(*index)).collect();
        let answering = *halves.last()?;
        let named = halves.iter().rev().find(|half| !half.name.is_empty());
        let parent_id = halves.iter().find_map(|half| half.parent_id);
        let mut events: Vec<_> =
            halves.iter().flat_map(|half| events_of(half, trace_start_ns)).collect();
        events.sort_by_key(|event| event.order);
        Some(Self {
            trace_id: trace.trace_id().to_string(),
            span_id: span_id.to_string(),
            parent_id: parent_id.map(|parent_id| parent_id.to_string()),
            name: named.unwrap_or(&answering).name.clone().into_owned(),
            trace_start_ns: trace_start_ns.map(|start_ns| start_ns.to_string()),
            halves: halves.iter().map(|half| HalfView::of(half, trace_start_ns)).collect(),
            events,
            tags: halves.iter().flat_map(|half| tags_of(half)).collect(),
        })
    }
}

impl HalfView {
    fn of(span: &Span<'_>, trace_start_ns: Option<u64>) -> Self {
        let scope = span.scope.as_ref().map(|scope| format!("{} {}", scope.name, scope.version));
        let link = |link: &spandrel_model::Link<'_>| LinkView {
            trace_id: link.trace_id.to_string(),
            span_id: link.span_id.to_string(),
            kind: match link.kind {
                LinkKind::Related => "related",
                LinkKind::ChildOf => "child_of",
                LinkKind::FollowsFrom => "follows_from",
            },
        };
        let remote = span.remote.as_ref();
        Self {
            service: span.service_name().map(str::to_owned),
            kind: span.kind.map(kind_name),
            is_shared: span.is_shared,
            name: span.name.clone().into_owned(),
            start_ns: span.start_ns.map(|start_ns| start_ns.to_string()),
            offset_ns: span.start_ns.and_then(|start_ns| offset_ns(start_ns, trace_start_ns)),
            duration_ns: span.duration_ns,
            local_address: endpoint_text(&span.local, span.service_name()),
            remote_address: remote
                .and_then(|remote| endpoint_text(&remote.address, remote.service_name.as_deref())),
            status: StatusView {
                code: match span.status.code {
                    StatusCode::Unset => "unset",
                    StatusCode::Ok => "ok",
                    StatusCode::Error => "error",
                },
                message: span.status.message.clone().into_owned(),
            },
            scope,
            resource: span.resource.attributes.iter().map(AttributeView::of).collect(),
            links: span.links.iter().map(link).collect(),
        }
    }
}

impl AttributeView {
    fn of(attribute: &Attribute<'_>) -> Self {
        let r#type = match attribute.value {
            Value::Empty => "empty",
            Value::String(_) => "string",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Double(_) => "double",
            Value::Bytes(_) => "bytes",
            Value::Array(_) => "array",
            Value::Map(_) => "map",
        };
        let value = attribute.value.to_text().into_owned();
        Self { key: attribute.key.clone().into_owned(), r#type, value }
    }
}

fn tags_of(span: &Span<'_>) -> Vec<TagView> {
    let service = span.service_name();
    let tag = |attribute| TagView {
        attribute: AttributeView::of(attribute),
        service: service.map(str::to_owned),
    };
    span.attributes.iter().map(tag).collect()
}

/// A side's own events, and those that its kind and times imply: a client's start is when it
/// sent, its end when it received.
fn events_of(span: &Span<'_>, trace_start_ns: Option<u64>) -> Vec<EventView> {
    let address = endpoint_text(&span.local, span.service_name());
    let view = |time_ns: u64, label: Cow<'_, str>, rank: u8| EventView {
        time_ns: time_ns.to_string(),
        offset_ns: offset_ns(time_ns, trace_start_ns),
        label: label.into_owned(),
        is_derived: rank != RANK_OWN,
        address: address.clone(),
        service: span.service_name().map(str::to_owned),
        text: None,
        attributes: Vec::new(),
        order: (time_ns, rank),
    };
    let own = |event: &Event<'_>| EventView {
        text: Some(event.name.clone().into_owned()),
        attributes: event.attributes.iter().map(AttributeView::of).collect(),
        ..view(event.time_ns, event_label(event), RANK_OWN)
    };
    let mut events: Vec<_> = span.events.iter().map(own).collect();
    if let Some((start, end)) = derived_labels(span.kind) {
        let start = start.zip(span.start_ns);
        let end = end.zip(span.end_ns());
        for ((label, rank), time_ns) in start.into_iter().chain(end) {
            events.push(view(time_ns, Cow::Borrowed(label), rank));
        }
    }
    events
}

/// Where a side's own events stand among those of the same instant: inside the call.
const RANK_OWN: u8 = 2;

type Label = Option<(&'static str, u8)>;

/// What the start and the end of a span of this kind are called, in Zipkin's words, and how
/// they rank among events of the same instant.
const fn derived_labels(kind: Option<SpanKind>) -> Option<(Label, Label)> {
    match kind {
        Some(SpanKind::Client) => Some((Some(("Client Send", 0)), Some(("Client Receive", 4)))),
        Some(SpanKind::Server) => Some((Some(("Server Receive", 1)), Some(("Server Send", 3)))),
        Some(SpanKind::Producer) => Some((Some(("Producer Send", 0)), None)),
        Some(SpanKind::Consumer) => Some((Some(("Consumer Receive", 1)), None)),
        Some(SpanKind::Internal) | None => None,
    }
}

const fn kind_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Internal => "internal",
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    }
}
