//! OTLP in protobuf: reads an `ExportTraceServiceRequest`.
//!
//! Texts and bytes are borrowed from the body. The fields of a message come in any order: what
//! the spans share is looked for before the spans are read.

use std::borrow::Cow;

use spandrel_model::{Attribute, Resource, Scope, Span, SpanId, Status, TraceId, Value};

use super::intake::{Fault, Ids, Intake, kind_of, status_of};
use super::{Decoded, VALUE_DEPTH_MAX};
use crate::DecodeError;
use crate::protobuf::{Reader, Wire};

/// Decodes a request.
pub(super) fn decode<'a>(
    body: &'a [u8],
    mut intake: Intake<'_, 'a>,
) -> Result<Decoded, DecodeError> {
    let mut request = Reader::new(body);
    while let Some(field) = request.field()? {
        if let (1, Wire::Bytes(message)) = field {
            read_resource_spans(message, &mut intake)?;
        }
    }
    Ok(intake.into_decoded())
}

fn read_resource_spans<'a>(
    mut message: Reader<'a>,
    intake: &mut Intake<'_, 'a>,
) -> Result<(), DecodeError> {
    let (mut resource, mut fault) = (Resource::default(), Fault::default());
    let mut fields = message.clone();
    while let Some(field) = fields.field()? {
        if let (1, Wire::Bytes(message)) = field {
            read_resource(message, &mut resource, &mut fault)?;
        }
    }
    intake.set_resource(resource, fault);
    while let Some(field) = message.field()? {
        if let (2, Wire::Bytes(message)) = field {
            read_scope_spans(message, intake)?;
        }
    }
    Ok(())
}

fn read_resource(
    mut message: Reader<'_>,
    resource: &mut Resource,
    fault: &mut Fault,
) -> Result<(), DecodeError> {
    while let Some(field) = message.field()? {
        match field {
            (1, Wire::Bytes(message)) => {
                let attribute = read_attribute(message, VALUE_DEPTH_MAX, fault)?;
                resource.attributes.push(attribute.into_owned());
            }
            (2, Wire::Varint(count)) => resource.dropped_attributes = low_half(count),
            _ => {}
        }
    }
    Ok(())
}

fn read_scope_spans<'a>(
    mut message: Reader<'a>,
    intake: &mut Intake<'_, 'a>,
) -> Result<(), DecodeError> {
    let (mut scope, mut fault) = (None, Fault::default());
    let mut fields = message.clone();
    while let Some(field) = fields.field()? {
        if let (1, Wire::Bytes(message)) = field {
            read_scope(message, scope.get_or_insert_default(), &mut fault)?;
        }
    }
    intake.set_scope(scope, fault);
    while let Some(field) = message.field()? {
        if let (2, Wire::Bytes(message)) = field {
            read_span(message, intake).map_err(|error| error.in_span(intake.span_index()))?;
        }
    }
    Ok(())
}

fn read_scope(
    mut message: Reader<'_>,
    scope: &mut Scope,
    fault: &mut Fault,
) -> Result<(), DecodeError> {
    while let Some(field) = message.field()? {
        match field {
            (1, Wire::Bytes(name)) => scope.name = text(&name, fault).to_owned(),
            (2, Wire::Bytes(version)) => scope.version = text(&version, fault).to_owned(),
            (3, Wire::Bytes(message)) => {
                let attribute = read_attribute(message, VALUE_DEPTH_MAX, fault)?;
                scope.attributes.push(attribute.into_owned());
            }
            (4, Wire::Varint(count)) => scope.dropped_attributes = low_half(count),
            _ => {}
        }
    }
    Ok(())
}

fn read_span<'a>(mut message: Reader<'a>, intake: &mut Intake<'_, 'a>) -> Result<(), DecodeError> {
    intake.begin_span();
    let offset = message.offset();
    let mut ids = RawIds::default();
    let (mut start_ns, mut end_ns) = (0, 0);
    while let Some(field) = message.field()? {
        let (span, fault) = (&mut intake.span, &mut intake.fault);
        match field {
            (1, Wire::Bytes(id)) => ids.trace_id = Some(id),
            (2, Wire::Bytes(id)) => ids.span_id = Some(id),
            (3, Wire::Bytes(state)) => span.trace_state = Cow::Borrowed(text(&state, fault)),
            (4, Wire::Bytes(id)) => ids.parent_id = Some(id),
            (5, Wire::Bytes(name)) => span.name = Cow::Borrowed(text(&name, fault)),
            (6, Wire::Varint(number)) => span.kind = kind_of(low_half(number).cast_signed()),
            (7, Wire::Fixed64(ns)) => start_ns = ns,
            (8, Wire::Fixed64(ns)) => end_ns = ns,
            (9, Wire::Bytes(message)) => {
                span.attributes.push(read_attribute(message, VALUE_DEPTH_MAX, fault)?);
            }
            (11, Wire::Bytes(message)) => read_event(message, intake)?,
            (13, Wire::Bytes(message)) => read_link(message, intake)?,
            (15, Wire::Bytes(message)) => read_status(message, &mut span.status, fault)?,
            (16, Wire::Fixed32(flags)) => span.trace_flags = flags,
            (number, Wire::Varint(count)) => set_dropped(span, number, low_half(count)),
            _ => {}
        }
    }
    intake.end_span(ids.read(offset), (start_ns, end_ns));
    Ok(())
}

