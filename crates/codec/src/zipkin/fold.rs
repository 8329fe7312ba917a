//! What Zipkin's v2 formats can say of a span: lower-case names, microseconds, tags of text.
//!
//! What they have no field for becomes a tag, so that a reader of v2 misses nothing: the tags
//! are those of OpenTelemetry's mapping to Zipkin where it names one. Nothing here writes bytes.

use std::borrow::Cow;

use spandrel_model::{Address, Attribute, Event, Link, Span, SpanKind, StatusCode, Value};

use super::scratch::NS_PER_US;

/// One span as v2 tells it.
pub(super) struct Folded<'s> {
    /// The span, for its ids and flags.
    pub(super) span: &'s Span<'s>,
    /// The name in lower case; empty where there is none.
    pub(super) name: Cow<'s, str>,
    /// Zero where it is absent.
    pub(super) timestamp_us: u64,
    /// Zero where it is absent.
    pub(super) duration_us: u64,
    /// Who emitted the span.
    pub(super) local: FoldedEndpoint<'s>,
    /// The other side.
    pub(super) remote: FoldedEndpoint<'s>,
    /// Time in microseconds and text, sorted, each once.
    pub(super) annotations: Vec<(u64, Cow<'s, str>)>,
    /// Sorted by key, each key once.
    pub(super) tags: Vec<Tag<'s>>,
    /// Whether v2's `shared` is set: a client span never has it.
    pub(super) is_shared: bool,
}

/// A tag: an attribute of the span, or what stands for a field that Zipkin lacks.
pub(super) struct Tag<'s> {
    /// The key.
    pub(super) key: Cow<'s, str>,
    /// The value: v2 writes it as text, v1 with its type.
    pub(super) value: Cow<'s, Value<'s>>,
}

/// One side of a call as v2 tells it.
#[derive(Default)]
pub(super) struct FoldedEndpoint<'s> {
    /// The name in lower case.
    pub(super) service_name: Option<Cow<'s, str>>,
    /// The address.
    pub(super) address: Address,
}

impl FoldedEndpoint<'_> {
    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.service_name.is_none() && self.address.is_empty()
    }
}

impl<'s> Folded<'s> {
    /// Folds a span.
    pub(super) fn new(span: &'s Span<'s>) -> Self {
        let mut annotations: Vec<_> = span.events.iter().map(annotation).collect();
        annotations.sort_unstable();
        annotations.dedup();
        Self {
            span,
            name: lower_case(&span.name),
            timestamp_us: span.start_ns.unwrap_or(0) / NS_PER_US,
            duration_us: duration_us(span.duration_ns),
            local: FoldedEndpoint {
                service_name: span.service_name().map(lower_case),
                address: span.local,
            },
            remote: span.remote.as_ref().map_or_else(FoldedEndpoint::default, |remote| {
                FoldedEndpoint {
                    service_name: remote.service_name.as_deref().map(lower_case),
                    address: remote.address,
                }
            }),
            annotations,
            tags: tags(span),
            is_shared: span.is_shared && span.kind != Some(SpanKind::Client),
        }
    }
}

/// Returns v2's name of the kind, and its number in protobuf; v2 has no INTERNAL.
pub(super) fn kind(kind: Option<SpanKind>) -> Option<(&'static str, u64)> {
    match kind? {
        SpanKind::Client => Some(("CLIENT", 1)),
        SpanKind::Server => Some(("SERVER", 2)),
        SpanKind::Producer => Some(("PRODUCER", 3)),
        SpanKind::Consumer => Some(("CONSUMER", 4)),
        SpanKind::Internal => None,
    }
}

/// A duration below one microsecond is one: Zipkin's zero means "absent".
fn duration_us(duration_ns: Option<u64>) -> u64 {
    duration_ns.map_or(0, |ns| (ns / NS_PER_US).max(1))
}

/// Returns the text in lower case, borrowed when it is that already.
fn lower_case(text: &str) -> Cow<'_, str> {
    if text.chars().any(|character| character.is_uppercase()) {
        Cow::Owned(text.to_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// An event without attributes is its name; one with attributes is a JSON object that names it
/// first, the way jaeger-client-go sends a log of several fields to Zipkin.
fn annotation<'s>(event: &'s Event<'s>) -> (u64, Cow<'s, str>) {
    let time_us = event.time_ns / NS_PER_US;
    if event.attributes.is_empty() {
        return (time_us, Cow::Borrowed(&*event.name));
    }
    let mut json = String::from("{\"event\":");
    Value::from(&*event.name).write_json(&mut json);
    for attribute in &event.attributes {
        json.push(',');
        Value::from(&*attribute.key).write_json(&mut json);
        json.push(':');
        attribute.value.write_json(&mut json);
    }
    json.push('}');
    (time_us, Cow::Owned(json))
}

/// Collects the tags; where a key repeats, the last one wins, and the span's own attributes win
/// over what is folded into tags.
fn tags<'s>(span: &'s Span<'s>) -> Vec<Tag<'s>> {
    let mut tags = Vec::with_capacity(span.attributes.len());
    tags.extend(span.resource.attributes.iter().map(attribute_tag));
    push_folded(span, &mut tags);
    tags.extend(span.attributes.iter().map(attribute_tag));
    // A stable sort leaves equal keys in order; turned round, the first of each is the last.
    tags.reverse();
    tags.sort_by(|a, b| a.key.cmp(&b.key));
    tags.dedup_by(|later, kept| later.key == kept.key);
    tags
}

fn attribute_tag<'s>(attribute: &'s Attribute<'s>) -> Tag<'s> {
    Tag { key: Cow::Borrowed(&attribute.key), value: Cow::Borrowed(&attribute.value) }
}

/// Adds the tags that stand for fields which Zipkin lacks.
fn push_folded<'s>(span: &'s Span<'s>, tags: &mut Vec<Tag<'s>>) {
    let mut push = |key: &'static str, text: Cow<'s, str>| {
        if !text.is_empty() {
            tags.push(Tag { key: Cow::Borrowed(key), value: Cow::Owned(Value::String(text)) });
        }
    };
    if let Some(scope) = &span.scope {
        push("otel.scope.name", Cow::Borrowed(&scope.name));
        push("otel.scope.version", Cow::Borrowed(&scope.version));
    }
    let message = &*span.status.message;
    match span.status.code {
        StatusCode::Unset => {}
        StatusCode::Ok => push("otel.status_code", Cow::Borrowed("OK")),
        StatusCode::Error => {
            push("otel.status_code", Cow::Borrowed("ERROR"));
            push("error", Cow::Borrowed(if message.is_empty() { "true" } else { message }));
        }
    }
    push("w3c.tracestate", Cow::Borrowed(&span.trace_state));
    for (key, count) in [
        ("otel.dropped_attributes_count", span.dropped.attributes),
        ("otel.dropped_events_count", span.dropped.events),
        ("otel.dropped_links_count", span.dropped.links),
    ] {
        if count > 0 {
            push(key, Cow::Owned(count.to_string()));
        }
    }
    for (index, link) in span.links.iter().enumerate() {
        let key = Cow::Owned(format!("otlp.link.{index}"));
        tags.push(Tag { key, value: Cow::Owned(Value::from(link_text(link))) });
    }
}

/// Writes a link the way OpenTelemetry's collector does: five parts between bars.
fn link_text(link: &Link<'_>) -> String {
    let mut text = format!("{:032x}|{}|{}|", link.trace_id.get(), link.span_id, link.trace_state);
    Value::Map(link.attributes.clone()).write_json(&mut text);
    text.push_str(&format!("|{}", link.dropped_attributes));
    text
}
