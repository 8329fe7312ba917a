//! What is written is read back, for spans in each format's normal form.
//!
//! All four know only microseconds above zero, names in lower case, sorted annotations and
//! sorted tags of one value a key. v2 knows only tags of text. v1 tells the kind by annotations,
//! so it needs a start and a local endpoint for it, and a start for a duration.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use spandrel_codec::zipkin::{Format, decode, encode};
use spandrel_model::{
    Address, Attribute, Endpoint, Event, Resource, Span, SpanId, SpanKind, TraceId, Value,
};

use crate::testdata::spans;

fn text() -> impl Strategy<Value = String> {
    // ASCII, escapes of JSON, and characters of two to four bytes.
    "[a-z/._ \"\\\\\n\tßé東😀]{0,12}"
}

fn name() -> impl Strategy<Value = Option<String>> {
    option::of("[a-z東-]{1,8}")
}

fn address() -> impl Strategy<Value = Address> {
    let ipv4 = option::of((1u32..).prop_map(Ipv4Addr::from));
    // Beyond the addresses that only wrap one of the other family.
    let ipv6 = option::of(((1u128 << 64)..).prop_map(Ipv6Addr::from));
    let port = option::of((1u16..).prop_map(|port| NonZeroU16::new(port).unwrap()));
    (ipv4, ipv6, port).prop_map(|(ipv4, ipv6, port)| Address { ipv4, ipv6, port })
}

fn kind() -> impl Strategy<Value = Option<SpanKind>> {
    option::of(prop_oneof![
        Just(SpanKind::Client),
        Just(SpanKind::Server),
        Just(SpanKind::Producer),
        Just(SpanKind::Consumer),
    ])
}

fn value() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        text().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop_oneof![any::<f64>(), Just(f64::INFINITY)].prop_map(Value::from),
        vec(any::<u8>(), 0..9).prop_map(|bytes| Value::Bytes(Cow::Owned(bytes))),
    ]
}

type Lists = (BTreeSet<(u64, String)>, BTreeMap<String, Value<'static>>);

fn lists() -> impl Strategy<Value = Lists> {
    let time_us = 1u64..1 << 53;
    // No key of v1's own, and no annotation that v1 would take for a core one.
    let key = "[a-z.]{3,9}";
    (btree_set((time_us, text().prop_map(|text| text + "!")), 0..4), btree_map(key, value(), 0..5))
}

prop_compose! {
    fn v1_span()(
        (high, low) in (option::of(any::<u64>()), 1u64..),
        (span_id, parent_id) in (1u64.., option::of(1u64..)),
        (kind, name) in (kind(), name()),
        (start_us, duration_us) in (option::of(1u64..1 << 53), option::of(1u64..1 << 40)),
        (service, local) in (name(), address()),
        (remote_service, remote) in (name(), address()),
        (annotations, tags) in lists(),
        (is_shared, is_debug) in any::<(bool, bool)>(),
    ) -> Span<'static> {
        // The low half alone makes a trace id in v1.
        let trace_id = TraceId::from_halves(high.unwrap_or(0), low).unwrap();
        let mut span = Span::new(trace_id, SpanId::new(span_id).unwrap());
        span.parent_id = parent_id.and_then(SpanId::new).filter(|parent| *parent != span.span_id);
        span.name = name.unwrap_or_default().into();
        span.start_ns = start_us.map(|us| us * 1_000);
        span.duration_ns = duration_us.filter(|_| start_us.is_some()).map(|us| us * 1_000);
        span.resource = Resource::of_service(service.as_deref().unwrap_or_default());
        span.local = local;
        let has_local = service.is_some() || !local.is_empty();
        span.kind = kind.filter(|_| start_us.is_some() && has_local);
        // The name of the other side is another one: v1 strips a server's own from its client.
        let remote_service = remote_service.map(|name| Cow::Owned(format!("{name} far")));
        let remote = Endpoint { service_name: remote_service, address: remote };
        let is_itself = remote.service_name.as_deref() == service.as_deref();
        span.remote = (!remote.is_empty() && !is_itself).then_some(remote);
        span.events = annotations.into_iter().map(|(us, text)| Event::new(us * 1_000, text)).collect();
        span.attributes = tags.into_iter().map(|(key, value)| Attribute::new(key, value)).collect();
        span.is_shared = is_shared && span.kind == Some(SpanKind::Server);
        span.is_debug = is_debug;
        span
    }
}

/// What v1 can hold, less the types.
fn v2_span() -> impl Strategy<Value = Span<'static>> {
    v1_span().prop_map(|mut span| {
        for attribute in &mut span.attributes {
            attribute.value = Value::String(attribute.value.to_text().into_owned().into());
        }
        span
    })
}

fn written(format: Format, list: &[Span<'static>]) -> Vec<u8> {
    let mut body = Vec::new();
    encode(format, list, &mut body);
    body
}

proptest! {
    #[test]
    fn v1_gives_back_what_it_was_given(list in vec(v1_span(), 0..4)) {
        for format in [Format::V1Thrift, Format::V1Json] {
            prop_assert_eq!(&spans(format, &written(format, &list)), &list, "{:?}", format);
        }
    }

    #[test]
    fn v2_gives_back_what_it_was_given(list in vec(v2_span(), 0..4)) {
        for format in [Format::V2Json, Format::V2Proto] {
            prop_assert_eq!(&spans(format, &written(format, &list)), &list, "{:?}", format);
        }
    }

    /// Four doors, one span: what can be said in all formats reads the same from each.
    #[test]
    fn all_formats_say_the_same(list in vec(v2_span(), 1..4)) {
        let v2 = spans(Format::V2Json, &written(Format::V2Json, &list));
        for format in Format::ALL {
            prop_assert_eq!(&spans(format, &written(format, &list)), &v2, "{:?}", format);
        }
    }

    #[test]
    fn no_bytes_crash_a_decoder(body in vec(any::<u8>(), 0..64)) {
        for (format, first) in Format::ALL.into_iter().zip([12, b'[', b'[', 10]) {
            let mut body = body.clone();
            body.insert(0, first);
            let _ = decode(format, &body, &mut Vec::new());
        }
    }

    /// Pieces of sound bodies put together in unsound ways reach further than random bytes.
    #[test]
    fn no_splice_of_bodies_crashes_a_decoder(
        list in vec(v1_span(), 1..3),
        (cut, from, noise) in (any::<prop::sample::Index>(), any::<prop::sample::Index>(), vec(any::<u8>(), 0..6)),
    ) {
        for format in Format::ALL {
            let body = written(format, &list);
            let (cut, from) = (cut.index(body.len()), from.index(body.len()));
            let spliced = [&body[..cut], &noise, &body[from..]].concat();
            let _ = decode(format, &spliced, &mut Vec::new());
        }
    }
}

#[test]
fn a_call_that_ends_after_2554_is_written_so_that_it_can_be_read() {
    let mut span = Span::new(TraceId::new(1).unwrap(), SpanId::new(2).unwrap());
    span.kind = Some(SpanKind::Client);
    span.resource = Resource::of_service("client");
    span.start_ns = Some(u64::MAX / 1_000 * 1_000);
    span.duration_ns = Some(1_000);
    for format in Format::ALL {
        let list = [span.clone()];
        assert_eq!(spans(format, &written(format, &list)), list, "{format:?}");
    }
}
