//! Batches as good senders and bad ones write them, and spans that Jaeger's formats can say whole.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use spandrel_model::{
    Attribute, Event, Link, LinkKind, Resource, Scope, Span, SpanId, SpanKind, Status, StatusCode,
    TraceId, Value,
};

use super::messages::{
    PbBatch, PbKeyValue, PbLog, PbProcess, PbReference, PbRequest, PbSpan, PbTime,
};
use super::tree::Tree;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-z/._ \"\n\u{0}ßé東😀]{0,12}",
        // Past the lengths of one and of two bytes.
        1 => "[a-z]{127,130}",
    ]
}

/// Ordinary keys, and those that the codec itself gives a meaning.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => text(),
        2 => Just("span.kind".to_owned()),
        2 => Just("event".to_owned()),
        1 => "otel\\.(status_code|status_description|scope\\.name|scope\\.version)",
        1 => Just("w3c.tracestate".to_owned()),
        1 => Just("error".to_owned()),
        1 => Just("jaeger.internal.warnings".to_owned()),
    ]
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => text(),
        2 => "(client|server|producer|consumer|internal|CLIENT)",
        1 => "(OK|ERROR|ok)",
    ]
}

fn double() -> impl Strategy<Value = f64> {
    any::<u64>().prop_map(f64::from_bits)
}

/// A value of a type that Jaeger has.
fn value() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        4 => word().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (0i64..3).prop_map(Value::from),
        1 => double().prop_map(Value::from),
        1 => vec(any::<u8>(), 0..9).prop_map(|bytes| Value::Bytes(bytes.into())),
    ]
}

/// A number of microseconds, of times as they are and as they are not.
fn us() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => 1_700_000_000_000_000..1_800_000_000_000_000i64,
        1 => Just(0),
        1 => -5..5i64,
        1 => any::<i64>(),
    ]
}

fn id() -> impl Strategy<Value = i64> {
    // Few enough that references meet their spans.
    prop_oneof![1 => Just(0), 6 => 1..4i64, 2 => any::<i64>()]
}

fn flags() -> impl Strategy<Value = i32> {
    prop_oneof![4 => 0..16i32, 1 => any::<i32>()]
}

/// A text as Thrift has it: any bytes.
fn bytes(text: impl Strategy<Value = String>) -> impl Strategy<Value = Tree> {
    text.prop_map(String::into_bytes).prop_perturb(|mut bytes, mut rng| {
        if rng.random_ratio(1, 40) {
            bytes.push(0xff);
        }
        Tree::Bytes(bytes)
    })
}

/// A value of any type, for a field that nobody knows.
fn anything() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Tree::Bool),
        any::<u8>().prop_map(Tree::Byte),
        any::<i16>().prop_map(Tree::I16),
        any::<i32>().prop_map(Tree::I32),
        any::<i64>().prop_map(Tree::I64),
        any::<u64>().prop_map(Tree::Double),
        vec(any::<u8>(), 0..4).prop_map(Tree::Bytes),
        any::<[u8; 16]>().prop_map(Tree::Uuid),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let fields = vec((20..9_000i16, inner.clone()), 0..3);
        let list = (inner.clone(), 0..20usize);
        prop_oneof![
            fields.prop_map(Tree::Struct),
            list.clone().prop_map(|(one, len)| Tree::List(Box::new(one.clone()), vec![one; len])),
            list.prop_map(|(one, len)| Tree::Set(Box::new(one.clone()), vec![one; len])),
            (inner.clone(), inner, 0..3usize).prop_map(|(key, value, len)| {
                let entries = vec![(key.clone(), value.clone()); len];
                Tree::Map(Box::new((key, value)), entries)
            }),
        ]
    })
}

