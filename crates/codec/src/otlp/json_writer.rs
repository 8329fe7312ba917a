//! OTLP in JSON: writes an `ExportTraceServiceRequest`.
//!
//! Ids are lower-case hexadecimal, numbers of 64 bits texts, enums numbers, bytes base64; what has
//! its default is left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spandrel_model::{Attribute, Event, Link, Resource, Scope, Span, Status, Value};

use super::carried::{self, WireTimes};
use super::intake::{number_of_kind, number_of_status};
use super::json_value::NAN_BITS;
use super::{by_resource, by_scope};
use crate::json_writer::{ListWriter, ObjectWriter};

/// Appends the spans as one request.
pub(super) fn encode(spans: &[&Span<'_>], out: &mut Vec<u8>) {
    let mut request = ObjectWriter::begin(out);
    let mut list = ListWriter::begin(request.value("resourceSpans"));
    for of_resource in by_resource(spans) {
        write_resource_spans(of_resource, list.item());
    }
    list.end();
    request.end();
}

fn write_resource_spans(spans: &[&Span<'_>], out: &mut Vec<u8>) {
    let mut object = ObjectWriter::begin(out);
    if let Some(span) = spans.first() {
        write_resource(&span.resource, object.value("resource"));
    }
    let mut list = ListWriter::begin(object.value("scopeSpans"));
    for of_scope in by_scope(spans) {
        write_scope_spans(of_scope, list.item());
    }
    list.end();
    object.end();
}

fn write_resource(resource: &Resource, out: &mut Vec<u8>) {
    let (before, behind) = carried::service_name_around(resource);
    let name_attribute = |name| Attribute::new(carried::SERVICE_NAME, name);
    let (before, behind) = (before.map(name_attribute), behind.map(name_attribute));
    let mut object = ObjectWriter::begin(out);
    write_attributes(&mut object, [before.as_slice(), &resource.attributes, behind.as_slice()]);
    write_count(&mut object, "droppedAttributesCount", resource.dropped_attributes);
    object.end();
}

fn write_scope_spans(spans: &[&Span<'_>], out: &mut Vec<u8>) {
    let mut object = ObjectWriter::begin(out);
    if let Some(scope) = spans.first().and_then(|span| span.scope.as_deref()) {
        write_scope(scope, object.value("scope"));
    }
    let mut list = ListWriter::begin(object.value("spans"));
    for span in spans {
        write_span(span, list.item());
    }
    list.end();
    object.end();
}

fn write_scope(scope: &Scope, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::begin(out);
    write_text(&mut object, "name", &scope.name);
    write_text(&mut object, "version", &scope.version);
    write_attributes(&mut object, [&scope.attributes, &[], &[]]);
    write_count(&mut object, "droppedAttributesCount", scope.dropped_attributes);
    object.end();
}

fn write_span(span: &Span<'_>, out: &mut Vec<u8>) {
    let times = WireTimes::of(span);
    let mut object = ObjectWriter::begin(out);
    object.display("traceId", format_args!("{:032x}", span.trace_id.get()));
    object.display("spanId", span.span_id);
    write_text(&mut object, "traceState", &span.trace_state);
    if let Some(parent) = span.parent_id {
        object.display("parentSpanId", parent);
    }
    write_text(&mut object, "name", &span.name);
    write_count(&mut object, "kind", number_of_kind(span.kind).into());
    for (name, ns) in [("startTimeUnixNano", times.start_ns), ("endTimeUnixNano", times.end_ns)] {
        if ns > 0 {
            object.display(name, ns);
        }
    }
    let carried = carried::of_span(span, &times);
    write_attributes(&mut object, [&span.attributes, &carried, &[]]);
    write_count(&mut object, "droppedAttributesCount", span.dropped.attributes);
    write_list(&mut object, "events", &span.events, write_event);
    write_count(&mut object, "droppedEventsCount", span.dropped.events);
    write_list(&mut object, "links", &span.links, write_link);
    write_count(&mut object, "droppedLinksCount", span.dropped.links);
    if span.status != Status::default() {
        let mut status = ObjectWriter::begin(object.value("status"));
        write_text(&mut status, "message", &span.status.message);
        write_count(&mut status, "code", number_of_status(span.status.code).into());
        status.end();
    }
    write_count(&mut object, "flags", span.trace_flags);
    object.end();
}

fn write_event(event: &Event<'_>, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::begin(out);
    if event.time_ns > 0 {
        object.display("timeUnixNano", event.time_ns);
    }
    write_text(&mut object, "name", &event.name);
    write_attributes(&mut object, [&event.attributes, &[], &[]]);
    write_count(&mut object, "droppedAttributesCount", event.dropped_attributes);
    object.end();
}

fn write_link(link: &Link<'_>, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::begin(out);
    object.display("traceId", format_args!("{:032x}", link.trace_id.get()));
    object.display("spanId", link.span_id);
    write_text(&mut object, "traceState", &link.trace_state);
    write_attributes(&mut object, [&link.attributes, &carried::of_link(link), &[]]);
    write_count(&mut object, "droppedAttributesCount", link.dropped_attributes);
    write_count(&mut object, "flags", link.trace_flags);
    object.end();
}

/// Writes a list; an empty one is left out.
fn write_list<T>(
    object: &mut ObjectWriter<'_>,
    name: &str,
    items: &[T],
    write: impl Fn(&T, &mut Vec<u8>),
) {
    if items.is_empty() {
        return;
    }
    let mut list = ListWriter::begin(object.value(name));
    for item in items {
        write(item, list.item());
    }
    list.end();
}

/// Writes a text; an empty one is left out.
fn write_text(object: &mut ObjectWriter<'_>, name: &str, text: &str) {
    if !text.is_empty() {
        object.text(name, text);
    }
}

/// Writes a number of 32 bits; zero is left out.
fn write_count(object: &mut ObjectWriter<'_>, name: &str, count: u32) {
    if count > 0 {
        object.raw(name, count);
    }
}

/// Writes the attributes of the parts as one list; an empty one is left out.
fn write_attributes(object: &mut ObjectWriter<'_>, parts: [&[Attribute<'_>]; 3]) {
    if parts.iter().all(|part| part.is_empty()) {
        return;
    }
    let mut list = ListWriter::begin(object.value("attributes"));
    for attribute in parts.into_iter().flatten() {
        write_attribute(attribute, list.item());
    }
    list.end();
}

fn write_attribute(attribute: &Attribute<'_>, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::begin(out);
    object.text("key", &attribute.key);
    write_value(&attribute.value, object.value("value"));
    object.end();
}

fn write_value(value: &Value<'_>, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::begin(out);
    match value {
        Value::Empty => {}
        Value::String(text) => object.text("stringValue", text),
        Value::Bool(flag) => object.raw("boolValue", flag),
        Value::Int(number) => object.display("intValue", number),
        Value::Double(number) => write_double(&mut object, *number),
        Value::Bytes(bytes) => object.display("bytesValue", STANDARD.encode(bytes)),
        Value::Array(elements) => write_values(object.value("arrayValue"), elements, write_value),
        Value::Map(entries) => write_values(object.value("kvlistValue"), entries, write_attribute),
    }
    object.end();
}

/// Writes an `ArrayValue` or a `KeyValueList`.
fn write_values<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&T, &mut Vec<u8>)) {
    let mut object = ObjectWriter::begin(out);
    // An empty list too: readers made of OpenTelemetry's Rust types want the member.
    let mut list = ListWriter::begin(object.value("values"));
    for item in items {
        write(item, list.item());
    }
    list.end();
    object.end();
}

fn write_double(object: &mut ObjectWriter<'_>, number: f64) {
    let name = "doubleValue";
    match number {
        f64::INFINITY => object.text(name, "Infinity"),
        f64::NEG_INFINITY => object.text(name, "-Infinity"),
        _ if number.is_nan() => {
            object.text(name, "NaN");
            if number.to_bits() != f64::NAN.to_bits() {
                object.display(NAN_BITS, format_args!("{:x}", number.to_bits()));
            }
        }
        // The shortest digits that read back as the number.
        _ => object.raw(name, format_args!("{number:?}")),
    }
}
