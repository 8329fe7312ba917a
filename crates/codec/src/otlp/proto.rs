//! OTLP in protobuf: reads an `ExportTraceServiceRequest`.
//!
//! Texts and bytes are borrowed from the body. The fields of a message come in any order: what
//! the spans share is looked for before the spans are read.

use std::borrow::Cow;

use spandrel_model::{Attribute, Resource, Scope, SpanId, Status, TraceId, Value};

use super::intake::{Fault, Ids, Intake, kind_of, status_of};
use super::{Decoded, VALUE_DEPTH_MAX, tags};
use crate::DecodeError;
use crate::protobuf::{Malformed, Reader};

/// Decodes a request.
pub(super) fn decode<'a>(
    body: &'a [u8],
    mut intake: Intake<'_, 'a>,
) -> Result<Decoded, DecodeError> {
    let mut request = Reader::new(body);
    while let Some(tag) = request.tag()? {
        match tag {
            tags::request::RESOURCE_SPANS => read_resource_spans(request.message()?, &mut intake)?,
            _ => request.skip(tag)?,
        }
    }
    Ok(intake.into_decoded())
}

fn read_resource_spans<'a>(
    mut message: Reader<'a>,
    intake: &mut Intake<'_, 'a>,
) -> Result<(), DecodeError> {
    use tags::resource_spans::{RESOURCE, SCOPE_SPANS};
    let (mut resource, mut fault) = (Resource::default(), Fault::default());
    let mut fields = message.clone();
    while let Some(tag) = fields.tag()? {
        match tag {
            RESOURCE => read_resource(fields.message()?, &mut resource, &mut fault)?,
            _ => fields.skip(tag)?,
        }
    }
    intake.set_resource(resource, fault);
    while let Some(tag) = message.tag()? {
        match tag {
            SCOPE_SPANS => read_scope_spans(message.message()?, intake)?,
            _ => message.skip(tag)?,
        }
    }
    Ok(())
}

fn read_resource(
    mut message: Reader<'_>,
    resource: &mut Resource,
    fault: &mut Fault,
) -> Result<(), Malformed> {
    use tags::resource::{ATTRIBUTES, DROPPED_ATTRIBUTES};
    let mut attributes = Vec::new();
    while let Some(tag) = message.tag()? {
        match tag {
            ATTRIBUTES => {
                read_attribute(message.message()?, &mut attributes, VALUE_DEPTH_MAX, fault)?;
            }
            DROPPED_ATTRIBUTES => resource.dropped_attributes = low_half(message.varint()?),
            _ => message.skip(tag)?,
        }
    }
    resource.attributes.extend(attributes.into_iter().map(Attribute::into_owned));
    Ok(())
}

fn read_scope_spans<'a>(
    mut message: Reader<'a>,
    intake: &mut Intake<'_, 'a>,
) -> Result<(), DecodeError> {
    use tags::scope_spans::{SCOPE, SPANS};
    let (mut scope, mut fault) = (None, Fault::default());
    let mut fields = message.clone();
    while let Some(tag) = fields.tag()? {
        match tag {
            SCOPE => read_scope(fields.message()?, scope.get_or_insert_default(), &mut fault)?,
            _ => fields.skip(tag)?,
        }
    }
    intake.set_scope(scope, fault);
    while let Some(tag) = message.tag()? {
        match tag {
            SPANS => {
                if let Err(malformed) = read_span(message.message()?, intake) {
                    return Err(DecodeError::from(malformed).in_span(intake.span_index()));
                }
            }
            _ => message.skip(tag)?,
        }
    }
    Ok(())
}

fn read_scope(
    mut message: Reader<'_>,
    scope: &mut Scope,
    fault: &mut Fault,
) -> Result<(), Malformed> {
    use tags::scope::{ATTRIBUTES, DROPPED_ATTRIBUTES, NAME, VERSION};
    let mut attributes = Vec::new();
    while let Some(tag) = message.tag()? {
        match tag {
            NAME => scope.name = text(&message.message()?, fault).to_owned(),
            VERSION => scope.version = text(&message.message()?, fault).to_owned(),
            ATTRIBUTES => {
                read_attribute(message.message()?, &mut attributes, VALUE_DEPTH_MAX, fault)?;
            }
            DROPPED_ATTRIBUTES => scope.dropped_attributes = low_half(message.varint()?),
            _ => message.skip(tag)?,
        }
    }
    scope.attributes.extend(attributes.into_iter().map(Attribute::into_owned));
    Ok(())
}

