//! Jaeger in Thrift, in either protocol: writes a `Batch`, alone or as a message to an agent.
//! Fields are in the order of their ids.

use spandrel_model::{Attribute, Resource, Span, Value};

use super::fold::Folded;
use super::moved::EVENT;
use super::thrift::{BINARY, BOOL, DOUBLE, EMIT_BATCH, LONG, STRING};
use crate::thrift::Write;

const NS_PER_US: u64 = 1_000;

/// Writes the spans as a message that calls an agent.
pub(super) fn write_message(resource: &Resource, spans: &[Folded<'_>], writer: &mut impl Write) {
    writer.oneway_message(EMIT_BATCH);
    writer.begin_element();
    writer.begin_struct(1);
    write_batch_fields(resource, spans, writer);
    writer.end_struct();
    writer.end_struct();
}

/// Writes the spans as a batch.
pub(super) fn write_batch(resource: &Resource, spans: &[Folded<'_>], writer: &mut impl Write) {
    writer.begin_element();
    write_batch_fields(resource, spans, writer);
    writer.end_struct();
}

fn write_batch_fields(resource: &Resource, spans: &[Folded<'_>], writer: &mut impl Write) {
    writer.begin_struct(1);
    writer.binary(1, resource.service_name.as_deref().unwrap_or_default().as_bytes());
    write_tags(2, resource.attributes.iter(), writer);
    writer.end_struct();
    writer.begin_list(2, spans.len());
    for folded in spans {
        writer.begin_element();
        write_span(folded, writer);
        writer.end_struct();
    }
}

fn write_span(folded: &Folded<'_>, writer: &mut impl Write) {
    let span = folded.span;
    writer.i64(1, span.trace_id.low().cast_signed());
    writer.i64(2, span.trace_id.high().cast_signed());
    writer.i64(3, span.span_id.get().cast_signed());
    writer.i64(4, span.parent_id.map_or(0, |parent| parent.get().cast_signed()));
    writer.binary(5, span.name.as_bytes());
    if !folded.references.is_empty() {
        writer.begin_list(6, folded.references.len());
        for reference in &folded.references {
            writer.begin_element();
            writer.i32(1, i32::from(reference.follows_from));
            writer.i64(2, reference.trace_id.low().cast_signed());
            writer.i64(3, reference.trace_id.high().cast_signed());
            writer.i64(4, reference.span_id.get().cast_signed());
            writer.end_struct();
        }
    }
    writer.i32(7, folded.flags().cast_signed());
    writer.i64(8, us(span.start_ns.unwrap_or(0)));
    writer.i64(9, us(span.duration_ns.unwrap_or(0)));
    write_tags(10, folded.tags(), writer);
    write_logs(span, writer);
}

/// Returns nanoseconds as microseconds.
fn us(ns: u64) -> i64 {
    (ns / NS_PER_US).cast_signed()
}

fn write_logs(span: &Span<'_>, writer: &mut impl Write) {
    if span.events.is_empty() {
        return;
    }
    writer.begin_list(11, span.events.len());
    for event in &span.events {
        writer.begin_element();
        writer.i64(1, us(event.time_ns));
        let name = (!event.name.is_empty()).then(|| Attribute::new(EVENT, &*event.name));
        writer.begin_list(2, usize::from(name.is_some()) + event.attributes.len());
        for field in name.iter().chain(&event.attributes) {
            write_tag(field, writer);
        }
        writer.end_struct();
    }
}

/// Writes a list of tags, if there are any.
fn write_tags<'s>(
    id: i16,
    tags: impl ExactSizeIterator<Item = &'s Attribute<'s>>,
    writer: &mut impl Write,
) {
    if tags.len() == 0 {
        return;
    }
    writer.begin_list(id, tags.len());
    for tag in tags {
        write_tag(tag, writer);
    }
}

fn write_tag(tag: &Attribute<'_>, writer: &mut impl Write) {
    writer.begin_element();
    writer.binary(1, tag.key.as_bytes());
    match &tag.value {
        Value::Double(number) => {
            writer.i32(2, DOUBLE);
            writer.double(4, *number);
        }
        Value::Bool(flag) => {
            writer.i32(2, BOOL);
            writer.bool(5, *flag);
        }
        Value::Int(number) => {
            writer.i32(2, LONG);
            writer.i64(6, *number);
        }
        Value::Bytes(bytes) => {
            writer.i32(2, BINARY);
            writer.binary(7, bytes);
        }
        Value::Empty => writer.i32(2, STRING),
        Value::String(_) | Value::Array(_) | Value::Map(_) => {
            writer.i32(2, STRING);
            writer.binary(3, tag.value.to_text().as_bytes());
        }
    }
    writer.end_struct();
}
