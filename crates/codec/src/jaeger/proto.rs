//! Jaeger in protobuf: reads a `PostSpansRequest`.
//!
//! Texts and bytes are borrowed from the body. The fields of a message come in any order: the
//! process of a batch is looked for before its spans are read.

use std::borrow::Cow;

use spandrel_model::{Attribute, SpanId, TraceId, Value};

use super::intake::{Fault, Head, Intake, Process, link_kind_of, ns_of_seconds, text_value};
use crate::DecodeError;
use crate::protobuf::{Malformed, Reader};

// The types of a tag's value.
pub(super) const STRING: i32 = 0;
pub(super) const BOOL: i32 = 1;
pub(super) const INT64: i32 = 2;
pub(super) const FLOAT64: i32 = 3;
pub(super) const BINARY: i32 = 4;

/// The fields of the messages, from jaeger-idl's `api_v2`.
mod tags {
    use crate::protobuf::{bytes_field, fixed64_field, varint_field};

    /// The only field of `PostSpansRequest`.
    pub(super) const BATCH: u32 = bytes_field(1);

    pub(super) mod batch {
        use super::*;
        pub(in super::super) const SPANS: u32 = bytes_field(1);
        pub(in super::super) const PROCESS: u32 = bytes_field(2);
    }

    pub(super) mod process {
        use super::*;
        pub(in super::super) const SERVICE_NAME: u32 = bytes_field(1);
        pub(in super::super) const TAGS: u32 = bytes_field(2);
    }

    pub(super) mod span {
        use super::*;
        pub(in super::super) const TRACE_ID: u32 = bytes_field(1);
        pub(in super::super) const SPAN_ID: u32 = bytes_field(2);
        pub(in super::super) const OPERATION_NAME: u32 = bytes_field(3);
        pub(in super::super) const REFERENCES: u32 = bytes_field(4);
        pub(in super::super) const FLAGS: u32 = varint_field(5);
        pub(in super::super) const START_TIME: u32 = bytes_field(6);
        pub(in super::super) const DURATION: u32 = bytes_field(7);
        pub(in super::super) const TAGS: u32 = bytes_field(8);
        pub(in super::super) const LOGS: u32 = bytes_field(9);
        pub(in super::super) const PROCESS: u32 = bytes_field(10);
        pub(in super::super) const WARNINGS: u32 = bytes_field(12);
    }

    pub(super) mod reference {
        use super::*;
        pub(in super::super) const TRACE_ID: u32 = bytes_field(1);
        pub(in super::super) const SPAN_ID: u32 = bytes_field(2);
        pub(in super::super) const REF_TYPE: u32 = varint_field(3);
    }

    pub(super) mod log {
        use super::*;
        pub(in super::super) const TIMESTAMP: u32 = bytes_field(1);
        pub(in super::super) const FIELDS: u32 = bytes_field(2);
    }

    pub(super) mod key_value {
        use super::*;
        pub(in super::super) const KEY: u32 = bytes_field(1);
        pub(in super::super) const V_TYPE: u32 = varint_field(2);
        pub(in super::super) const V_STR: u32 = bytes_field(3);
        pub(in super::super) const V_BOOL: u32 = varint_field(4);
        pub(in super::super) const V_INT64: u32 = varint_field(5);
        pub(in super::super) const V_FLOAT64: u32 = fixed64_field(6);
        pub(in super::super) const V_BINARY: u32 = bytes_field(7);
    }

    /// The fields of protobuf's own `Timestamp` and `Duration`.
    pub(super) mod time {
        use super::*;
        pub(in super::super) const SECONDS: u32 = varint_field(1);
        pub(in super::super) const NANOS: u32 = varint_field(2);
    }
}

/// Reads a request. A batch in several parts is one.
pub(super) fn read_request<'a>(
    body: &'a [u8],
    intake: &mut Intake<'_, 'a>,
) -> Result<(), DecodeError> {
    let mut processes = Parts::default();
    each_batch_field(body, |tag, batch| {
        match tag {
            tags::batch::PROCESS => processes.push(batch.message()?),
            _ => batch.skip(tag)?,
        }
        Ok(())
    })?;
    let of_batch = read_process(&processes)?;
    let mut of_span = None;
    each_batch_field(body, |tag, batch| match tag {
        tags::batch::SPANS => {
            intake.set_process(&of_batch);
            read_span(batch.message()?, intake, &mut of_span)
                .map_err(|malformed| DecodeError::from(malformed).in_span(intake.span_index()))
        }
        _ => Ok(batch.skip(tag)?),
    })
}

