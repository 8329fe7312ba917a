//! Jaeger in Thrift, in either protocol: reads a `Batch`, alone or as the message that a client
//! sends to an agent.
//!
//! Texts and bytes are borrowed from the body. The fields of a struct come in any order: spans
//! that stand before their process wait for it.

use std::borrow::Cow;

use spandrel_model::{Attribute, SpanId, TraceId, Value};

use super::ClientStats;
use super::intake::{Fault, Head, Intake, Process, link_kind_of, ns_of_us, text_value};
use crate::DecodeError;
use crate::error::{Malformed, echo};
use crate::thrift::{Read, Type};

/// The one method of an agent that is taken.
pub(super) const EMIT_BATCH: &str = "emitBatch";

// The types of a tag's value.
pub(super) const STRING: i32 = 0;
pub(super) const DOUBLE: i32 = 1;
pub(super) const BOOL: i32 = 2;
pub(super) const LONG: i32 = 3;
pub(super) const BINARY: i32 = 4;

/// Reads a message that calls an agent.
pub(super) fn read_message<'a>(
    reader: &mut impl Read<'a>,
    intake: &mut Intake<'_, 'a>,
) -> Result<(), DecodeError> {
    let method = reader.message()?;
    if method != EMIT_BATCH {
        let message = format!("method {:?} is not taken, only {EMIT_BATCH}", echo(method));
        return Err(DecodeError::of_body(message));
    }
    let mut has_batch = false;
    let mut last_id = 0;
    while let Some((id, type_)) = reader.field(&mut last_id)? {
        match (id, type_) {
            (1, Type::Struct) => {
                read_batch(reader, intake)?;
                has_batch = true;
            }
            (_, type_) => reader.skip(type_)?,
        }
    }
    if has_batch { Ok(()) } else { Err(DecodeError::of_body("the message has no batch")) }
}

/// Reads a batch.
pub(super) fn read_batch<'a>(
    reader: &mut impl Read<'a>,
    intake: &mut Intake<'_, 'a>,
) -> Result<(), DecodeError> {
    let (mut has_process, mut waiting) = (false, None);
    let mut last_id = 0;
    while let Some((id, type_)) = reader.field(&mut last_id)? {
        match (id, type_) {
            (1, Type::Struct) => {
                intake.set_process(&read_process(reader)?);
                has_process = true;
            }
            (2, Type::List) if has_process => read_spans(reader, intake)?,
            (2, Type::List) => {
                waiting = Some(reader.clone());
                reader.skip(Type::List)?;
            }
            (3, Type::I64) => intake.decoded.sequence_number = Some(reader.i64()?),
            (4, Type::Struct) => intake.decoded.client_stats = Some(read_client_stats(reader)?),
            (_, type_) => reader.skip(type_)?,
        }
    }
    waiting.map_or(Ok(()), |mut spans| read_spans(&mut spans, intake))
}

fn read_process<'a>(reader: &mut impl Read<'a>) -> Result<Process, Malformed> {
    let (mut service_name, mut tags, mut fault) = ("", Vec::new(), Fault::default());
    let mut last_id = 0;
    while let Some((id, type_)) = reader.field(&mut last_id)? {
        match (id, type_) {
            (1, Type::String) => service_name = read_text(reader, &mut fault)?,
            (2, Type::List) => read_tags(reader, &mut fault, &mut tags)?,
            (_, type_) => reader.skip(type_)?,
        }
    }
    Ok(Process::new(service_name, tags, fault))
}

fn read_client_stats<'a>(reader: &mut impl Read<'a>) -> Result<ClientStats, Malformed> {
    let mut stats = ClientStats::default();
    let mut last_id = 0;
    while let Some((id, type_)) = reader.field(&mut last_id)? {
        match (id, type_) {
            (1, Type::I64) => stats.full_queue_dropped_spans = reader.i64()?,
            (2, Type::I64) => stats.too_large_dropped_spans = reader.i64()?,
            (3, Type::I64) => stats.failed_to_emit_spans = reader.i64()?,
            (_, type_) => reader.skip(type_)?,
        }
    }
    Ok(stats)
}

fn read_spans<'a>(
    reader: &mut impl Read<'a>,
    intake: &mut Intake<'_, 'a>,
) -> Result<(), DecodeError> {
    for _ in 0..reader.list_of_structs()? {
        if let Err(malformed) = read_span(reader, intake) {
            return Err(DecodeError::from(malformed).in_span(intake.span_index()));
        }
    }
    Ok(())
}