fn set_dropped(span: &mut Span<'_>, field_number: u32, count: u32) {
    match field_number {
        10 => span.dropped.attributes = count,
        12 => span.dropped.events = count,
        14 => span.dropped.links = count,
        _ => {}
    }
}

/// The ids of a span as they came.
#[derive(Default)]
struct RawIds<'a> {
    trace_id: Option<Reader<'a>>,
    span_id: Option<Reader<'a>>,
    parent_id: Option<Reader<'a>>,
}

impl RawIds<'_> {
    /// Checks the ids of the span at `offset`.
    #[inline]
    fn read(&self, offset: usize) -> Result<Ids, DecodeError> {
        let missing = |what| DecodeError::at(offset, format!("{what} is missing or zero"));
        let trace_id = read_trace_id(self.trace_id.as_ref())?;
        let span_id = read_span_id(self.span_id.as_ref(), "span_id")?;
        Ok(Ids {
            trace_id: trace_id.ok_or_else(|| missing("trace_id"))?,
            span_id: span_id.ok_or_else(|| missing("span_id"))?,
            parent_id: read_span_id(self.parent_id.as_ref(), "parent_span_id")?,
        })
    }
}

/// Reads a trace id; `None` for one that is absent, empty or all zeros.
#[inline]
fn read_trace_id(id: Option<&Reader<'_>>) -> Result<Option<TraceId>, DecodeError> {
    let Some(id) = id.filter(|id| !id.bytes().is_empty()) else { return Ok(None) };
    match <[u8; 16]>::try_from(id.bytes()) {
        Ok(bytes) => Ok(TraceId::new(u128::from_be_bytes(bytes))),
        Err(_) => Err(wrong_length("trace_id", 16, id)),
    }
}

/// Reads a span id; `None` for one that is absent, empty or all zeros.
#[inline]
fn read_span_id(id: Option<&Reader<'_>>, field: &str) -> Result<Option<SpanId>, DecodeError> {
    let Some(id) = id.filter(|id| !id.bytes().is_empty()) else { return Ok(None) };
    match <[u8; 8]>::try_from(id.bytes()) {
        Ok(bytes) => Ok(SpanId::new(u64::from_be_bytes(bytes))),
        Err(_) => Err(wrong_length(field, 8, id)),
    }
}

#[cold]
fn wrong_length(field: &str, len: usize, id: &Reader<'_>) -> DecodeError {
    let message = format!("{field} has {len} bytes, not {}", id.bytes().len());
    DecodeError::at(id.offset(), message)
}

fn read_event<'a>(mut message: Reader<'a>, intake: &mut Intake<'_, 'a>) -> Result<(), DecodeError> {
    let (event, fault) = intake.begin_event();
    while let Some(field) = message.field()? {
        match field {
            (1, Wire::Fixed64(ns)) => event.time_ns = ns,
            (2, Wire::Bytes(name)) => event.name = Cow::Borrowed(text(&name, fault)),
            (3, Wire::Bytes(message)) => {
                event.attributes.push(read_attribute(message, VALUE_DEPTH_MAX, fault)?);
            }
            (4, Wire::Varint(count)) => event.dropped_attributes = low_half(count),
            _ => {}
        }
    }
    Ok(())
}

fn read_link<'a>(mut message: Reader<'a>, intake: &mut Intake<'_, 'a>) -> Result<(), DecodeError> {
    let (link, fault) = intake.begin_link();
    let (mut trace_id, mut span_id) = (None, None);
    while let Some(field) = message.field()? {
        match field {
            (1, Wire::Bytes(id)) => trace_id = Some(id),
            (2, Wire::Bytes(id)) => span_id = Some(id),
            (3, Wire::Bytes(state)) => link.trace_state = Cow::Borrowed(text(&state, fault)),
            (4, Wire::Bytes(message)) => {
                link.attributes.push(read_attribute(message, VALUE_DEPTH_MAX, fault)?);
            }
            (5, Wire::Varint(count)) => link.dropped_attributes = low_half(count),
            _ => {}
        }
    }
    let trace_id = read_trace_id(trace_id.as_ref());
    let span_id = read_span_id(span_id.as_ref(), "a link's span_id");
    intake.end_link(trace_id.and_then(|trace_id| Ok(trace_id.zip(span_id?))));
    Ok(())
}

