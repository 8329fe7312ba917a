//! Zipkin v1 spans in Thrift's binary protocol.
//!
//! Texts must be UTF-8: a list with one that is not is refused. Bytes after the list are
//! ignored, as Zipkin ignores them.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::num::NonZeroU16;

use spandrel_model::{Endpoint, Span, SpanId, TraceId, Value};

use super::fold::FoldedEndpoint;
use super::scratch::{echo, start_ns};
use super::v1::{Annotation, BinaryAnnotation, Converter, V1Span};
use super::v1_fold::V1Folded;
use crate::thrift::binary::{Reader, Writer};
use crate::thrift::{Read, Type, Write};
use crate::{DecodeError, SpanSink};

// The types of a binary annotation's value.
const BOOL: i32 = 0;
const BYTES: i32 = 1;
const I16: i32 = 2;
const I32: i32 = 3;
const I64: i32 = 4;
const DOUBLE: i32 = 5;
const STRING: i32 = 6;

/// Decodes a list and returns how many spans reached the sink.
pub(super) fn decode(body: &[u8], sink: &mut dyn SpanSink) -> Result<usize, DecodeError> {
    let mut reader = Reader::new(body);
    let mut span = V1Span::empty();
    let mut converter = Converter::default();
    let mut count = 0;
    for index in 0..reader.list_of_structs()? {
        let offset = reader.offset();
        span.clear();
        count += read_span(&mut reader, &mut span)
            .and_then(|()| {
                let converted = converter.convert(&mut span, sink);
                converted.map_err(|message| DecodeError::at(offset, message))
            })
            .map_err(|error| error.in_span(index))?;
    }
    Ok(count)
}

fn read_span<'a>(reader: &mut Reader<'a>, span: &mut V1Span<'a>) -> Result<(), DecodeError> {
    let offset = reader.offset();
    let (mut trace_low, mut trace_high, mut id) = (0, 0, 0);
    let mut last_id = 0;
    while let Some((field, type_)) = reader.field(&mut last_id)? {
        match (field, type_) {
            (1, Type::I64) => trace_low = id_bits(reader)?,
            (3, Type::String) => span.name = Cow::Borrowed(reader.text()?),
            (4, Type::I64) => id = id_bits(reader)?,
            (5, Type::I64) => span.parent_id = SpanId::new(id_bits(reader)?),
            (6, Type::List) => {
                for _ in 0..reader.list_of_structs()? {
                    span.annotations.extend(read_annotation(reader)?);
                }
            }
            (8, Type::List) => {
                for _ in 0..reader.list_of_structs()? {
                    span.binary_annotations.extend(read_binary_annotation(reader)?);
                }
            }
            (9, Type::Bool) => span.is_debug = reader.bool()?,
            (10, Type::I64) => span.timestamp_us = reader.i64()?,
            (11, Type::I64) => span.duration_us = reader.i64()?,
            (12, Type::I64) => trace_high = id_bits(reader)?,
            (_, type_) => reader.skip(type_)?,
        }
    }
    let missing = |what| DecodeError::at(offset, format!("{what} is missing or zero"));
    // The high half alone would be an id, but not one that any client makes.
    let trace_id = (trace_low != 0).then(|| TraceId::from_halves(trace_high, trace_low)).flatten();
    span.trace_id = trace_id.ok_or_else(|| missing("trace_id"))?;
    span.span_id = SpanId::new(id).ok_or_else(|| missing("id"))?;
    Ok(())
}

/// Reads an id: clients send its bits as a signed number.
fn id_bits(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    Ok(reader.i64()?.cast_unsigned())
}

