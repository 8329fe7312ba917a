//! Writes spans as Zipkin's v1 list in thrift's binary protocol, as jaeger-client-go does.
//!
//! Differs from it in what would be lost: producers and consumers keep their kind as the core
//! annotations `ms` and `mr`, and a peer may have an IPv6 address.

use spandrel_model::{Address, SpanKind};

use super::fold::{Folded, annotation_of, text_of};
use crate::record::FinishedSpan;
use crate::tags;
use crate::value::TagValue;

const BOOL: u8 = 2;
const I16: u8 = 6;
const I32: u8 = 8;
const I64: u8 = 10;
const STRING: u8 = 11;
const STRUCT: u8 = 12;
const LIST: u8 = 15;

/// The types of binary annotations.
const TYPE_BOOL: u32 = 0;
const TYPE_BYTES: u32 = 1;
const TYPE_STRING: u32 = 6;

/// Appends the list.
pub(super) fn write_list(spans: &[FinishedSpan], out: &mut Vec<u8>) {
    out.push(STRUCT);
    put_len(out, spans.len());
    for span in spans {
        write_span(&Folded::new(span), out);
    }
}

fn write_span(folded: &Folded<'_>, out: &mut Vec<u8>) {
    let span = folded.span;
    put_i64(out, 1, span.trace_id().low());
    put_text(out, 3, span.operation_name());
    put_i64(out, 4, span.span_id().get());
    if let Some(parent_id) = span.parent_id() {
        put_i64(out, 5, parent_id.get());
    }
    write_annotations(folded, out);
    write_binary_annotations(folded, out);
    if span.context().sampling() == crate::Sampling::Debug {
        put_field(out, BOOL, 9);
        out.push(1);
    }
    put_i64(out, 10, folded.start_us);
    put_i64(out, 11, folded.duration_us);
    if span.trace_id().high() != 0 {
        put_i64(out, 12, span.trace_id().high());
    }
    out.push(0);
}

fn write_annotations(folded: &Folded<'_>, out: &mut Vec<u8>) {
    let (start, end) = match folded.kind {
        Some(SpanKind::Client) => (Some("cs"), Some("cr")),
        Some(SpanKind::Server) => (Some("sr"), Some("ss")),
        Some(SpanKind::Producer) => (Some("ms"), None),
        Some(SpanKind::Consumer) => (Some("mr"), None),
        Some(SpanKind::Internal) | None => (None, None),
    };
    let cores = [(start, folded.start_us), (end, folded.end_us())];
    let cores = cores.into_iter().filter_map(|(text, time_us)| Some((time_us, text?)));
    let logs = folded.span.logs();
    put_field(out, LIST, 6);
    out.push(STRUCT);
    put_len(out, cores.clone().count() + logs.len());
    for (time_us, text) in cores {
        write_annotation(folded, time_us, text, out);
    }
    for log in logs {
        write_annotation(folded, log.time_ns / 1_000, &annotation_of(log), out);
    }
}

fn write_annotation(folded: &Folded<'_>, time_us: u64, text: &str, out: &mut Vec<u8>) {
    put_i64(out, 1, time_us);
    put_text(out, 2, text);
    write_local_host(folded, 3, out);
    out.push(0);
}

fn write_binary_annotations(folded: &Folded<'_>, out: &mut Vec<u8>) {
    let tags = folded.tags();
    let has_remote = !folded.remote.is_empty();
    let has_component = folded.kind.is_none();
    put_field(out, LIST, 8);
    out.push(STRUCT);
    put_len(out, tags.clone().count() + usize::from(has_remote) + usize::from(has_component));
    if has_remote {
        write_remote(folded, out);
    }
    if has_component {
        write_local_component(folded, out);
    }
    for tag in tags {
        write_tag(&tag.key, &tag.value, out);
        out.push(0);
    }
}

fn write_tag(key: &str, value: &TagValue, out: &mut Vec<u8>) {
    put_text(out, 1, key);
    let value_type = match value {
        TagValue::Bool(value) => {
            put_bytes(out, 2, &[u8::from(*value)]);
            TYPE_BOOL
        }
        TagValue::Bytes(bytes) => {
            put_bytes(out, 2, bytes);
            TYPE_BYTES
        }
        other => {
            put_text(out, 2, &text_of(other));
            TYPE_STRING
        }
    };
    put_field(out, I32, 3);
    out.extend(value_type.to_be_bytes());
}

/// Writes the address annotation of the other side: a boolean whose host says who it is.
fn write_remote(folded: &Folded<'_>, out: &mut Vec<u8>) {
    let key = match folded.kind {
        Some(SpanKind::Client) => "sa",
        Some(SpanKind::Server) => "ca",
        _ => "ma",
    };
    write_tag(key, &TagValue::Bool(true), out);
    let service_name = folded.remote.service_name.as_deref().unwrap_or_default();
    write_host(&folded.remote.address, service_name, 4, out);
    out.push(0);
}

/// Writes what tells the service of a span that is no side of a call.
fn write_local_component(folded: &Folded<'_>, out: &mut Vec<u8>) {
    let component = folded.span.tag(tags::COMPONENT).map(text_of);
    let component = component.unwrap_or_else(|| (&*folded.span.process().service_name).into());
    write_tag("lc", &TagValue::from(component), out);
    write_local_host(folded, 4, out);
    out.push(0);
}

fn write_local_host(folded: &Folded<'_>, field: u16, out: &mut Vec<u8>) {
    let process = folded.span.process();
    write_host(&process.address, &process.service_name, field, out);
}

fn write_host(address: &Address, service_name: &str, field: u16, out: &mut Vec<u8>) {
    put_field(out, STRUCT, field);
    put_field(out, I32, 1);
    out.extend(address.ipv4.map_or(0, u32::from).to_be_bytes());
    put_field(out, I16, 2);
    out.extend(address.port.map_or(0, u16::from).to_be_bytes());
    put_text(out, 3, service_name);
    if let Some(ipv6) = address.ipv6 {
        put_bytes(out, 4, &ipv6.octets());
    }
    out.push(0);
}

fn put_field(out: &mut Vec<u8>, field_type: u8, id: u16) {
    out.push(field_type);
    out.extend(id.to_be_bytes());
}

fn put_i64(out: &mut Vec<u8>, id: u16, value: u64) {
    put_field(out, I64, id);
    out.extend(value.to_be_bytes());
}

fn put_text(out: &mut Vec<u8>, id: u16, text: &str) {
    put_bytes(out, id, text.as_bytes());
}

fn put_bytes(out: &mut Vec<u8>, id: u16, bytes: &[u8]) {
    put_field(out, STRING, id);
    put_len(out, bytes.len());
    out.extend(bytes);
}

/// What a span holds is bounded far below what an i32 can say.
fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend(u32::try_from(len).unwrap_or(0).to_be_bytes());
}
