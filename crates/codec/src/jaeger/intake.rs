//! What one decode call carries from span to span, and the rules that all formats share.
//!
//! Nothing here knows the bytes of a format.

use std::borrow::Cow;
use std::sync::Arc;

use spandrel_model::{
    Attribute, DroppedCounts, Event, Link, LinkKind, Resource, Scope, Span, SpanId, Status,
    TraceId, Value,
};

use super::moved::{self, Marks};
use super::{Decoded, PARTS_MAX};
use crate::{DecodeError, SpanSink};

/// How many lists of attributes are kept for the events of the next span.
const SPARE_LISTS_MAX: usize = 256;

/// How many places such a list may have and still be kept.
const SPARE_LIST_CAPACITY_MAX: usize = 64;

/// The bit of Jaeger's flags that asks to keep the trace.
pub(super) const DEBUG_FLAG: u32 = 2;

const NS_PER_US: i128 = 1_000;

/// Attributes that hold a time which the model cannot.
const UNHELD_START: &str = "spandrel.start_time_us";
const UNHELD_DURATION: &str = "spandrel.duration_us";
const UNHELD_EVENT_TIME: &str = "spandrel.time_us";

/// What stands in the place of an id that is not read yet.
const NO_TRACE: TraceId = TraceId::new(u128::MAX).expect("the largest id is not zero");
const NO_SPAN: SpanId = SpanId::new(u64::MAX).expect("the largest id is not zero");

/// Why what is being read, a span or a process, cannot be kept: the first reason that was met.
/// Counts its parts on the way.
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
    /// Whether one more tag, log, field or reference may be kept. If not, that is noted.
    #[inline]
    pub(super) fn has_room(&mut self, offset: usize) -> bool {
        if self.parts_left == 0 {
            self.note(offset, &format!("over {PARTS_MAX} tags, logs, fields and references"));
            return false;
        }
        self.parts_left -= 1;
        true
    }

    /// Notes a reason.
    #[cold]
    pub(super) fn note(&mut self, offset: usize, message: &str) {
        self.reason.get_or_insert_with(|| DecodeError::at(offset, message));
    }

    /// Returns the text that stands at `offset`; one that is not UTF-8 is noted.
    #[inline]
    pub(super) fn text<'a>(&mut self, bytes: &'a [u8], offset: usize) -> &'a str {
        std::str::from_utf8(bytes).unwrap_or_else(|error| {
            self.note(offset + error.valid_up_to(), "a text is not UTF-8");
            ""
        })
    }
}

/// What a span says once. Times are in nanoseconds, whether the model can hold them or not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    pub(super) trace_id: Option<TraceId>,
    pub(super) span_id: Option<SpanId>,
    pub(super) parent_id: Option<SpanId>,
    pub(super) flags: u32,
    pub(super) start_ns: i128,
    pub(super) duration_ns: Option<i128>,
}

/// The place of one span, filled again and again, and what is shared by those that follow.
pub(super) struct Intake<'s, 'a> {
    sink: &'s mut dyn SpanSink,
    span: Span<'a>,
    marks: Marks,
    /// Why the span cannot be kept.
    pub(super) fault: Fault,
    process_fault: Option<DecodeError>,
    last_scope: Option<Arc<Scope>>,
    spare: Vec<Vec<Attribute<'a>>>,
    /// What is said of the batch.
    pub(super) decoded: Decoded,
}

impl<'s, 'a> Intake<'s, 'a> {
    /// Starts with nothing read.
    pub(super) fn new(sink: &'s mut dyn SpanSink) -> Self {
        Self {
            sink,
            span: Span::new(NO_TRACE, NO_SPAN),
            marks: Marks::default(),
            fault: Fault::default(),
            process_fault: None,
            last_scope: None,
            spare: Vec::new(),
            decoded: Decoded::default(),
        }
    }

    /// Returns what became of the spans.
    pub(super) fn into_decoded(self) -> Decoded {
        self.decoded
    }

    /// The index in the batch of the span that is being read.
    pub(super) fn span_index(&self) -> usize {
        self.decoded.accepted + self.decoded.rejected
    }

    /// Sets the process of the spans that follow; what is wrong with it is their fault.
    pub(super) fn set_process(&mut self, process: &Process) {
        self.span.resource = Arc::clone(&process.resource);
        self.process_fault.clone_from(&process.fault);
    }