/// A struct of these fields in any order, some of them missing, some of them unknown.
fn fields(known: Vec<(i16, BoxedStrategy<Tree>)>) -> BoxedStrategy<Tree> {
    let known: Vec<_> = known
        .into_iter()
        .map(|(id, value)| option::weighted(0.95, value.prop_map(move |value| (id, value))))
        .collect();
    let unknown = option::weighted(0.1, (100..i16::MAX, anything()));
    (known, unknown, any::<prop::sample::Index>(), prop::bool::weighted(0.2))
        .prop_map(|(known, unknown, turn, is_turned)| {
            let mut fields: Vec<_> = known.into_iter().flatten().chain(unknown).collect();
            if is_turned && !fields.is_empty() {
                let middle = turn.index(fields.len());
                fields.rotate_left(middle);
            }
            Tree::Struct(fields)
        })
        .boxed()
}

fn tree_tag() -> BoxedStrategy<Tree> {
    let ordinary = (bytes(key()), value()).prop_map(|(key, value)| tag_of(key, &value));
    let odd = fields(vec![
        (1, bytes(key()).boxed()),
        (2, (-1..7i32).prop_map(Tree::I32).boxed()),
        (3, bytes(word()).boxed()),
        (4, any::<u64>().prop_map(Tree::Double).boxed()),
        (5, any::<bool>().prop_map(Tree::Bool).boxed()),
        (6, any::<i64>().prop_map(Tree::I64).boxed()),
        (7, bytes(word()).boxed()),
    ]);
    prop_oneof![5 => ordinary, 1 => odd].boxed()
}

fn tag_of(key: Tree, value: &Value<'_>) -> Tree {
    let (value_type, field) = match value {
        Value::Double(number) => (1, (4, Tree::Double(number.to_bits()))),
        Value::Bool(flag) => (2, (5, Tree::Bool(*flag))),
        Value::Int(number) => (3, (6, Tree::I64(*number))),
        Value::Bytes(bytes) => (4, (7, Tree::Bytes(bytes.to_vec()))),
        other => (0, (3, Tree::text(&other.to_text()))),
    };
    Tree::Struct(vec![(1, key), (2, Tree::I32(value_type)), field])
}

fn structs(element: BoxedStrategy<Tree>, len_max: usize) -> BoxedStrategy<Tree> {
    vec(element, 0..=len_max).prop_map(Tree::structs).boxed()
}

fn number(value: impl Strategy<Value = i64> + 'static) -> BoxedStrategy<Tree> {
    value.prop_map(Tree::I64).boxed()
}

fn tree_span() -> BoxedStrategy<Tree> {
    let reference = fields(vec![
        (1, (0..3i32).prop_map(Tree::I32).boxed()),
        (2, number(id())),
        (3, number(prop_oneof![Just(0), 0..2i64])),
        (4, number(id())),
    ]);
    let log = fields(vec![(1, number(us())), (2, structs(tree_tag(), 3))]);
    fields(vec![
        (1, number(prop_oneof![9 => 1..3i64, 1 => id()])),
        (2, number(prop_oneof![9 => 0..2i64, 1 => id()])),
        (3, number(prop_oneof![9 => 1..4i64, 1 => id()])),
        (4, number(id())),
        (5, bytes(text()).boxed()),
        (6, structs(reference, 3)),
        (7, flags().prop_map(Tree::I32).boxed()),
        (8, number(us())),
        (9, number(prop_oneof![3 => 0..9_999i64, 1 => us()])),
        (10, structs(tree_tag(), 5)),
        (11, structs(log, 2)),
    ])
}

/// A batch in Thrift.
pub(super) fn batch() -> BoxedStrategy<Tree> {
    let process = fields(vec![(1, bytes(text()).boxed()), (2, structs(tree_tag(), 3))]);
    let stats = fields((1..4).map(|id| (id, number(any::<i64>()))).collect());
    let spans = structs(tree_span(), 17);
    fields(vec![(1, process), (2, spans), (3, number(any::<i64>())), (4, stats)])
}