fn each_batch_field<'a>(
    body: &'a [u8],
    mut read_field: impl FnMut(u32, &mut Reader<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut request = Reader::new(body);
    while let Some(tag) = request.tag()? {
        if tag != tags::BATCH {
            request.skip(tag)?;
            continue;
        }
        let mut batch = request.message()?;
        while let Some(tag) = batch.tag()? {
            read_field(tag, &mut batch)?;
        }
    }
    Ok(())
}

/// A message that may come in several parts, which are one when read one after the other.
#[derive(Clone, Default)]
struct Parts<'a> {
    first: Option<Reader<'a>>,
    further: Vec<Reader<'a>>,
}

impl<'a> Parts<'a> {
    fn push(&mut self, part: Reader<'a>) {
        match self.first {
            None => self.first = Some(part),
            Some(_) => self.further.push(part),
        }
    }

    /// Whether both have the same bytes, in one part.
    fn is_same(&self, other: &Self) -> bool {
        let bytes = |parts: &Self| parts.first.as_ref().map(Reader::bytes);
        self.further.is_empty() && other.further.is_empty() && bytes(self) == bytes(other)
    }
}

fn read_process(parts: &Parts<'_>) -> Result<Process, Malformed> {
    use tags::process::{SERVICE_NAME, TAGS};
    let (mut service_name, mut tags, mut fault) = ("", Vec::new(), Fault::default());
    for part in parts.first.iter().chain(&parts.further) {
        let mut part = part.clone();
        while let Some(tag) = part.tag()? {
            match tag {
                SERVICE_NAME => service_name = text(&part.message()?, &mut fault),
                TAGS => read_tag(part.message()?, &mut fault, &mut tags)?,
                _ => part.skip(tag)?,
            }
        }
    }
    Ok(Process::new(service_name, tags, fault))
}

fn read_span<'a>(
    mut message: Reader<'a>,
    intake: &mut Intake<'_, 'a>,
    last_process: &mut Option<(Parts<'a>, Process)>,
) -> Result<(), Malformed> {
    use tags::span::*;
    intake.begin_span();
    let offset = message.offset();
    let (mut head, mut processes, mut warnings) = (Head::default(), Parts::default(), Vec::new());
    let (mut start, mut duration) = (Time::default(), None::<Time>);
    let (mut raw_trace_id, mut raw_span_id) = (None, None);
    while let Some(tag) = message.tag()? {
        let fault = &mut intake.fault;
        match tag {
            TAGS => {
                let (tags, fault) = intake.begin_tags();
                read_tag(message.message()?, fault, tags)?;
            }
            TRACE_ID => raw_trace_id = Some(message.message()?),
            SPAN_ID => raw_span_id = Some(message.message()?),
            OPERATION_NAME => {
                let name = text(&message.message()?, fault);
                intake.set_name(name);
            }
            REFERENCES => read_reference(message.message()?, intake)?,
            FLAGS => head.flags = low_half(message.varint()?),
            START_TIME => start.read(message.message()?)?,
            DURATION => duration.get_or_insert_default().read(message.message()?)?,
            LOGS => read_log(message.message()?, intake)?,
            PROCESS => processes.push(message.message()?),
            WARNINGS => {
                let warning = message.message()?;
                if fault.has_room(warning.offset()) {
                    warnings.push(text_value(warning.bytes()));
                }
            }
            _ => message.skip(tag)?,
        }
    }
    head.trace_id = trace_id(raw_trace_id, &mut intake.fault);
    head.span_id = span_id(raw_span_id, &mut intake.fault);
    head.start_ns = start.ns(offset, &mut intake.fault);
    head.duration_ns = duration.map(|duration| duration.ns(offset, &mut intake.fault));
    if processes.first.is_some() {
        let last = last_process.take().filter(|(last, _)| last.is_same(&processes));
        let process = match last {
            Some((_, process)) => process,
            None => read_process(&processes)?,
        };
        intake.set_process(&process);
        *last_process = Some((processes, process));
    }
    intake.end_tags();
    if !warnings.is_empty() {
        intake.push_warnings(warnings);
    }
    intake.end_span(&head, offset);
    Ok(())
}

/// A `Timestamp` or a `Duration`; what comes in parts is one.
#[derive(Clone, Copy, Default)]
struct Time {
    seconds: i64,
    nanos: i32,
}

