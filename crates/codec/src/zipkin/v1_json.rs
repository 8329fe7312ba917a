//! Zipkin v1 spans as JSON.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use spandrel_model::{Endpoint, Span, Value};

use super::fold::FoldedEndpoint;
use super::json::{
    JsonEndpoint, Key, ListInto, SpanReader, Text, Whole, annotation_time_us, parent_id, span_id,
    trace_id, whole,
};
use super::json_writer::write_endpoint;
use super::v1::{Annotation, BinaryAnnotation, Converter, V1Span};
use super::v1_fold::V1Folded;
use crate::json_writer::{ListWriter, ObjectWriter};
use crate::{DecodeError, SpanSink};

/// Decodes a list and returns how many spans reached the sink.
pub(super) fn decode(body: &[u8], sink: &mut dyn SpanSink) -> Result<usize, DecodeError> {
    let converter = Converter::default();
    let mut reader = Reader { sink, span: V1Span::empty(), converter, is_other_format: false };
    let mismatch = "Expected a JSON_V1 encoded list, but received: JSON_V2";
    super::json::decode_list(body, mismatch, &mut reader)
}

struct Reader<'s, 'de> {
    sink: &'s mut dyn SpanSink,
    span: V1Span<'de>,
    converter: Converter<'de>,
    is_other_format: bool,
}

impl<'de> SpanReader<'de> for Reader<'_, 'de> {
    fn read_span<A: MapAccess<'de>>(&mut self, mut members: A) -> Result<usize, A::Error> {
        self.span.clear();
        let (mut trace, mut id) = (None, None);
        while let Some(Key(key)) = members.next_key()? {
            match &*key {
                "traceId" => trace = Some(trace_id(&members.next_value()?)?),
                "id" => id = Some(span_id(&members.next_value()?)?),
                "tags" | "localEndpoint" | "remoteEndpoint" => {
                    self.is_other_format = true;
                    return Err(A::Error::custom("tags and two endpoints belong to v2"));
                }
                other => read_optional(&mut self.span, other, &mut members)?,
            }
        }
        self.span.trace_id = trace.ok_or_else(|| A::Error::custom("traceId is missing"))?;
        self.span.span_id = id.ok_or_else(|| A::Error::custom("id is missing"))?;
        self.converter.convert(&mut self.span, self.sink).map_err(A::Error::custom)
    }

    fn is_other_format(&self) -> bool {
        self.is_other_format
    }
}

/// Reads a member that may be absent or null.
fn read_optional<'de, A: MapAccess<'de>>(
    span: &mut V1Span<'de>,
    key: &str,
    members: &mut A,
) -> Result<(), A::Error> {
    match key {
        "parentId" => {
            let text = members.next_value::<Option<Key<'de>>>()?;
            span.parent_id = text.map_or(Ok(None), |text| parent_id(&text))?;
        }
        "name" => {
            let name = members.next_value::<Option<Text<'de>>>()?;
            span.name = name.map_or(Cow::Borrowed(""), |text| text.0);
        }
        "timestamp" => span.timestamp_us = whole(members)?,
        "duration" => span.duration_us = whole(members)?,
        "annotations" => {
            members.next_value_seed(ListInto::<Annotation<'de>, _>::new(&mut span.annotations))?;
        }
        "binaryAnnotations" => {
            let list = &mut span.binary_annotations;
            members.next_value_seed(ListInto::<BinaryAnnotation<'de>, _>::new(list))?;
        }
        "debug" => span.is_debug = members.next_value::<Option<bool>>()?.unwrap_or(false),
        _ => drop(members.next_value::<IgnoredAny>()?),
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Annotation<'de> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_map(AnnotationVisitor)
    }
}

struct AnnotationVisitor;

impl<'de> Visitor<'de> for AnnotationVisitor {
    type Value = Annotation<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an annotation")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let (mut timestamp, mut value, mut host) = (None, None, None);
        while let Some(Key(key)) = members.next_key()? {
            match &*key {
                "timestamp" => timestamp = members.next_value::<Option<Whole>>()?,
                "value" => value = members.next_value::<Option<Text<'de>>>()?,
                "endpoint" => host = host_of(members.next_value()?),
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        let (time_us, value) = annotation_time_us(timestamp, value)?;
        Ok(Annotation { time_us, value, host })
    }
}

fn host_of(endpoint: Option<JsonEndpoint<'_>>) -> Option<Endpoint<'_>> {
    endpoint.map(|read| read.0).filter(|endpoint| !endpoint.is_empty())
}

impl<'de> Deserialize<'de> for BinaryAnnotation<'de> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_map(BinaryAnnotationVisitor)
    }
}

struct BinaryAnnotationVisitor;

impl<'de> Visitor<'de> for BinaryAnnotationVisitor {
    type Value = BinaryAnnotation<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a binary annotation")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let (mut key, mut raw, mut value_type, mut host) = (None, None, None, None);
        while let Some(Key(member)) = members.next_key()? {
            match &*member {
                "key" => key = members.next_value::<Option<Text<'de>>>()?,
                "value" => raw = members.next_value::<Option<&'de RawValue>>()?,
                "type" => value_type = members.next_value::<Option<Text<'de>>>()?,
                "endpoint" => host = host_of(members.next_value()?),
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        let Text(key) = key.ok_or_else(|| A::Error::custom("a binary annotation has no key"))?;
        let value_type = value_type.as_ref().map_or("", |text| &*text.0);
        let value = raw.map_or(Ok(Value::Empty), |raw| value_of(value_type, raw.get()));
        Ok(BinaryAnnotation { key, value: value.map_err(A::Error::custom)?, host })
    }
}

/// Types a value by what the sender calls it, else by what it looks like. One that is not what
/// it is called stays what it looks like; a list or an object stays its own text.
fn value_of<'de>(value_type: &str, raw: &'de str) -> Result<Value<'de>, serde_json::Error> {
    let text = match raw.as_bytes() {
        b"true" => return Ok(Value::Bool(true)),
        b"false" => return Ok(Value::Bool(false)),
        [b'[' | b'{', ..] => return Ok(Value::from(raw)),
        _ => serde_json::from_str::<Text<'de>>(raw)?.0,
    };
    let is_number = !raw.starts_with('"');
    let typed = match value_type {
        "BOOL" => text.parse().ok().map(Value::Bool),
        "I16" | "I32" | "I64" => text.parse().ok().map(Value::Int),
        "DOUBLE" => text.parse().ok().map(Value::Double),
        "BYTES" => {
            let bytes = URL_SAFE.decode(&*text).or_else(|_| STANDARD.decode(&*text));
            bytes.ok().map(|bytes| Value::Bytes(Cow::Owned(bytes)))
        }
        _ if is_number => {
            let whole = text.parse().ok().map(Value::Int);
            let finite = |number: &f64| number.is_finite();
            whole.or_else(|| text.parse().ok().filter(finite).map(Value::Double))
        }
        _ => None,
    };
    Ok(typed.unwrap_or(Value::String(text)))
}

/// Appends the spans as a list.
pub(super) fn encode<'s>(spans: impl IntoIterator<Item = &'s Span<'s>>, out: &mut Vec<u8>) {
    let mut list = ListWriter::begin(out);
    for span in spans {
        write_span(&V1Folded::new(span), list.item());
    }
    list.end();
}

