//! OTLP in protobuf: writes an `ExportTraceServiceRequest`, fields in the order of their numbers.

use spandrel_model::{Attribute, Event, Link, Resource, Scope, Span, Status, Value};

use super::carried::{self, WireTimes};
use super::intake::{number_of_kind, number_of_status};
use super::{by_resource, by_scope};
use crate::protobuf::{
    write_bytes_field, write_fixed32_field, write_fixed64_field, write_message_field,
    write_oneof_fixed64_field, write_oneof_varint_field, write_text_field, write_varint_field,
};

/// Appends the spans as one request.
pub(super) fn encode(spans: &[&Span<'_>], out: &mut Vec<u8>) {
    for of_resource in by_resource(spans) {
        write_message_field(out, 1, |out| write_resource_spans(of_resource, out));
    }
}

fn write_resource_spans(spans: &[&Span<'_>], out: &mut Vec<u8>) {
    let resource = spans.first().map(|span| &*span.resource);
    if let Some(resource) = resource.filter(|resource| **resource != Resource::default()) {
        write_message_field(out, 1, |out| write_resource(resource, out));
    }
    for of_scope in by_scope(spans) {
        write_message_field(out, 2, |out| write_scope_spans(of_scope, out));
    }
}

fn write_resource(resource: &Resource, out: &mut Vec<u8>) {
    let (before, behind) = carried::service_name_around(resource);
    let name_attribute = |name| Attribute::new(carried::SERVICE_NAME, name);
    write_attributes(out, 1, before.map(name_attribute).as_slice());
    write_attributes(out, 1, &resource.attributes);
    write_attributes(out, 1, behind.map(name_attribute).as_slice());
    write_varint_field(out, 2, resource.dropped_attributes.into());
}

fn write_scope_spans(spans: &[&Span<'_>], out: &mut Vec<u8>) {
    if let Some(scope) = spans.first().and_then(|span| span.scope.as_deref()) {
        write_message_field(out, 1, |out| write_scope(scope, out));
    }
    for span in spans {
        write_message_field(out, 2, |out| write_span(span, out));
    }
}

fn write_scope(scope: &Scope, out: &mut Vec<u8>) {
    write_text_field(out, 1, &scope.name);
    write_text_field(out, 2, &scope.version);
    write_attributes(out, 3, &scope.attributes);
    write_varint_field(out, 4, scope.dropped_attributes.into());
}

fn write_span(span: &Span<'_>, out: &mut Vec<u8>) {
    write_bytes_field(out, 1, &span.trace_id.get().to_be_bytes());
    write_bytes_field(out, 2, &span.span_id.get().to_be_bytes());
    write_text_field(out, 3, &span.trace_state);
    if let Some(parent) = span.parent_id {
        write_bytes_field(out, 4, &parent.get().to_be_bytes());
    }
    write_text_field(out, 5, &span.name);
    write_varint_field(out, 6, number_of_kind(span.kind).into());
    let times = WireTimes::of(span);
    write_fixed64_field(out, 7, times.start_ns);
    write_fixed64_field(out, 8, times.end_ns);
    write_attributes(out, 9, &span.attributes);
    write_attributes(out, 9, &carried::of_span(span, &times));
    write_varint_field(out, 10, span.dropped.attributes.into());
    for event in &span.events {
        write_message_field(out, 11, |out| write_event(event, out));
    }
    write_varint_field(out, 12, span.dropped.events.into());
    for link in &span.links {
        write_message_field(out, 13, |out| write_link(link, out));
    }
    write_varint_field(out, 14, span.dropped.links.into());
    if span.status != Status::default() {
        write_message_field(out, 15, |out| {
            write_text_field(out, 2, &span.status.message);
            write_varint_field(out, 3, number_of_status(span.status.code).into());
        });
    }
    write_fixed32_field(out, 16, span.trace_flags);
}

fn write_event(event: &Event<'_>, out: &mut Vec<u8>) {
    write_fixed64_field(out, 1, event.time_ns);
    write_text_field(out, 2, &event.name);
    write_attributes(out, 3, &event.attributes);
    write_varint_field(out, 4, event.dropped_attributes.into());
}

fn write_link(link: &Link<'_>, out: &mut Vec<u8>) {
    write_bytes_field(out, 1, &link.trace_id.get().to_be_bytes());
    write_bytes_field(out, 2, &link.span_id.get().to_be_bytes());
    write_text_field(out, 3, &link.trace_state);
    write_attributes(out, 4, &link.attributes);
    write_attributes(out, 4, &carried::of_link(link));
    write_varint_field(out, 5, link.dropped_attributes.into());
    write_fixed32_field(out, 6, link.trace_flags);
}

/// Writes each attribute as a `KeyValue` in a field of this number.
fn write_attributes(out: &mut Vec<u8>, number: u32, attributes: &[Attribute<'_>]) {
    for attribute in attributes {
        write_message_field(out, number, |out| {
            write_text_field(out, 1, &attribute.key);
            if !matches!(attribute.value, Value::Empty) {
                write_message_field(out, 2, |out| write_value(&attribute.value, out));
            }
        });
    }
}

/// Writes the one member of an `AnyValue` that is set, be it the default of its type.
fn write_value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Empty => {}
        Value::String(text) => write_bytes_field(out, 1, text.as_bytes()),
        Value::Bool(flag) => write_oneof_varint_field(out, 2, u64::from(*flag)),
        Value::Int(number) => write_oneof_varint_field(out, 3, number.cast_unsigned()),
        Value::Double(number) => write_oneof_fixed64_field(out, 4, number.to_bits()),
        Value::Bytes(bytes) => write_bytes_field(out, 7, bytes),
        Value::Array(elements) => write_message_field(out, 5, |out| {
            for element in elements {
                write_message_field(out, 1, |out| write_value(element, out));
            }
        }),
        Value::Map(entries) => write_message_field(out, 6, |out| write_attributes(out, 1, entries)),
    }
}
