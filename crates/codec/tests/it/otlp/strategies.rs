//! Spans of every kind that the model can hold, and requests of every kind that prost can write.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use spandrel_model::{
    Address, Attribute, DroppedCounts, Endpoint, Event, Link, LinkKind, Resource, Scope, Span,
    SpanId, SpanKind, Status, StatusCode, TraceId, Value,
};

use super::oracle::{
    PbAnyValue, PbArray, PbEvent, PbKeyValue, PbLink, PbMap, PbRequest, PbResource,
    PbResourceSpans, PbScope, PbScopeSpans, PbSpan, PbStatus, PbValue,
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        // ASCII, escapes of JSON, and characters of one to four bytes.
        8 => "[a-z/._ \"\\\\\n\t\u{0}ßé東😀]{0,12}",
        // Past the lengths of one and of two bytes.
        1 => "[a-z]{127,130}",
    ]
}

/// Ordinary keys, and those that the codec itself gives a meaning.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => text(),
        1 => Just("spandrel.carried".to_owned()),
        1 => Just("opentracing.ref_type".to_owned()),
        1 => Just("service.name".to_owned()),
        1 => "spandrel\\.(is_shared|is_debug|start_time_unix_nano|duration_nano|remote)",
        1 => "spandrel\\.(local|remote)\\.(ipv4|ipv6|port|service_name)",
    ]
}

fn double() -> impl Strategy<Value = f64> {
    // Every bit pattern, NaNs that are not the usual one too.
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<f64>(),
        Just(f64::INFINITY),
        Just(-0.0)
    ]
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Empty),
        text().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0i64..3).prop_map(Value::from),
        double().prop_map(Value::from),
        vec(any::<u8>(), 0..9).prop_map(|bytes| Value::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        let entry = (key(), inner.clone()).prop_map(|(key, value)| Attribute::new(key, value));
        prop_oneof![vec(inner, 0..3).prop_map(Value::Array), vec(entry, 0..3).prop_map(Value::Map),]
    })
}

fn attributes() -> impl Strategy<Value = Vec<Attribute<'static>>> {
    vec((key(), value()).prop_map(|(key, value)| Attribute::new(key, value)), 0..4)
}

fn address() -> impl Strategy<Value = Address> {
    let ipv4 = option::weighted(0.3, any::<Ipv4Addr>());
    let ipv6 = option::weighted(0.3, any::<Ipv6Addr>());
    let port = option::weighted(0.3, (1u16..).prop_map(|port| NonZeroU16::new(port).unwrap()));
    (ipv4, ipv6, port).prop_map(|(ipv4, ipv6, port)| Address { ipv4, ipv6, port })
}

fn remote() -> impl Strategy<Value = Option<Endpoint<'static>>> {
    let endpoint = (option::of(text()), address())
        .prop_map(|(name, address)| Endpoint { service_name: name.map(Into::into), address });
    option::of(endpoint)
}

fn trace_id() -> impl Strategy<Value = TraceId> {
    prop_oneof![(1u128..), (1..=u128::from(u64::MAX))].prop_map(|raw| TraceId::new(raw).unwrap())
}

fn span_id() -> impl Strategy<Value = SpanId> {
    (1u64..).prop_map(|raw| SpanId::new(raw).unwrap())
}

/// A small number more often than a large one.
fn count() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0u32), 1 => 1u32..200, 1 => any::<u32>()]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0u64), 3 => 1_700_000_000_000_000_000..1_800_000_000_000_000_000u64, 1 => any::<u64>()]
}

fn event() -> impl Strategy<Value = Event<'static>> {
    (time(), text(), attributes(), count()).prop_map(|(time_ns, name, attributes, dropped)| Event {
        attributes,
        dropped_attributes: dropped,
        ..Event::new(time_ns, name)
    })
}

