//! Zipkin's B3: one header `b3`, or several `x-b3-…`.
//!
//! <https://github.com/openzipkin/b3-propagation>

use super::{
    ExtractCarrier, ExtractError, Extracted, InjectCarrier, Propagator, hex, single_value,
};
use crate::context::{Sampling, SpanContext};

const SINGLE: &str = "b3";
const TRACE_ID: &str = "x-b3-traceid";
const SPAN_ID: &str = "x-b3-spanid";
const PARENT_SPAN_ID: &str = "x-b3-parentspanid";
const SAMPLED: &str = "x-b3-sampled";
const FLAGS: &str = "x-b3-flags";

/// The B3 propagator. It writes the one form it was made for and reads both; where both came,
/// the single header counts.
#[derive(Clone, Copy, Debug)]
pub struct B3 {
    is_single: bool,
}

impl B3 {
    /// Writes one header, `b3`.
    #[must_use]
    pub const fn single() -> Self {
        Self { is_single: true }
    }

    /// Writes a header for each field, `x-b3-…`.
    #[must_use]
    pub const fn multi() -> Self {
        Self { is_single: false }
    }
}

impl Propagator for B3 {
    fn inject(&self, context: &SpanContext, carrier: &mut dyn InjectCarrier) {
        if self.is_single {
            carrier.set(SINGLE, &single_header(context));
            return;
        }
        carrier.set(TRACE_ID, &context.trace_id().to_string());
        carrier.set(SPAN_ID, &context.span_id().to_string());
        if let Some(parent_id) = context.parent_id() {
            carrier.set(PARENT_SPAN_ID, &parent_id.to_string());
        }
        match context.sampling() {
            Sampling::Undecided => {}
            Sampling::Drop => carrier.set(SAMPLED, "0"),
            Sampling::Keep => carrier.set(SAMPLED, "1"),
            Sampling::Debug => carrier.set(FLAGS, "1"),
        }
    }

    fn extract(&self, carrier: &dyn ExtractCarrier) -> Extracted {
        match single_value(carrier, SINGLE) {
            Ok(Some(value)) => match parse_single(&value) {
                Some(extracted) => extracted,
                None => Extracted::corrupted(SINGLE, "not trace id-span id-sampled-parent id"),
            },
            Ok(None) => extract_multi(carrier).unwrap_or_else(|ExtractError { header, fault }| {
                Extracted::corrupted(header, fault)
            }),
            Err(ExtractError { header, fault }) => Extracted::corrupted(header, fault),
        }
    }
}

fn single_header(context: &SpanContext) -> String {
    let mut header = format!("{}-{}", context.trace_id(), context.span_id());
    header.push_str(match context.sampling() {
        // Without a decision the parent would stand in the decision's place, so it is left out.
        Sampling::Undecided => return header,
        Sampling::Drop => "-0",
        Sampling::Keep => "-1",
        Sampling::Debug => "-d",
    });
    if let Some(parent_id) = context.parent_id() {
        header.push('-');
        header.push_str(&parent_id.to_string());
    }
    header
}

fn parse_single(value: &str) -> Option<Extracted> {
    if let Some(sampling) = parse_decision(value) {
        return Some(Extracted { sampling, ..Extracted::default() });
    }
    let mut fields = value.split('-');
    let trace_id = hex::trace_id(fields.next()?)?;
    let span_id = hex::span_id(fields.next()?)?;
    let sampling = fields.next().map_or(Some(Sampling::Undecided), parse_decision)?;
    let parent_id = match fields.next() {
        Some(text) => Some(hex::span_id(text)?),
        None => None,
    };
    if fields.next().is_some() {
        return None;
    }
    Some(SpanContext::remote(trace_id, span_id, sampling).with_parent_id(parent_id).into())
}

fn parse_decision(text: &str) -> Option<Sampling> {
    match text {
        "0" => Some(Sampling::Drop),
        "1" => Some(Sampling::Keep),
        "d" => Some(Sampling::Debug),
        _ => None,
    }
}

fn extract_multi(carrier: &dyn ExtractCarrier) -> Result<Extracted, ExtractError> {
    let sampling = multi_decision(carrier)?;
    let trace_id = single_value(carrier, TRACE_ID)?;
    let span_id = single_value(carrier, SPAN_ID)?;
    let (trace_id, span_id) = match (trace_id, span_id) {
        (Some(trace_id), Some(span_id)) => (trace_id, span_id),
        (None, None) => return Ok(Extracted { sampling, ..Extracted::default() }),
        (Some(_), None) => return Err(ExtractError { header: SPAN_ID, fault: "missing" }),
        (None, Some(_)) => return Err(ExtractError { header: TRACE_ID, fault: "missing" }),
    };
    let trace_id = hex::trace_id(&trace_id)
        .ok_or(ExtractError { header: TRACE_ID, fault: "not 16 or 32 hexadecimal digits" })?;
    let span_id = hex::span_id(&span_id)
        .ok_or(ExtractError { header: SPAN_ID, fault: "not 16 hexadecimal digits" })?;
    let parent_id = single_value(carrier, PARENT_SPAN_ID)?.as_deref().and_then(hex::span_id);
    Ok(SpanContext::remote(trace_id, span_id, sampling).with_parent_id(parent_id).into())
}

/// Reads `x-b3-flags` and `x-b3-sampled`; what they may not say leaves the decision open.
fn multi_decision(carrier: &dyn ExtractCarrier) -> Result<Sampling, ExtractError> {
    if single_value(carrier, FLAGS)?.as_deref() == Some("1") {
        return Ok(Sampling::Debug);
    }
    Ok(match single_value(carrier, SAMPLED)?.as_deref() {
        Some("1" | "true") => Sampling::Keep,
        Some("0" | "false") => Sampling::Drop,
        Some("d") => Sampling::Debug,
        _ => Sampling::Undecided,
    })
}
