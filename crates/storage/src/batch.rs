//! The spans of one received request, owned, in a few allocations however many there are.
//!
//! A decoder lends each span while it reads; what is kept of it is copied behind what came before.
//! The other way a batch lends its spans again.

use std::borrow::Cow;
use std::sync::Arc;

use spandrel_model::{
    Address, Attribute, DroppedCounts, Endpoint, Event, Link, LinkKind, Resource, Scope, Span,
    SpanId, SpanKind, Status, StatusCode, TraceId, Value,
};

use crate::memory;

/// Spans of one request, in their order.
#[derive(Debug, Default)]
pub struct SpanBatch {
    text: String,
    spans: Vec<PackedSpan>,
    attributes: Vec<PackedAttribute>,
    events: Vec<PackedEvent>,
    links: Vec<PackedLink>,
    resources: Vec<Arc<Resource>>,
    scopes: Vec<Arc<Scope>>,
    /// Values that don't fit a word: bytes, arrays and maps. They are rare.
    values: Vec<Value<'static>>,
    /// What values, resources and scopes take on their own.
    boxed_len: usize,
}

/// Where a text stands.
#[derive(Clone, Copy, Debug, Default)]
struct Text {
    start: usize,
    len: usize,
}

#[derive(Debug)]
struct PackedSpan {
    trace_id: TraceId,
    span_id: SpanId,
    parent_id: Option<SpanId>,
    start_ns: Option<u64>,
    duration_ns: Option<u64>,
    name: Text,
    trace_state: Text,
    status_message: Text,
    status_code: StatusCode,
    kind: Option<SpanKind>,
    is_shared: bool,
    is_debug: bool,
    trace_flags: u32,
    resource: u32,
    /// A place plus one; 0 for none.
    scope: u32,
    local: Address,
    remote: Option<PackedEndpoint>,
    attributes_end: usize,
    events_end: usize,
    links_end: usize,
    dropped: DroppedCounts,
}

#[derive(Clone, Copy, Debug)]
struct PackedEndpoint {
    service_name: Option<Text>,
    address: Address,
}

#[derive(Debug)]
struct PackedAttribute {
    key: Text,
    value: PackedValue,
}

#[derive(Clone, Copy, Debug)]
enum PackedValue {
    Empty,
    String(Text),
    Bool(bool),
    Int(i64),
    Double(f64),
    Other(u32),
}

#[derive(Debug)]
struct PackedEvent {
    time_ns: u64,
    name: Text,
    attributes_end: usize,
    dropped_attributes: u32,
}

#[derive(Debug)]
struct PackedLink {
    kind: LinkKind,
    trace_id: TraceId,
    span_id: SpanId,
    trace_state: Text,
    trace_flags: u32,
    attributes_end: usize,
    dropped_attributes: u32,
}

impl SpanBatch {
    /// Makes an empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many spans it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The memory that it takes, in bytes.
    #[must_use]
    pub fn byte_len(&self) -> u64 {
        let lists = self.text.capacity()
            + self.spans.capacity() * size_of::<PackedSpan>()
            + self.attributes.capacity() * size_of::<PackedAttribute>()
            + self.events.capacity() * size_of::<PackedEvent>()
            + self.links.capacity() * size_of::<PackedLink>()
            + self.values.capacity() * size_of::<Value<'_>>();
        let shared = (self.resources.capacity() + self.scopes.capacity()) * size_of::<usize>();
        (lists + shared + self.boxed_len) as u64
    }

