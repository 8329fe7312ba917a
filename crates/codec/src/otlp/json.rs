//! OTLP in JSON: reads an `ExportTraceServiceRequest`.
//!
//! Texts without escapes are borrowed from the body. The members of an object come in any order:
//! a list of spans that stands before what they share is kept as text, and read when that is
//! known.

use std::borrow::Cow;
use std::mem;

use serde::de::{DeserializeSeed, MapAccess};
use serde_json::value::RawValue;
use spandrel_model::{Resource, Scope, Span, SpanId, Status, TraceId};

use super::Decoded;
use super::intake::{Fault, Ids, Intake, kind_of, status_of};
use super::json_value::{Attributes, Members, Object, Objects, enum_number, skip, text, whole};
use crate::DecodeError;
use crate::error::echo;
use crate::json::refusal;

/// The kinds by their numbers.
const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

/// The status codes by their numbers.
const STATUS_CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

/// Decodes a request.
pub(super) fn decode<'a>(body: &'a [u8], intake: Intake<'_, 'a>) -> Result<Decoded, DecodeError> {
    let body = std::str::from_utf8(body)
        .map_err(|error| DecodeError::at(error.valid_up_to(), "the body is not UTF-8"))?;
    if !body.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        return Err(DecodeError::of_body("the body is no JSON object"));
    }
    let mut state = State { body, intake, is_in_span: false, refused: None };
    match read(body, Object(&mut Request(&mut state))) {
        Ok(()) => Ok(state.intake.into_decoded()),
        Err(error) => Err(state.refusal(&error, body)),
    }
}

/// Reads the whole of a text.
fn read<'de>(
    text: &'de str,
    seed: impl DeserializeSeed<'de, Value = ()>,
) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    // Values are counted as they nest, and serde_json goes through what is unknown without going
    // deep, so its own limit of 128, which a value of 30 maps reaches, is not needed.
    json.disable_recursion_limit();
    seed.deserialize(&mut json)?;
    json.end()
}

/// What all readers share.
struct State<'s, 'de> {
    body: &'de str,
    intake: Intake<'s, 'de>,
    is_in_span: bool,
    /// Why a part that was kept as text cannot be read: serde_json tells places in that part.
    refused: Option<DecodeError>,
}

impl State<'_, '_> {
    /// Says where in the body, and why, reading a part of it stopped.
    fn refusal(&mut self, error: &serde_json::Error, part: &str) -> DecodeError {
        if let Some(refused) = self.refused.take() {
            return refused;
        }
        let mut refused = refusal(error, part);
        refused.offset += self.offset_of(part);
        if self.is_in_span { refused.in_span(self.intake.span_index()) } else { refused }
    }

    /// Where in the body a part of it begins; zero for a text that is no part of it.
    fn offset_of(&self, part: &str) -> usize {
        let offset = part.as_ptr().addr().wrapping_sub(self.body.as_ptr().addr());
        if offset <= self.body.len() { offset } else { 0 }
    }
}

/// Reads lists of objects that were kept as text.
fn read_kept<'de, R, E>(kept: Vec<&'de RawValue>, reader: &mut R) -> Result<(), E>
where
    R: Members<'de> + Shares<'de>,
    E: serde::de::Error,
{
    for part in kept {
        if let Err(error) = read(part.get(), Objects(&mut *reader)) {
            reader.keep_refusal(&error, part.get());
            return Err(E::custom("the error is kept with its own place"));
        }
    }
    Ok(())
}

/// Knows the shared state.
trait Shares<'de> {
    /// Keeps why a part of the body cannot be read.
    fn keep_refusal(&mut self, error: &serde_json::Error, part: &str);
}

/// Reads the request itself.
struct Request<'r, 's, 'de>(&'r mut State<'s, 'de>);

impl<'de> Members<'de> for Request<'_, '_, 'de> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        match key {
            "resourceSpans" | "resource_spans" => {
                let mut reader =
                    ResourceSpans { state: self.0, is_resource_known: false, kept: Vec::new() };
                members.next_value_seed(Objects(&mut reader))
            }
            _ => skip(members),
        }
    }
}