fn pb_tag() -> impl Strategy<Value = PbKeyValue> {
    let bare = |key| PbKeyValue { key, ..PbKeyValue::default() };
    let ordinary = (key(), value()).prop_map(move |(key, value)| match value {
        Value::Bool(v_bool) => PbKeyValue { v_type: 1, v_bool, ..bare(key) },
        Value::Int(v_int64) => PbKeyValue { v_type: 2, v_int64, ..bare(key) },
        Value::Double(v_float64) => PbKeyValue { v_type: 3, v_float64, ..bare(key) },
        Value::Bytes(bytes) => PbKeyValue { v_type: 4, v_binary: bytes.into(), ..bare(key) },
        other => PbKeyValue { v_str: other.to_text().into_owned(), ..bare(key) },
    });
    let odd = (key(), -1..7i32, word(), any::<bool>(), -1..2i64, double(), vec(any::<u8>(), 0..2))
        .prop_map(|(key, v_type, v_str, v_bool, v_int64, v_float64, v_binary)| PbKeyValue {
            key,
            v_type,
            v_str,
            v_bool,
            v_int64,
            v_float64,
            v_binary,
        });
    prop_oneof![5 => ordinary, 1 => odd]
}

fn pb_time() -> impl Strategy<Value = Option<PbTime>> {
    let seconds = prop_oneof![6 => 0..2_000_000_000i64, 1 => -2..2i64, 1 => any::<i64>()];
    let nanos = prop_oneof![6 => 0..1_000_000_000, 1 => any::<i32>()];
    option::weighted(0.9, (seconds, nanos).prop_map(|(seconds, nanos)| PbTime { seconds, nanos }))
}

/// An id as good senders and bad ones write it.
fn pb_id(len: usize) -> impl Strategy<Value = Vec<u8>> {
    let small = (1..4u8).prop_map(move |low| [vec![0; len - 1], vec![low]].concat());
    prop_oneof![
        20 => small,
        1 => vec(any::<u8>(), len),
        1 => Just(vec![0; len]),
        1 => vec(any::<u8>(), 0..20),
    ]
}

fn pb_process() -> impl Strategy<Value = PbProcess> {
    (text(), vec(pb_tag(), 0..3)).prop_map(|(service_name, tags)| PbProcess { service_name, tags })
}

prop_compose! {
    fn pb_span()(
        (trace_id, span_id, operation_name) in (pb_id(16), pb_id(8), text()),
        references in vec((pb_id(16), pb_id(8), 0..3i32), 0..3),
        (flags, start_time, duration) in (flags(), pb_time(), pb_time()),
        (tags, process) in (vec(pb_tag(), 0..5), option::weighted(0.3, pb_process())),
        logs in vec((pb_time(), vec(pb_tag(), 0..3)), 0..2),
        (process_id, warnings) in (text(), vec(text(), 0..2)),
    ) -> PbSpan {
        let reference =
            |(trace_id, span_id, ref_type)| PbReference { trace_id, span_id, ref_type };
        let log = |(timestamp, fields)| PbLog { timestamp, fields };
        PbSpan {
            trace_id,
            span_id,
            operation_name,
            references: references.into_iter().map(reference).collect(),
            flags: flags.cast_unsigned(),
            start_time,
            duration,
            tags,
            logs: logs.into_iter().map(log).collect(),
            process,
            process_id,
            warnings,
        }
    }
}

/// A request in protobuf.
pub(super) fn request() -> impl Strategy<Value = PbRequest> {
    let batch = (vec(pb_span(), 0..4), option::of(pb_process()))
        .prop_map(|(spans, process)| PbBatch { spans, process });
    option::weighted(0.95, batch).prop_map(|batch| PbRequest { batch })
}

fn attributes() -> impl Strategy<Value = Vec<Attribute<'static>>> {
    vec((key(), value()).prop_map(|(key, value)| Attribute::new(key, value)), 0..5)
}

fn span_id() -> impl Strategy<Value = SpanId> {
    prop_oneof![2 => 1..6u64, 1 => 1u64..].prop_map(|raw| SpanId::new(raw).unwrap())
}