    /// Makes it empty, and keeps its memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
        self.attributes.clear();
        self.events.clear();
        self.links.clear();
        self.resources.clear();
        self.scopes.clear();
        self.values.clear();
        self.boxed_len = 0;
    }

    /// Appends a copy of a span.
    pub fn push(&mut self, span: &Span<'_>) {
        let resource = self.resource(&span.resource);
        let scope = span.scope.as_ref().map_or(0, |scope| self.scope(scope));
        let name = self.text(&span.name);
        let trace_state = self.text(&span.trace_state);
        let status_message = self.text(&span.status.message);
        let remote = span.remote.as_ref().map(|remote| PackedEndpoint {
            service_name: remote.service_name.as_ref().map(|name| self.text(name)),
            address: remote.address,
        });
        self.attributes(&span.attributes);
        let attributes_end = self.attributes.len();
        for event in &span.events {
            let name = self.text(&event.name);
            self.attributes(&event.attributes);
            self.events.push(PackedEvent {
                time_ns: event.time_ns,
                name,
                attributes_end: self.attributes.len(),
                dropped_attributes: event.dropped_attributes,
            });
        }
        for link in &span.links {
            let trace_state = self.text(&link.trace_state);
            self.attributes(&link.attributes);
            self.links.push(PackedLink {
                kind: link.kind,
                trace_id: link.trace_id,
                span_id: link.span_id,
                trace_state,
                trace_flags: link.trace_flags,
                attributes_end: self.attributes.len(),
                dropped_attributes: link.dropped_attributes,
            });
        }
        self.spans.push(PackedSpan {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_id: span.parent_id,
            start_ns: span.start_ns,
            duration_ns: span.duration_ns,
            name,
            trace_state,
            status_message,
            status_code: span.status.code,
            kind: span.kind,
            is_shared: span.is_shared,
            is_debug: span.is_debug,
            trace_flags: span.trace_flags,
            resource,
            scope,
            local: span.local,
            remote,
            attributes_end,
            events_end: self.events.len(),
            links_end: self.links.len(),
            dropped: span.dropped,
        });
    }

    /// Lends each span, in order.
    pub fn for_each<'b>(&'b self, mut visit: impl FnMut(&Span<'b>)) {
        let Some(first) = self.spans.first() else { return };
        let mut span = Span::new(first.trace_id, first.span_id);
        let mut reader = Reader { batch: self, attribute: 0, event: 0, link: 0 };
        for packed in &self.spans {
            reader.unpack(packed, &mut span);
            visit(&span);
        }
    }

    fn resource(&mut self, resource: &Arc<Resource>) -> u32 {
        // Neighbours share theirs; a list of equal ones in between costs a pointer each.
        if self.resources.last().is_none_or(|last| !Arc::ptr_eq(last, resource)) {
            self.boxed_len += memory::resource_len(resource);
            self.resources.push(Arc::clone(resource));
        }
        (self.resources.len() - 1) as u32
    }

    fn scope(&mut self, scope: &Arc<Scope>) -> u32 {
        if self.scopes.last().is_none_or(|last| !Arc::ptr_eq(last, scope)) {
            self.boxed_len += memory::scope_len(scope);
            self.scopes.push(Arc::clone(scope));
        }
        self.scopes.len() as u32
    }

    fn text(&mut self, text: &str) -> Text {
        let start = self.text.len();
        self.text.push_str(text);
        Text { start, len: text.len() }
    }

    fn attributes(&mut self, attributes: &[Attribute<'_>]) {
        for attribute in attributes {
            let key = self.text(&attribute.key);
            let value = match &attribute.value {
                Value::Empty => PackedValue::Empty,
                Value::String(text) => PackedValue::String(self.text(text)),
                Value::Bool(value) => PackedValue::Bool(*value),
                Value::Int(number) => PackedValue::Int(*number),
                Value::Double(number) => PackedValue::Double(*number),
                other => {
                    let value = other.clone().into_owned();
                    self.boxed_len += memory::value_len(&value);
                    self.values.push(value);
                    PackedValue::Other((self.values.len() - 1) as u32)
                }
            };
            self.attributes.push(PackedAttribute { key, value });
        }
    }

    fn str(&self, text: Text) -> &str {
        &self.text[text.start..text.start + text.len]
    }
}

impl FromIterator<Span<'static>> for SpanBatch {
    fn from_iter<I: IntoIterator<Item = Span<'static>>>(spans: I) -> Self {
        let mut batch = Self::new();
        spans.into_iter().for_each(|span| batch.push(&span));
        batch
    }
}