struct ResourceSpans<'r, 's, 'de> {
    state: &'r mut State<'s, 'de>,
    is_resource_known: bool,
    kept: Vec<&'de RawValue>,
}

impl<'s, 'de> ResourceSpans<'_, 's, 'de> {
    fn scopes(&mut self) -> ScopeSpans<'_, 's, 'de> {
        ScopeSpans { state: self.state, is_scope_known: false, kept: Vec::new() }
    }
}

impl<'de> Members<'de> for ResourceSpans<'_, '_, 'de> {
    fn begin(&mut self) {
        self.is_resource_known = false;
    }

    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        match key {
            "resource" => {
                let mut reader = ResourceReader::default();
                members.next_value_seed(Object(&mut reader))?;
                reader.end_into(&mut self.state.intake);
                self.is_resource_known = true;
            }
            "scopeSpans" | "scope_spans" if self.is_resource_known => {
                members.next_value_seed(Objects(&mut self.scopes()))?;
            }
            "scopeSpans" | "scope_spans" => self.kept.push(members.next_value()?),
            _ => skip(members)?,
        }
        Ok(())
    }

    fn end<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if !self.is_resource_known {
            self.state.intake.set_resource(Resource::default(), Fault::default());
        }
        let kept = mem::take(&mut self.kept);
        read_kept(kept, &mut self.scopes())
    }
}

#[derive(Default)]
struct ResourceReader {
    resource: Resource,
    fault: Fault,
}

impl ResourceReader {
    fn end_into(self, intake: &mut Intake<'_, '_>) {
        intake.set_resource(self.resource, self.fault);
    }
}

impl<'de> Members<'de> for ResourceReader {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        match key {
            "attributes" => {
                let mut attributes = Vec::new();
                let mut reader = Attributes::new(&mut attributes, &mut self.fault);
                members.next_value_seed(Objects(&mut reader))?;
                let owned = attributes.into_iter().map(|attribute| attribute.into_owned());
                self.resource.attributes.extend(owned);
            }
            "droppedAttributesCount" | "dropped_attributes_count" => {
                self.resource.dropped_attributes = whole(members)?;
            }
            _ => skip(members)?,
        }
        Ok(())
    }
}

struct ScopeSpans<'r, 's, 'de> {
    state: &'r mut State<'s, 'de>,
    is_scope_known: bool,
    kept: Vec<&'de RawValue>,
}

impl<'s, 'de> ScopeSpans<'_, 's, 'de> {
    fn spans(&mut self) -> SpanReader<'_, 's, 'de> {
        SpanReader { state: self.state, ids: RawIds::default(), start_ns: 0, end_ns: 0 }
    }
}

impl<'de> Members<'de> for ScopeSpans<'_, '_, 'de> {
    fn begin(&mut self) {
        self.is_scope_known = false;
    }

    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        match key {
            "scope" => {
                let mut reader = ScopeReader::default();
                members.next_value_seed(Object(&mut reader))?;
                self.state.intake.set_scope(reader.scope, reader.fault);
                self.is_scope_known = true;
            }
            "spans" if self.is_scope_known => {
                members.next_value_seed(Objects(&mut self.spans()))?;
            }
            "spans" => self.kept.push(members.next_value()?),
            _ => skip(members)?,
        }
        Ok(())
    }

    fn end<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if !self.is_scope_known {
            self.state.intake.set_scope(None, Fault::default());
        }
        let kept = mem::take(&mut self.kept);
        read_kept(kept, &mut self.spans())
    }
}

impl<'de> Shares<'de> for ScopeSpans<'_, '_, 'de> {
    fn keep_refusal(&mut self, error: &serde_json::Error, part: &str) {
        self.state.refused = Some(self.state.refusal(error, part));
    }
}

#[derive(Default)]
struct ScopeReader {
    /// An empty object is a scope of which nothing is known; null is none.
    scope: Option<Scope>,
    fault: Fault,
}

impl<'de> Members<'de> for ScopeReader {
    fn begin(&mut self) {
        self.scope = Some(Scope::default());
    }

