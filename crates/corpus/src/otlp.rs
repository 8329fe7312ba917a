//! The corpus as OTLP protobuf: the canonical form, in which its size is told and its hashes are.
//!
//! A writer of exactly what the corpus holds, byte for byte as generated code writes it: fields
//! in the order of their numbers, defaults left out, the status message always there. One
//! resource with a constant schema URL, which the model has no place for. It is no general
//! encoder: what only other protocols say (endpoints, shared and debug flags, the kinds of
//! links) is not written, and the corpus does not use it.

use spandrel_model::{
    Attribute, Event, Link, Resource, Scope, Span, SpanKind, Status, StatusCode, Value,
};

use crate::requests::Request;

/// The schema that every resource says it follows.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.26.0";

/// Appends a request as an `ExportTraceServiceRequest`.
///
/// # Examples
///
/// ```
/// use spandrel_corpus::{Corpus, Profile, otlp};
///
/// let mut body = Vec::new();
/// for request in Corpus::of(Profile::Ten, 1).requests(100, 512) {
///     body.clear();
///     otlp::encode_request(&request, &mut body);
///     assert_eq!(body[0], 0x0a, "the resource's spans are field 1");
/// }
/// ```
pub fn encode_request(request: &Request, out: &mut Vec<u8>) {
    message(out, 1, 3, |out| {
        message(out, 1, 2, |out| write_resource(&request.resource, out));
        for scope in &request.scopes {
            message(out, 2, 3, |out| {
                message(out, 1, 1, |out| write_scope(scope, out));
                let is_of_scope = |span: &&Span<'_>| {
                    span.scope
                        .as_ref()
                        .is_some_and(|of_span| std::sync::Arc::ptr_eq(of_span, scope))
                };
                for span in request.spans.iter().filter(is_of_scope) {
                    message(out, 2, 2, |out| write_span(span, out));
                }
            });
        }
        write_text(out, 3, SCHEMA_URL);
    });
}

/// Appends a request behind its length and its count of spans, both as four bytes, the lowest
/// first: the form in which a corpus is kept in a file.
///
/// # Panics
///
/// Panics when the request is longer than 4 GiB, which would take a request of millions of spans.
pub fn encode_frame(request: &Request, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([0; 8]);
    encode_request(request, out);
    let len = u32::try_from(out.len() - start - 8).expect("a request is shorter than 4 GiB");
    let spans = u32::try_from(request.spans.len()).expect("a span takes more than a byte");
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&spans.to_le_bytes());
}

fn write_resource(resource: &Resource, out: &mut Vec<u8>) {
    if let Some(name) = &resource.service_name {
        write_pair(out, 1, "service.name", name.len() + varint_len(name.len() as u64) + 1, |out| {
            write_text(out, 1, name);
        });
    }
    write_attributes(out, 1, &resource.attributes);
    write_number(out, 2, u64::from(resource.dropped_attributes));
}

fn write_scope(scope: &Scope, out: &mut Vec<u8>) {
    write_non_empty(out, 1, &scope.name);
    write_non_empty(out, 2, &scope.version);
    write_attributes(out, 3, &scope.attributes);
    write_number(out, 4, u64::from(scope.dropped_attributes));
}

fn write_span(span: &Span<'_>, out: &mut Vec<u8>) {
    write_bytes(out, 1, &span.trace_id.get().to_be_bytes());
    write_bytes(out, 2, &span.span_id.get().to_be_bytes());
    write_non_empty(out, 3, &span.trace_state);
    if let Some(parent_id) = span.parent_id {
        write_bytes(out, 4, &parent_id.get().to_be_bytes());
    }
    write_non_empty(out, 5, &span.name);
    write_number(out, 6, span.kind.map_or(0, kind_number));
    write_fixed64(out, 7, span.start_ns.unwrap_or(0));
    write_fixed64(out, 8, span.end_ns().unwrap_or(0));
    write_attributes(out, 9, &span.attributes);
    write_number(out, 10, u64::from(span.dropped.attributes));
    for event in &span.events {
        message(out, 11, 1, |out| write_event(event, out));
    }
    write_number(out, 12, u64::from(span.dropped.events));
    for link in &span.links {
        message(out, 13, 1, |out| write_link(link, out));
    }
    write_number(out, 14, u64::from(span.dropped.links));
    message(out, 15, 1, |out| write_status(&span.status, out));
    write_fixed32(out, 16, span.trace_flags);
}

fn write_event(event: &Event<'_>, out: &mut Vec<u8>) {
    write_fixed64(out, 1, event.time_ns);
    write_non_empty(out, 2, &event.name);
    write_attributes(out, 3, &event.attributes);
    write_number(out, 4, u64::from(event.dropped_attributes));
}

fn write_link(link: &Link<'_>, out: &mut Vec<u8>) {
    write_bytes(out, 1, &link.trace_id.get().to_be_bytes());
    write_bytes(out, 2, &link.span_id.get().to_be_bytes());
    write_non_empty(out, 3, &link.trace_state);
    write_attributes(out, 4, &link.attributes);
    write_number(out, 5, u64::from(link.dropped_attributes));
}

fn write_status(status: &Status<'_>, out: &mut Vec<u8>) {
    write_non_empty(out, 2, &status.message);
    write_number(
        out,
        3,
        match status.code {
            StatusCode::Unset => 0,
            StatusCode::Ok => 1,
            StatusCode::Error => 2,
        },
    );
}