fn read_status<'a>(
    mut message: Reader<'a>,
    status: &mut Status<'a>,
    fault: &mut Fault,
) -> Result<(), DecodeError> {
    while let Some(field) = message.field()? {
        match field {
            (2, Wire::Bytes(message)) => status.message = Cow::Borrowed(text(&message, fault)),
            (3, Wire::Varint(number)) => status.code = status_of(low_half(number).cast_signed()),
            _ => {}
        }
    }
    Ok(())
}

/// Reads a `KeyValue`.
#[inline]
fn read_attribute<'a>(
    mut message: Reader<'a>,
    depth_left: usize,
    fault: &mut Fault,
) -> Result<Attribute<'a>, DecodeError> {
    let mut key = "";
    let mut value = Value::Empty;
    while let Some(field) = message.field()? {
        match field {
            (1, Wire::Bytes(name)) => key = text(&name, fault),
            (2, Wire::Bytes(message)) => read_value(message, &mut value, depth_left, fault)?,
            _ => {}
        }
    }
    Ok(Attribute { key: Cow::Borrowed(key), value })
}

/// Reads an `AnyValue` over what was read of it before: the last of its members counts.
#[inline]
fn read_value<'a>(
    mut message: Reader<'a>,
    value: &mut Value<'a>,
    depth_left: usize,
    fault: &mut Fault,
) -> Result<(), DecodeError> {
    while let Some(field) = message.field()? {
        match field {
            (1, Wire::Bytes(string)) => {
                *value = Value::String(Cow::Borrowed(text(&string, fault)));
            }
            (2, Wire::Varint(flag)) => *value = Value::Bool(flag != 0),
            (3, Wire::Varint(number)) => *value = Value::Int(number.cast_signed()),
            (4, Wire::Fixed64(bits)) => *value = Value::Double(f64::from_bits(bits)),
            (5 | 6, Wire::Bytes(message)) if depth_left == 0 => {
                fault.note(too_deep(message.offset()));
            }
            (5, Wire::Bytes(message)) => read_array(message, value, depth_left - 1, fault)?,
            (6, Wire::Bytes(message)) => read_map(message, value, depth_left - 1, fault)?,
            (7, Wire::Bytes(bytes)) => *value = Value::Bytes(Cow::Borrowed(bytes.bytes())),
            _ => {}
        }
    }
    Ok(())
}

/// Reads an `ArrayValue`; a second one for the same value goes on with the first.
fn read_array<'a>(
    mut message: Reader<'a>,
    value: &mut Value<'a>,
    depth_left: usize,
    fault: &mut Fault,
) -> Result<(), DecodeError> {
    if !matches!(value, Value::Array(_)) {
        *value = Value::Array(Vec::new());
    }
    let Value::Array(elements) = value else { return Ok(()) };
    while let Some(field) = message.field()? {
        if let (1, Wire::Bytes(message)) = field {
            let mut element = Value::Empty;
            read_value(message, &mut element, depth_left, fault)?;
            elements.push(element);
        }
    }
    Ok(())
}

/// Reads a `KeyValueList`; a second one for the same value goes on with the first.
fn read_map<'a>(
    mut message: Reader<'a>,
    value: &mut Value<'a>,
    depth_left: usize,
    fault: &mut Fault,
) -> Result<(), DecodeError> {
    if !matches!(value, Value::Map(_)) {
        *value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = value else { return Ok(()) };
    while let Some(field) = message.field()? {
        if let (1, Wire::Bytes(message)) = field {
            entries.push(read_attribute(message, depth_left, fault)?);
        }
    }
    Ok(())
}

/// Returns a text; one that is not UTF-8 is the span's fault.
#[inline]
fn text<'a>(field: &Reader<'a>, fault: &mut Fault) -> &'a str {
    field.text().unwrap_or_else(|reason| {
        fault.note(reason);
        ""
    })
}

#[cold]
fn too_deep(offset: usize) -> DecodeError {
    let message = format!("an attribute's value is nested over {VALUE_DEPTH_MAX} deep");
    DecodeError::at(offset, message)
}

/// Narrows a varint to the 32 bits of its field, as protobuf does.
#[expect(clippy::cast_possible_truncation, reason = "protobuf drops the bits above")]
fn low_half(number: u64) -> u32 {
    number as u32
}
