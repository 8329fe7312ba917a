//! The order in which the spans of a trace are merged: Zipkin's, made total.
//!
//! Zipkin leaves ties in the order of arrival. A store need not give spans back in the order in
//! which they came, so here content breaks ties, and a trace looks the same whenever it is read.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::net::Ipv4Addr;

use crate::{Attribute, Endpoint, Event, Link, Span, SpanKind};

/// Orders spans by id, client halves first and shared ones last, then by who emitted them.
pub(super) fn merge_order(left: &Span<'_>, right: &Span<'_>) -> Ordering {
    left.span_id
        .cmp(&right.span_id)
        .then_with(|| half(left).cmp(&half(right)))
        .then_with(|| compare_emitters(left, right))
        .then_with(|| compare_content(left, right))
}

/// A service name as Zipkin compares it: in lower case.
pub(super) fn fold_name(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.to_lowercase())
    }
}

/// Whether nothing is known of what emitted the span.
pub(super) fn is_emitter_unknown(span: &Span<'_>) -> bool {
    span.service_name().is_none() && span.local.is_empty()
}

fn half(span: &Span<'_>) -> u8 {
    match span {
        Span { is_shared: true, .. } => 2,
        Span { kind: Some(SpanKind::Client), .. } => 0,
        _ => 1,
    }
}

/// Spans of an unknown emitter come first, so that the first known one can take their data.
fn compare_emitters(left: &Span<'_>, right: &Span<'_>) -> Ordering {
    is_emitter_unknown(right)
        .cmp(&is_emitter_unknown(left))
        .then_with(|| {
            none_last(left.service_name().map(fold_name), right.service_name().map(fold_name))
        })
        .then_with(|| none_last(left.local.ipv4.map(text_order), right.local.ipv4.map(text_order)))
        .then_with(|| none_last(left.local.ipv6, right.local.ipv6))
}

/// Sorts as the address does in text, which is how Zipkin sorts: 10.0.0.187 before 10.0.0.79.
fn text_order(ip: Ipv4Addr) -> [[u8; 3]; 4] {
    ip.octets().map(|octet| match octet {
        0..10 => [octet + 1, 0, 0],
        10..100 => [octet / 10 + 1, octet % 10 + 1, 0],
        _ => [octet / 100 + 1, octet / 10 % 10 + 1, octet % 10 + 1],
    })
}

/// Of two pieces that say different things, the first wins: the later start, which is that of
/// the last attempt where attempts share an id; the longer duration; the failure.
fn compare_content(left: &Span<'_>, right: &Span<'_>) -> Ordering {
    none_last(left.local.port, right.local.port)
        .then_with(|| none_last(left.parent_id, right.parent_id))
        .then_with(|| none_last(left.kind, right.kind))
        .then_with(|| Reverse(left.start_ns).cmp(&Reverse(right.start_ns)))
        .then_with(|| Reverse(left.duration_ns).cmp(&Reverse(right.duration_ns)))
        .then_with(|| left.name.cmp(&right.name))
        .then_with(|| left.trace_id.cmp(&right.trace_id))
        .then_with(|| left.service_name().cmp(&right.service_name()))
        .then_with(|| compare_remotes(left.remote.as_ref(), right.remote.as_ref()))
        .then_with(|| Reverse(left.status.code as u8).cmp(&Reverse(right.status.code as u8)))
        .then_with(|| left.status.message.cmp(&right.status.message))
        .then_with(|| compare_attributes(&left.attributes, &right.attributes))
        .then_with(|| compare_lists(&left.events, &right.events, compare_events))
        .then_with(|| compare_lists(&left.links, &right.links, compare_links))
}

fn compare_remotes(left: Option<&Endpoint<'_>>, right: Option<&Endpoint<'_>>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => left
            .service_name
            .cmp(&right.service_name)
            .then_with(|| left.address.cmp(&right.address)),
        (left, right) => left.is_none().cmp(&right.is_none()),
    }
}

/// Orders events by time, then by what they say.
pub(super) fn compare_events(left: &Event<'_>, right: &Event<'_>) -> Ordering {
    left.time_ns
        .cmp(&right.time_ns)
        .then_with(|| left.name.cmp(&right.name))
        .then_with(|| compare_attributes(&left.attributes, &right.attributes))
}

/// Orders links by the span that they point at, then by what they say.
pub(super) fn compare_links(left: &Link<'_>, right: &Link<'_>) -> Ordering {
    (left.trace_id, left.span_id, left.kind as u8)
        .cmp(&(right.trace_id, right.span_id, right.kind as u8))
        .then_with(|| compare_attributes(&left.attributes, &right.attributes))
}

fn compare_attributes(left: &[Attribute<'_>], right: &[Attribute<'_>]) -> Ordering {
    compare_lists(left, right, |left, right| {
        left.key.cmp(&right.key).then_with(|| left.value.to_text().cmp(&right.value.to_text()))
    })
}

fn compare_lists<T>(left: &[T], right: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    left.iter()
        .zip(right)
        .map(|(left, right)| compare(left, right))
        .find(|ordering| ordering.is_ne())
        .unwrap_or_else(|| left.len().cmp(&right.len()))
}

fn none_last<T: Ord>(left: Option<T>, right: Option<T>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => left.cmp(&right),
        (left, right) => left.is_none().cmp(&right.is_none()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_sort_as_their_text_does() {
        let octets = [0, 1, 7, 10, 19, 70, 99, 100, 109, 187, 255];
        let mut ips: Vec<Ipv4Addr> = octets
            .into_iter()
            .flat_map(|third| octets.map(|fourth| Ipv4Addr::new(10, 0, third, fourth)))
            .collect();
        ips.sort_by_key(|ip| text_order(*ip));
        assert!(ips.is_sorted_by_key(ToString::to_string));
    }
}