fn link() -> impl Strategy<Value = Link<'static>> {
    let kind =
        prop_oneof![Just(LinkKind::Related), Just(LinkKind::ChildOf), Just(LinkKind::FollowsFrom)];
    (kind, trace_id(), span_id(), text(), count(), attributes(), count()).prop_map(
        |(kind, trace_id, span_id, state, trace_flags, attributes, dropped_attributes)| Link {
            kind,
            trace_id,
            span_id,
            trace_state: state.into(),
            trace_flags,
            attributes,
            dropped_attributes,
        },
    )
}

fn resource() -> impl Strategy<Value = Arc<Resource>> {
    // An empty service name is none, in the model as in OTLP.
    let name = option::of(text().prop_map(|name| name + "!"));
    (name, attributes(), count()).prop_map(|(service_name, attributes, dropped_attributes)| {
        Arc::new(Resource { service_name, attributes, dropped_attributes })
    })
}

fn scope() -> impl Strategy<Value = Option<Arc<Scope>>> {
    let scope = (text(), text(), attributes(), count());
    option::of(scope.prop_map(|(name, version, attributes, dropped_attributes)| {
        Arc::new(Scope { name, version, attributes, dropped_attributes })
    }))
}

fn kind() -> impl Strategy<Value = Option<SpanKind>> {
    option::of(prop_oneof![
        Just(SpanKind::Internal),
        Just(SpanKind::Client),
        Just(SpanKind::Server),
        Just(SpanKind::Producer),
        Just(SpanKind::Consumer),
    ])
}

fn status() -> impl Strategy<Value = Status<'static>> {
    let code = prop_oneof![Just(StatusCode::Unset), Just(StatusCode::Ok), Just(StatusCode::Error)];
    (code, text()).prop_map(|(code, message)| Status { code, message: message.into() })
}

prop_compose! {
    /// Any span of the model.
    pub(super) fn span()(
        (trace_id, span_id, parent_id) in (trace_id(), span_id(), option::of(span_id())),
        (kind, name, state, trace_flags) in (kind(), text(), text(), count()),
        (start_ns, duration_ns) in (option::of(time()), option::of(time())),
        (resource, scope) in (resource(), scope()),
        (local, remote) in (address(), remote()),
        (attributes, status) in (attributes(), status()),
        (events, links) in (vec(event(), 0..3), vec(link(), 0..3)),
        dropped in (count(), count(), count()),
        (is_shared, is_debug) in any::<(bool, bool)>(),
    ) -> Span<'static> {
        Span {
            trace_id,
            span_id,
            parent_id,
            kind,
            name: name.into(),
            start_ns,
            duration_ns,
            resource,
            scope,
            local,
            remote,
            attributes,
            events,
            links,
            status,
            trace_state: state.into(),
            trace_flags,
            is_shared,
            is_debug,
            dropped: DroppedCounts { attributes: dropped.0, events: dropped.1, links: dropped.2 },
        }
    }
}

/// Spans of which some share resource and scope.
pub(crate) fn list() -> impl Strategy<Value = Vec<Span<'static>>> {
    vec((span(), any::<bool>(), any::<bool>()), 0..5).prop_map(|drawn| {
        let mut list: Vec<Span<'static>> = Vec::new();
        for (mut span, same_resource, same_scope) in drawn {
            if let Some(last) = list.last() {
                if same_resource {
                    span.resource = Arc::clone(&last.resource);
                }
                if same_scope {
                    span.scope.clone_from(&last.scope);
                }
            }
            list.push(span);
        }
        list
    })
}

fn pb_value() -> impl Strategy<Value = Option<PbAnyValue>> {
    option::weighted(0.9, value().prop_map(|value| pb_any_value(&value)))
}