/// Reads an annotation; `None` for one without a time or a value, which Zipkin drops too.
fn read_annotation<'a>(reader: &mut Reader<'a>) -> Result<Option<Annotation<'a>>, DecodeError> {
    let offset = reader.offset();
    let (mut time_us, mut value, mut host) = (0, None, None);
    let mut last_id = 0;
    while let Some((field, type_)) = reader.field(&mut last_id)? {
        match (field, type_) {
            (1, Type::I64) => time_us = reader.i64()?,
            (2, Type::String) => value = Some(Cow::Borrowed(reader.text()?)),
            (3, Type::Struct) => host = read_endpoint(reader)?,
            (_, type_) => reader.skip(type_)?,
        }
    }
    start_ns(time_us)
        .map_err(|message| DecodeError::at(offset, format!("annotation {message}")))?;
    Ok(value.filter(|_| time_us > 0).map(|value| Annotation { time_us, value, host }))
}

/// Reads a binary annotation; `None` for one without a key or a value.
fn read_binary_annotation<'a>(
    reader: &mut Reader<'a>,
) -> Result<Option<BinaryAnnotation<'a>>, DecodeError> {
    let (mut key, mut bytes, mut value_type, mut host) = (None, None, 0, None);
    let mut last_id = 0;
    while let Some((field, type_)) = reader.field(&mut last_id)? {
        match (field, type_) {
            (1, Type::String) => key = Some(Cow::Borrowed(reader.text()?)),
            (2, Type::String) => bytes = Some(reader.binary()?),
            (3, Type::I32) => value_type = reader.i32()?,
            (4, Type::Struct) => host = read_endpoint(reader)?,
            (_, type_) => reader.skip(type_)?,
        }
    }
    let (Some(key), Some(bytes)) = (key, bytes) else { return Ok(None) };
    let value = value_of(value_type, bytes).ok_or_else(|| {
        DecodeError::at(
            reader.offset(),
            format!("the value of binary annotation {:?} is not UTF-8", echo(&key)),
        )
    })?;
    Ok(Some(BinaryAnnotation { key, value, host }))
}

/// Types a value; `None` for a text that is not UTF-8. Bytes that are too many or too few for
/// their type, or of a type that v1 does not have, stay bytes.
fn value_of(value_type: i32, bytes: &[u8]) -> Option<Value<'_>> {
    Some(match (value_type, bytes) {
        (BOOL, [byte]) => Value::Bool(*byte != 0),
        (I16, &[a, b]) => Value::Int(i16::from_be_bytes([a, b]).into()),
        (I32, &[a, b, c, d]) => Value::Int(i32::from_be_bytes([a, b, c, d]).into()),
        (I64, _) if let Ok(number) = bytes.try_into() => Value::Int(i64::from_be_bytes(number)),
        (DOUBLE, _) if let Ok(number) = bytes.try_into() => {
            Value::Double(f64::from_be_bytes(number))
        }
        (STRING, _) => Value::String(Cow::Borrowed(std::str::from_utf8(bytes).ok()?)),
        _ => Value::Bytes(Cow::Borrowed(bytes)),
    })
}

/// Reads an endpoint; `None` for one that says nothing.
fn read_endpoint<'a>(reader: &mut Reader<'a>) -> Result<Option<Endpoint<'a>>, DecodeError> {
    let mut endpoint = Endpoint::default();
    let mut last_id = 0;
    while let Some((field, type_)) = reader.field(&mut last_id)? {
        match (field, type_) {
            (1, Type::I32) => {
                let bits = reader.i32()?.cast_unsigned();
                endpoint.address.ipv4 =
                    (bits != 0).then_some(bits.into()).or(endpoint.address.ipv4);
            }
            (2, Type::I16) => {
                endpoint.address.port = NonZeroU16::new(reader.i16()?.cast_unsigned())
            }
            (3, Type::String) => {
                let name = reader.text()?;
                endpoint.service_name = (!name.is_empty()).then_some(Cow::Borrowed(name));
            }
            (4, Type::String) => {
                if let Ok(octets) = <[u8; 16]>::try_from(reader.binary()?) {
                    endpoint.address.set_ipv6(Ipv6Addr::from(octets));
                }
            }
            (_, type_) => reader.skip(type_)?,
        }
    }
    Ok((!endpoint.is_empty()).then_some(endpoint))
}