fn trace_id() -> impl Strategy<Value = TraceId> {
    prop_oneof![3 => 1..3u128, 1 => 1u128..].prop_map(|raw| TraceId::new(raw).unwrap())
}

fn link() -> impl Strategy<Value = Link<'static>> {
    let kind = prop_oneof![Just(LinkKind::ChildOf), Just(LinkKind::FollowsFrom)];
    (kind, trace_id(), span_id()).prop_map(|(kind, trace_id, span_id)| Link {
        kind,
        trace_id,
        span_id,
        trace_state: "".into(),
        trace_flags: 0,
        attributes: vec![],
        dropped_attributes: 0,
    })
}

fn event() -> impl Strategy<Value = Event<'static>> {
    (us(), text(), attributes()).prop_map(|(us, name, mut attributes)| {
        // A first field `event` would be the name of an event that has none.
        attributes.retain(|field| !name.is_empty() || field.key != "event");
        Event { attributes, ..Event::new(us.unsigned_abs() / 1000 * 1000, name) }
    })
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

prop_compose! {
    /// A span of which Jaeger's formats can say everything.
    fn span()(
        (trace_id, span_id, parent_id) in (trace_id(), span_id(), option::of(span_id())),
        (kind, name, trace_state, flags) in (kind(), text(), text(), any::<u32>()),
        (start_us, duration_us) in (1..1u64 << 50, 0..1u64 << 40),
        (mut attributes, events, links) in (attributes(), vec(event(), 0..3), vec(link(), 0..3)),
        (code, message) in (prop_oneof![Just(StatusCode::Unset), Just(StatusCode::Ok), Just(StatusCode::Error)], text()),
        (scope_name, scope_version, is_debug) in (text(), text(), any::<bool>()),
    ) -> Span<'static> {
        let has_scope = !(scope_name.is_empty() && scope_version.is_empty());
        // What stands in a tag alone is moved to where the span has a place for it.
        attributes.retain(|tag| match &*tag.key {
            "span.kind" => kind.is_some(),
            "otel.status_code" => code != StatusCode::Unset,
            "otel.status_description" => !message.is_empty(),
            "w3c.tracestate" => !trace_state.is_empty(),
            "otel.scope.name" => !scope_name.is_empty(),
            "otel.scope.version" => !scope_version.is_empty(),
            _ => true,
        });
        if code == StatusCode::Error {
            attributes.push(Attribute::new("error", true));
        }
        let is_own = |link: &Link<'_>| link.trace_id == trace_id && link.span_id != span_id;
        let parent_id = parent_id.filter(|parent| *parent != span_id);
        let links = links.into_iter().filter(|link| parent_id.is_some() || !is_own(link)).collect();
        let mut span = Span::new(trace_id, span_id);
        span.parent_id = parent_id;
        (span.kind, span.name, span.trace_state) = (kind, name.into(), trace_state.into());
        (span.trace_flags, span.is_debug) = (flags & !2, is_debug);
        (span.start_ns, span.duration_ns) = (Some(start_us * 1000), Some(duration_us * 1000));
        (span.attributes, span.events, span.links) = (attributes, events, links);
        span.status = Status { code, message: message.into() };
        let scope = Scope { name: scope_name, version: scope_version, ..Scope::default() };
        span.scope = has_scope.then(|| Arc::new(scope));
        span
    }
}

/// A resource and spans of it.
pub(super) fn list() -> impl Strategy<Value = (Arc<Resource>, Vec<Span<'static>>)> {
    (option::of(text()), attributes(), vec(span(), 0..5)).prop_map(
        |(name, attributes, mut list)| {
            let service_name = name.filter(|name| !name.is_empty());
            let resource = Arc::new(Resource { service_name, attributes, dropped_attributes: 0 });
            for span in &mut list {
                span.resource = Arc::clone(&resource);
            }
            (resource, list)
        },
    )
}
