//! Zipkin v2 spans in protobuf: `ListOfSpans`.
//!
//! Texts must be UTF-8: a list with one that is not is refused.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use spandrel_model::{Attribute, Endpoint, Event, Span, SpanId, SpanKind, TraceId, Value};

use super::fold::{self, Folded, FoldedEndpoint};
use super::scratch::{Resources, clear, duration_ns, empty_span, port, start_ns};
use crate::protobuf::{
    Reader, bytes_field, fixed64_field, varint_field, write_bytes_field, write_fixed64_field,
    write_text_field, write_varint_field,
};
use crate::{DecodeError, SpanSink};

/// The one field of `ListOfSpans`.
const SPANS: u32 = bytes_field(1);

/// The fields of `Span`.
mod span_tag {
    use crate::protobuf::{bytes_field, fixed64_field, varint_field};

    pub(super) const TRACE_ID: u32 = bytes_field(1);
    pub(super) const PARENT_ID: u32 = bytes_field(2);
    pub(super) const ID: u32 = bytes_field(3);
    pub(super) const KIND: u32 = varint_field(4);
    pub(super) const NAME: u32 = bytes_field(5);
    pub(super) const TIMESTAMP: u32 = fixed64_field(6);
    pub(super) const DURATION: u32 = varint_field(7);
    pub(super) const LOCAL_ENDPOINT: u32 = bytes_field(8);
    pub(super) const REMOTE_ENDPOINT: u32 = bytes_field(9);
    pub(super) const ANNOTATIONS: u32 = bytes_field(10);
    pub(super) const TAGS: u32 = bytes_field(11);
    pub(super) const DEBUG: u32 = varint_field(12);
    pub(super) const SHARED: u32 = varint_field(13);
}

/// Decodes a list and returns how many spans reached the sink.
pub(super) fn decode(body: &[u8], sink: &mut dyn SpanSink) -> Result<usize, DecodeError> {
    let mut list = Reader::new(body);
    let mut span = empty_span();
    let mut resources = Resources::default();
    let mut count = 0;
    while let Some(tag) = list.tag()? {
        if tag != SPANS {
            list.skip(tag)?;
            continue;
        }
        clear(&mut span);
        let message = list.message()?;
        read_span(message, &mut span, &mut resources).map_err(|error| error.in_span(count))?;
        sink.span(&span);
        count += 1;
    }
    Ok(count)
}

fn read_span<'a>(
    mut message: Reader<'a>,
    span: &mut Span<'a>,
    resources: &mut Resources,
) -> Result<(), DecodeError> {
    let offset = message.offset();
    let at = |message: String| DecodeError::at(offset, message);
    let (mut trace_id, mut span_id) = (None, None);
    while let Some(tag) = message.tag()? {
        match tag {
            span_tag::TRACE_ID => trace_id = read_trace_id(&message.message()?)?,
            span_tag::PARENT_ID => {
                let id = message.message()?;
                let is_absent = id.bytes().is_empty();
                span.parent_id = if is_absent { None } else { read_span_id(&id, "parent_id")? };
            }
            span_tag::ID => span_id = read_span_id(&message.message()?, "id")?,
            span_tag::KIND => span.kind = kind_of(message.varint()?),
            span_tag::NAME => span.name = Cow::Borrowed(message.message()?.text()?),
            span_tag::TIMESTAMP => {
                span.start_ns = start_ns(signed(message.fixed64()?)).map_err(at)?;
            }
            span_tag::DURATION => {
                span.duration_ns = duration_ns(signed(message.varint()?)).map_err(at)?;
            }
            span_tag::LOCAL_ENDPOINT => {
                let local = read_endpoint(message.message()?)?;
                span.resource = resources.of_endpoint(&local);
                span.local = local.address;
            }
            span_tag::REMOTE_ENDPOINT => {
                let remote = read_endpoint(message.message()?)?;
                span.remote = Some(remote).filter(|remote| !remote.is_empty());
            }
            span_tag::ANNOTATIONS => span.events.extend(read_annotation(message.message()?)?),
            span_tag::TAGS => span.attributes.push(read_tag(message.message()?)?),
            span_tag::DEBUG => span.is_debug = message.varint()? != 0,
            span_tag::SHARED => span.is_shared = message.varint()? != 0,
            _ => message.skip(tag)?,
        }
    }
    let missing = |what| DecodeError::at(offset, format!("{what} is missing or zero"));
    span.trace_id = trace_id.ok_or_else(|| missing("trace_id"))?;
    span.span_id = span_id.ok_or_else(|| missing("id"))?;
    // A span that names itself as its parent is a root, as Zipkin has it.
    span.parent_id = span.parent_id.filter(|parent| *parent != span.span_id);
    Ok(())
}

