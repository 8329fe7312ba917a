//! A segment that was written when the format was made, and that must be read for ever.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::path::Path;

use bytes::Bytes;
use spandrel_model::{
    Address, Attribute, Endpoint, Event, Link, LinkKind, Resource, Scope, Span, SpanId, SpanKind,
    StatusCode, TraceId, Value,
};

use super::*;
use crate::segment::{ByteRange, verify};

const GOLDEN: &str = "testdata/segment/v1.segment";

const KINDS: [Option<SpanKind>; 6] = [
    None,
    Some(SpanKind::Internal),
    Some(SpanKind::Client),
    Some(SpanKind::Server),
    Some(SpanKind::Producer),
    Some(SpanKind::Consumer),
];

/// Something of everything; made here and nowhere else, so that it never changes.
fn golden_spans() -> Vec<Span<'static>> {
    (1..=120_u64).map(golden_span).collect()
}

fn golden_span(number: u64) -> Span<'static> {
    let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let trace_id = TraceId::from_halves(number % 3, 1 + number / 10).unwrap();
    let mut span = Span::new(trace_id, SpanId::new(random | 1).unwrap());
    let before = (number - 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    span.parent_id = [None, SpanId::new(before), SpanId::new(number)][number as usize % 3];
    span.kind = KINDS[number as usize % 6];
    span.name = format!("GET /{}", number % 4).into();
    span.start_ns =
        (!number.is_multiple_of(11)).then_some(1_700_000_000_000_000_000 + number * 1_000);
    span.duration_ns = (!number.is_multiple_of(13)).then_some(random >> 40);
    span.resource = Arc::new(Resource {
        service_name: (!number.is_multiple_of(5)).then(|| format!("service-{}", number % 5)),
        attributes: vec![Attribute::new("host.name", format!("host-{}", number % 2))],
        dropped_attributes: u32::from(number.is_multiple_of(7)),
    });
    span.scope = number.is_multiple_of(4).then(|| {
        let (name, version) = ("library".to_owned(), "1.2".to_owned());
        Arc::new(Scope { name, version, attributes: Vec::new(), dropped_attributes: 0 })
    });
    let status = [StatusCode::Unset, StatusCode::Ok, StatusCode::Error];
    span.status.code = status[number as usize % 3];
    span.attributes = attributes(number, random);
    if number.is_multiple_of(3) {
        let mut event = Event::new(span.start_ns.unwrap_or(7) + number, "exception");
        event.attributes.push(Attribute::new("exception.message", format!("no {number}")));
        event.dropped_attributes = u32::from(number.is_multiple_of(2));
        span.events = vec![event, Event::new(number, "")];
    }
    if number.is_multiple_of(5) {
        rare_parts(&mut span, number);
    }
    span
}

fn attributes(number: u64, random: u64) -> Vec<Attribute<'static>> {
    let nested = Value::Array(vec![Value::Int(1), Value::String("two".into()), Value::Empty]);
    let map = Value::Map(vec![Attribute::new("key", true)]);
    let mut attributes = vec![
        Attribute::new("http.status_code", (200 + number % 300).cast_signed()),
        Attribute::new("id", format!("{random:016x}")),
        Attribute::new("flag", number.is_multiple_of(2)),
        Attribute { key: "ratio".into(), value: Value::Double(number as f64 / 7.0) },
    ];
    match number % 4 {
        0 => attributes.push(Attribute { key: "list".into(), value: nested }),
        1 => attributes.push(Attribute { key: "map".into(), value: map }),
        2 => attributes.push(Attribute::new("http.status_code", "again")),
        _ => {
            let bytes = Value::Bytes(Cow::Owned(vec![0xff, number as u8]));
            attributes.push(Attribute { key: "bytes".into(), value: bytes });
            attributes.push(Attribute { key: "empty".into(), value: Value::Empty });
        }
    }
    attributes
}

fn rare_parts(span: &mut Span<'static>, number: u64) {
    span.links.push(Link {
        kind: [LinkKind::Related, LinkKind::ChildOf, LinkKind::FollowsFrom][number as usize % 3],
        trace_id: TraceId::from_halves(number, 5).unwrap(),
        span_id: SpanId::new(number).unwrap(),
        trace_state: "b=2".into(),
        trace_flags: 0,
        attributes: vec![Attribute::new("why", "because")],
        dropped_attributes: 3,
    });
    span.trace_state = "a=1".into();
    span.trace_flags = 1;
    (span.is_shared, span.is_debug) = (true, number.is_multiple_of(2));
    span.dropped.events = 9;
    span.status.message = "timeout".into();
    let address = Address {
        ipv4: Some(Ipv4Addr::from_bits(number as u32)),
        ipv6: Some(Ipv6Addr::from_bits(u128::from(number))),
        port: NonZeroU16::new(9411),
    };
    span.local = address;
    let service_name = number.is_multiple_of(2).then(|| "remote".into());
    span.remote = Some(Endpoint { service_name, address });
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN)
}

#[test]
fn the_golden_segment_of_version_1_reads_as_it_was_written() {
    let bytes = std::fs::read(path()).unwrap();
    let directory_len = bytes[bytes.len() - 20..].first_chunk().unwrap();
    let footer_len = u32::from_le_bytes(*directory_len) + 20;
    let mut read =
        |range: ByteRange| Ok(Bytes::copy_from_slice(&bytes[range.offset as usize..][..range.len]));
    let verified = verify("golden".into(), bytes.len() as u64, footer_len, &mut read).unwrap();
    assert_eq!((verified.span_count, verified.trace_count), (120, 13));
    let mut opened = open(&bytes, footer_len).unwrap();
    assert_eq!(sorted(opened.spans().unwrap()), sorted(golden_spans()));
    for low in 1..=13 {
        assert!(!opened.trace(low).unwrap().is_empty(), "trace {low}");
    }
}

#[test]
#[ignore = "writes the golden segment of a new format version"]
fn write_golden_segment() {
    let options = WriterOptions { group_row_count_max: 50, ..WriterOptions::default() };
    std::fs::write(path(), write(&golden_spans(), options).bytes).unwrap();
}
