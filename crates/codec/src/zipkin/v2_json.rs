//! Zipkin v2 spans as JSON.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor,
};
use spandrel_model::{Attribute, Event, Span, SpanKind, Value};

use super::fold::{self, Folded};
use super::json::{
    JsonEndpoint, Key, ListInto, SpanReader, Text, Whole, annotation_time_us, parent_id, span_id,
    trace_id, whole,
};
use super::json_writer::write_endpoint;
use super::scratch::{Resources, clear, duration_ns, echo, empty_span, start_ns};
use crate::json_writer::{ListWriter, ObjectWriter};
use crate::{DecodeError, SpanSink};

/// Decodes a list and returns how many spans reached the sink.
pub(super) fn decode(body: &[u8], sink: &mut dyn SpanSink) -> Result<usize, DecodeError> {
    let mut reader = Reader {
        sink,
        span: empty_span(),
        resources: Resources::default(),
        is_other_format: false,
    };
    let mismatch = "Expected a JSON_V2 encoded list, but received: JSON_V1";
    super::json::decode_list(body, mismatch, &mut reader)
}

struct Reader<'s, 'de> {
    sink: &'s mut dyn SpanSink,
    span: Span<'de>,
    resources: Resources,
    is_other_format: bool,
}

impl<'de> SpanReader<'de> for Reader<'_, 'de> {
    fn read_span<A: MapAccess<'de>>(&mut self, mut members: A) -> Result<usize, A::Error> {
        clear(&mut self.span);
        let (mut trace, mut id) = (None, None);
        while let Some(Key(key)) = members.next_key()? {
            match &*key {
                "traceId" => trace = Some(trace_id(&members.next_value()?)?),
                "id" => id = Some(span_id(&members.next_value()?)?),
                "binaryAnnotations" => {
                    self.is_other_format = true;
                    return Err(A::Error::custom("binaryAnnotations belong to v1"));
                }
                other => self.read_optional(other, &mut members)?,
            }
        }
        self.span.trace_id = trace.ok_or_else(|| A::Error::custom("traceId is missing"))?;
        self.span.span_id = id.ok_or_else(|| A::Error::custom("id is missing"))?;
        // A span that names itself as its parent is a root, as Zipkin has it.
        self.span.parent_id = self.span.parent_id.filter(|parent| *parent != self.span.span_id);
        self.sink.span(&self.span);
        Ok(1)
    }

    fn is_other_format(&self) -> bool {
        self.is_other_format
    }
}

impl<'de> Reader<'_, 'de> {
    /// Reads a member that may be absent or null.
    fn read_optional<A: MapAccess<'de>>(
        &mut self,
        key: &str,
        members: &mut A,
    ) -> Result<(), A::Error> {
        let span = &mut self.span;
        match key {
            "parentId" => {
                let text = members.next_value::<Option<Key<'de>>>()?;
                span.parent_id = text.map_or(Ok(None), |text| parent_id(&text))?;
            }
            "kind" => {
                let name = members.next_value::<Option<Text<'de>>>()?;
                span.kind =
                    name.map(|Text(name)| kind(&name)).transpose().map_err(A::Error::custom)?;
            }
            "name" => {
                span.name = members
                    .next_value::<Option<Text<'de>>>()?
                    .map_or_else(Default::default, |text| text.0);
            }
            "timestamp" => span.start_ns = start_ns(whole(members)?).map_err(A::Error::custom)?,
            "duration" => {
                span.duration_ns = duration_ns(whole(members)?).map_err(A::Error::custom)?;
            }
            "localEndpoint" => {
                let endpoint =
                    members.next_value::<Option<JsonEndpoint<'de>>>()?.unwrap_or_default().0;
                span.resource = self.resources.of_endpoint(&endpoint);
                span.local = endpoint.address;
            }
            "remoteEndpoint" => {
                let endpoint = members.next_value::<Option<JsonEndpoint<'de>>>()?;
                span.remote = endpoint.map(|read| read.0).filter(|remote| !remote.is_empty());
            }
            "annotations" => {
                members.next_value_seed(ListInto::<Annotation<'de>, _>::new(&mut span.events))?;
            }
            "tags" => members.next_value_seed(Tags(&mut span.attributes))?,
            "debug" => span.is_debug = members.next_value::<Option<bool>>()?.unwrap_or(false),
            "shared" => span.is_shared = members.next_value::<Option<bool>>()?.unwrap_or(false),
            _ => drop(members.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

fn kind(name: &str) -> Result<SpanKind, String> {
    match name {
        "CLIENT" => Ok(SpanKind::Client),
        "SERVER" => Ok(SpanKind::Server),
        "PRODUCER" => Ok(SpanKind::Producer),
        "CONSUMER" => Ok(SpanKind::Consumer),
        other => Err(format!("kind {} is none of CLIENT, SERVER, PRODUCER, CONSUMER", echo(other))),
    }
}

struct Annotation<'de>(Event<'de>);

impl<'de> Deserialize<'de> for Annotation<'de> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_map(AnnotationVisitor).map(Self)
    }
}

impl<'de> From<Annotation<'de>> for Event<'de> {
    fn from(annotation: Annotation<'de>) -> Self {
        annotation.0
    }
}

