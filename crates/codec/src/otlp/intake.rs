//! What one decode call carries from span to span, and the rules that both formats share.
//!
//! Nothing here knows the bytes of a format.

use std::borrow::Cow;
use std::sync::Arc;

use spandrel_model::{
    Attribute, DroppedCounts, Event, Link, LinkKind, Resource, Scope, Span, SpanId, SpanKind,
    Status, StatusCode, TraceId,
};

use super::{Decoded, PARTS_MAX, carried};
use crate::{DecodeError, SpanSink};

/// How many lists of attributes are kept for the events and links of the next span.
const SPARE_LISTS_MAX: usize = 256;

/// How many places such a list may have and still be kept.
const SPARE_LIST_CAPACITY_MAX: usize = 64;

/// What stands in the place of an id that is not read yet.
const NO_TRACE: TraceId = TraceId::new(u128::MAX).expect("the largest id is not zero");
const NO_SPAN: SpanId = SpanId::new(u64::MAX).expect("the largest id is not zero");

/// Why what is being read, a span or what spans share, cannot be kept: the first reason that was
/// met. Counts its parts on the way.
#[derive(Debug)]
pub(super) struct Fault {
    reason: Option<DecodeError>,
    parts_left: usize,
}

impl Default for Fault {
    fn default() -> Self {
        Self { reason: None, parts_left: PARTS_MAX }
    }
}

impl Fault {
    /// Whether one more attribute, event, link or element may be kept. If not, that is noted.
    #[inline]
    pub(super) fn has_room(&mut self, offset: usize) -> bool {
        if self.parts_left == 0 {
            let parts = "attributes, events, links and elements of values";
            self.note(DecodeError::at(offset, format!("over {PARTS_MAX} {parts}")));
            return false;
        }
        self.parts_left -= 1;
        true
    }

    /// Notes a reason.
    #[cold]
    pub(super) fn note(&mut self, reason: DecodeError) {
        self.reason.get_or_insert(reason);
    }
}

/// The ids of a span.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) parent_id: Option<SpanId>,
}

/// The place of one span, filled again and again, and what is shared by those that follow.
pub(super) struct Intake<'s, 'a> {
    sink: &'s mut dyn SpanSink,
    takes_back: bool,
    /// What is read into; its ids and times are set at the end.
    pub(super) span: Span<'a>,
    /// Why it cannot be kept.
    pub(super) fault: Fault,
    resource_fault: Fault,
    scope_fault: Fault,
    /// How many links of the span cannot be held.
    unheld_links: u32,
    spare: Vec<Vec<Attribute<'a>>>,
    decoded: Decoded,
}

impl<'s, 'a> Intake<'s, 'a> {
    /// Starts with nothing read. An archive's carried attributes are taken back.
    pub(super) fn new(sink: &'s mut dyn SpanSink, takes_back: bool) -> Self {
        Self {
            sink,
            takes_back,
            span: Span::new(NO_TRACE, NO_SPAN),
            fault: Fault::default(),
            resource_fault: Fault::default(),
            scope_fault: Fault::default(),
            unheld_links: 0,
            spare: Vec::new(),
            decoded: Decoded::default(),
        }
    }

    /// Returns what became of the spans.
    pub(super) fn into_decoded(self) -> Decoded {
        self.decoded
    }

    /// The index in the body of the span that is being read.
    pub(super) fn span_index(&self) -> usize {
        self.decoded.accepted + self.decoded.rejected
    }

    /// Sets the resource of the spans that follow; what was wrong with it is their fault.
    pub(super) fn set_resource(&mut self, mut resource: Resource, fault: Fault) {
        resource.service_name = carried::take_service_name(&mut resource.attributes);
        self.span.resource = Arc::new(resource);
        self.resource_fault = fault;
    }

    /// Sets the scope of the spans that follow; what was wrong with it is their fault.
    pub(super) fn set_scope(&mut self, scope: Option<Scope>, fault: Fault) {
        self.span.scope = scope.map(Arc::new);
        self.scope_fault = fault;
    }

    /// Forgets the last span and keeps the room that its lists have.
    pub(super) fn begin_span(&mut self) {
        let span = &mut self.span;
        span.kind = None;
        span.name = Cow::Borrowed("");
        span.attributes.clear();
        span.status = Status::default();
        span.trace_state = Cow::Borrowed("");
        span.trace_flags = 0;
        span.is_shared = false;
        span.is_debug = false;
        span.dropped = DroppedCounts::default();
        span.remote = None;
        span.local = Default::default();
        let of_events = span.events.drain(..).map(|event| event.attributes);
        let of_links = span.links.drain(..).map(|link| link.attributes);
        for mut list in of_events.chain(of_links) {
            let is_worth_it = (1..=SPARE_LIST_CAPACITY_MAX).contains(&list.capacity());
            if is_worth_it && self.spare.len() < SPARE_LISTS_MAX {
                list.clear();
                self.spare.push(list);
            }
        }
        self.unheld_links = 0;
        self.fault = Fault::default();
    }