fn read_span<'a>(mut message: Reader<'a>, intake: &mut Intake<'_, 'a>) -> Result<(), Malformed> {
    use tags::span::*;
    intake.begin_span();
    let offset = message.offset();
    let mut ids = RawIds::default();
    let (mut start_ns, mut end_ns) = (0, 0);
    while let Some(tag) = message.tag()? {
        let (span, fault) = (&mut intake.span, &mut intake.fault);
        match tag {
            ATTRIBUTES => {
                let attributes = &mut span.attributes;
                read_attribute(message.message()?, attributes, VALUE_DEPTH_MAX, fault)?;
            }
            TRACE_ID => ids.trace_id = Some(message.message()?),
            SPAN_ID => ids.span_id = Some(message.message()?),
            TRACE_STATE => span.trace_state = Cow::Borrowed(text(&message.message()?, fault)),
            PARENT_SPAN_ID => ids.parent_id = Some(message.message()?),
            NAME => span.name = Cow::Borrowed(text(&message.message()?, fault)),
            KIND => span.kind = kind_of(low_half(message.varint()?).cast_signed()),
            START_TIME => start_ns = message.fixed64()?,
            END_TIME => end_ns = message.fixed64()?,
            EVENTS => read_event(message.message()?, intake)?,
            LINKS => read_link(message.message()?, intake)?,
            STATUS => read_status(message.message()?, &mut span.status, fault)?,
            FLAGS => span.trace_flags = message.fixed32()?,
            DROPPED_ATTRIBUTES => span.dropped.attributes = low_half(message.varint()?),
            DROPPED_EVENTS => span.dropped.events = low_half(message.varint()?),
            DROPPED_LINKS => span.dropped.links = low_half(message.varint()?),
            _ => message.skip(tag)?,
        }
    }
    intake.end_span(ids.read(offset), (start_ns, end_ns));
    Ok(())
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

fn read_event<'a>(mut message: Reader<'a>, intake: &mut Intake<'_, 'a>) -> Result<(), Malformed> {
    use tags::event::{ATTRIBUTES, DROPPED_ATTRIBUTES, NAME, TIME};
    if !intake.fault.has_room(message.offset()) {
        return Ok(());
    }
    let (event, fault) = intake.begin_event();
    while let Some(tag) = message.tag()? {
        match tag {
            TIME => event.time_ns = message.fixed64()?,
            NAME => event.name = Cow::Borrowed(text(&message.message()?, fault)),
            ATTRIBUTES => {
                let attributes = &mut event.attributes;
                read_attribute(message.message()?, attributes, VALUE_DEPTH_MAX, fault)?;
            }
            DROPPED_ATTRIBUTES => event.dropped_attributes = low_half(message.varint()?),
            _ => message.skip(tag)?,
        }
    }
    Ok(())
}

fn read_link<'a>(mut message: Reader<'a>, intake: &mut Intake<'_, 'a>) -> Result<(), Malformed> {
    use tags::link::*;
    if !intake.fault.has_room(message.offset()) {
        return Ok(());
    }
    let (link, fault) = intake.begin_link();
    let (mut trace_id, mut span_id) = (None, None);
    while let Some(tag) = message.tag()? {
        match tag {
            TRACE_ID => trace_id = Some(message.message()?),
            SPAN_ID => span_id = Some(message.message()?),
            TRACE_STATE => link.trace_state = Cow::Borrowed(text(&message.message()?, fault)),
            ATTRIBUTES => {
                let attributes = &mut link.attributes;
                read_attribute(message.message()?, attributes, VALUE_DEPTH_MAX, fault)?;
            }
            DROPPED_ATTRIBUTES => link.dropped_attributes = low_half(message.varint()?),
            FLAGS => link.trace_flags = message.fixed32()?,
            _ => message.skip(tag)?,
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
) -> Result<(), Malformed> {
    use tags::status::{CODE, MESSAGE};
    while let Some(tag) = message.tag()? {
        match tag {
            MESSAGE => status.message = Cow::Borrowed(text(&message.message()?, fault)),
            CODE => status.code = status_of(low_half(message.varint()?).cast_signed()),
            _ => message.skip(tag)?,
        }
    }
    Ok(())
}

/// Reads a `KeyValue` and appends it.
#[inline]
fn read_attribute<'a>(
    mut message: Reader<'a>,
    attributes: &mut Vec<Attribute<'a>>,
    depth_left: usize,
    fault: &mut Fault,
) -> Result<(), Malformed> {
    use tags::key_value::{KEY, VALUE};
    if !fault.has_room(message.offset()) {
        return Ok(());
    }
    if let Some((key, value)) = read_short(message.bytes()) {
        attributes.push(Attribute { key: Cow::Borrowed(key), value });
        return Ok(());
    }
    let attribute = attributes.push_mut(Attribute { key: Cow::Borrowed(""), value: Value::Empty });
    while let Some(tag) = message.tag()? {
        match tag {
            KEY => attribute.key = Cow::Borrowed(text(&message.message()?, fault)),
            VALUE => read_value(message.message()?, &mut attribute.value, depth_left, fault)?,
            _ => message.skip(tag)?,
        }
    }
    Ok(())
}

/// Reads the commonest `KeyValue`s in one step: a key of under 128 bytes, and a text of under 128
/// bytes or a whole number, each written once and in order. `None` for every other.
///
/// The lengths are then ASCII, as the tags are: one check of key and text together for UTF-8 is
/// enough, and takes half the time of two.
#[inline]
fn read_short(message: &[u8]) -> Option<(&str, Value<'_>)> {
    const KEY: u8 = tags::key_value::KEY as u8;
    const VALUE: u8 = tags::key_value::VALUE as u8;
    const STRING: u8 = tags::any_value::STRING as u8;
    const INT: u8 = tags::any_value::INT as u8;
    let [KEY, key_len @ 0..0x80, rest @ ..] = message else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(*key_len))?;
    match rest {
        [VALUE, value_len @ 0..0x80, STRING, text_len @ 0..0x80, text @ ..]
            if usize::from(*text_len) == text.len() && *value_len == *text_len + 2 =>
        {
            let message = str::from_utf8(message).ok()?;
            let text = message.get(message.len() - text.len()..)?;
            Some((message.get(2..2 + key.len())?, Value::String(Cow::Borrowed(text))))
        }
        [VALUE, value_len, INT, number @ ..] if usize::from(*value_len) == number.len() + 1 => {
            let number = match *number {
                [low @ 0..0x80] => u64::from(low),
                [low @ 0x80..=0xff, high @ 0..0x80] => u64::from(low & 0x7f) | u64::from(high) << 7,
                [low @ 0x80..=0xff, middle @ 0x80..=0xff, high @ 0..0x80] => {
                    u64::from(low & 0x7f) | u64::from(middle & 0x7f) << 7 | u64::from(high) << 14
                }
                _ => return None,
            };
            Some((str::from_utf8(key).ok()?, Value::Int(number.cast_signed())))
        }
        _ => None,
    }
}

