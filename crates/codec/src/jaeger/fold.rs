//! What Jaeger's formats can say of a span: what they have no place for becomes a tag.
//!
//! Nothing here writes bytes.

use std::borrow::Cow;

use spandrel_model::{Attribute, LinkKind, Span, SpanId, TraceId, Value};

use super::intake::{DEBUG_FLAG, implied_parent};
use super::moved;

/// One span as Jaeger tells it.
pub(super) struct Folded<'s> {
    /// The span, for what is written as it is.
    pub(super) span: &'s Span<'s>,
    /// Its references.
    pub(super) references: Vec<Reference>,
    /// The tags behind the span's attributes.
    pub(super) further_tags: Vec<Attribute<'s>>,
}

/// A reference.
pub(super) struct Reference {
    pub(super) follows_from: bool,
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
}

impl<'s> Folded<'s> {
    /// Folds a span.
    pub(super) fn new(span: &'s Span<'s>) -> Self {
        let mut further_tags = Vec::new();
        push_addresses(span, &mut further_tags);
        for (key, count) in [
            ("otel.dropped_attributes_count", span.dropped.attributes),
            ("otel.dropped_events_count", span.dropped.events),
            ("otel.dropped_links_count", span.dropped.links),
        ] {
            if count > 0 {
                push_missing(span, key, i64::from(count).into(), &mut further_tags);
            }
        }
        further_tags.extend(moved::moved_back(span));
        Self { span, references: references(span), further_tags }
    }

    /// Jaeger's flags.
    pub(super) fn flags(&self) -> u32 {
        let debug = if self.span.is_debug { DEBUG_FLAG } else { 0 };
        self.span.trace_flags & !DEBUG_FLAG | debug
    }

    /// The attributes and what is behind them.
    pub(super) fn tags(&self) -> impl ExactSizeIterator<Item = &Attribute<'s>> + Clone {
        let behind = self.span.attributes.len();
        (0..behind + self.further_tags.len()).map(move |index| match index.checked_sub(behind) {
            None => &self.span.attributes[index],
            Some(further) => &self.further_tags[further],
        })
    }
}

/// Returns the references: the parent first, unless another says who that is.
fn references(span: &Span<'_>) -> Vec<Reference> {
    let parent = span.parent_id.filter(|parent| implied_parent(span) != Some(*parent));
    let of_parent =
        parent.map(|span_id| Reference { follows_from: false, trace_id: span.trace_id, span_id });
    let of_links = span.links.iter().map(|link| Reference {
        follows_from: link.kind != LinkKind::ChildOf,
        trace_id: link.trace_id,
        span_id: link.span_id,
    });
    of_parent.into_iter().chain(of_links).collect()
}

/// Adds the tags that tell the addresses of both sides.
fn push_addresses<'s>(span: &'s Span<'_>, tags: &mut Vec<Attribute<'s>>) {
    let ip = span.local.ipv4.map(|ip| ip.to_string());
    if let Some(ip) = ip.or_else(|| span.local.ipv6.map(|ip| ip.to_string())) {
        push_missing(span, "ip", ip.into(), tags);
    }
    let Some(remote) = &span.remote else { return };
    if let Some(name) = remote.service_name.as_deref() {
        push_missing(span, "peer.service", name.into(), tags);
    }
    if let Some(ip) = remote.address.ipv4 {
        push_missing(span, "peer.ipv4", ip.to_string().into(), tags);
    }
    if let Some(ip) = remote.address.ipv6 {
        push_missing(span, "peer.ipv6", ip.to_string().into(), tags);
    }
    if let Some(port) = remote.address.port {
        push_missing(span, "peer.port", i64::from(port.get()).into(), tags);
    }
}

/// Adds a tag, unless the span has an attribute of that key.
fn push_missing<'s>(
    span: &Span<'_>,
    key: &'static str,
    value: Value<'s>,
    tags: &mut Vec<Attribute<'s>>,
) {
    if span.attribute(key).is_none() {
        tags.push(Attribute { key: Cow::Borrowed(key), value });
    }
}
