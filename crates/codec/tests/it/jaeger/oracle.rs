//! What the model must make of a batch: from a tree of Thrift, and from a message of prost.

use std::sync::Arc;

use spandrel_model::{
    Attribute, Event, Link, LinkKind, Resource, Scope, Span, SpanId, SpanKind, StatusCode, TraceId,
    Value,
};

use super::messages::{PbKeyValue, PbProcess, PbRequest, PbSpan, PbTime};
use super::tree::Tree;

/// The spans that must be kept, and how many must be rejected.
pub(super) type Expected = (Vec<Span<'static>>, usize);

/// A key as it came, and what its value is.
type Tag = (Vec<u8>, Value<'static>);

/// A span as a batch tells it.
#[derive(Default)]
struct Told {
    trace_id: u128,
    span_id: u64,
    parent_id: u64,
    is_wrong: bool,
    name: Vec<u8>,
    references: Vec<(i32, u128, u64)>,
    flags: u32,
    start_ns: i128,
    duration_ns: Option<i128>,
    tags: Vec<Tag>,
    logs: Vec<(i128, Vec<Tag>)>,
    warnings: Vec<String>,
}

/// Returns what a batch in Thrift comes to; `None` where this oracle has no opinion.
pub(super) fn of_tree(batch: &Tree) -> Option<Expected> {
    if batch.repeats_a_field() || !is_regular(batch) {
        return None;
    }
    let process = batch.field(1, as_struct).unwrap_or(&Tree::Byte(0));
    let name = process.field(1, as_bytes).unwrap_or_default();
    let resource = resource(&name, tags(process, 2));
    let list = batch.field(2, as_list).unwrap_or_default();
    Some(spans(list.iter().map(|span| (told_of_tree(span), resource.clone()))))
}

/// Whether every list that Jaeger's schema has is of structs.
fn is_regular(tree: &Tree) -> bool {
    match tree {
        Tree::Struct(fields) => fields.iter().all(|(_, value)| is_regular(value)),
        Tree::List(example, elements) => {
            matches!(**example, Tree::Struct(_)) && elements.iter().all(is_regular)
        }
        _ => true,
    }
}

fn told_of_tree(span: &Tree) -> Told {
    let number = |id| span.field(id, as_i64).unwrap_or(0);
    let bits = |id| u64::from_ne_bytes(number(id).to_ne_bytes());
    let reference = |it: &Tree| {
        let bits = |id| u64::from_ne_bytes(it.field(id, as_i64).unwrap_or(0).to_ne_bytes());
        let kind = it.field(1, as_i32).unwrap_or(0);
        (kind, u128::from(bits(3)) << 64 | u128::from(bits(2)), bits(4))
    };
    let log = |it: &Tree| (i128::from(it.field(1, as_i64).unwrap_or(0)) * 1000, tags(it, 2));
    Told {
        trace_id: u128::from(bits(2)) << 64 | u128::from(bits(1)),
        span_id: bits(3),
        parent_id: bits(4),
        name: span.field(5, as_bytes).unwrap_or_default(),
        references: span.field(6, as_list).unwrap_or_default().iter().map(reference).collect(),
        flags: u32::from_ne_bytes(span.field(7, as_i32).unwrap_or(0).to_ne_bytes()),
        start_ns: i128::from(number(8)) * 1000,
        duration_ns: span.field(9, as_i64).map(|us| i128::from(us) * 1000),
        tags: tags(span, 10),
        logs: span.field(11, as_list).unwrap_or_default().iter().map(log).collect(),
        ..Told::default()
    }
}

fn tags(of: &Tree, id: i16) -> Vec<Tag> {
    let tag = |it: &Tree| {
        let values = [
            it.field(3, as_bytes).map(|bytes| match String::from_utf8(bytes) {
                Ok(text) => Value::from(text),
                Err(error) => Value::Bytes(error.into_bytes().into()),
            }),
            it.field(4, as_double).map(Value::Double),
            it.field(5, as_bool).map(Value::Bool),
            it.field(6, as_i64).map(Value::Int),
            it.field(7, as_bytes).map(|bytes| Value::Bytes(bytes.into())),
        ];
        let value_type = it.field(2, as_i32).and_then(|number| usize::try_from(number).ok());
        let value = match value_type {
            Some(index @ 0..5) => values[index].clone(),
            _ => values.into_iter().flatten().next(),
        };
        (it.field(1, as_bytes).unwrap_or_default(), value.unwrap_or_default())
    };
    of.field(id, as_list).unwrap_or_default().iter().map(tag).collect()
}

fn as_struct(tree: &Tree) -> Option<&Tree> {
    matches!(tree, Tree::Struct(_)).then_some(tree)
}

fn as_list(tree: &Tree) -> Option<&[Tree]> {
    if let Tree::List(_, elements) = tree { Some(elements) } else { None }
}

fn as_bytes(tree: &Tree) -> Option<Vec<u8>> {
    if let Tree::Bytes(bytes) = tree { Some(bytes.clone()) } else { None }
}

fn as_i64(tree: &Tree) -> Option<i64> {
    if let Tree::I64(number) = tree { Some(*number) } else { None }
}

fn as_i32(tree: &Tree) -> Option<i32> {
    if let Tree::I32(number) = tree { Some(*number) } else { None }
}

fn as_double(tree: &Tree) -> Option<f64> {
    if let Tree::Double(bits) = tree { Some(f64::from_bits(*bits)) } else { None }
}

fn as_bool(tree: &Tree) -> Option<bool> {
    if let Tree::Bool(flag) = tree { Some(*flag) } else { None }
}

/// Returns what a request in protobuf comes to.
pub(super) fn of_message(request: &PbRequest) -> Expected {
    let batch = request.batch.clone().unwrap_or_default();
    let of_batch = batch.process.unwrap_or_default();
    spans(batch.spans.iter().map(|span| {
        let PbProcess { service_name, tags } = span.process.as_ref().unwrap_or(&of_batch);
        (told_of_message(span), resource(service_name.as_bytes(), pb_tags(tags)))
    }))
}

fn told_of_message(span: &PbSpan) -> Told {
    let mut is_wrong = false;
    let mut number = |bytes: &[u8], len: usize| {
        is_wrong |= !bytes.is_empty() && bytes.len() != len;
        bytes.iter().take(16).fold(0u128, |sum, byte| sum << 8 | u128::from(*byte))
    };
    let mut told = Told {
        trace_id: number(&span.trace_id, 16),
        span_id: u64::try_from(number(&span.span_id, 8)).unwrap_or(0),
        name: span.operation_name.clone().into_bytes(),
        flags: span.flags,
        tags: pb_tags(&span.tags),
        warnings: span.warnings.clone(),
        ..Told::default()
    };
    for it in &span.references {
        let trace_id = number(&it.trace_id, 16);
        let span_id = u64::try_from(number(&it.span_id, 8)).unwrap_or(0);
        told.references.push((it.ref_type, trace_id, span_id));
    }
    let mut ns = |time: PbTime| {
        let ns = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
        is_wrong |= i64::try_from(ns.div_euclid(1000)).is_err();
        ns
    };
    told.start_ns = ns(span.start_time.unwrap_or_default());
    told.duration_ns = span.duration.map(&mut ns);
    for log in &span.logs {
        told.logs.push((ns(log.timestamp.unwrap_or_default()), pb_tags(&log.fields)));
    }
    told.is_wrong = is_wrong;
    told
}

fn pb_tags(tags: &[PbKeyValue]) -> Vec<Tag> {
    let tag = |it: &PbKeyValue| {
        let values = [
            Value::from(it.v_str.clone()),
            Value::Bool(it.v_bool),
            Value::Int(it.v_int64),
            Value::Double(it.v_float64),
            Value::Bytes(it.v_binary.clone().into()),
        ];
        let defaults = [
            Value::from(""),
            Value::Bool(false),
            Value::Int(0),
            Value::Double(0.0),
            Value::Bytes([].as_slice().into()),
        ];
        let value = match it.v_type {
            0 => values[0].clone(),
            1 => values[1].clone(),
            2 => values[2].clone(),
            3 => values[3].clone(),
            4 => values[4].clone(),
            _ => {
                let said = values.iter().zip(&defaults).find(|(value, default)| value != default);
                said.map_or(Value::Empty, |(value, _)| value.clone())
            }
        };
        (it.key.clone().into_bytes(), value)
    };
    tags.iter().map(tag).collect()
}

/// The process of a name and its tags; `None` for one that is wrong.
fn resource(name: &[u8], tags: Vec<Tag>) -> Option<Arc<Resource>> {
    let name = String::from_utf8(name.to_vec()).ok()?;
    Some(Arc::new(Resource {
        service_name: Some(name).filter(|name| !name.is_empty()),
        attributes: attributes(&tags)?,
        dropped_attributes: 0,
    }))
}

fn attributes(tags: &[Tag]) -> Option<Vec<Attribute<'static>>> {
    let attribute = |(key, value): &Tag| {
        Some(Attribute { key: String::from_utf8(key.clone()).ok()?.into(), value: value.clone() })
    };
    tags.iter().map(attribute).collect()
}

fn spans(told: impl Iterator<Item = (Told, Option<Arc<Resource>>)>) -> Expected {
    let (mut spans, mut rejected) = (Vec::new(), 0);
    for (told, resource) in told {
        match resource.and_then(|resource| span(&told, resource)) {
            Some(span) => spans.push(span),
            None => rejected += 1,
        }
    }
    (spans, rejected)
}

fn span(told: &Told, resource: Arc<Resource>) -> Option<Span<'static>> {
    if told.is_wrong {
        return None;
    }
    let mut span = Span::new(TraceId::new(told.trace_id)?, SpanId::new(told.span_id)?);
    span.resource = resource;
    span.name = String::from_utf8(told.name.clone()).ok()?.into();
    span.is_debug = told.flags / 2 % 2 == 1;
    span.trace_flags = told.flags - if span.is_debug { 2 } else { 0 };
    (span.parent_id, span.links, span.dropped.links) = relatives(told);
    move_tags(&mut span, attributes(&told.tags)?);
    if !told.warnings.is_empty() {
        let warnings = told.warnings.iter().map(|text| Value::from(text.clone())).collect();
        span.attributes.push(Attribute::new("jaeger.internal.warnings", Value::Array(warnings)));
    }
    for (time_ns, fields) in &told.logs {
        span.events.push(event(*time_ns, attributes(fields)?));
    }
    let us = |ns: i128| i64::try_from(ns.div_euclid(1000)).unwrap();
    let held =
        |ns: i128| (0..=i128::from(u64::MAX)).contains(&ns).then(|| u64::try_from(ns).unwrap());
    span.start_ns = held(told.start_ns).filter(|ns| *ns != 0);
    if held(told.start_ns).is_none() {
        span.attributes.push(Attribute::new("spandrel.start_time_us", us(told.start_ns)));
    }
    span.duration_ns = told.duration_ns.and_then(held);
    if let Some(ns) = told.duration_ns.filter(|ns| held(*ns).is_none()) {
        span.attributes.push(Attribute::new("spandrel.duration_us", us(ns)));
    }
    Some(span)
}

