//! What prost makes of a request, and what the model must make of that.
//!
//! The messages are declared anew after OpenTelemetry's schema, so that a field number that is
//! wrong in the codec is wrong in one place only.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::{Message, Oneof};
use spandrel_model::{
    Attribute, Event, Link, LinkKind, Resource, Scope, Span, SpanId, SpanKind, Status, StatusCode,
    TraceId, Value,
};

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) resource_spans: Vec<PbResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbResourceSpans {
    #[prost(message, optional, tag = "1")]
    pub(super) resource: Option<PbResource>,
    #[prost(message, repeated, tag = "2")]
    pub(super) scope_spans: Vec<PbScopeSpans>,
    #[prost(string, tag = "3")]
    pub(super) schema_url: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbResource {
    #[prost(message, repeated, tag = "1")]
    pub(super) attributes: Vec<PbKeyValue>,
    #[prost(uint32, tag = "2")]
    pub(super) dropped_attributes_count: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbScopeSpans {
    #[prost(message, optional, tag = "1")]
    pub(super) scope: Option<PbScope>,
    #[prost(message, repeated, tag = "2")]
    pub(super) spans: Vec<PbSpan>,
    #[prost(string, tag = "3")]
    pub(super) schema_url: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbScope {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) version: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) attributes: Vec<PbKeyValue>,
    #[prost(uint32, tag = "4")]
    pub(super) dropped_attributes_count: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbSpan {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) span_id: Vec<u8>,
    #[prost(string, tag = "3")]
    pub(super) trace_state: String,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    pub(super) name: String,
    #[prost(int32, tag = "6")]
    pub(super) kind: i32,
    #[prost(fixed64, tag = "7")]
    pub(super) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    pub(super) end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    pub(super) attributes: Vec<PbKeyValue>,
    #[prost(uint32, tag = "10")]
    pub(super) dropped_attributes_count: u32,
    #[prost(message, repeated, tag = "11")]
    pub(super) events: Vec<PbEvent>,
    #[prost(uint32, tag = "12")]
    pub(super) dropped_events_count: u32,
    #[prost(message, repeated, tag = "13")]
    pub(super) links: Vec<PbLink>,
    #[prost(uint32, tag = "14")]
    pub(super) dropped_links_count: u32,
    #[prost(message, optional, tag = "15")]
    pub(super) status: Option<PbStatus>,
    #[prost(fixed32, tag = "16")]
    pub(super) flags: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbEvent {
    #[prost(fixed64, tag = "1")]
    pub(super) time_unix_nano: u64,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) attributes: Vec<PbKeyValue>,
    #[prost(uint32, tag = "4")]
    pub(super) dropped_attributes_count: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbLink {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) span_id: Vec<u8>,
    #[prost(string, tag = "3")]
    pub(super) trace_state: String,
    #[prost(message, repeated, tag = "4")]
    pub(super) attributes: Vec<PbKeyValue>,
    #[prost(uint32, tag = "5")]
    pub(super) dropped_attributes_count: u32,
    #[prost(fixed32, tag = "6")]
    pub(super) flags: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbStatus {
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(int32, tag = "3")]
    pub(super) code: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbKeyValue {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<PbAnyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbAnyValue {
    #[prost(oneof = "PbValue", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(super) value: Option<PbValue>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum PbValue {
    #[prost(string, tag = "1")]
    String(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    Array(PbArray),
    #[prost(message, tag = "6")]
    Map(PbMap),
    #[prost(bytes = "vec", tag = "7")]
    Bytes(Vec<u8>),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbArray {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<PbAnyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbMap {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<PbKeyValue>,
}

/// The spans that a request must come to, and how many of it must be rejected.
pub(super) fn expected(request: &PbRequest) -> (Vec<Span<'static>>, usize) {
    let (mut spans, mut rejected) = (Vec::new(), 0);
    for of_resource in &request.resource_spans {
        let resource = Arc::new(resource(of_resource.resource.as_ref()));
        for of_scope in &of_resource.scope_spans {
            let scope = of_scope.scope.as_ref().map(|scope| Arc::new(scope_of(scope)));
            for message in &of_scope.spans {
                match span(message) {
                    Some(mut span) => {
                        span.resource = Arc::clone(&resource);
                        span.scope.clone_from(&scope);
                        spans.push(span);
                    }
                    None => rejected += 1,
                }
            }
        }
    }
    (spans, rejected)
}

fn resource(message: Option<&PbResource>) -> Resource {
    let mut resource = Resource::default();
    let Some(message) = message else { return resource };
    resource.attributes = attributes(&message.attributes);
    resource.dropped_attributes = message.dropped_attributes_count;
    // The last that is a text, by its place in the list.
    let names: BTreeMap<usize, String> = resource
        .attributes
        .iter()
        .enumerate()
        .filter(|(_, attribute)| attribute.key == "service.name")
        .filter_map(|(index, attribute)| Some((index, attribute.value.as_str()?.to_owned())))
        .collect();
    if let Some((index, name)) = names.into_iter().next_back() {
        resource.attributes.remove(index);
        resource.service_name = Some(name).filter(|name| !name.is_empty());
    }
    resource
}

fn scope_of(message: &PbScope) -> Scope {
    Scope {
        name: message.name.clone(),
        version: message.version.clone(),
        attributes: attributes(&message.attributes),
        dropped_attributes: message.dropped_attributes_count,
    }
}

/// The id in as many bytes as it must have: `Err` for another length, `Ok(None)` for none.
fn id<const N: usize>(bytes: &[u8]) -> Result<Option<[u8; N]>, ()> {
    match <[u8; N]>::try_from(bytes) {
        Ok(id) => Ok(Some(id).filter(|id| id.iter().any(|byte| *byte > 0))),
        Err(_) if bytes.is_empty() => Ok(None),
        Err(_) => Err(()),
    }
}

fn trace_id(bytes: &[u8]) -> Result<Option<TraceId>, ()> {
    Ok(id(bytes)?.and_then(|id| TraceId::new(u128::from_be_bytes(id))))
}

fn span_id(bytes: &[u8]) -> Result<Option<SpanId>, ()> {
    Ok(id(bytes)?.and_then(|id| SpanId::new(u64::from_be_bytes(id))))
}

fn span(message: &PbSpan) -> Option<Span<'static>> {
    let mut span = Span::new(trace_id(&message.trace_id).ok()??, span_id(&message.span_id).ok()??);
    span.parent_id = span_id(&message.parent_span_id).ok()?;
    span.trace_state = message.trace_state.clone().into();
    span.trace_flags = message.flags;
    span.name = message.name.clone().into();
    span.kind = match message.kind {
        1 => Some(SpanKind::Internal),
        2 => Some(SpanKind::Server),
        3 => Some(SpanKind::Client),
        4 => Some(SpanKind::Producer),
        5 => Some(SpanKind::Consumer),
        _ => None,
    };
    span.attributes = attributes(&message.attributes);
    let (start, end) = (message.start_time_unix_nano, message.end_time_unix_nano);
    if start > 0 {
        span.start_ns = Some(start);
    }
    if start > 0 && end >= start {
        span.duration_ns = Some(end - start);
    } else if end > 0 {
        let end = i64::from_ne_bytes(end.to_ne_bytes());
        span.attributes.push(Attribute::new("spandrel.end_time_unix_nano", end));
    }
    span.events = message.events.iter().map(event).collect();
    let links: Option<Vec<_>> = message.links.iter().map(|it| link(it).ok()).collect();
    let links = links?;
    span.dropped.attributes = message.dropped_attributes_count;
    span.dropped.events = message.dropped_events_count;
    let unheld = u32::try_from(links.iter().filter(|link| link.is_none()).count()).unwrap();
    span.dropped.links = message.dropped_links_count.saturating_add(unheld);
    span.links = links.into_iter().flatten().collect();
    let status = message.status.clone().unwrap_or_default();
    let code = match status.code {
        1 => StatusCode::Ok,
        2 => StatusCode::Error,
        _ => StatusCode::Unset,
    };
    span.status = Status { code, message: status.message.into() };
    Some(span)
}

fn event(message: &PbEvent) -> Event<'static> {
    Event {
        time_ns: message.time_unix_nano,
        name: message.name.clone().into(),
        attributes: attributes(&message.attributes),
        dropped_attributes: message.dropped_attributes_count,
    }
}

fn link(message: &PbLink) -> Result<Option<Link<'static>>, ()> {
    let ids = trace_id(&message.trace_id)?.zip(span_id(&message.span_id)?);
    Ok(ids.map(|(trace_id, span_id)| Link {
        kind: LinkKind::Related,
        trace_id,
        span_id,
        trace_state: message.trace_state.clone().into(),
        trace_flags: message.flags,
        attributes: attributes(&message.attributes),
        dropped_attributes: message.dropped_attributes_count,
    }))
}

fn attributes(messages: &[PbKeyValue]) -> Vec<Attribute<'static>> {
    let of = |message: &PbKeyValue| Attribute {
        key: message.key.clone().into(),
        value: message.value.as_ref().map_or(Value::Empty, value),
    };
    messages.iter().map(of).collect()
}

fn value(message: &PbAnyValue) -> Value<'static> {
    match &message.value {
        None => Value::Empty,
        Some(PbValue::String(text)) => Value::from(text.clone()),
        Some(PbValue::Bool(flag)) => Value::Bool(*flag),
        Some(PbValue::Int(number)) => Value::Int(*number),
        Some(PbValue::Double(number)) => Value::Double(*number),
        Some(PbValue::Bytes(bytes)) => Value::Bytes(bytes.clone().into()),
        Some(PbValue::Array(array)) => Value::Array(array.values.iter().map(value).collect()),
        Some(PbValue::Map(map)) => Value::Map(attributes(&map.values)),
    }
}