/// Walks the lists of a batch, whose spans use them up in order.
struct Reader<'b> {
    batch: &'b SpanBatch,
    attribute: usize,
    event: usize,
    link: usize,
}

impl<'b> Reader<'b> {
    /// Puts a span where the one before was, in its room.
    fn unpack(&mut self, packed: &PackedSpan, span: &mut Span<'b>) {
        let batch = self.batch;
        let text = |text| Cow::Borrowed(batch.str(text));
        span.trace_id = packed.trace_id;
        span.span_id = packed.span_id;
        span.parent_id = packed.parent_id;
        span.kind = packed.kind;
        span.name = text(packed.name);
        span.start_ns = packed.start_ns;
        span.duration_ns = packed.duration_ns;
        let resource = &batch.resources[packed.resource as usize];
        if !Arc::ptr_eq(&span.resource, resource) {
            span.resource = Arc::clone(resource);
        }
        match (packed.scope as usize).checked_sub(1).map(|scope| &batch.scopes[scope]) {
            None => span.scope = None,
            Some(scope) if span.scope.as_ref().is_some_and(|last| Arc::ptr_eq(last, scope)) => {}
            Some(scope) => span.scope = Some(Arc::clone(scope)),
        }
        span.local = packed.local;
        span.remote = packed.remote.map(|remote| Endpoint {
            service_name: remote.service_name.map(text),
            address: remote.address,
        });
        span.status = Status { code: packed.status_code, message: text(packed.status_message) };
        span.trace_state = text(packed.trace_state);
        span.trace_flags = packed.trace_flags;
        span.is_shared = packed.is_shared;
        span.is_debug = packed.is_debug;
        span.dropped = packed.dropped;
        span.attributes.clear();
        self.attributes(packed.attributes_end, &mut span.attributes);
        span.events.clear();
        while self.event < packed.events_end {
            let event = self.event();
            span.events.push(event);
        }
        span.links.clear();
        while self.link < packed.links_end {
            let link = self.link();
            span.links.push(link);
        }
    }

    fn event(&mut self) -> Event<'b> {
        let packed = &self.batch.events[self.event];
        self.event += 1;
        let mut event = Event::new(packed.time_ns, self.batch.str(packed.name));
        self.attributes(packed.attributes_end, &mut event.attributes);
        event.dropped_attributes = packed.dropped_attributes;
        event
    }

    fn link(&mut self) -> Link<'b> {
        let packed = &self.batch.links[self.link];
        self.link += 1;
        let mut attributes = Vec::new();
        self.attributes(packed.attributes_end, &mut attributes);
        Link {
            kind: packed.kind,
            trace_id: packed.trace_id,
            span_id: packed.span_id,
            trace_state: Cow::Borrowed(self.batch.str(packed.trace_state)),
            trace_flags: packed.trace_flags,
            attributes,
            dropped_attributes: packed.dropped_attributes,
        }
    }

    fn attributes(&mut self, end: usize, into: &mut Vec<Attribute<'b>>) {
        let batch = self.batch;
        into.extend(batch.attributes[self.attribute..end].iter().map(|packed| Attribute {
            key: Cow::Borrowed(batch.str(packed.key)),
            value: match packed.value {
                PackedValue::Empty => Value::Empty,
                PackedValue::String(text) => Value::String(Cow::Borrowed(batch.str(text))),
                PackedValue::Bool(value) => Value::Bool(value),
                PackedValue::Int(number) => Value::Int(number),
                PackedValue::Double(number) => Value::Double(number),
                PackedValue::Other(place) => batch.values[place as usize].clone(),
            },
        }));
        self.attribute = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_come_back_as_they_were_pushed() {
        let spans: Vec<_> = (0..500).map(testkit::seeded_span).collect();
        let batch: SpanBatch = spans.iter().cloned().collect();
        let mut lent = Vec::new();
        batch.for_each(|span| lent.push(span.clone().into_owned()));
        assert_eq!(lent, spans);
        assert_eq!(batch.len(), spans.len());
    }
}
