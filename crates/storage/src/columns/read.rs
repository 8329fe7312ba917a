//! Columns to spans: the way back from a row, whole.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::sync::{Arc, OnceLock};

use spandrel_model::{
    Address, Attribute, DroppedCounts, Endpoint, Event, Link, Resource, Scope, Span, SpanId,
    Status, TraceId, Value,
};

use super::key::{Field, Owner, ValueKind};
use super::texts::Texts;
use super::value_bytes::{read_address, read_resource, read_scope, read_value};
use super::{Chunk, Column, Marks, NO_SERVICE, link_kind_of};

/// The resources that rows refer to, and their services.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    /// Each resource, encoded.
    pub(crate) encoded: Texts,
    /// The service of each, as a place in `services`, or [`NO_SERVICE`].
    pub(crate) service: Vec<u32>,
    /// The names of services.
    pub(crate) services: Texts,
}

impl Resources {
    /// The name of a resource's service.
    pub(crate) fn service_of(&self, resource: u32) -> Option<&str> {
        let service = self.service.get(resource as usize).copied().unwrap_or(NO_SERVICE);
        (service != NO_SERVICE).then(|| self.services.str(service))
    }
}

/// Makes spans of rows; what many spans share is made once.
#[derive(Debug)]
pub(crate) struct SpanReader<'c> {
    chunk: &'c Chunk,
    resources: Vec<OnceLock<Option<Arc<Resource>>>>,
    scopes: Vec<OnceLock<Option<Option<Arc<Scope>>>>>,
}

impl<'c> SpanReader<'c> {
    /// Makes one for a chunk.
    pub(crate) fn new(chunk: &'c Chunk) -> Self {
        let cells = |texts: &Texts| texts.heap().len();
        Self {
            chunk,
            resources: vec![OnceLock::new(); cells(&chunk.resources.encoded)],
            scopes: vec![OnceLock::new(); cells(&chunk.scopes)],
        }
    }

    /// The span of a row; `None` when what the chunk was read from was damaged.
    pub(crate) fn span(&self, row: usize) -> Option<Span<'c>> {
        let (chunk, rows) = (self.chunk, &self.chunk.rows);
        let trace_id = TraceId::from_halves(rows.trace_high[row], rows.trace_low[row])?;
        let mut span = Span::new(trace_id, SpanId::new(rows.span_id[row])?);
        let marks = rows.marks[row];
        span.parent_id = SpanId::new(rows.parent_id[row]);
        span.kind = marks.kind();
        span.name = text(&chunk.names, rows.name[row])?;
        span.start_ns = marks.has(Marks::HAS_START).then(|| rows.start_ns[row]);
        span.duration_ns = marks.has(Marks::HAS_DURATION).then(|| rows.duration_ns[row]);
        span.status.code = marks.status();
        span.is_shared = marks.has(Marks::SHARED);
        span.is_debug = marks.has(Marks::DEBUG);
        span.resource = self.resource(rows.resource[row])?;
        span.scope = self.scope(rows.scope[row])?;
        span.local = read_address(chunk.addresses.get(rows.address[row]))?;
        let columns = chunk.shapes.get(rows.shape[row]);
        for (column, word) in columns.iter().zip(chunk.span_values.get(row)) {
            let column = &chunk.columns[*column as usize];
            match column.key.owner {
                Owner::Field(field) => set_field(&mut span, field, column, *word)?,
                _ => span.attributes.push(attribute(column, *word)?),
            }
        }
        span.events = chunk.events_of(row).map(|event| self.event(event)).collect::<Option<_>>()?;
        span.links = chunk.links_of(row).map(|link| self.link(link)).collect::<Option<_>>()?;
        Some(span)
    }

    fn resource(&self, place: u32) -> Option<Arc<Resource>> {
        let read = || read_resource(self.chunk.resources.encoded.get(place)).map(Arc::new);
        self.resources.get(place as usize)?.get_or_init(read).clone()
    }

    fn scope(&self, place: u32) -> Option<Option<Arc<Scope>>> {
        let read = || Some(read_scope(self.chunk.scopes.get(place))?.map(Arc::new));
        self.scopes.get(place as usize)?.get_or_init(read).clone()
    }

    fn event(&self, place: usize) -> Option<Event<'c>> {
        let events = &self.chunk.events;
        let name = text(&self.chunk.event_names, events.name[place])?;
        let mut event = Event::new(events.time_ns[place], name);
        let columns = self.chunk.shapes.get(events.shape[place]);
        for (column, word) in columns.iter().zip(events.values.get(place)) {
            let column = &self.chunk.columns[*column as usize];
            match column.key.owner {
                Owner::EventAttribute => event.attributes.push(attribute(column, *word)?),
                Owner::Field(Field::DroppedAttributes) => event.dropped_attributes = small(*word)?,
                _ => return None,
            }
        }
        Some(event)
    }

    fn link(&self, place: usize) -> Option<Link<'c>> {
        let links = &self.chunk.links;
        let mut link = Link {
            kind: link_kind_of(links.kind[place])?,
            trace_id: TraceId::from_halves(links.trace_high[place], links.trace_low[place])?,
            span_id: SpanId::new(links.span_id[place])?,
            trace_state: Cow::Borrowed(""),
            trace_flags: 0,
            attributes: Vec::new(),
            dropped_attributes: 0,
        };
        let columns = self.chunk.shapes.get(links.shape[place]);
        for (column, word) in columns.iter().zip(links.values.get(place)) {
            let column = &self.chunk.columns[*column as usize];
            match column.key.owner {
                Owner::LinkAttribute => link.attributes.push(attribute(column, *word)?),
                Owner::Field(Field::DroppedAttributes) => link.dropped_attributes = small(*word)?,
                Owner::Field(Field::TraceFlags) => link.trace_flags = small(*word)?,
                Owner::Field(Field::TraceState) => {
                    link.trace_state = text(&column.texts, small(*word)?)?
                }
                _ => return None,
            }
        }
        Some(link)
    }
}