/// Past 63 bits a time is out of range whatever it is, so the largest stands for all of them.
fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}

fn read_trace_id(id: &Reader<'_>) -> Result<Option<TraceId>, DecodeError> {
    let bytes = id.bytes();
    if let Ok(low) = bytes.try_into() {
        return Ok(TraceId::from_halves(0, u64::from_be_bytes(low)));
    }
    match bytes.try_into() {
        Ok(both) => Ok(TraceId::new(u128::from_be_bytes(both))),
        Err(_) => {
            let message = format!("trace_id has 8 or 16 bytes, not {}", bytes.len());
            Err(DecodeError::at(id.offset(), message))
        }
    }
}

fn read_span_id(id: &Reader<'_>, field: &str) -> Result<Option<SpanId>, DecodeError> {
    let bytes = id.bytes();
    match bytes.try_into() {
        Ok(id) => Ok(SpanId::new(u64::from_be_bytes(id))),
        Err(_) => {
            let message = format!("{field} has 8 bytes, not {}", bytes.len());
            Err(DecodeError::at(id.offset(), message))
        }
    }
}

/// A kind that v2 does not have is none.
fn kind_of(number: u64) -> Option<SpanKind> {
    match number {
        1 => Some(SpanKind::Client),
        2 => Some(SpanKind::Server),
        3 => Some(SpanKind::Producer),
        4 => Some(SpanKind::Consumer),
        _ => None,
    }
}