    /// Adds an event and returns it, to be filled.
    pub(super) fn begin_event(&mut self) -> (&mut Event<'a>, &mut Fault) {
        let attributes = self.spare.pop().unwrap_or_default();
        let event = Event { attributes, ..Event::new(0, "") };
        (self.span.events.push_mut(event), &mut self.fault)
    }

    /// Adds a link and returns it, to be filled. Its ids stand for none until it is ended.
    pub(super) fn begin_link(&mut self) -> (&mut Link<'a>, &mut Fault) {
        let link = Link {
            kind: LinkKind::Related,
            trace_id: NO_TRACE,
            span_id: NO_SPAN,
            trace_state: Cow::Borrowed(""),
            trace_flags: 0,
            attributes: self.spare.pop().unwrap_or_default(),
            dropped_attributes: 0,
        };
        (self.span.links.push_mut(link), &mut self.fault)
    }

    /// Sets the ids of the link that was begun. A link to an id of zeros cannot be held; it is
    /// counted with those that the sender dropped.
    pub(super) fn end_link(&mut self, ids: Result<Option<(TraceId, SpanId)>, DecodeError>) {
        let Some(link) = self.span.links.last_mut() else { return };
        match ids {
            Ok(Some(ids)) => (link.trace_id, link.span_id) = ids,
            Ok(None) => {
                self.span.links.pop();
                self.unheld_links += 1;
            }
            Err(reason) => self.fault.note(reason),
        }
    }

    /// Ends the span: it reaches the sink, or is rejected.
    pub(super) fn end_span(
        &mut self,
        ids: Result<Ids, DecodeError>,
        (start_ns, end_ns): (u64, u64),
    ) {
        let shared = self.resource_fault.reason.as_ref().or(self.scope_fault.reason.as_ref());
        let reason = self.fault.reason.take().or_else(|| shared.cloned());
        let ids = match (reason, ids) {
            (None, Ok(ids)) => ids,
            (Some(reason), _) | (None, Err(reason)) => return self.reject(reason),
        };
        let span = &mut self.span;
        span.trace_id = ids.trace_id;
        span.span_id = ids.span_id;
        span.parent_id = ids.parent_id;
        span.dropped.links = span.dropped.links.saturating_add(self.unheld_links);
        carried::set_times(span, start_ns, end_ns);
        if self.takes_back {
            carried::take_back(span);
        }
        carried::keep_end(span, start_ns, end_ns);
        self.sink.span(span);
        self.decoded.accepted += 1;
    }

    #[cold]
    fn reject(&mut self, reason: DecodeError) {
        let index = self.span_index();
        self.decoded.first_reason.get_or_insert_with(|| reason.in_span(index));
        self.decoded.rejected += 1;
    }
}

/// Returns the kind of a number; a number that OTLP does not have is none.
pub(super) fn kind_of(number: i32) -> Option<SpanKind> {
    match number {
        1 => Some(SpanKind::Internal),
        2 => Some(SpanKind::Server),
        3 => Some(SpanKind::Client),
        4 => Some(SpanKind::Producer),
        5 => Some(SpanKind::Consumer),
        _ => None,
    }
}

/// Returns the number of a kind, zero for none.
pub(super) fn number_of_kind(kind: Option<SpanKind>) -> u8 {
    match kind {
        None => 0,
        Some(SpanKind::Internal) => 1,
        Some(SpanKind::Server) => 2,
        Some(SpanKind::Client) => 3,
        Some(SpanKind::Producer) => 4,
        Some(SpanKind::Consumer) => 5,
    }
}

/// Returns the status of a number; a number that OTLP does not have is unset.
pub(super) fn status_of(number: i32) -> StatusCode {
    match number {
        1 => StatusCode::Ok,
        2 => StatusCode::Error,
        _ => StatusCode::Unset,
    }
}

/// Returns the number of a status.
pub(super) fn number_of_status(code: StatusCode) -> u8 {
    match code {
        StatusCode::Unset => 0,
        StatusCode::Ok => 1,
        StatusCode::Error => 2,
    }
}
