//! Spans to columns: appends rows to a chunk, and interns what repeats.
//!
//! Senders repeat themselves: a span has mostly the keys that the last span of its name had, so
//! those are tried before any table is asked.

use std::sync::Arc;

use spandrel_model::{Event, Link, Resource, Scope, Span};

use super::key::{Field, Owner};
use super::list::{KeyIndex, ListWriter, own};
use super::shapes::ShapeInterner;
use super::texts::Interner;
use super::value_bytes::{write_address, write_resource, write_scope};
use super::{CHUNK_ROW_COUNT_MAX, Chunk, Lists, Marks, NO_SERVICE, Request, Rows, link_kind_code};

/// Stands for a shape that no list of its sort had yet.
const NO_SHAPE: u32 = u32::MAX;

/// A chunk that rows are appended to.
#[derive(Debug)]
pub(crate) struct ChunkBuilder {
    chunk: Chunk,
    seed: u64,
    names: Interner,
    event_names: Interner,
    resources: Interner,
    services: Interner,
    scopes: Interner,
    addresses: Interner,
    shapes: ShapeInterner,
    keys: KeyIndex,
    /// The last shape of spans, by the place of their name; then the same of events.
    span_shapes: Vec<u32>,
    event_shapes: Vec<u32>,
    link_shape: u32,
    last_resource: Option<(Arc<Resource>, u32)>,
    last_scope: Option<(Arc<Scope>, u32)>,
    scratch: Scratch,
}

/// Buffers that are used again.
#[derive(Debug, Default)]
struct Scratch {
    shape: Vec<u32>,
    words: Vec<u64>,
    encoded: Vec<u8>,
}

impl ChunkBuilder {
    /// Makes an empty one. `seed` is a number that no sender knows; it changes no row.
    pub(crate) fn new(seed: u64) -> Self {
        let interner = || Interner::new(seed);
        Self {
            chunk: Chunk::default(),
            seed,
            names: interner(),
            event_names: interner(),
            resources: interner(),
            services: interner(),
            scopes: interner(),
            addresses: interner(),
            shapes: ShapeInterner::new(seed),
            keys: KeyIndex::new(seed),
            span_shapes: Vec::new(),
            event_shapes: Vec::new(),
            link_shape: NO_SHAPE,
            last_resource: None,
            last_scope: None,
            scratch: Scratch::default(),
        }
    }

    /// The rows so far.
    pub(crate) fn chunk(&self) -> &Chunk {
        &self.chunk
    }

    /// Ends the chunk, and makes this builder ready for another.
    ///
    /// After a full chunk there is room for one like it at once: lists that double on their way
    /// there would touch twice as many pages, which costs more than writing them.
    pub(crate) fn finish(&mut self) -> Chunk {
        let chunk = std::mem::replace(self, Self::new(self.seed)).chunk;
        if chunk.len() >= CHUNK_ROW_COUNT_MAX {
            self.chunk.rows = Rows::with_capacity(chunk.len());
            self.chunk.span_values =
                Lists::with_capacity(chunk.len(), chunk.span_values.words.len());
        }
        chunk
    }

    /// The memory that rows and tables take.
    pub(crate) fn byte_len(&self) -> usize {
        let tables = [
            &self.names,
            &self.event_names,
            &self.resources,
            &self.services,
            &self.scopes,
            &self.addresses,
        ];
        let tables = tables.into_iter().map(Interner::byte_len).sum::<usize>();
        self.chunk.byte_len() + tables + self.shapes.byte_len() + self.keys.byte_len()
    }

    /// Begins a request: the rows that follow came with it.
    pub(crate) fn begin_request(&mut self, request: Request) {
        if self.chunk.requests.last() != Some(&request) {
            self.chunk.requests.push(request);
        }
    }

    /// Appends a span to the request that was begun; returns its row.
    ///
    /// # Panics
    ///
    /// Panics when no request was begun.
    pub(crate) fn push(&mut self, span: &Span<'_>) -> usize {
        let row = self.chunk.len();
        let request = self.chunk.requests.len().checked_sub(1).expect("a request was begun");
        let name = self.names.intern_always(own(&mut self.chunk.names), span.name.as_bytes());
        let resource = self.resource(&span.resource);
        let scope = self.scope(span.scope.as_ref());
        let address = self.address(span);
        let shape = self.span_values(span, name);
        span.events.iter().for_each(|event| self.event(event));
        span.links.iter().for_each(|link| self.link(link));

        let mut bits = 0;
        let mut mark = |is_set: bool, bit: u16| bits |= if is_set { bit } else { 0 };
        mark(span.start_ns.is_some(), Marks::HAS_START);
        mark(span.duration_ns.is_some(), Marks::HAS_DURATION);
        mark(span.is_shared, Marks::SHARED);
        mark(span.is_debug, Marks::DEBUG);
        mark(span.is_error(), Marks::ERROR);
        let Chunk { rows, events, links, .. } = &mut self.chunk;
        rows.trace_high.push(span.trace_id.high());
        rows.trace_low.push(span.trace_id.low());
        rows.span_id.push(span.span_id.get());
        rows.parent_id.push(span.parent_id.map_or(0, |parent| parent.get()));
        rows.start_ns.push(span.start_ns.unwrap_or(0));
        rows.duration_ns.push(span.duration_ns.unwrap_or(0));
        rows.marks.push(Marks::new(span.kind, span.status.code, bits));
        rows.name.push(name);
        rows.resource.push(resource);
        rows.scope.push(scope);
        rows.address.push(address);
        rows.shape.push(shape);
        rows.events_end.push(events.name.len() as u32);
        rows.links_end.push(links.kind.len() as u32);
        rows.request.push(request as u32);
        row
    }