/// Reads an endpoint. An address of another length than its family's is left out.
fn read_endpoint(mut message: Reader<'_>) -> Result<Endpoint<'_>, DecodeError> {
    const SERVICE_NAME: u32 = bytes_field(1);
    const IPV4: u32 = bytes_field(2);
    const IPV6: u32 = bytes_field(3);
    const PORT: u32 = varint_field(4);
    let mut endpoint = Endpoint::default();
    while let Some(tag) = message.tag()? {
        match tag {
            SERVICE_NAME => {
                let name = message.message()?.text()?;
                endpoint.service_name = (!name.is_empty()).then_some(Cow::Borrowed(name));
            }
            IPV4 => {
                if let Ok(octets) = <[u8; 4]>::try_from(message.message()?.bytes()) {
                    endpoint.address.ipv4 = Some(Ipv4Addr::from(octets));
                }
            }
            IPV6 => {
                if let Ok(octets) = <[u8; 16]>::try_from(message.message()?.bytes()) {
                    endpoint.address.set_ipv6(Ipv6Addr::from(octets));
                }
            }
            PORT => {
                endpoint.address.port = port(message.varint()?.cast_signed())
                    .map_err(|error| DecodeError::at(message.offset(), error))?;
            }
            _ => message.skip(tag)?,
        }
    }
    Ok(endpoint)
}

/// Reads an annotation; `None` for one without a time or a value, which Zipkin drops too.
fn read_annotation(mut message: Reader<'_>) -> Result<Option<Event<'_>>, DecodeError> {
    const TIMESTAMP: u32 = fixed64_field(1);
    const VALUE: u32 = bytes_field(2);
    let offset = message.offset();
    let (mut time_us, mut value) = (0, None);
    while let Some(tag) = message.tag()? {
        match tag {
            TIMESTAMP => time_us = signed(message.fixed64()?),
            VALUE => value = Some(message.message()?.text()?),
            _ => message.skip(tag)?,
        }
    }
    let time_ns = start_ns(time_us)
        .map_err(|message| DecodeError::at(offset, format!("annotation {message}")))?;
    Ok(time_ns.zip(value).map(|(time_ns, value)| Event::new(time_ns, value)))
}

/// Reads an entry of the tags; what is missing in it is empty.
fn read_tag(mut message: Reader<'_>) -> Result<Attribute<'_>, DecodeError> {
    const KEY: u32 = bytes_field(1);
    const VALUE: u32 = bytes_field(2);
    let (mut key, mut value) = ("", "");
    while let Some(tag) = message.tag()? {
        match tag {
            KEY => key = message.message()?.text()?,
            VALUE => value = message.message()?.text()?,
            _ => message.skip(tag)?,
        }
    }
    Ok(Attribute { key: Cow::Borrowed(key), value: Value::from(value) })
}

/// Appends the spans as a `ListOfSpans`.
pub(super) fn encode<'s>(spans: impl IntoIterator<Item = &'s Span<'s>>, out: &mut Vec<u8>) {
    let (mut message, mut part) = (Vec::new(), Vec::new());
    for span in spans {
        message.clear();
        write_span(&Folded::new(span), &mut message, &mut part);
        write_bytes_field(out, 1, &message);
    }
}

/// Writes the fields of a span; `part` is room for the messages inside.
fn write_span(folded: &Folded<'_>, out: &mut Vec<u8>, part: &mut Vec<u8>) {
    let span = folded.span;
    match span.trace_id.high() {
        0 => write_bytes_field(out, 1, &span.trace_id.low().to_be_bytes()),
        _ => write_bytes_field(out, 1, &span.trace_id.get().to_be_bytes()),
    }
    if let Some(parent) = span.parent_id {
        write_bytes_field(out, 2, &parent.get().to_be_bytes());
    }
    write_bytes_field(out, 3, &span.span_id.get().to_be_bytes());
    write_varint_field(out, 4, fold::kind(span.kind).map_or(0, |(_, number)| number));
    write_text_field(out, 5, &folded.name);
    write_fixed64_field(out, 6, folded.timestamp_us);
    write_varint_field(out, 7, folded.duration_us);
    for (number, endpoint) in [(8, &folded.local), (9, &folded.remote)] {
        if !endpoint.is_empty() {
            part.clear();
            write_endpoint(endpoint, part);
            write_bytes_field(out, number, part);
        }
    }
    for (time_us, value) in &folded.annotations {
        part.clear();
        write_fixed64_field(part, 1, *time_us);
        write_bytes_field(part, 2, value.as_bytes());
        write_bytes_field(out, 10, part);
    }
    for tag in &folded.tags {
        part.clear();
        write_bytes_field(part, 1, tag.key.as_bytes());
        write_bytes_field(part, 2, tag.value.to_text().as_bytes());
        write_bytes_field(out, 11, part);
    }
    write_varint_field(out, 12, u64::from(span.is_debug));
    write_varint_field(out, 13, u64::from(folded.is_shared));
}

fn write_endpoint(endpoint: &FoldedEndpoint<'_>, out: &mut Vec<u8>) {
    write_text_field(out, 1, endpoint.service_name.as_deref().unwrap_or_default());
    if let Some(ipv4) = endpoint.address.ipv4 {
        write_bytes_field(out, 2, &ipv4.octets());
    }
    if let Some(ipv6) = endpoint.address.ipv6 {
        write_bytes_field(out, 3, &ipv6.octets());
    }
    write_varint_field(out, 4, endpoint.address.port.map_or(0, NonZeroU16::get).into());
}