fn kind_number(kind: SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn write_attributes(out: &mut Vec<u8>, field: u32, attributes: &[Attribute<'_>]) {
    for attribute in attributes {
        let len = value_len(&attribute.value);
        write_pair(out, field, &attribute.key, len, |out| write_value(&attribute.value, out));
    }
}

/// Writes a key and a value whose length is known.
fn write_pair(
    out: &mut Vec<u8>,
    field: u32,
    key: &str,
    value_len: usize,
    write_value: impl FnOnce(&mut Vec<u8>),
) {
    let key_len = if key.is_empty() { 0 } else { 1 + varint_len(key.len() as u64) + key.len() };
    write_key(out, field, LENGTH);
    write_varint(out, (key_len + 1 + varint_len(value_len as u64) + value_len) as u64);
    write_non_empty(out, 1, key);
    write_key(out, 2, LENGTH);
    write_varint(out, value_len as u64);
    write_value(out);
}

/// Returns how long [`write_value`] is. One is told before it is written, because there are many.
fn value_len(value: &Value<'_>) -> usize {
    let of_message = |len: usize| 1 + varint_len(len as u64) + len;
    match value {
        Value::Empty => 0,
        Value::String(text) => of_message(text.len()),
        Value::Bool(_) => 2,
        Value::Int(number) => 1 + varint_len(*number as u64),
        Value::Double(_) => 9,
        Value::Bytes(bytes) => of_message(bytes.len()),
        Value::Array(values) => {
            of_message(values.iter().map(|value| of_message(value_len(value))).sum())
        }
        Value::Map(entries) => of_message(
            entries
                .iter()
                .map(|entry| {
                    let key = if entry.key.is_empty() { 0 } else { of_message(entry.key.len()) };
                    of_message(key + of_message(value_len(&entry.value)))
                })
                .sum(),
        ),
    }
}

fn write_value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Empty => {}
        Value::String(text) => write_text(out, 1, text),
        Value::Bool(value) => {
            write_key(out, 2, VARINT);
            write_varint(out, u64::from(*value));
        }
        Value::Int(number) => {
            write_key(out, 3, VARINT);
            write_varint(out, *number as u64);
        }
        Value::Double(number) => {
            write_key(out, 4, FIXED64);
            out.extend(number.to_bits().to_le_bytes());
        }
        Value::Array(values) => message(out, 5, 1, |out| {
            for value in values {
                message(out, 1, 1, |out| write_value(value, out));
            }
        }),
        Value::Map(entries) => message(out, 6, 1, |out| write_attributes(out, 1, entries)),
        Value::Bytes(bytes) => write_bytes(out, 7, bytes),
    }
}

// What follows is protobuf itself. Wire types:
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

/// Writes a message whose length is not known yet: leaves `guess` bytes for it, and moves the
/// message when it takes another number of them.
fn message(out: &mut Vec<u8>, field: u32, guess: usize, write: impl FnOnce(&mut Vec<u8>)) {
    write_key(out, field, LENGTH);
    let at = out.len();
    out.resize(at + guess, 0);
    write(out);
    let end = out.len();
    let len = (end - at - guess) as u64;
    let taken = varint_len(len);
    if taken > guess {
        out.resize(end + taken - guess, 0);
    }
    if taken != guess {
        out.copy_within(at + guess..end, at + taken);
        out.truncate(end + taken - guess);
    }
    put_varint(&mut out[at..at + taken], len);
}

fn put_varint(place: &mut [u8], mut value: u64) {
    let last = place.len() - 1;
    for (index, byte) in place.iter_mut().enumerate() {
        *byte = (value & 0x7f) as u8 | if index < last { 0x80 } else { 0 };
        value >>= 7;
    }
}

fn write_key(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    write_varint(out, u64::from(field << 3 | wire_type));
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

fn write_number(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        write_key(out, field, VARINT);
        write_varint(out, value);
    }
}

fn write_fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        write_key(out, field, FIXED64);
        out.extend(value.to_le_bytes());
    }
}

fn write_fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    if value != 0 {
        write_key(out, field, FIXED32);
        out.extend(value.to_le_bytes());
    }
}

fn write_non_empty(out: &mut Vec<u8>, field: u32, text: &str) {
    if !text.is_empty() {
        write_text(out, field, text);
    }
}

fn write_text(out: &mut Vec<u8>, field: u32, text: &str) {
    write_bytes(out, field, text.as_bytes());
}

fn write_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    write_key(out, field, LENGTH);
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_moved_when_its_length_takes_more_or_fewer_bytes_than_guessed() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 2_097_152] {
            for guess in 1..=3 {
                let mut out = vec![7];
                message(&mut out, 1, guess, |out| out.resize(out.len() + len, 9));
                let mut expected = vec![7];
                write_bytes(&mut expected, 1, &vec![9; len]);
                assert!(out == expected, "a length of {len} guessed to take {guess}");
            }
        }
    }

    #[test]
    fn a_value_is_as_long_as_it_says() {
        let map = vec![Attribute::new("", Value::Empty), Attribute::new("k", "v".repeat(200))];
        for value in [
            Value::Empty,
            "".into(),
            true.into(),
            (-1).into(),
            0.5.into(),
            Value::Bytes(vec![1; 130].into()),
            Value::Array(vec![Value::Map(map), Value::Array(Vec::new())]),
        ] {
            let mut out = Vec::new();
            write_value(&value, &mut out);
            assert_eq!(out.len(), value_len(&value), "{value:?}");
        }
    }
}