/// The parent, the links, and how many references are to nothing.
fn relatives(told: &Told) -> (Option<SpanId>, Vec<Link<'static>>, u32) {
    let is_something = |it: &&(i32, u128, u64)| it.1 != 0 && it.2 != 0;
    let references: Vec<_> = told.references.iter().filter(is_something).copied().collect();
    let dropped = u32::try_from(told.references.len() - references.len()).unwrap();
    let is_own = |it: &(i32, u128, u64)| it.1 == told.trace_id && it.2 != told.span_id;
    let first = |kind: i32| references.iter().position(|it| it.0 == kind && is_own(it));
    let told_parent = Some(told.parent_id).filter(|id| *id != 0 && *id != told.span_id);
    let (parent, taken) = match (told_parent, first(0), first(1)) {
        (Some(parent), ..) => {
            let same = references.iter().position(|it| it.0 == 0 && is_own(it) && it.2 == parent);
            (Some(parent), same)
        }
        (None, Some(index), _) => (Some(references[index].2), Some(index)),
        (None, None, Some(index)) if told.parent_id == 0 => (Some(references[index].2), None),
        (None, None, _) => (None, None),
    };
    let link = |&(kind, trace_id, span_id): &(i32, u128, u64)| Link {
        kind: match kind {
            0 => LinkKind::ChildOf,
            1 => LinkKind::FollowsFrom,
            _ => LinkKind::Related,
        },
        trace_id: TraceId::new(trace_id).unwrap(),
        span_id: SpanId::new(span_id).unwrap(),
        trace_state: "".into(),
        trace_flags: 0,
        attributes: vec![],
        dropped_attributes: 0,
    };
    let kept = references.iter().enumerate().filter(|(index, _)| Some(*index) != taken);
    (parent.and_then(SpanId::new), kept.map(|(_, it)| link(it)).collect(), dropped)
}

