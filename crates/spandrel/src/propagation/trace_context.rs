//! W3C Trace Context: the headers `traceparent` and `tracestate`.
//!
//! <https://www.w3.org/TR/trace-context/>

use super::{
    ExtractCarrier, ExtractError, Extracted, InjectCarrier, Propagator, hex, single_value,
};
use crate::context::{Sampling, SpanContext};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// How many members a trace state has at most; one with more is dropped whole.
const MEMBERS_LEN_MAX: usize = 32;

/// How long a key or a value of the trace state is at most.
const MEMBER_PART_LEN_MAX: usize = 256;

/// How many bytes of trace state are passed on: 32 members of the greatest length.
const TRACE_STATE_BYTES_MAX: usize = MEMBERS_LEN_MAX * (2 * MEMBER_PART_LEN_MAX + 2);

/// The W3C Trace Context propagator.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceContext;

impl Propagator for TraceContext {
    fn inject(&self, context: &SpanContext, carrier: &mut dyn InjectCarrier) {
        let flags = u8::from(context.is_sampled());
        let (trace_id, span_id) = (context.trace_id().get(), context.span_id());
        carrier.set(TRACEPARENT, &format!("00-{trace_id:032x}-{span_id}-{flags:02x}"));
        if !context.trace_state().is_empty() {
            carrier.set(TRACESTATE, context.trace_state());
        }
    }

    fn extract(&self, carrier: &dyn ExtractCarrier) -> Extracted {
        let parent = match single_value(carrier, TRACEPARENT) {
            Ok(Some(parent)) => parent,
            Ok(None) => return Extracted::default(),
            Err(ExtractError { header, fault }) => return Extracted::corrupted(header, fault),
        };
        let Some(context) = parse_traceparent(&parent) else {
            return Extracted::corrupted(TRACEPARENT, "not version-trace id-parent id-flags");
        };
        context.with_trace_state(read_trace_state(carrier).unwrap_or_default()).into()
    }
}

fn parse_traceparent(text: &str) -> Option<SpanContext> {
    let (version, rest) = split_field(text)?;
    let version = hex::exact(version, 2).filter(|version| *version != 0xff)?;
    let (trace_id, rest) = split_field(rest)?;
    let (span_id, flags) = split_field(rest)?;
    // Version 00 ends after the flags; a later one may go on after another dash.
    let flags = match flags.split_once('-') {
        Some((flags, _)) if version > 0 => flags,
        Some(_) => return None,
        None => flags,
    };
    let trace_id = Some(trace_id).filter(|text| text.len() == 32).and_then(hex::trace_id)?;
    let is_sampled = hex::exact(flags, 2)? & 1 == 1;
    let sampling = if is_sampled { Sampling::Keep } else { Sampling::Drop };
    Some(SpanContext::remote(trace_id, hex::span_id(span_id)?, sampling))
}

fn split_field(text: &str) -> Option<(&str, &str)> {
    text.split_once('-')
}

/// Joins the members of all `tracestate` headers; `None` when one of them is not valid.
fn read_trace_state(carrier: &dyn ExtractCarrier) -> Option<String> {
    let mut joined = Some(String::new());
    let mut members_len = 0;
    carrier.values(TRACESTATE, &mut |value| {
        let Some(state) = &mut joined else { return };
        let members = value.split(',').map(|member| member.trim_matches([' ', '\t']));
        for member in members.filter(|member| !member.is_empty()) {
            members_len += 1;
            let is_full = members_len > MEMBERS_LEN_MAX
                || state.len() + member.len() >= TRACE_STATE_BYTES_MAX;
            if is_full || !is_member(member) {
                joined = None;
                return;
            }
            if !state.is_empty() {
                state.push(',');
            }
            state.push_str(member);
        }
    });
    joined
}

fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    is_key(key) && is_value(value)
}

fn is_key(key: &str) -> bool {
    let is_key_byte =
        |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= MEMBER_PART_LEN_MAX
        && key.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && key.bytes().all(is_key_byte)
}

fn is_value(value: &str) -> bool {
    let is_value_byte = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    (1..=MEMBER_PART_LEN_MAX).contains(&value.len())
        && value.bytes().all(is_value_byte)
        && !value.ends_with(' ')
}