    fn resource(&mut self, resource: &Arc<Resource>) -> u32 {
        if let Some((last, place)) = &self.last_resource
            && Arc::ptr_eq(last, resource)
        {
            return *place;
        }
        self.scratch.encoded.clear();
        write_resource(&mut self.scratch.encoded, resource);
        let resources = &mut self.chunk.resources;
        let place =
            self.resources.intern_always(own(&mut resources.encoded), &self.scratch.encoded);
        if place as usize == resources.service.len() {
            let service = resource.service_name.as_ref().map_or(NO_SERVICE, |name| {
                self.services.intern_always(own(&mut resources.services), name.as_bytes())
            });
            resources.service.push(service);
        }
        self.last_resource = Some((Arc::clone(resource), place));
        place
    }

    fn scope(&mut self, scope: Option<&Arc<Scope>>) -> u32 {
        if let (Some((last, place)), Some(scope)) = (&self.last_scope, scope)
            && Arc::ptr_eq(last, scope)
        {
            return *place;
        }
        self.scratch.encoded.clear();
        write_scope(&mut self.scratch.encoded, scope.map(AsRef::as_ref));
        let place = self.scopes.intern_always(own(&mut self.chunk.scopes), &self.scratch.encoded);
        if let Some(scope) = scope {
            self.last_scope = Some((Arc::clone(scope), place));
        }
        place
    }

    fn address(&mut self, span: &Span<'_>) -> u32 {
        self.scratch.encoded.clear();
        write_address(&mut self.scratch.encoded, &span.local);
        self.addresses.intern_always(own(&mut self.chunk.addresses), &self.scratch.encoded)
    }

    /// Appends the values of a span, and returns their shape.
    fn span_values(&mut self, span: &Span<'_>, name: u32) -> u32 {
        let predicted = predicted(&mut self.span_shapes, name);
        let mut list = self.begin_list(predicted);
        list.numbers([
            (Field::TraceFlags, span.trace_flags),
            (Field::DroppedAttributes, span.dropped.attributes),
            (Field::DroppedEvents, span.dropped.events),
            (Field::DroppedLinks, span.dropped.links),
        ]);
        list.text(Field::TraceState, &span.trace_state);
        list.text(Field::StatusMessage, &span.status.message);
        if let Some(remote) = &span.remote {
            list.remote(remote);
        }
        list.attributes(Owner::SpanAttribute, &span.attributes);
        let shape = self.end_list(predicted, |chunk| &mut chunk.span_values);
        self.span_shapes[name as usize] = shape;
        shape
    }

    fn event(&mut self, event: &Event<'_>) {
        let names = own(&mut self.chunk.event_names);
        let name = self.event_names.intern_always(names, event.name.as_bytes());
        let predicted = predicted(&mut self.event_shapes, name);
        let mut list = self.begin_list(predicted);
        list.numbers([(Field::DroppedAttributes, event.dropped_attributes)]);
        list.attributes(Owner::EventAttribute, &event.attributes);
        let shape = self.end_list(predicted, |chunk| &mut chunk.events.values);
        self.event_shapes[name as usize] = shape;
        let events = &mut self.chunk.events;
        events.time_ns.push(event.time_ns);
        events.name.push(name);
        events.shape.push(shape);
    }

    fn link(&mut self, link: &Link<'_>) {
        let predicted = self.link_shape;
        let mut list = self.begin_list(predicted);
        list.numbers([
            (Field::DroppedAttributes, link.dropped_attributes),
            (Field::TraceFlags, link.trace_flags),
        ]);
        list.text(Field::TraceState, &link.trace_state);
        list.attributes(Owner::LinkAttribute, &link.attributes);
        let shape = self.end_list(predicted, |chunk| &mut chunk.links.values);
        self.link_shape = shape;
        let links = &mut self.chunk.links;
        links.kind.push(link_kind_code(link.kind));
        links.trace_high.push(link.trace_id.high());
        links.trace_low.push(link.trace_id.low());
        links.span_id.push(link.span_id.get());
        links.shape.push(shape);
    }

    fn begin_list(&mut self, predicted: u32) -> ListWriter<'_> {
        let Self { chunk, keys, scratch, .. } = self;
        scratch.shape.clear();
        scratch.words.clear();
        let predicted = if predicted == NO_SHAPE { &[][..] } else { chunk.shapes.get(predicted) };
        ListWriter {
            columns: &mut chunk.columns,
            keys,
            predicted,
            shape: &mut scratch.shape,
            words: &mut scratch.words,
            encoded: &mut scratch.encoded,
        }
    }

    fn end_list(&mut self, predicted: u32, of: fn(&mut Chunk) -> &mut Lists) -> u32 {
        of(&mut self.chunk).push(&self.scratch.words);
        if predicted != NO_SHAPE && self.chunk.shapes.get(predicted) == self.scratch.shape {
            return predicted;
        }
        self.shapes.intern(&mut self.chunk.shapes, &self.scratch.shape)
    }
}

/// The shape that the last list of a name had; makes room for the name.
fn predicted(shapes: &mut Vec<u32>, name: u32) -> u32 {
    let name = name as usize;
    if name >= shapes.len() {
        shapes.resize(name + 1, NO_SHAPE);
    }
    shapes[name]
}