    fn null<E: serde::de::Error>(&mut self) -> Result<(), E> {
        Ok(())
    }

    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        let scope = self.scope.get_or_insert_default();
        match key {
            "name" => scope.name = text(members)?.into_owned(),
            "version" => scope.version = text(members)?.into_owned(),
            "attributes" => {
                let mut attributes = Vec::new();
                let mut reader = Attributes::new(&mut attributes, &mut self.fault);
                members.next_value_seed(Objects(&mut reader))?;
                let owned = attributes.into_iter().map(|attribute| attribute.into_owned());
                scope.attributes.extend(owned);
            }
            "droppedAttributesCount" | "dropped_attributes_count" => {
                scope.dropped_attributes = whole(members)?;
            }
            _ => skip(members)?,
        }
        Ok(())
    }
}

struct SpanReader<'r, 's, 'de> {
    state: &'r mut State<'s, 'de>,
    ids: RawIds<'de>,
    start_ns: u64,
    end_ns: u64,
}

impl<'de> Members<'de> for SpanReader<'_, '_, 'de> {
    fn begin(&mut self) {
        self.state.intake.begin_span();
        self.state.is_in_span = true;
        (self.ids, self.start_ns, self.end_ns) = (RawIds::default(), 0, 0);
    }

    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        let intake = &mut self.state.intake;
        let span = &mut intake.span;
        match key {
            "traceId" | "trace_id" => self.ids.trace_id = text(members)?,
            "spanId" | "span_id" => self.ids.span_id = text(members)?,
            "parentSpanId" | "parent_span_id" => self.ids.parent_id = text(members)?,
            "traceState" | "trace_state" => span.trace_state = text(members)?,
            "flags" => span.trace_flags = whole(members)?,
            "name" => span.name = text(members)?,
            "kind" => span.kind = kind_of(enum_number(members, &KINDS)?),
            "startTimeUnixNano" | "start_time_unix_nano" => self.start_ns = whole(members)?,
            "endTimeUnixNano" | "end_time_unix_nano" => self.end_ns = whole(members)?,
            "attributes" => {
                let mut reader = Attributes::new(&mut span.attributes, &mut intake.fault);
                members.next_value_seed(Objects(&mut reader))?;
            }
            "events" => members.next_value_seed(Objects(&mut EventReader(intake)))?,
            "links" => {
                let mut reader = LinkReader { state: self.state, ids: RawIds::default() };
                members.next_value_seed(Objects(&mut reader))?;
            }
            "status" => members.next_value_seed(Object(&mut StatusReader(&mut span.status)))?,
            _ => read_dropped(span, key, members)?,
        }
        Ok(())
    }

    fn end<E: serde::de::Error>(&mut self) -> Result<(), E> {
        let ids = self.ids.read(self.state);
        self.state.intake.end_span(ids, (self.start_ns, self.end_ns));
        self.state.is_in_span = false;
        Ok(())
    }
}

impl<'de> Shares<'de> for SpanReader<'_, '_, 'de> {
    fn keep_refusal(&mut self, error: &serde_json::Error, part: &str) {
        self.state.refused = Some(self.state.refusal(error, part));
    }
}

fn read_dropped<'de, A: MapAccess<'de>>(
    span: &mut Span<'_>,
    key: &str,
    members: &mut A,
) -> Result<(), A::Error> {
    let count = match key {
        "droppedAttributesCount" | "dropped_attributes_count" => &mut span.dropped.attributes,
        "droppedEventsCount" | "dropped_events_count" => &mut span.dropped.events,
        "droppedLinksCount" | "dropped_links_count" => &mut span.dropped.links,
        _ => return skip(members),
    };
    *count = whole(members)?;
    Ok(())
}

/// The ids of a span or a link as they came; empty for none.
#[derive(Default)]
struct RawIds<'de> {
    trace_id: Cow<'de, str>,
    span_id: Cow<'de, str>,
    parent_id: Cow<'de, str>,
}