    /// Forgets the last span and keeps the room that its lists have.
    pub(super) fn begin_span(&mut self) {
        let span = &mut self.span;
        span.kind = None;
        span.name = Cow::Borrowed("");
        span.attributes.clear();
        span.links.clear();
        span.status = Status::default();
        span.trace_state = Cow::Borrowed("");
        span.scope = None;
        span.dropped = DroppedCounts::default();
        for Event { attributes: mut list, .. } in span.events.drain(..) {
            let is_worth_it = (1..=SPARE_LIST_CAPACITY_MAX).contains(&list.capacity());
            if is_worth_it && self.spare.len() < SPARE_LISTS_MAX {
                list.clear();
                self.spare.push(list);
            }
        }
        self.marks = Marks::default();
        self.fault = Fault::default();
    }

    /// Sets the operation.
    pub(super) fn set_name(&mut self, name: &'a str) {
        self.span.name = Cow::Borrowed(name);
    }

    /// Returns the list of the tags, to be filled.
    #[inline]
    pub(super) fn begin_tags(&mut self) -> (&mut Vec<Attribute<'a>>, &mut Fault) {
        (&mut self.span.attributes, &mut self.fault)
    }

    /// Ends a list of tags, or a part of one.
    #[inline]
    pub(super) fn end_tags(&mut self) {
        self.marks.note_further(&self.span.attributes);
    }

    /// Adds the warnings of the sender, behind the tags.
    pub(super) fn push_warnings(&mut self, warnings: Vec<Value<'a>>) {
        self.end_tags();
        self.span.attributes.push(moved::of_warnings(warnings));
    }

    /// Adds an event and returns the list of its fields, to be filled.
    pub(super) fn begin_event(&mut self) -> (&mut Vec<Attribute<'a>>, &mut Fault) {
        let attributes = self.spare.pop().unwrap_or_default();
        let event = self.span.events.push_mut(Event { attributes, ..Event::new(0, "") });
        (&mut event.attributes, &mut self.fault)
    }

    /// Ends the event that was begun.
    pub(super) fn end_event(&mut self, time_ns: i128) {
        let Some(event) = self.span.events.last_mut() else { return };
        moved::name_event(event);
        match u64::try_from(time_ns) {
            Ok(time_ns) => event.time_ns = time_ns,
            Err(_) => keep_unheld(UNHELD_EVENT_TIME, time_ns, &mut event.attributes),
        }
    }

    /// Adds a reference. One to an id of zeros cannot be held; it is counted with those that the
    /// sender dropped.
    pub(super) fn push_reference(
        &mut self,
        kind: LinkKind,
        trace_id: Option<TraceId>,
        span_id: Option<SpanId>,
    ) {
        let (Some(trace_id), Some(span_id)) = (trace_id, span_id) else {
            self.span.dropped.links += 1;
            return;
        };
        self.span.links.push(Link {
            kind,
            trace_id,
            span_id,
            trace_state: Cow::Borrowed(""),
            trace_flags: 0,
            attributes: Vec::new(),
            dropped_attributes: 0,
        });
    }

    /// Ends the span that began at `offset`: it reaches the sink, or is rejected.
    pub(super) fn end_span(&mut self, head: &Head, offset: usize) {
        if let Some(reason) = self.fault.reason.take() {
            return self.reject(|| reason);
        }
        if let Some(reason) = self.process_fault.clone() {
            return self.reject(|| reason);
        }
        let (Some(trace_id), Some(span_id)) = (head.trace_id, head.span_id) else {
            let what = if head.trace_id.is_none() { "trace id" } else { "span id" };
            return self.reject(|| DecodeError::at(offset, format!("{what} is missing or zero")));
        };
        let span = &mut self.span;
        span.trace_id = trace_id;
        span.span_id = span_id;
        settle_parent(span, head.parent_id);
        span.is_debug = head.flags & DEBUG_FLAG != 0;
        span.trace_flags = head.flags & !DEBUG_FLAG;
        self.marks.move_noted(span, &mut self.last_scope);
        set_times(span, head);
        self.sink.span(span);
        self.decoded.accepted += 1;
    }

    #[cold]
    fn reject(&mut self, reason: impl FnOnce() -> DecodeError) {
        let index = self.span_index();
        self.decoded.first_reason.get_or_insert_with(|| reason().in_span(index));
        self.decoded.rejected += 1;
    }
}