fn set_field<'c>(span: &mut Span<'c>, field: Field, column: &'c Column, word: u64) -> Option<()> {
    let text = || text(&column.texts, small(word)?);
    let dropped = |counts: fn(&mut DroppedCounts) -> &mut u32, span: &mut Span<'c>| {
        *counts(&mut span.dropped) = small(word)?;
        Some(())
    };
    match field {
        Field::TraceFlags => span.trace_flags = small(word)?,
        Field::TraceState => span.trace_state = text()?,
        Field::StatusMessage => {
            span.status = Status { code: span.status.code, message: text()? };
        }
        Field::DroppedAttributes => return dropped(|counts| &mut counts.attributes, span),
        Field::DroppedEvents => return dropped(|counts| &mut counts.events, span),
        Field::DroppedLinks => return dropped(|counts| &mut counts.links, span),
        Field::RemoteEmpty => {
            remote(span);
        }
        Field::RemoteService => remote(span).service_name = Some(text()?),
        Field::RemoteIpv4 => {
            remote(span).address.ipv4 = Some(Ipv4Addr::from_bits(small(word)?));
        }
        Field::RemoteIpv6 => {
            let octets: [u8; 16] = column.texts.get(small(word)?).try_into().ok()?;
            remote(span).address.ipv6 = Some(Ipv6Addr::from(octets));
        }
        Field::RemotePort => {
            let port = u16::try_from(word).ok().and_then(NonZeroU16::new)?;
            remote(span).address.port = Some(port);
        }
    }
    Some(())
}

fn remote<'s, 'c>(span: &'s mut Span<'c>) -> &'s mut Endpoint<'c> {
    let empty = || Endpoint { service_name: None, address: Address::default() };
    span.remote.get_or_insert_with(empty)
}

fn attribute(column: &Column, word: u64) -> Option<Attribute<'_>> {
    let value = match column.key.kind {
        ValueKind::Empty => Value::Empty,
        ValueKind::String => Value::String(text(&column.texts, small(word)?)?),
        ValueKind::Bool => Value::Bool(word != 0),
        ValueKind::Int => Value::Int(word.cast_signed()),
        ValueKind::Double => Value::Double(f64::from_bits(word)),
        ValueKind::Bytes => Value::Bytes(Cow::Borrowed(column.texts.get(small(word)?))),
        ValueKind::Nested => read_value(column.texts.get(small(word)?))?,
    };
    Some(Attribute { key: Cow::Borrowed(&*column.key.name), value })
}

fn text(texts: &Texts, place: u32) -> Option<Cow<'_, str>> {
    std::str::from_utf8(texts.get(place)).ok().map(Cow::Borrowed)
}

fn small(word: u64) -> Option<u32> {
    u32::try_from(word).ok()
}