struct AnnotationVisitor;

impl<'de> Visitor<'de> for AnnotationVisitor {
    type Value = Event<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an annotation")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let (mut timestamp, mut value) = (None, None);
        while let Some(Key(key)) = members.next_key()? {
            match &*key {
                "timestamp" => timestamp = members.next_value::<Option<Whole>>()?,
                "value" => value = members.next_value::<Option<Text<'de>>>()?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        let (time_us, value) = annotation_time_us(timestamp, value)?;
        let time_ns = start_ns(time_us).map_err(A::Error::custom)?.unwrap_or(0);
        Ok(Event::new(time_ns, value))
    }
}

struct Tags<'s, 'de>(&'s mut Vec<Attribute<'de>>);

impl<'de> DeserializeSeed<'de> for Tags<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tags<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tags")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = members.next_key()? {
            let Text(text) = members.next_value()?;
            self.0.push(Attribute { key, value: Value::String(text) });
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Appends the spans as a JSON list.
pub(super) fn encode<'s>(spans: impl IntoIterator<Item = &'s Span<'s>>, out: &mut Vec<u8>) {
    let mut list = ListWriter::begin(out);
    for span in spans {
        write_span(&Folded::new(span), list.item());
    }
    list.end();
}

/// Writes the members in the order that Zipkin writes them.
fn write_span(folded: &Folded<'_>, out: &mut Vec<u8>) {
    let span = folded.span;
    let mut object = ObjectWriter::begin(out);
    object.display("traceId", span.trace_id);
    if let Some(parent) = span.parent_id {
        object.display("parentId", parent);
    }
    object.display("id", span.span_id);
    if let Some((name, _)) = fold::kind(span.kind) {
        object.text("kind", name);
    }
    if !folded.name.is_empty() {
        object.text("name", &folded.name);
    }
    if folded.timestamp_us > 0 {
        object.raw("timestamp", folded.timestamp_us);
    }
    if folded.duration_us > 0 {
        object.raw("duration", folded.duration_us);
    }
    for (name, endpoint) in [("localEndpoint", &folded.local), ("remoteEndpoint", &folded.remote)] {
        if !endpoint.is_empty() {
            write_endpoint(object.value(name), endpoint.service_name.as_deref(), &endpoint.address);
        }
    }
    if !folded.annotations.is_empty() {
        let mut list = ListWriter::begin(object.value("annotations"));
        for (time_us, value) in &folded.annotations {
            let mut annotation = ObjectWriter::begin(list.item());
            annotation.raw("timestamp", time_us);
            annotation.text("value", value);
            annotation.end();
        }
        list.end();
    }
    if !folded.tags.is_empty() {
        let mut tags = ObjectWriter::begin(object.value("tags"));
        for tag in &folded.tags {
            tags.text(&tag.key, &tag.value.to_text());
        }
        tags.end();
    }
    if span.is_debug {
        object.raw("debug", true);
    }
    if folded.is_shared {
        object.raw("shared", true);
    }
    object.end();
}