fn read_span<'a>(reader: &mut impl Read<'a>, intake: &mut Intake<'_, 'a>) -> Result<(), Malformed> {
    intake.begin_span();
    let offset = reader.offset();
    let mut head = Head::default();
    let (mut trace_low, mut trace_high) = (0, 0);
    let mut last_id = 0;
    while let Some((id, type_)) = reader.field(&mut last_id)? {
        match (id, type_) {
            (1, Type::I64) => trace_low = read_id(reader)?,
            (2, Type::I64) => trace_high = read_id(reader)?,
            (3, Type::I64) => head.span_id = SpanId::new(read_id(reader)?),
            (4, Type::I64) => head.parent_id = SpanId::new(read_id(reader)?),
            (5, Type::String) => intake.set_name_of(reader)?,
            (6, Type::List) => read_references(reader, intake)?,
            (7, Type::I32) => head.flags = reader.i32()?.cast_unsigned(),
            (8, Type::I64) => head.start_ns = ns_of_us(reader.i64()?),
            (9, Type::I64) => head.duration_ns = Some(ns_of_us(reader.i64()?)),
            (10, Type::List) => read_span_tags(reader, intake)?,
            (11, Type::List) => read_logs(reader, intake)?,
            (_, type_) => reader.skip(type_)?,
        }
    }
    head.trace_id = TraceId::from_halves(trace_high, trace_low);
    intake.end_span(&head, offset);
    Ok(())
}

impl<'a> Intake<'_, 'a> {
    fn set_name_of(&mut self, reader: &mut impl Read<'a>) -> Result<(), Malformed> {
        let name = read_text(reader, &mut self.fault)?;
        self.set_name(name);
        Ok(())
    }
}

/// Reads an id: clients send its bits as a signed number.
#[inline]
fn read_id<'a>(reader: &mut impl Read<'a>) -> Result<u64, Malformed> {
    Ok(reader.i64()?.cast_unsigned())
}

/// Reads a text; one that is not UTF-8 is the span's fault.
#[inline]
fn read_text<'a>(reader: &mut impl Read<'a>, fault: &mut Fault) -> Result<&'a str, Malformed> {
    let bytes = reader.binary()?;
    Ok(fault.text(bytes, reader.offset() - bytes.len()))
}

fn read_references<'a>(
    reader: &mut impl Read<'a>,
    intake: &mut Intake<'_, 'a>,
) -> Result<(), Malformed> {
    for _ in 0..reader.list_of_structs()? {
        let has_room = intake.fault.has_room(reader.offset());
        let (mut kind, mut trace_low, mut trace_high, mut span_id) = (0, 0, 0, 0);
        let mut last_id = 0;
        while let Some((id, type_)) = reader.field(&mut last_id)? {
            match (id, type_) {
                (1, Type::I32) => kind = reader.i32()?,
                (2, Type::I64) => trace_low = read_id(reader)?,
                (3, Type::I64) => trace_high = read_id(reader)?,
                (4, Type::I64) => span_id = read_id(reader)?,
                (_, type_) => reader.skip(type_)?,
            }
        }
        if has_room {
            let trace_id = TraceId::from_halves(trace_high, trace_low);
            intake.push_reference(link_kind_of(kind), trace_id, SpanId::new(span_id));
        }
    }
    Ok(())
}

fn read_logs<'a>(reader: &mut impl Read<'a>, intake: &mut Intake<'_, 'a>) -> Result<(), Malformed> {
    for _ in 0..reader.list_of_structs()? {
        if !intake.fault.has_room(reader.offset()) {
            reader.skip(Type::Struct)?;
            continue;
        }
        let (fields, fault) = intake.begin_event();
        let (mut time_us, mut last_id) = (0, 0);
        while let Some((id, type_)) = reader.field(&mut last_id)? {
            match (id, type_) {
                (1, Type::I64) => time_us = reader.i64()?,
                (2, Type::List) => read_tags(reader, fault, fields)?,
                (_, type_) => reader.skip(type_)?,
            }
        }
        intake.end_event(ns_of_us(time_us));
    }
    Ok(())
}

fn read_span_tags<'a>(
    reader: &mut impl Read<'a>,
    intake: &mut Intake<'_, 'a>,
) -> Result<(), Malformed> {
    let (tags, fault) = intake.begin_tags();
    read_tags(reader, fault, tags)?;
    intake.end_tags();
    Ok(())
}

fn read_tags<'a, R: Read<'a>>(
    reader: &mut R,
    fault: &mut Fault,
    tags: &mut Vec<Attribute<'a>>,
) -> Result<(), Malformed> {
    let len = reader.list_of_structs()?;
    // A reader that goes from hand to hand stays in registers; one that is lent does not.
    let mut local = reader.clone();
    for _ in 0..len {
        if !fault.has_room(local.offset()) {
            local = skip_tag(local)?;
        } else if let Some(after) = read_usual_tag(local.clone(), tags)? {
            local = after;
        } else {
            local = read_any_tag(local, fault, tags)?;
        }
    }
    *reader = local;
    Ok(())
}

