//! What both of Zipkin's formats say of a span alike: times, addresses, and logs as text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use spandrel_model::{Address, SpanKind, Value};

use crate::fields;
use crate::log::LogRecord;
use crate::record::FinishedSpan;
use crate::tags;
use crate::value::{Tag, TagValue};

/// A span as Zipkin's formats tell it.
pub(super) struct Folded<'s> {
    pub(super) span: &'s FinishedSpan,
    pub(super) kind: Option<SpanKind>,
    pub(super) start_us: u64,
    pub(super) duration_us: u64,
    pub(super) remote: Remote<'s>,
}

/// The other side of the call, as the tags `peer.…` tell it.
#[derive(Default)]
pub(super) struct Remote<'s> {
    pub(super) service_name: Option<Cow<'s, str>>,
    pub(super) address: Address,
}

impl Remote<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.service_name.is_none() && self.address.is_empty()
    }
}

impl<'s> Folded<'s> {
    pub(super) fn new(span: &'s FinishedSpan) -> Self {
        let kind = span.kind().filter(|kind| *kind != SpanKind::Internal);
        let remote = if kind.is_some() { remote_of(span) } else { Remote::default() };
        Self {
            span,
            kind,
            start_us: span.start_ns() / 1_000,
            // Zipkin reads a duration of zero as none.
            duration_us: (span.duration_ns() / 1_000).max(1),
            remote,
        }
    }

    /// Returns the end as Zipkin's annotations count it: the end cut to microseconds, which may
    /// be one more than start and duration, each cut, add up to.
    pub(super) fn end_us(&self) -> u64 {
        let end_ns = self.span.start_ns().saturating_add(self.span.duration_ns());
        (end_ns / 1_000).max(self.start_us + 1)
    }

    /// Returns the tags that stay tags: the kind and the remote endpoint have their own places.
    /// The first span of a process carries the tags of the process too.
    pub(super) fn tags(&self) -> impl Iterator<Item = &'s Tag> + Clone {
        let (has_kind, has_remote) = (self.kind.is_some(), !self.remote.is_empty());
        let process = self.span.process().tags.iter();
        let process = process.filter(|tag| self.span.tag(&tag.key).is_none());
        let own = self.span.tags().iter().filter(move |tag| match &*tag.key {
            tags::SPAN_KIND => !has_kind,
            tags::PEER_SERVICE | tags::PEER_IPV4 | tags::PEER_IPV6 | tags::PEER_PORT => !has_remote,
            _ => true,
        });
        own.chain(process.take(if self.span.is_first_in_process() { usize::MAX } else { 0 }))
    }
}

fn remote_of(span: &FinishedSpan) -> Remote<'_> {
    let mut address = Address::default();
    for key in [tags::PEER_IPV4, tags::PEER_IPV6] {
        match span.tag(key) {
            Some(TagValue::String(text)) => {
                address.set_ip(text);
            }
            // Jaeger's clients give an IPv4 address as a number too.
            Some(TagValue::Int(bits)) => {
                address.ipv4 = u32::try_from(*bits).ok().map(Into::into);
            }
            _ => {}
        }
    }
    let port = span.tag(tags::PEER_PORT).and_then(|port| match port {
        TagValue::Int(port) => u16::try_from(*port).ok(),
        other => other.as_str()?.parse().ok(),
    });
    address.port = port.and_then(|port| port.try_into().ok());
    let service_name = span.tag(tags::PEER_SERVICE).map(text_of);
    Remote { service_name, address }
}

/// Returns a value as text.
pub(super) fn text_of(value: &TagValue) -> Cow<'_, str> {
    match value {
        TagValue::String(text) => Cow::Borrowed(text),
        TagValue::Bytes(bytes) => {
            Cow::Owned(Value::Bytes(Cow::Borrowed(bytes)).to_text().into_owned())
        }
        other => Cow::Owned(other.to_string()),
    }
}

/// Returns a log as the text of an annotation: the event's name where that is all there is, else
/// a JSON object of texts, sorted by key, as Jaeger's clients write it. Where a key repeats, its
/// texts are joined by commas.
pub(super) fn annotation_of(log: &LogRecord) -> Cow<'_, str> {
    if let [field] = log.fields.as_slice()
        && field.key == fields::EVENT
        && let TagValue::String(event) = &field.value
    {
        return Cow::Borrowed(event);
    }
    let mut texts: BTreeMap<&str, Cow<'_, str>> = BTreeMap::new();
    for field in &log.fields {
        let text = text_of(&field.value);
        match texts.get_mut(&*field.key) {
            Some(earlier) => *earlier = format!("{earlier}, {text}").into(),
            None => {
                texts.insert(&field.key, text);
            }
        }
    }
    let mut json = String::from("{");
    for (index, (key, text)) in texts.into_iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        push_json_text(&mut json, key);
        json.push(':');
        push_json_text(&mut json, &text);
    }
    json.push('}');
    Cow::Owned(json)
}

/// Appends a text with its quotes and escapes.
pub(super) fn push_json_text(json: &mut String, text: &str) {
    Value::from(text).write_json(json);
}