/// Reads an `AnyValue` over what was read of it before: the last of its members counts.
#[inline]
fn read_value<'a>(
    mut message: Reader<'a>,
    value: &mut Value<'a>,
    depth_left: usize,
    fault: &mut Fault,
) -> Result<(), Malformed> {
    use tags::any_value::{ARRAY, BOOL, BYTES, DOUBLE, INT, KEY_VALUE_LIST, STRING};
    while let Some(tag) = message.tag()? {
        match tag {
            STRING => *value = Value::String(Cow::Borrowed(text(&message.message()?, fault))),
            BOOL => *value = Value::Bool(message.varint()? != 0),
            INT => *value = Value::Int(message.varint()?.cast_signed()),
            DOUBLE => *value = Value::Double(f64::from_bits(message.fixed64()?)),
            BYTES => *value = Value::Bytes(Cow::Borrowed(message.message()?.bytes())),
            ARRAY | KEY_VALUE_LIST if depth_left == 0 => {
                fault.note(too_deep(message.offset()));
                message.skip(tag)?;
            }
            ARRAY => read_array(message.message()?, value, depth_left - 1, fault)?,
            KEY_VALUE_LIST => read_map(message.message()?, value, depth_left - 1, fault)?,
            _ => message.skip(tag)?,
        }
    }
    Ok(())
}

/// Reads an `ArrayValue`; a second one for the same value goes on with the first.
#[inline(never)]
fn read_array<'a>(
    mut message: Reader<'a>,
    value: &mut Value<'a>,
    depth_left: usize,
    fault: &mut Fault,
) -> Result<(), Malformed> {
    if !matches!(value, Value::Array(_)) {
        *value = Value::Array(Vec::new());
    }
    let Value::Array(elements) = value else { return Ok(()) };
    while let Some(tag) = message.tag()? {
        match tag {
            tags::any_value::VALUES => {
                let message = message.message()?;
                if fault.has_room(message.offset()) {
                    read_value(message, elements.push_mut(Value::Empty), depth_left, fault)?;
                }
            }
            _ => message.skip(tag)?,
        }
    }
    Ok(())
}

/// Reads a `KeyValueList`; a second one for the same value goes on with the first.
#[inline(never)]
fn read_map<'a>(
    mut message: Reader<'a>,
    value: &mut Value<'a>,
    depth_left: usize,
    fault: &mut Fault,
) -> Result<(), Malformed> {
    if !matches!(value, Value::Map(_)) {
        *value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = value else { return Ok(()) };
    while let Some(tag) = message.tag()? {
        match tag {
            tags::any_value::VALUES => {
                read_attribute(message.message()?, entries, depth_left, fault)?;
            }
            _ => message.skip(tag)?,
        }
    }
    Ok(())
}

/// Returns a text; one that is not UTF-8 is the span's fault.
#[inline]
fn text<'a>(field: &Reader<'a>, fault: &mut Fault) -> &'a str {
    field.text().unwrap_or_else(|reason| {
        fault.note(reason.into());
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
