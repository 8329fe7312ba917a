//! Jaeger's doors, what its clients ask, and Zipkin's scribe.

mod accounts;
mod datagrams;
mod doors;
mod sampling;
mod scribe;

use spandrel_codec::jaeger::{Format, encode};
use spandrel_model::{Resource, Span, SpanId, TraceId};

use crate::server::Server;

/// A span id that [`with_bad_span`] finds again.
const MARKED: u64 = 0x0bad_0bad_0bad_0bad;

pub(super) fn span(trace_id: u128, id: u64) -> Span<'static> {
    let mut span =
        Span::new(TraceId::new(trace_id).expect("no zero"), SpanId::new(id).expect("no zero"));
    span.name = "checkout".into();
    span.start_ns = Some(1_700_000_000_000_000_000);
    span.duration_ns = Some(1_000_000);
    span
}

/// A batch with spans of one trace.
pub(super) fn batch(format: Format, trace_id: u128, spans: u64) -> Vec<u8> {
    let spans: Vec<_> = (1..=spans).map(|id| span(trace_id, id)).collect();
    let mut body = Vec::new();
    encode(format, &Resource::of_service("shop"), &spans, &mut body);
    body
}

/// A batch of two spans, of which the second has an id of zeros. Not for the compact protocol.
pub(super) fn with_bad_span(format: Format, trace_id: u128) -> Vec<u8> {
    let mut body = Vec::new();
    let spans = [span(trace_id, 1), span(trace_id, MARKED)];
    encode(format, &Resource::of_service("shop"), &spans, &mut body);
    let id = MARKED.to_be_bytes();
    let at = body.windows(8).position(|bytes| bytes == id).expect("the id is there");
    body[at..at + 8].fill(0);
    body
}

/// How many spans of a trace are read back.
pub(super) fn spans_of(server: &Server, trace_id: u128) -> usize {
    let answer = server.get(&format!("/api/v2/trace/{trace_id:032x}"));
    if answer.status == 404 { 0 } else { answer.json().as_array().expect("a list").len() }
}

/// A counter's sum, by name and door.
pub(super) fn counter(server: &Server, name: &str, door: &str) -> u64 {
    let counters = crate::otlp::accounts::counters(server.get("/metrics").text());
    counters.get(&(format!("{name}_total"), door.to_owned())).copied().unwrap_or(0)
}