impl RawIds<'_> {
    /// Checks the ids of a span.
    fn read(&self, state: &State<'_, '_>) -> Result<Ids, DecodeError> {
        let missing = |what| DecodeError::of_body(format!("{what} is missing or zero"));
        let trace_id = self.trace_id(state)?;
        let span_id = read_span_id(&self.span_id, "spanId", state)?;
        Ok(Ids {
            trace_id: trace_id.ok_or_else(|| missing("traceId"))?,
            span_id: span_id.ok_or_else(|| missing("spanId"))?,
            parent_id: read_span_id(&self.parent_id, "parentSpanId", state)?,
        })
    }

    /// Checks the ids of a link; `None` when one is missing or zero.
    fn read_link(&self, state: &State<'_, '_>) -> Result<Option<(TraceId, SpanId)>, DecodeError> {
        let trace_id = self.trace_id(state)?;
        Ok(trace_id.zip(read_span_id(&self.span_id, "a link's spanId", state)?))
    }

    fn trace_id(&self, state: &State<'_, '_>) -> Result<Option<TraceId>, DecodeError> {
        Ok(TraceId::new(read_hex(&self.trace_id, 32, "traceId", state)?))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "16 digits hold 64 bits")]
fn read_span_id(
    text: &str,
    member: &str,
    state: &State<'_, '_>,
) -> Result<Option<SpanId>, DecodeError> {
    Ok(SpanId::new(read_hex(text, 16, member, state)? as u64))
}

/// Reads hexadecimal digits of either case; zero for an empty text.
fn read_hex(
    text: &str,
    len: usize,
    member: &str,
    state: &State<'_, '_>,
) -> Result<u128, DecodeError> {
    if text.is_empty() {
        return Ok(0);
    }
    let is_hex = text.len() == len && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let id = if is_hex { u128::from_str_radix(text, 16).ok() } else { None };
    id.ok_or_else(|| {
        let message = format!("{member} has {len} hexadecimal digits, unlike {:?}", echo(text));
        DecodeError::at(state.offset_of(text), message)
    })
}

struct EventReader<'r, 's, 'de>(&'r mut Intake<'s, 'de>);

impl<'de> Members<'de> for EventReader<'_, '_, 'de> {
    fn begin(&mut self) {
        if self.0.fault.has_room(0) {
            self.0.begin_event();
        }
    }

    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        let Some(event) = self.0.span.events.last_mut() else { return skip(members) };
        match key {
            "timeUnixNano" | "time_unix_nano" => event.time_ns = whole(members)?,
            "name" => event.name = text(members)?,
            "attributes" => {
                let mut reader = Attributes::new(&mut event.attributes, &mut self.0.fault);
                members.next_value_seed(Objects(&mut reader))?;
            }
            "droppedAttributesCount" | "dropped_attributes_count" => {
                event.dropped_attributes = whole(members)?;
            }
            _ => skip(members)?,
        }
        Ok(())
    }
}

struct LinkReader<'r, 's, 'de> {
    state: &'r mut State<'s, 'de>,
    ids: RawIds<'de>,
}

impl<'de> Members<'de> for LinkReader<'_, '_, 'de> {
    fn begin(&mut self) {
        if self.state.intake.fault.has_room(0) {
            self.state.intake.begin_link();
        }
        self.ids = RawIds::default();
    }

    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        let intake = &mut self.state.intake;
        let Some(link) = intake.span.links.last_mut() else { return skip(members) };
        match key {
            "traceId" | "trace_id" => self.ids.trace_id = text(members)?,
            "spanId" | "span_id" => self.ids.span_id = text(members)?,
            "traceState" | "trace_state" => link.trace_state = text(members)?,
            "flags" => link.trace_flags = whole(members)?,
            "attributes" => {
                let mut reader = Attributes::new(&mut link.attributes, &mut intake.fault);
                members.next_value_seed(Objects(&mut reader))?;
            }
            "droppedAttributesCount" | "dropped_attributes_count" => {
                link.dropped_attributes = whole(members)?;
            }
            _ => skip(members)?,
        }
        Ok(())
    }

    fn end<E: serde::de::Error>(&mut self) -> Result<(), E> {
        let ids = self.ids.read_link(self.state);
        self.state.intake.end_link(ids);
        Ok(())
    }
}

struct StatusReader<'r, 'de>(&'r mut Status<'de>);

impl<'de> Members<'de> for StatusReader<'_, 'de> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        match key {
            "message" => self.0.message = text(members)?,
            "code" => self.0.code = status_of(enum_number(members, &STATUS_CODES)?),
            _ => skip(members)?,
        }
        Ok(())
    }
}