fn pb_any_value(value: &Value<'static>) -> PbAnyValue {
    let value = match value {
        Value::Empty => None,
        Value::String(text) => Some(PbValue::String(text.to_string())),
        Value::Bool(flag) => Some(PbValue::Bool(*flag)),
        Value::Int(number) => Some(PbValue::Int(*number)),
        Value::Double(number) => Some(PbValue::Double(*number)),
        Value::Bytes(bytes) => Some(PbValue::Bytes(bytes.to_vec())),
        Value::Array(values) => {
            Some(PbValue::Array(PbArray { values: values.iter().map(pb_any_value).collect() }))
        }
        Value::Map(entries) => {
            let entry = |entry: &Attribute<'static>| PbKeyValue {
                key: entry.key.to_string(),
                value: Some(pb_any_value(&entry.value)),
            };
            Some(PbValue::Map(PbMap { values: entries.iter().map(entry).collect() }))
        }
    };
    PbAnyValue { value }
}

fn pb_attributes() -> impl Strategy<Value = Vec<PbKeyValue>> {
    vec((key(), pb_value()).prop_map(|(key, value)| PbKeyValue { key, value }), 0..4)
}

/// An id as good senders and bad ones write it.
fn pb_id(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        12 => vec(any::<u8>(), len),
        1 => Just(vec![0; len]),
        1 => Just(Vec::new()),
        1 => vec(any::<u8>(), 0..20),
    ]
}

fn pb_link() -> impl Strategy<Value = PbLink> {
    (pb_id(16), pb_id(8), text(), pb_attributes(), count(), count()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| PbLink {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    )
}

fn pb_event() -> impl Strategy<Value = PbEvent> {
    (time(), text(), pb_attributes(), count()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| PbEvent {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn pb_status() -> impl Strategy<Value = Option<PbStatus>> {
    option::of((text(), -1..4).prop_map(|(message, code)| PbStatus { message, code }))
}

prop_compose! {
    fn pb_span()(
        (trace_id, span_id) in (pb_id(16), pb_id(8)),
        parent_span_id in prop_oneof![pb_id(8), Just(Vec::new())],
        (trace_state, name, kind, flags) in (text(), text(), prop_oneof![0..6, any::<i32>()], count()),
        (start_time_unix_nano, end_time_unix_nano) in (time(), time()),
        (attributes, status) in (pb_attributes(), pb_status()),
        (events, links) in (vec(pb_event(), 0..3), vec(pb_link(), 0..2)),
        dropped in (count(), count(), count()),
    ) -> PbSpan {
        PbSpan {
            trace_id,
            span_id,
            trace_state,
            parent_span_id,
            name,
            kind,
            start_time_unix_nano,
            end_time_unix_nano,
            attributes,
            dropped_attributes_count: dropped.0,
            events,
            dropped_events_count: dropped.1,
            links,
            dropped_links_count: dropped.2,
            status,
            flags,
        }
    }
}

pub(super) fn pb_resource() -> impl Strategy<Value = Option<PbResource>> {
    option::of((pb_attributes(), count()).prop_map(|(attributes, dropped_attributes_count)| {
        PbResource { attributes, dropped_attributes_count }
    }))
}

fn pb_scope() -> impl Strategy<Value = Option<PbScope>> {
    let scope = (text(), text(), pb_attributes(), count());
    option::of(scope.prop_map(|(name, version, attributes, dropped_attributes_count)| PbScope {
        name,
        version,
        attributes,
        dropped_attributes_count,
    }))
}

/// A request as good senders and bad ones write it.
pub(super) fn request() -> impl Strategy<Value = PbRequest> {
    let scope_spans = (pb_scope(), vec(pb_span(), 0..3), text())
        .prop_map(|(scope, spans, schema_url)| PbScopeSpans { scope, spans, schema_url });
    let resource_spans = (pb_resource(), vec(scope_spans, 0..3), text()).prop_map(
        |(resource, scope_spans, schema_url)| PbResourceSpans { resource, scope_spans, schema_url },
    );
    vec(resource_spans, 0..3).prop_map(|resource_spans| PbRequest { resource_spans })
}