#[cold]
fn skip_tag<'a, R: Read<'a>>(mut reader: R) -> Result<R, Malformed> {
    reader.skip(Type::Struct)?;
    Ok(reader)
}

/// Reads a tag as all clients write it, the key, the type and the value of that type, in order,
/// and appends it. Appends nothing and returns `None` for every other.
///
/// Each type has a push of its own: a value that is made in one place and copied to another costs
/// more than all the rest of its reading.
#[inline(always)]
fn read_usual_tag<'a, R: Read<'a>>(
    mut reader: R,
    tags: &mut Vec<Attribute<'a>>,
) -> Result<Option<R>, Malformed> {
    let mut last_id = 0;
    if !reader.is_next(1, Type::String, &mut last_id) {
        return Ok(None);
    }
    let before = reader.rest();
    let key = reader.binary()?;
    let key_begin = before.len() - reader.rest().len() - key.len();
    if !reader.is_next(2, Type::I32, &mut last_id) {
        return Ok(None);
    }
    match reader.i32()? {
        STRING if reader.is_next(3, Type::String, &mut last_id) => {
            let text = reader.binary()?;
            let both = before.get(key_begin..before.len() - reader.rest().len());
            if reader.is_end()
                && let Some((key, text)) = two_texts(both.unwrap_or_default(), key, text)
            {
                let value = Value::String(Cow::Borrowed(text));
                tags.push(Attribute { key: Cow::Borrowed(key), value });
                return Ok(Some(reader));
            }
        }
        LONG if reader.is_next(6, Type::I64, &mut last_id) => {
            let number = reader.i64()?;
            if reader.is_end()
                && let Ok(key) = std::str::from_utf8(key)
            {
                let value = Value::Int(number);
                tags.push(Attribute { key: Cow::Borrowed(key), value });
                return Ok(Some(reader));
            }
        }
        _ => {}
    }
    Ok(None)
}

/// Returns the two texts that begin and end these bytes; `None` for one that is not UTF-8.
///
/// What stands between them in a usual tag is ASCII, unless the second is over 127 bytes long: one
/// check of all takes little more time than a check of one.
#[inline(always)]
fn two_texts<'a>(both: &'a [u8], first: &'a [u8], second: &'a [u8]) -> Option<(&'a str, &'a str)> {
    match std::str::from_utf8(both) {
        Ok(both) => Some((both.get(..first.len())?, both.get(both.len() - second.len()..)?)),
        Err(_) => Some((std::str::from_utf8(first).ok()?, std::str::from_utf8(second).ok()?)),
    }
}

/// A tag's values, of which its type says which is meant.
#[derive(Default)]
struct Values<'a> {
    text: Option<&'a [u8]>,
    double: Option<f64>,
    flag: Option<bool>,
    long: Option<i64>,
    bytes: Option<&'a [u8]>,
}

impl<'a> Values<'a> {
    /// Returns the value of the type. Of a type that Jaeger does not have, or none, it is the first
    /// there is.
    fn of_type(&self, value_type: Option<i32>) -> Value<'a> {
        let value = match value_type {
            Some(STRING) => self.text.map(text_value),
            Some(DOUBLE) => self.double.map(Value::Double),
            Some(BOOL) => self.flag.map(Value::Bool),
            Some(LONG) => self.long.map(Value::Int),
            Some(BINARY) => self.bytes.map(|bytes| Value::Bytes(Cow::Borrowed(bytes))),
            _ => (STRING..=BINARY).map(|value_type| self.of_type(Some(value_type))).find(is_some),
        };
        value.unwrap_or_default()
    }
}

fn is_some(value: &Value<'_>) -> bool {
    !matches!(value, Value::Empty)
}

/// Reads a tag whose fields come in any order, and appends it.
#[inline(never)]
fn read_any_tag<'a, R: Read<'a>>(
    mut reader: R,
    fault: &mut Fault,
    tags: &mut Vec<Attribute<'a>>,
) -> Result<R, Malformed> {
    let (mut key, mut value_type, mut values) = ("", None, Values::default());
    let mut last_id = 0;
    while let Some((id, type_)) = reader.field(&mut last_id)? {
        match (id, type_) {
            (1, Type::String) => key = read_text(&mut reader, fault)?,
            (2, Type::I32) => value_type = Some(reader.i32()?),
            (3, Type::String) => values.text = Some(reader.binary()?),
            (4, Type::Double) => values.double = Some(reader.double()?),
            (5, Type::Bool) => values.flag = Some(reader.bool()?),
            (6, Type::I64) => values.long = Some(reader.i64()?),
            (7, Type::String) => values.bytes = Some(reader.binary()?),
            (_, type_) => reader.skip(type_)?,
        }
    }
    tags.push(Attribute { key: Cow::Borrowed(key), value: values.of_type(value_type) });
    Ok(reader)
}
