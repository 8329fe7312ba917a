//! Jaeger's own format: `uber-trace-id`, baggage as `uberctx-…`, and the headers for people.
//!
//! <https://www.jaegertracing.io/docs/1.76/client-libraries/#propagation-format>

use spandrel_model::{SpanId, TraceId};

use super::{
    ExtractCarrier, ExtractError, Extracted, InjectCarrier, Propagator, hex, percent, single_value,
};
use crate::baggage::Baggage;
use crate::context::{Sampling, SpanContext};

const TRACE_ID: &str = "uber-trace-id";
const BAGGAGE_PREFIX: &str = "uberctx-";
const DEBUG_ID: &str = "jaeger-debug-id";
const BAGGAGE: &str = "jaeger-baggage";

const FLAG_SAMPLED: u8 = 1;
const FLAG_DEBUG: u8 = 2;

/// How many bytes of a `jaeger-debug-id` are kept.
const DEBUG_ID_LEN_MAX: usize = 256;

/// Jaeger's propagator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jaeger;

impl Propagator for Jaeger {
    fn inject(&self, context: &SpanContext, carrier: &mut dyn InjectCarrier) {
        let parent_id = context.parent_id().map_or(0, SpanId::get);
        let (trace_id, span_id) = (context.trace_id(), context.span_id());
        let flags = flags_of(context.sampling());
        carrier.set(TRACE_ID, &format!("{trace_id}:{span_id}:{parent_id:016x}:{flags:x}"));
        for (key, value) in context.baggage().iter() {
            let header = format!("{BAGGAGE_PREFIX}{}", percent::encode(key));
            carrier.set(&header, &percent::encode(value));
        }
    }

    fn extract(&self, carrier: &dyn ExtractCarrier) -> Extracted {
        let baggage = read_baggage(carrier);
        match single_value(carrier, TRACE_ID) {
            Ok(Some(value)) => match parse_trace_id(&value) {
                Some(context) => context.with_baggage(baggage).into(),
                None => Extracted::corrupted(TRACE_ID, "not trace id:span id:parent id:flags"),
            },
            Ok(None) => extract_hints(carrier, baggage),
            Err(ExtractError { header, fault }) => Extracted::corrupted(header, fault),
        }
    }
}

/// The bits of Jaeger's flags; an open decision is passed on as a negative one, since the format
/// cannot say it.
pub(super) const fn flags_of(sampling: Sampling) -> u8 {
    match sampling {
        Sampling::Undecided | Sampling::Drop => 0,
        Sampling::Keep => FLAG_SAMPLED,
        Sampling::Debug => FLAG_SAMPLED | FLAG_DEBUG,
    }
}

/// Reads Jaeger's flags; other bits than these two are not passed on.
pub(super) const fn sampling_of(flags: u8) -> Sampling {
    match (flags & FLAG_SAMPLED != 0, flags & FLAG_DEBUG != 0) {
        (_, true) => Sampling::Debug,
        (true, false) => Sampling::Keep,
        (false, false) => Sampling::Drop,
    }
}

fn parse_trace_id(value: &str) -> Option<SpanContext> {
    // The colons come percent-encoded from clients of the HTTP flavour.
    let value = percent::decode(value)?;
    let mut fields = value.split(':');
    let (trace_id, span_id) = (fields.next()?, fields.next()?);
    let (parent_id, flags) = (fields.next()?, fields.next()?);
    if fields.next().is_some() {
        return None;
    }
    let trace_id = TraceId::new(hex::lenient(trace_id, 32)?)?;
    let span_id = SpanId::new(narrow(hex::lenient(span_id, 16)?)?)?;
    let parent_id = SpanId::new(narrow(hex::lenient(parent_id, 16)?)?);
    let context = SpanContext::remote(trace_id, span_id, sampling_of(parse_flags(flags)?));
    Some(context.with_parent_id(parent_id))
}

fn narrow(bits: u128) -> Option<u64> {
    u64::try_from(bits).ok()
}

/// Reads the flags as every client prints them, in hexadecimal. (Jaeger's Go client then reads
/// them as decimal, and so cannot read its own `a`.)
fn parse_flags(text: &str) -> Option<u8> {
    u8::try_from(hex::lenient(text, 2)?).ok()
}

fn read_baggage(carrier: &dyn ExtractCarrier) -> Baggage {
    let mut baggage = Baggage::default();
    carrier.entries(&mut |name, value| {
        let key = name
            .get(..BAGGAGE_PREFIX.len())
            .filter(|start| start.eq_ignore_ascii_case(BAGGAGE_PREFIX));
        let key = key.and_then(|prefix| name.get(prefix.len()..));
        let key = key.and_then(percent::decode);
        if let (Some(key), Some(value)) = (key, percent::decode_query(value)) {
            baggage.set(&key.to_ascii_lowercase(), &value);
        }
    });
    baggage
}

/// Reads what a person sends along who has no trace to continue.
fn extract_hints(carrier: &dyn ExtractCarrier, mut baggage: Baggage) -> Extracted {
    carrier.values(BAGGAGE, &mut |value| {
        for pair in value.split(',') {
            if let Some((key, value)) = pair.split_once('=') {
                baggage.set(&key.trim().to_ascii_lowercase(), value.trim());
            }
        }
    });
    let mut debug_id = None;
    carrier.values(DEBUG_ID, &mut |value| {
        let len = value.floor_char_boundary(DEBUG_ID_LEN_MAX);
        debug_id = value.get(..len).filter(|id| !id.is_empty()).map(str::to_owned);
    });
    let sampling = if debug_id.is_some() { Sampling::Debug } else { Sampling::Undecided };
    Extracted { baggage, debug_id, sampling, ..Extracted::default() }
}