/// Appends the spans as a list.
pub(super) fn encode<'s>(spans: impl IntoIterator<Item = &'s Span<'s>>, out: &mut Vec<u8>) {
    let spans: Vec<_> = spans.into_iter().collect();
    let mut writer = Writer::new(out);
    writer.list_of_structs(spans.len());
    for span in spans {
        write_span(&V1Folded::new(span), &mut writer);
    }
}

/// Writes the fields in the order that Zipkin writes them.
fn write_span(folded: &V1Folded<'_>, writer: &mut Writer<'_>) {
    let span = folded.v2.span;
    writer.i64(1, span.trace_id.low().cast_signed());
    if span.trace_id.high() != 0 {
        writer.i64(12, span.trace_id.high().cast_signed());
    }
    writer.binary(3, folded.v2.name.as_bytes());
    writer.i64(4, span.span_id.get().cast_signed());
    if let Some(parent) = span.parent_id {
        writer.i64(5, parent.get().cast_signed());
    }
    writer.begin_list(6, folded.annotations().count());
    for (time_us, value) in folded.annotations() {
        writer.i64(1, time_us.cast_signed());
        writer.binary(2, value.as_bytes());
        write_host(folded.host(), 3, writer);
        writer.end_struct();
    }
    write_binary_annotations(folded, writer);
    if span.is_debug {
        writer.bool(9, true);
    }
    if folded.timestamp_us > 0 {
        writer.i64(10, folded.timestamp_us.cast_signed());
    }
    if folded.duration_us > 0 {
        writer.i64(11, folded.duration_us.cast_signed());
    }
    writer.end_struct();
}

fn write_binary_annotations(folded: &V1Folded<'_>, writer: &mut Writer<'_>) {
    let extra = usize::from(folded.address().is_some()) + usize::from(folded.needs_marker());
    writer.begin_list(8, folded.v2.tags.len() + extra);
    for tag in &folded.v2.tags {
        write_binary_annotation(&tag.key, &tag.value, folded.host(), writer);
    }
    if folded.needs_marker() {
        write_binary_annotation("lc", &Value::from(""), folded.host(), writer);
    }
    if let Some(address) = folded.address() {
        write_binary_annotation(folded.address_key, &Value::Bool(true), Some(address), writer);
    }
}

/// Writes a value with its type; one that v1 has no type for is text.
fn write_binary_annotation(
    key: &str,
    value: &Value<'_>,
    host: Option<&FoldedEndpoint<'_>>,
    writer: &mut Writer<'_>,
) {
    writer.binary(1, key.as_bytes());
    let value_type = match value {
        Value::Bool(value) => {
            writer.binary(2, &[u8::from(*value)]);
            BOOL
        }
        Value::Bytes(bytes) => {
            writer.binary(2, bytes);
            BYTES
        }
        Value::Int(number) => {
            writer.binary(2, &number.to_be_bytes());
            I64
        }
        Value::Double(number) => {
            writer.binary(2, &number.to_be_bytes());
            DOUBLE
        }
        Value::Empty | Value::String(_) | Value::Array(_) | Value::Map(_) => {
            writer.binary(2, value.to_text().as_bytes());
            STRING
        }
    };
    writer.i32(3, value_type);
    write_host(host, 4, writer);
    writer.end_struct();
}

/// Writes an endpoint with all its fields, zero or empty where it does not know them.
fn write_host(host: Option<&FoldedEndpoint<'_>>, id: i16, writer: &mut Writer<'_>) {
    let Some(FoldedEndpoint { service_name, address }) = host else { return };
    writer.begin_struct(id);
    writer.i32(1, address.ipv4.map_or(0, u32::from).cast_signed());
    writer.i16(2, address.port.map_or(0, NonZeroU16::get).cast_signed());
    writer.binary(3, service_name.as_deref().unwrap_or_default().as_bytes());
    if let Some(ipv6) = address.ipv6 {
        writer.binary(4, &ipv6.octets());
    }
    writer.end_struct();
}
