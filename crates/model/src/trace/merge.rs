//! Received spans into whole ones: pieces of one span are put together, halves are told apart.
//!
//! The rules are Zipkin's. Nothing here is written back: merging happens on read.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::order::{compare_events, compare_links, fold_name, merge_order};
use crate::{Address, Attribute, Endpoint, Resource, Span, SpanKind, StatusCode};

/// How often the spans of one id are gone through until nothing changes any more.
///
/// Real traces need one or two rounds. Hostile ones could be made to need as many as they have
/// spans; past this number they stay in the pieces they are in.
const ROUNDS_MAX: usize = 8;

/// Puts the pieces of each span together and tells server halves from client halves.
///
/// Spans of one id are one span when both or neither are shared and what is known of their
/// emitters does not conflict; the first that says something wins, attributes are overlaid, and
/// events and links united, without duplicates. The result is ordered by span id, a client half
/// before its server halves, and does not depend on the order of arrival. All spans must be of
/// one trace, but may disagree on the high half of its id: one of 128 bits wins over 64.
#[must_use]
pub fn merge(mut received: Vec<Span<'static>>) -> Vec<Span<'static>> {
    let long_id = received.iter().map(|span| span.trace_id).filter(|id| id.high() != 0).min();
    for span in &mut received {
        if let Some(id) = long_id
            && span.trace_id.high() == 0
        {
            span.trace_id = id;
        }
        if span.parent_id == Some(span.span_id) {
            span.parent_id = None;
        }
        if span.kind == Some(SpanKind::Client) {
            span.is_shared = false;
        }
    }
    received.sort_by(merge_order);

    let mut merged = Vec::with_capacity(received.len());
    let mut same_id: Vec<Span<'static>> = Vec::new();
    for span in received {
        if same_id.first().is_some_and(|first| first.span_id != span.span_id) {
            merged.append(&mut merge_same_id(std::mem::take(&mut same_id)));
        }
        same_id.push(span);
    }
    merged.append(&mut merge_same_id(same_id));
    merged
}

fn merge_same_id(mut spans: Vec<Span<'static>>) -> Vec<Span<'static>> {
    for _ in 0..ROUNDS_MAX {
        let count = spans.len();
        if count <= 1 {
            break;
        }
        spans = join_pieces(spans);
        let has_shared = share_servers(&mut spans);
        if spans.len() == count && !has_shared {
            break;
        }
        spans.sort_by(merge_order);
    }
    share_parents(&mut spans);
    spans
}

/// Joins neighbours that are pieces of one span.
fn join_pieces(spans: Vec<Span<'static>>) -> Vec<Span<'static>> {
    let mut joined = Vec::with_capacity(spans.len());
    let mut pieces: Vec<Span<'static>> = Vec::new();
    let mut emitter = Emitter::default();
    for span in spans {
        let is_piece = pieces.first().is_none_or(|first| first.is_shared == span.is_shared)
            && emitter.accepts(&span);
        if !is_piece {
            joined.extend(join(std::mem::take(&mut pieces)));
            emitter = Emitter::default();
        }
        emitter.learn(&span);
        pieces.push(span);
    }
    joined.extend(join(pieces));
    joined
}

/// Marks the server halves whose sender did not say that they share their client's id; returns
/// whether there was one.
fn share_servers(spans: &mut [Span<'static>]) -> bool {
    if !spans.iter().any(|span| span.kind == Some(SpanKind::Client)) {
        return false;
    }
    let mut has_shared = false;
    for span in spans {
        if span.kind == Some(SpanKind::Server) && !span.is_shared {
            span.is_shared = true;
            has_shared = true;
        }
    }
    has_shared
}

/// Gives shared spans that were not told their parent the one of the half before them.
fn share_parents(spans: &mut [Span<'static>]) {
    let mut parent_id = None;
    for span in spans {
        if span.is_shared && span.parent_id.is_none() {
            span.parent_id = parent_id;
        }
        parent_id = span.parent_id;
    }
}

/// What the pieces so far say of the one that emitted them.
#[derive(Default)]
struct Emitter {
    /// A resource that has a service name.
    named: Option<Arc<Resource>>,
    address: Address,
}

impl Emitter {
    fn accepts(&self, span: &Span<'_>) -> bool {
        let known_name = self.named.as_ref().and_then(|resource| resource.service_name.as_deref());
        agree(known_name.map(fold_name), span.service_name().map(fold_name))
            && agree(self.address.ipv4, span.local.ipv4)
            && agree(self.address.ipv6, span.local.ipv6)
            && agree(self.address.port, span.local.port)
    }

    fn learn(&mut self, span: &Span<'_>) {
        if self.named.is_none() && span.service_name().is_some() {
            self.named = Some(Arc::clone(&span.resource));
        }
        fill_address(&mut self.address, span.local);
    }
}

fn agree<T: PartialEq>(left: Option<T>, right: Option<T>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => left == right,
        _ => true,
    }
}

fn fill_address(address: &mut Address, other: Address) {
    address.ipv4 = address.ipv4.or(other.ipv4);
    address.ipv6 = address.ipv6.or(other.ipv6);
    address.port = address.port.or(other.port);
}

/// Makes one span of its pieces; a span in one piece stays as it is.
fn join(pieces: Vec<Span<'static>>) -> Option<Span<'static>> {
    if pieces.len() <= 1 {
        return pieces.into_iter().next();
    }
    let resource = join_resources(&pieces);
    let mut pieces = pieces.into_iter();
    let mut span = pieces.next()?;
    for piece in pieces {
        absorb(&mut span, piece);
    }
    span.resource = resource.unwrap_or(span.resource);
    span.attributes = overlay(span.attributes);
    span.events.sort_by(compare_events);
    span.events.dedup();
    span.links.sort_by(compare_links);
    span.links.dedup();
    Some(span)
}

/// Lets `piece` say what `span` does not, and appends its lists.
fn absorb(span: &mut Span<'static>, piece: Span<'static>) {
    span.parent_id = span.parent_id.or(piece.parent_id);
    span.kind = span.kind.or(piece.kind);
    span.start_ns = span.start_ns.or(piece.start_ns);
    span.duration_ns = span.duration_ns.or(piece.duration_ns);
    if span.name.is_empty() {
        span.name = piece.name;
    }
    if span.trace_state.is_empty() {
        span.trace_state = piece.trace_state;
    }
    if span.status.code == StatusCode::Unset {
        span.status = piece.status;
    }
    if span.scope.is_none() {
        span.scope = piece.scope;
    }
    fill_address(&mut span.local, piece.local);
    match (&mut span.remote, piece.remote) {
        (Some(remote), Some(other)) => fill_endpoint(remote, other),
        (Some(_), None) => {}
        (remote @ None, other) => *remote = other,
    }
    span.attributes.extend(piece.attributes);
    span.events.extend(piece.events);
    span.links.extend(piece.links);
    span.trace_flags |= piece.trace_flags;
    span.is_debug |= piece.is_debug;
    // A span that was sent twice dropped what it dropped once.
    span.dropped.attributes = span.dropped.attributes.max(piece.dropped.attributes);
    span.dropped.events = span.dropped.events.max(piece.dropped.events);
    span.dropped.links = span.dropped.links.max(piece.dropped.links);
}

fn fill_endpoint(endpoint: &mut Endpoint<'static>, other: Endpoint<'static>) {
    if endpoint.service_name.is_none() {
        endpoint.service_name = other.service_name;
    }
    fill_address(&mut endpoint.address, other.address);
}

/// The resource that the pieces tell together; `None` when the first one tells it all.
fn join_resources(pieces: &[Span<'static>]) -> Option<Arc<Resource>> {
    let first = &pieces.first()?.resource;
    let mut others: Vec<&Arc<Resource>> = pieces.iter().map(|piece| &piece.resource).collect();
    others.dedup_by(|left, right| Arc::ptr_eq(left, right) || left == right);
    if others.len() <= 1 {
        return None;
    }
    let attributes = others.iter().flat_map(|resource| resource.attributes.iter().cloned());
    let joined = Resource {
        service_name: others.iter().find_map(|resource| resource.service_name.clone()),
        attributes: overlay(attributes.collect()),
        dropped_attributes: others.iter().map(|one| one.dropped_attributes).max().unwrap_or(0),
    };
    (joined != **first).then(|| Arc::new(joined))
}

/// Leaves one attribute a key: the place is the first one's, the value the last one's.
fn overlay(attributes: Vec<Attribute<'static>>) -> Vec<Attribute<'static>> {
    let mut places: HashMap<Cow<'static, str>, usize> = HashMap::with_capacity(attributes.len());
    let mut kept: Vec<Attribute<'static>> = Vec::with_capacity(attributes.len());
    for attribute in attributes {
        match places.entry(attribute.key.clone()) {
            Entry::Occupied(place) => {
                if let Some(earlier) = kept.get_mut(*place.get()) {
                    earlier.value = attribute.value;
                }
            }
            Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(attribute);
            }
        }
    }
    kept
}
