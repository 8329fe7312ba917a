//! W3C Baggage: the header `baggage`.
//!
//! <https://www.w3.org/TR/baggage/>

use super::{ExtractCarrier, Extracted, InjectCarrier, Propagator, percent};
use crate::baggage::{BAGGAGE_BYTES_MAX, Baggage};
use crate::context::SpanContext;

const BAGGAGE: &str = "baggage";

/// The W3C Baggage propagator. Properties of members (`;name=value`) are not kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct W3cBaggage;

impl Propagator for W3cBaggage {
    fn inject(&self, context: &SpanContext, carrier: &mut dyn InjectCarrier) {
        let members: Vec<String> = context
            .baggage()
            .iter()
            .map(|(key, value)| format!("{}={}", percent::encode(key), percent::encode(value)))
            .collect();
        if !members.is_empty() {
            carrier.set(BAGGAGE, &members.join(","));
        }
    }

    fn extract(&self, carrier: &dyn ExtractCarrier) -> Extracted {
        let mut baggage = Baggage::default();
        let mut bytes_left = BAGGAGE_BYTES_MAX;
        carrier.values(BAGGAGE, &mut |value| {
            for member in value.split(',') {
                // What was read counts as it stood in the header, so that a flood of members
                // that are then thrown away ends too.
                let Some(left) = bytes_left.checked_sub(member.len() + 1) else {
                    bytes_left = 0;
                    return;
                };
                bytes_left = left;
                read_member(member, &mut baggage);
            }
        });
        Extracted { baggage, ..Extracted::default() }
    }
}

fn read_member(member: &str, baggage: &mut Baggage) {
    let pair = member.split(';').next().unwrap_or_default();
    let Some((key, value)) = pair.split_once('=') else { return };
    let key = percent::decode(key.trim_matches([' ', '\t']));
    let value = percent::decode(value.trim_matches([' ', '\t']));
    if let (Some(key), Some(value)) = (key, value) {
        baggage.set(&key, &value);
    }
}
