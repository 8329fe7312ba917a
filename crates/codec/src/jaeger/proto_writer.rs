//! Jaeger in protobuf: writes a `PostSpansRequest`, fields in the order of their numbers.

use spandrel_model::{Attribute, Event, Resource, Value};

use super::fold::Folded;
use super::moved::{EVENT, warnings_of};
use super::proto::{BINARY, BOOL, FLOAT64, INT64};
use crate::protobuf::{
    write_bytes_field, write_fixed64_field, write_message_field, write_text_field,
    write_varint_field,
};

const NS_PER_S: u64 = 1_000_000_000;

/// Writes the spans as one request.
pub(super) fn write_request(resource: &Resource, spans: &[Folded<'_>], out: &mut Vec<u8>) {
    write_message_field(out, 1, |out| {
        for folded in spans {
            write_message_field(out, 1, |out| write_span(folded, out));
        }
        write_message_field(out, 2, |out| {
            write_text_field(out, 1, resource.service_name.as_deref().unwrap_or_default());
            write_tags(out, 2, &resource.attributes);
        });
    });
}

fn write_span(folded: &Folded<'_>, out: &mut Vec<u8>) {
    let span = folded.span;
    write_bytes_field(out, 1, &span.trace_id.get().to_be_bytes());
    write_bytes_field(out, 2, &span.span_id.get().to_be_bytes());
    write_text_field(out, 3, &span.name);
    for reference in &folded.references {
        write_message_field(out, 4, |out| {
            write_bytes_field(out, 1, &reference.trace_id.get().to_be_bytes());
            write_bytes_field(out, 2, &reference.span_id.get().to_be_bytes());
            write_varint_field(out, 3, u64::from(reference.follows_from));
        });
    }
    write_varint_field(out, 5, folded.flags().into());
    if let Some(start_ns) = span.start_ns {
        write_message_field(out, 6, |out| write_time(start_ns, out));
    }
    if let Some(duration_ns) = span.duration_ns {
        write_message_field(out, 7, |out| write_time(duration_ns, out));
    }
    let warnings = span.attributes.iter().rev().find_map(|tag| Some((tag, warnings_of(tag)?)));
    for tag in folded.tags() {
        let is_warnings = warnings.as_ref().is_some_and(|(of, _)| std::ptr::eq(*of, tag));
        if !is_warnings {
            write_message_field(out, 8, |out| write_tag(tag, out));
        }
    }
    for event in &span.events {
        write_message_field(out, 9, |out| write_log(event, out));
    }
    for warning in warnings.iter().flat_map(|(_, warnings)| warnings) {
        write_bytes_field(out, 12, warning.as_bytes());
    }
}

/// Writes the fields of a `Timestamp` or a `Duration`.
fn write_time(ns: u64, out: &mut Vec<u8>) {
    write_varint_field(out, 1, ns / NS_PER_S);
    write_varint_field(out, 2, ns % NS_PER_S);
}

fn write_log(event: &Event<'_>, out: &mut Vec<u8>) {
    write_message_field(out, 1, |out| write_time(event.time_ns, out));
    if !event.name.is_empty() {
        write_tags(out, 2, &[Attribute::new(EVENT, &*event.name)]);
    }
    write_tags(out, 2, &event.attributes);
}

fn write_tags(out: &mut Vec<u8>, number: u32, tags: &[Attribute<'_>]) {
    for tag in tags {
        write_message_field(out, number, |out| write_tag(tag, out));
    }
}

fn write_tag(tag: &Attribute<'_>, out: &mut Vec<u8>) {
    write_text_field(out, 1, &tag.key);
    match &tag.value {
        Value::Bool(flag) => {
            write_type(out, BOOL);
            write_varint_field(out, 4, u64::from(*flag));
        }
        Value::Int(number) => {
            write_type(out, INT64);
            write_varint_field(out, 5, number.cast_unsigned());
        }
        Value::Double(number) => {
            write_type(out, FLOAT64);
            write_fixed64_field(out, 6, number.to_bits());
        }
        Value::Bytes(bytes) => {
            write_type(out, BINARY);
            if !bytes.is_empty() {
                write_bytes_field(out, 7, bytes);
            }
        }
        // The type of a text is the default.
        Value::Empty | Value::String(_) | Value::Array(_) | Value::Map(_) => {
            write_text_field(out, 3, &tag.value.to_text());
        }
    }
}

fn write_type(out: &mut Vec<u8>, value_type: i32) {
    write_varint_field(out, 2, value_type.unsigned_abs().into());
}
