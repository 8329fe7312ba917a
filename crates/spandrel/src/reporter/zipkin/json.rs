//! Writes spans as Zipkin's v2 list in JSON.

use std::fmt::Write as _;

use spandrel_model::{Address, SpanKind};

use super::fold::{Folded, annotation_of, push_json_text, text_of};
use crate::record::FinishedSpan;

/// Appends the list.
pub(super) fn write_list(spans: &[FinishedSpan], out: &mut Vec<u8>) {
    let mut json = String::from("[");
    for (index, span) in spans.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write_span(&Folded::new(span), &mut json);
    }
    json.push(']');
    out.append(&mut json.into_bytes());
}

fn write_span(folded: &Folded<'_>, json: &mut String) {
    let span = folded.span;
    // Writing to a String cannot fail, here and below.
    let _ = write!(json, r#"{{"traceId":"{}","id":"{}""#, span.trace_id(), span.span_id());
    if let Some(parent_id) = span.parent_id() {
        let _ = write!(json, r#","parentId":"{parent_id}""#);
    }
    if let Some(kind) = kind_name(folded.kind) {
        let _ = write!(json, r#","kind":"{kind}""#);
    }
    json.push_str(r#","name":"#);
    push_json_text(json, span.operation_name());
    let _ = write!(json, r#","timestamp":{},"duration":{}"#, folded.start_us, folded.duration_us);
    let process = span.process();
    json.push_str(r#","localEndpoint":"#);
    write_endpoint(Some(&process.service_name), &process.address, json);
    if !folded.remote.is_empty() {
        json.push_str(r#","remoteEndpoint":"#);
        write_endpoint(folded.remote.service_name.as_deref(), &folded.remote.address, json);
    }
    write_annotations(span, json);
    write_tags(folded, json);
    if span.context().sampling() == crate::Sampling::Debug {
        json.push_str(r#","debug":true"#);
    }
    if span.is_shared() {
        json.push_str(r#","shared":true"#);
    }
    json.push('}');
}

const fn kind_name(kind: Option<SpanKind>) -> Option<&'static str> {
    match kind {
        Some(SpanKind::Client) => Some("CLIENT"),
        Some(SpanKind::Server) => Some("SERVER"),
        Some(SpanKind::Producer) => Some("PRODUCER"),
        Some(SpanKind::Consumer) => Some("CONSUMER"),
        Some(SpanKind::Internal) | None => None,
    }
}

fn write_endpoint(service_name: Option<&str>, address: &Address, json: &mut String) {
    json.push_str(r#"{"serviceName":"#);
    push_json_text(json, service_name.unwrap_or_default());
    if let Some(ipv4) = address.ipv4 {
        let _ = write!(json, r#","ipv4":"{ipv4}""#);
    }
    if let Some(ipv6) = address.ipv6 {
        let _ = write!(json, r#","ipv6":"{ipv6}""#);
    }
    if let Some(port) = address.port {
        let _ = write!(json, r#","port":{port}"#);
    }
    json.push('}');
}

fn write_annotations(span: &FinishedSpan, json: &mut String) {
    if span.logs().is_empty() {
        return;
    }
    json.push_str(r#","annotations":["#);
    for (index, log) in span.logs().iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        let _ = write!(json, r#"{{"timestamp":{},"value":"#, log.time_ns / 1_000);
        push_json_text(json, &annotation_of(log));
        json.push('}');
    }
    json.push(']');
}

fn write_tags(folded: &Folded<'_>, json: &mut String) {
    let mut separator = r#","tags":{"#;
    for tag in folded.tags() {
        json.push_str(separator);
        separator = ",";
        push_json_text(json, &tag.key);
        json.push(':');
        push_json_text(json, &text_of(&tag.value));
    }
    if separator == "," {
        json.push('}');
    }
}