impl Time {
    fn read(&mut self, mut message: Reader<'_>) -> Result<(), Malformed> {
        use tags::time::{NANOS, SECONDS};
        while let Some(tag) = message.tag()? {
            match tag {
                SECONDS => self.seconds = message.varint()?.cast_signed(),
                NANOS => self.nanos = low_half(message.varint()?).cast_signed(),
                _ => message.skip(tag)?,
            }
        }
        Ok(())
    }

    fn ns(self, offset: usize, fault: &mut Fault) -> i128 {
        ns_of_seconds(self.seconds, self.nanos).unwrap_or_else(|| {
            fault.note(offset, "a time is further away than protobuf's go");
            0
        })
    }
}

/// Reads a trace id; `None` for one that is absent or zero, and for one of the wrong length, which
/// is noted.
#[inline]
fn trace_id(id: Option<Reader<'_>>, fault: &mut Fault) -> Option<TraceId> {
    let id = id?;
    match <[u8; 16]>::try_from(id.bytes()) {
        Ok(bytes) => TraceId::new(u128::from_be_bytes(bytes)),
        Err(_) => wrong_length("trace_id", 16, &id, fault),
    }
}

/// Reads a span id as [`trace_id`] reads its.
#[inline]
fn span_id(id: Option<Reader<'_>>, fault: &mut Fault) -> Option<SpanId> {
    let id = id?;
    match <[u8; 8]>::try_from(id.bytes()) {
        Ok(bytes) => SpanId::new(u64::from_be_bytes(bytes)),
        Err(_) => wrong_length("span_id", 8, &id, fault),
    }
}

/// Notes the length, unless it is that of an id that is absent.
#[cold]
fn wrong_length<T>(field: &str, len: usize, id: &Reader<'_>, fault: &mut Fault) -> Option<T> {
    if !id.bytes().is_empty() {
        let message = format!("{field} has {len} bytes, not {}", id.bytes().len());
        fault.note(id.offset(), &message);
    }
    None
}

fn read_reference<'a>(
    mut message: Reader<'a>,
    intake: &mut Intake<'_, 'a>,
) -> Result<(), Malformed> {
    use tags::reference::{REF_TYPE, SPAN_ID, TRACE_ID};
    let fault = &mut intake.fault;
    if !fault.has_room(message.offset()) {
        return Ok(());
    }
    let (mut trace, mut span, mut kind) = (None, None, 0);
    while let Some(tag) = message.tag()? {
        match tag {
            TRACE_ID => trace = Some(message.message()?),
            SPAN_ID => span = Some(message.message()?),
            REF_TYPE => kind = low_half(message.varint()?).cast_signed(),
            _ => message.skip(tag)?,
        }
    }
    let (trace, span) = (trace_id(trace, fault), span_id(span, fault));
    intake.push_reference(link_kind_of(kind), trace, span);
    Ok(())
}

fn read_log<'a>(mut message: Reader<'a>, intake: &mut Intake<'_, 'a>) -> Result<(), Malformed> {
    use tags::log::{FIELDS, TIMESTAMP};
    let offset = message.offset();
    if !intake.fault.has_room(offset) {
        return Ok(());
    }
    let (fields, fault) = intake.begin_event();
    let mut time = Time::default();
    while let Some(tag) = message.tag()? {
        match tag {
            TIMESTAMP => time.read(message.message()?)?,
            FIELDS => read_tag(message.message()?, fault, fields)?,
            _ => message.skip(tag)?,
        }
    }
    let time_ns = time.ns(offset, fault);
    intake.end_event(time_ns);
    Ok(())
}

/// A tag's values, of which its type says which is meant. One that is not there is the default
/// of its type, as everywhere in protobuf.
#[derive(Default)]
struct Values<'a> {
    text: &'a [u8],
    flag: bool,
    int: i64,
    float: f64,
    bytes: &'a [u8],
}

impl<'a> Values<'a> {
    fn of_type(&self, value_type: i32) -> Value<'a> {
        match value_type {
            STRING => text_value(self.text),
            BOOL => Value::Bool(self.flag),
            INT64 => Value::Int(self.int),
            FLOAT64 => Value::Double(self.float),
            BINARY => Value::Bytes(Cow::Borrowed(self.bytes)),
            _ => self.of_no_type(),
        }
    }

    /// Returns the first that is there, for a type that Jaeger does not have.
    fn of_no_type(&self) -> Value<'a> {
        let there = [
            (!self.text.is_empty(), STRING),
            (self.flag, BOOL),
            (self.int != 0, INT64),
            (self.float.to_bits() != 0, FLOAT64),
            (!self.bytes.is_empty(), BINARY),
        ];
        let first = there.into_iter().find(|(is_there, _)| *is_there);
        first.map_or(Value::Empty, |(_, value_type)| self.of_type(value_type))
    }
}

