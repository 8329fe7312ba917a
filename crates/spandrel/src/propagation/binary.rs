//! The binary format: one blob, in Jaeger's layout.
//!
//! Big-endian: trace id high and low, span id, parent id (u64 each), flags (u8), how many
//! baggage items (i32), and for each its key and value, each after its length (i32).

use spandrel_model::{SpanId, TraceId};

use super::Extracted;
use super::jaeger::{flags_of, sampling_of};
use crate::baggage::{BAGGAGE_LEN_MAX, Baggage};
use crate::context::SpanContext;

pub(crate) fn to_binary(context: &SpanContext) -> Vec<u8> {
    let mut blob = Vec::with_capacity(37 + context.baggage().byte_len());
    let parent_id = context.parent_id().map_or(0, SpanId::get);
    for id in [context.trace_id.high(), context.trace_id.low(), context.span_id.get(), parent_id] {
        blob.extend(id.to_be_bytes());
    }
    blob.push(flags_of(context.sampling()));
    put_len(&mut blob, context.baggage().len());
    for (key, value) in context.baggage().iter() {
        for text in [key, value] {
            put_len(&mut blob, text.len());
            blob.extend(text.as_bytes());
        }
    }
    blob
}

/// Baggage is bounded far below what an i32 holds.
fn put_len(blob: &mut Vec<u8>, len: usize) {
    blob.extend(u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
}

pub(crate) fn from_binary(blob: &[u8]) -> Extracted {
    if blob.is_empty() {
        return Extracted::default();
    }
    match parse(blob) {
        Some(context) => context.into(),
        None => Extracted::corrupted("binary", "not ids, flags and baggage in Jaeger's layout"),
    }
}

fn parse(blob: &[u8]) -> Option<SpanContext> {
    let mut rest = blob;
    let (high, low) = (take_u64(&mut rest)?, take_u64(&mut rest)?);
    let (span_id, parent_id) = (take_u64(&mut rest)?, take_u64(&mut rest)?);
    let (&flags, mut rest) = rest.split_first()?;
    let items_len = take_len(&mut rest)?;
    if items_len > BAGGAGE_LEN_MAX {
        return None;
    }
    let mut baggage = Baggage::default();
    for _ in 0..items_len {
        let key = take_text(&mut rest)?;
        baggage.set(key, take_text(&mut rest)?);
    }
    let trace_id = TraceId::from_halves(high, low)?;
    let context = SpanContext::remote(trace_id, SpanId::new(span_id)?, sampling_of(flags));
    Some(context.with_parent_id(SpanId::new(parent_id)).with_baggage(baggage))
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u64::from_be_bytes(*bytes))
}

fn take_len(rest: &mut &[u8]) -> Option<usize> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    usize::try_from(u32::from_be_bytes(*bytes)).ok()
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let len = take_len(rest)?;
    let (text, after) = rest.split_at_checked(len)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}