/// A process, and why its spans cannot be kept, if so.
#[derive(Clone, Debug, Default)]
pub(super) struct Process {
    resource: Arc<Resource>,
    fault: Option<DecodeError>,
}

impl Process {
    /// Makes the process of a name and its tags.
    pub(super) fn new(service_name: &str, tags: Vec<Attribute<'_>>, fault: Fault) -> Self {
        let resource = Resource {
            service_name: (!service_name.is_empty()).then(|| service_name.to_owned()),
            attributes: tags.into_iter().map(Attribute::into_owned).collect(),
            dropped_attributes: 0,
        };
        Self { resource: Arc::new(resource), fault: fault.reason }
    }
}

/// Sets the parent, and takes the `CHILD_OF` reference away that tells no more than that. A span
/// that names itself as its parent is a root.
fn settle_parent(span: &mut Span<'_>, told: Option<SpanId>) {
    span.parent_id = told.filter(|parent| *parent != span.span_id);
    if span.links.is_empty() {
        return;
    }
    let (trace_id, span_id, parent_id) = (span.trace_id, span.span_id, span.parent_id);
    let is_own = |link: &Link<'_>| link.trace_id == trace_id && link.span_id != span_id;
    let tells_parent = |link: &Link<'_>| {
        let is_parent = parent_id.is_none_or(|parent| parent == link.span_id);
        link.kind == LinkKind::ChildOf && is_own(link) && is_parent
    };
    if let Some(index) = span.links.iter().position(tells_parent) {
        span.parent_id = Some(span.links.remove(index).span_id);
    } else if told.is_none() {
        span.parent_id = implied_parent(span);
    }
}

/// Returns the parent of a span that has no `CHILD_OF` reference in its own trace: the first
/// that it follows from.
pub(super) fn implied_parent(span: &Span<'_>) -> Option<SpanId> {
    let is_own = |link: &&Link<'_>| link.trace_id == span.trace_id && link.span_id != span.span_id;
    let mut links = span.links.iter().filter(is_own);
    let follows = links.clone().find(|link| link.kind == LinkKind::FollowsFrom)?;
    links.all(|link| link.kind != LinkKind::ChildOf).then_some(follows.span_id)
}

fn set_times(span: &mut Span<'_>, head: &Head) {
    span.start_ns = u64::try_from(head.start_ns).ok().filter(|start| *start > 0);
    if span.start_ns.is_none() && head.start_ns != 0 {
        keep_unheld(UNHELD_START, head.start_ns, &mut span.attributes);
    }
    span.duration_ns = head.duration_ns.and_then(|duration| u64::try_from(duration).ok());
    if let (None, Some(duration_ns)) = (span.duration_ns, head.duration_ns) {
        keep_unheld(UNHELD_DURATION, duration_ns, &mut span.attributes);
    }
}

#[cold]
fn keep_unheld(key: &'static str, time_ns: i128, attributes: &mut Vec<Attribute<'_>>) {
    let us = i64::try_from(time_ns.div_euclid(NS_PER_US));
    attributes.push(Attribute::new(key, us.expect("no format has more than 64 bits of these")));
}

/// Returns microseconds as nanoseconds, whether the model can hold them or not.
#[inline]
pub(super) fn ns_of_us(us: i64) -> i128 {
    i128::from(us) * NS_PER_US
}

/// Returns seconds and nanoseconds as nanoseconds; `None` for more microseconds than 64 bits have.
#[inline]
pub(super) fn ns_of_seconds(seconds: i64, nanos: i32) -> Option<i128> {
    let ns = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    i64::try_from(ns.div_euclid(NS_PER_US)).ok().map(|_| ns)
}

/// Makes a value of a text; one that is not UTF-8 stays bytes.
#[inline]
pub(super) fn text_value(bytes: &[u8]) -> Value<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::String(Cow::Borrowed(text)),
        Err(_) => Value::Bytes(Cow::Borrowed(bytes)),
    }
}

/// Returns what a reference of this number means; a number that Jaeger does not have says only
/// that there is one.
pub(super) fn link_kind_of(number: i32) -> LinkKind {
    match number {
        0 => LinkKind::ChildOf,
        1 => LinkKind::FollowsFrom,
        _ => LinkKind::Related,
    }
}