/// Writes the members in the order that Zipkin writes them.
fn write_span(folded: &V1Folded<'_>, out: &mut Vec<u8>) {
    let span = folded.v2.span;
    let mut object = ObjectWriter::begin(out);
    object.display("traceId", span.trace_id);
    if let Some(parent) = span.parent_id {
        object.display("parentId", parent);
    }
    object.display("id", span.span_id);
    object.text("name", &folded.v2.name);
    if folded.timestamp_us > 0 {
        object.raw("timestamp", folded.timestamp_us);
    }
    if folded.duration_us > 0 {
        object.raw("duration", folded.duration_us);
    }
    if folded.annotations().next().is_some() {
        let mut list = ListWriter::begin(object.value("annotations"));
        for (time_us, value) in folded.annotations() {
            let mut annotation = ObjectWriter::begin(list.item());
            annotation.raw("timestamp", time_us);
            annotation.text("value", value);
            write_host(folded.host(), annotation);
        }
        list.end();
    }
    write_binary_annotations(folded, &mut object);
    if span.is_debug {
        object.raw("debug", true);
    }
    object.end();
}

fn write_binary_annotations(folded: &V1Folded<'_>, object: &mut ObjectWriter<'_>) {
    if folded.v2.tags.is_empty() && !folded.needs_marker() && folded.address().is_none() {
        return;
    }
    let mut list = ListWriter::begin(object.value("binaryAnnotations"));
    for tag in &folded.v2.tags {
        write_binary_annotation(&tag.key, &tag.value, folded.host(), list.item());
    }
    if folded.needs_marker() {
        write_binary_annotation("lc", &Value::from(""), folded.host(), list.item());
    }
    if let Some(address) = folded.address() {
        let is_there = Value::Bool(true);
        write_binary_annotation(folded.address_key, &is_there, Some(address), list.item());
    }
    list.end();
}

/// Writes a value, and its type where JSON does not show it.
fn write_binary_annotation(
    key: &str,
    value: &Value<'_>,
    host: Option<&FoldedEndpoint<'_>>,
    out: &mut Vec<u8>,
) {
    let mut annotation = ObjectWriter::begin(out);
    annotation.text("key", key);
    match value {
        Value::Bool(value) => annotation.raw("value", value),
        Value::Int(number) => annotation.raw("value", number),
        Value::Double(number) if number.is_finite() => annotation.raw("value", value.to_text()),
        _ => annotation.text("value", &value.to_text()),
    }
    match value {
        Value::Int(_) => annotation.text("type", "I64"),
        Value::Double(_) => annotation.text("type", "DOUBLE"),
        Value::Bytes(_) => annotation.text("type", "BYTES"),
        _ => {}
    }
    write_host(host, annotation);
}

/// Writes the endpoint and closes the object that it ends.
fn write_host(host: Option<&FoldedEndpoint<'_>>, mut object: ObjectWriter<'_>) {
    if let Some(host) = host {
        let name = host.service_name.as_deref().unwrap_or_default();
        write_endpoint(object.value("endpoint"), Some(name), &host.address);
    }
    object.end();
}