/// Moves the tags that have places of their own.
fn move_tags(span: &mut Span<'static>, mut tags: Vec<Attribute<'static>>) {
    let mut take = |key: &str, is_said: &dyn Fn(&str) -> bool| {
        let is_it = |tag: &Attribute<'_>| tag.key == key && tag.value.as_str().is_some_and(is_said);
        let index = tags.iter().rposition(is_it)?;
        tags.remove(index).value.as_str().map(str::to_owned)
    };
    let kinds = [
        ("internal", SpanKind::Internal),
        ("client", SpanKind::Client),
        ("server", SpanKind::Server),
        ("producer", SpanKind::Producer),
        ("consumer", SpanKind::Consumer),
    ];
    let kind_of = |text: &str| kinds.iter().find(|(word, _)| *word == text).map(|(_, kind)| *kind);
    let is_filled = |text: &str| !text.is_empty();
    span.kind = take("span.kind", &|text| kind_of(text).is_some()).and_then(|text| kind_of(&text));
    span.status.code = match take("otel.status_code", &|text| ["OK", "ERROR"].contains(&text)) {
        Some(text) if text == "OK" => StatusCode::Ok,
        Some(_) => StatusCode::Error,
        None => StatusCode::Unset,
    };
    span.status.message = take("otel.status_description", &is_filled).unwrap_or_default().into();
    span.trace_state = take("w3c.tracestate", &is_filled).unwrap_or_default().into();
    let name = take("otel.scope.name", &is_filled);
    let version = take("otel.scope.version", &is_filled);
    if name.is_some() || version.is_some() {
        let (name, version) = (name.unwrap_or_default(), version.unwrap_or_default());
        span.scope = Some(Arc::new(Scope { name, version, ..Scope::default() }));
    }
    span.attributes = tags;
}

fn event(time_ns: i128, mut fields: Vec<Attribute<'static>>) -> Event<'static> {
    let says = |field: &Attribute<'_>| field.value.as_str().is_some_and(|text| !text.is_empty());
    let index = fields.iter().position(|field| field.key == "event" && says(field));
    let name = index.map(|index| fields.remove(index).value.to_text().into_owned());
    let time = u64::try_from(time_ns);
    if time.is_err() {
        let us = i64::try_from(time_ns.div_euclid(1000)).unwrap();
        fields.push(Attribute::new("spandrel.time_us", us));
    }
    Event { attributes: fields, ..Event::new(time.unwrap_or(0), name.unwrap_or_default()) }
}
