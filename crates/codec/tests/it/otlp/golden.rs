//! Archives that were written once are read by every later version, and are written the same.

use std::sync::Arc;

use spandrel_codec::otlp::Format;
use spandrel_model::{
    Address, Attribute, DroppedCounts, Endpoint, Event, Link, LinkKind, Resource, Scope, Span,
    SpanId, SpanKind, Status, StatusCode, TraceId, Value,
};

use super::{archived, written};
use crate::testdata::bytes;

/// A root of which little is known, and a span of which everything is.
fn spans() -> Vec<Span<'static>> {
    let trace_id = TraceId::from_halves(0x463a_c35c_9f64_13ad, 0x4848_5a39_53bb_6124).unwrap();
    let root = Span::new(trace_id, SpanId::new(0x4848_5a39_53bb_6124).unwrap());
    let values = [
        ("empty", Value::Empty),
        ("text", "é\n\"".into()),
        ("bool", true.into()),
        ("int", i64::MIN.into()),
        ("double", 0.1.into()),
        ("infinity", f64::NEG_INFINITY.into()),
        ("nan", f64::from_bits(0xfff8_0000_0000_0001).into()),
        ("bytes", Value::Bytes(vec![0xfb, 0xff, 0x00].into())),
        ("array", Value::Array(vec![1.into(), Value::Array(vec![])])),
        ("map", Value::Map(vec![Attribute::new("", "x"), Attribute::new("", "y")])),
    ];
    let attributes = values.map(|(key, value)| Attribute::new(key, value)).to_vec();
    let span = Span {
        parent_id: Some(root.span_id),
        kind: Some(SpanKind::Producer),
        name: "publish".into(),
        start_ns: Some(0),
        duration_ns: Some(u64::MAX),
        resource: Arc::new(Resource {
            service_name: Some("orders".into()),
            attributes: vec![Attribute::new("service.name", "another"), Attribute::new("pid", 7)],
            dropped_attributes: 1,
        }),
        scope: Some(Arc::new(Scope {
            name: "scope".into(),
            version: "1.0".into(),
            attributes: vec![Attribute::new("a", 1.5)],
            dropped_attributes: 2,
        })),
        local: Address {
            ipv4: Some([10, 0, 0, 1].into()),
            ipv6: Some("2001:db8::c001".parse().unwrap()),
            port: std::num::NonZeroU16::new(8080),
        },
        remote: Some(Endpoint {
            service_name: Some("kafka".into()),
            address: Address { ipv4: Some([10, 0, 0, 2].into()), ..Address::default() },
        }),
        attributes,
        events: vec![Event {
            attributes: vec![Attribute::new("type", "retry")],
            dropped_attributes: 3,
            ..Event::new(1_750_000_000_000_000_001, "exception")
        }],
        links: [LinkKind::Related, LinkKind::ChildOf, LinkKind::FollowsFrom]
            .map(|kind| Link {
                kind,
                trace_id: TraceId::new(1).unwrap(),
                span_id: SpanId::new(2).unwrap(),
                trace_state: "c=d".into(),
                trace_flags: 0,
                attributes: vec![Attribute::new("spandrel.carried", 9)],
                dropped_attributes: 4,
            })
            .to_vec(),
        status: Status { code: StatusCode::Error, message: "no".into() },
        trace_state: "a=b".into(),
        trace_flags: 257,
        is_shared: true,
        is_debug: true,
        dropped: DroppedCounts { attributes: 5, events: 6, links: 7 },
        ..Span::new(trace_id, SpanId::new(9).unwrap())
    };
    vec![root, span]
}

#[test]
fn the_archives_of_the_first_version_are_read_and_written_the_same() {
    for (format, name) in [(Format::Proto, "otlp/archive.bin"), (Format::Json, "otlp/archive.json")]
    {
        let list = spans();
        let golden = bytes(name);
        assert_eq!(archived(format, &golden), list, "{name}");
        assert_eq!(written(format, &list), golden, "{name}");
    }
}
