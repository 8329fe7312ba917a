//! Clock skew: a server that seems to have begun before its client did has a clock that is off.
//!
//! The rules are Zipkin's, in nanoseconds. Only a client half and the server half under it, on
//! different addresses, show skew; it is taken to hold for all that hangs under them on that
//! address.

use std::collections::HashMap;

use super::Tree;
use crate::{Address, Span, SpanKind};

/// How far after its client a server is moved at least: one of Zipkin's microseconds.
const APART_MIN_NS: i128 = 1_000;

/// How far the clock at one address was found to be off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkewCorrection {
    /// The service that was found there.
    pub service: Option<String>,
    /// The address; all spans that were moved were emitted at its IP.
    pub address: Address,
    /// What was taken off the times. Negative, since a clock that is behind is what shows.
    pub skew_ns: i64,
}

#[derive(Clone, Copy)]
struct Skew {
    address: Address,
    skew_ns: i64,
}

/// Moves the spans, and returns what was found, the largest skew of each service and address, in
/// the order in which they were met.
pub(super) fn correct(spans: &mut [Span<'static>], tree: &Tree) -> Vec<SkewCorrection> {
    let mut corrections = Corrections::default();
    if !has_one_root(spans, tree) {
        return corrections.found;
    }
    let mut skews: Vec<Option<Skew>> = vec![None; spans.len()];
    for node in tree.breadth_first() {
        let parent = tree.parent(node);
        let mut skew = parent.and_then(|parent| skews.get(parent).copied().flatten());
        if let Some(skew) = skew
            && let Some(span) = spans.get_mut(node)
        {
            move_span(span, skew);
        }
        let client = parent.and_then(|parent| spans.get(parent));
        let own = client.zip(spans.get(node)).and_then(|(client, server)| find(client, server));
        if let Some(own) = own
            && let Some(span) = spans.get_mut(node)
        {
            if move_span(span, own) {
                corrections.add(span, own);
            }
            skew = Some(own);
        }
        if let Some(slot) = skews.get_mut(node) {
            *slot = skew;
        }
    }
    corrections.found
}

/// Without one known root there is no clock to go by. A lone server half that was told no parent
/// is one too: it only lacks its client.
fn has_one_root(spans: &[Span<'static>], tree: &Tree) -> bool {
    let mut parentless = spans.iter().filter(|span| span.parent_id.is_none());
    if tree.is_headless() {
        return parentless.next().is_some() && parentless.next().is_none();
    }
    parentless.filter(|span| !span.is_shared).nth(1).is_none()
}

fn find(client: &Span<'_>, server: &Span<'_>) -> Option<Skew> {
    if client.kind != Some(SpanKind::Client) || server.kind != Some(SpanKind::Server) {
        return None;
    }
    let is_known = |ns: &u64| *ns > 0;
    let client_start = i128::from(client.start_ns.filter(is_known)?);
    let server_start = i128::from(server.start_ns.filter(is_known)?);
    if server_start > client_start || is_same_host(server.local, client.local) {
        return None;
    }
    // Zipkin goes by the presence of an endpoint, of which the service name is a part.
    if super::order::is_emitter_unknown(client) || super::order::is_emitter_unknown(server) {
        return None;
    }
    let early = server_start - client_start;
    let durations = client.duration_ns.filter(is_known).zip(server.duration_ns.filter(is_known));
    let skew = match durations {
        // Of the time that the client saw and the server did not, half is taken for the way there.
        Some((of_client, of_server)) if of_client >= of_server => {
            early - i128::from(of_client - of_server) / 2
        }
        _ => early - APART_MIN_NS,
    };
    let skew_ns = i64::try_from(skew).unwrap_or(i64::MIN);
    (skew_ns != 0).then_some(Skew { address: server.local, skew_ns })
}

fn is_same_host(left: Address, right: Address) -> bool {
    (left.ipv6.is_some() && left.ipv6 == right.ipv6)
        || (left.ipv4.is_some() && left.ipv4 == right.ipv4)
}

/// Returns whether the span is of the skewed address and so was moved.
fn move_span(span: &mut Span<'_>, skew: Skew) -> bool {
    if !is_same_host(span.local, skew.address) {
        return false;
    }
    let by_ns = skew.skew_ns.saturating_neg();
    span.start_ns = span.start_ns.map(|start_ns| start_ns.saturating_add_signed(by_ns));
    for event in &mut span.events {
        event.time_ns = event.time_ns.saturating_add_signed(by_ns);
    }
    true
}

#[derive(Default)]
struct Corrections {
    found: Vec<SkewCorrection>,
    places: HashMap<(Option<String>, Address), usize>,
}

impl Corrections {
    fn add(&mut self, server: &Span<'_>, skew: Skew) {
        let service = server.service_name().map(str::to_owned);
        let address = Address { port: None, ..skew.address };
        let place = *self.places.entry((service.clone(), address)).or_insert(self.found.len());
        match self.found.get_mut(place) {
            Some(known) => known.skew_ns = known.skew_ns.min(skew.skew_ns),
            None => self.found.push(SkewCorrection { service, address, skew_ns: skew.skew_ns }),
        }
    }
}