/// Reads a `KeyValue` and appends it.
#[inline]
fn read_tag<'a>(
    message: Reader<'a>,
    fault: &mut Fault,
    tags: &mut Vec<Attribute<'a>>,
) -> Result<(), Malformed> {
    if !fault.has_room(message.offset()) {
        return Ok(());
    }
    if !read_short(message.bytes(), tags) {
        tags.push(read_any_tag(message, fault)?);
    }
    Ok(())
}

/// Reads the commonest `KeyValue`s in one step: a key and a text of under 128 bytes each, or a
/// whole number, each written once and in order; and appends it. Returns false for every other.
///
/// The lengths are then ASCII, as the tags are: one check of key and text together for UTF-8 is
/// enough, and takes half the time of two.
#[inline]
fn read_short<'a>(message: &'a [u8], tags: &mut Vec<Attribute<'a>>) -> bool {
    const KEY: u8 = tags::key_value::KEY as u8;
    const V_TYPE: u8 = tags::key_value::V_TYPE as u8;
    const V_STR: u8 = tags::key_value::V_STR as u8;
    const V_INT64: u8 = tags::key_value::V_INT64 as u8;
    const OF_INT64: u8 = INT64 as u8;
    let [KEY, key_len @ 0..0x80, rest @ ..] = message else { return false };
    let Some((key, rest)) = rest.split_at_checked(usize::from(*key_len)) else { return false };
    match rest {
        [V_STR, text_len @ 0..0x80, text @ ..] if usize::from(*text_len) == text.len() => {
            let Ok(message) = str::from_utf8(message) else { return false };
            let ends = (message.get(2..2 + key.len()), message.get(4 + key.len()..));
            let (Some(key), Some(text)) = ends else { return false };
            let value = Value::String(Cow::Borrowed(text));
            tags.push(Attribute { key: Cow::Borrowed(key), value });
            true
        }
        [V_TYPE, OF_INT64, V_INT64, number @ ..] => {
            let number = match *number {
                [low @ 0..0x80] => u64::from(low),
                [low @ 0x80..=0xff, high @ 0..0x80] => u64::from(low & 0x7f) | u64::from(high) << 7,
                [low @ 0x80..=0xff, middle @ 0x80..=0xff, high @ 0..0x80] => {
                    u64::from(low & 0x7f) | u64::from(middle & 0x7f) << 7 | u64::from(high) << 14
                }
                _ => return false,
            };
            let Ok(key) = str::from_utf8(key) else { return false };
            tags.push(Attribute {
                key: Cow::Borrowed(key),
                value: Value::Int(number.cast_signed()),
            });
            true
        }
        _ => false,
    }
}

/// Reads a `KeyValue` whose fields come in any order.
#[inline(never)]
fn read_any_tag<'a>(
    mut message: Reader<'a>,
    fault: &mut Fault,
) -> Result<Attribute<'a>, Malformed> {
    use tags::key_value::*;
    let (mut key, mut value_type, mut values) = ("", STRING, Values::default());
    while let Some(tag) = message.tag()? {
        match tag {
            KEY => key = text(&message.message()?, fault),
            V_TYPE => value_type = low_half(message.varint()?).cast_signed(),
            V_STR => values.text = message.message()?.bytes(),
            V_BOOL => values.flag = message.varint()? != 0,
            V_INT64 => values.int = message.varint()?.cast_signed(),
            V_FLOAT64 => values.float = f64::from_bits(message.fixed64()?),
            V_BINARY => values.bytes = message.message()?.bytes(),
            _ => message.skip(tag)?,
        }
    }
    Ok(Attribute { key: Cow::Borrowed(key), value: values.of_type(value_type) })
}

/// Returns a text; one that is not UTF-8 is the span's fault.
#[inline]
fn text<'a>(field: &Reader<'a>, fault: &mut Fault) -> &'a str {
    fault.text(field.bytes(), field.offset())
}

/// Narrows a varint to the 32 bits of its field, as protobuf does.
#[expect(clippy::cast_possible_truncation, reason = "protobuf drops the bits above")]
fn low_half(number: u64) -> u32 {
    number as u32
}
