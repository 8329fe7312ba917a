//! Spans made from numbers, and a wire format that is those numbers.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::sync::Arc;

use bytes::Bytes;
use spandrel_model::{
    Address, Attribute, DroppedCounts, Endpoint, Event, Link, LinkKind, Resource, Scope, Span,
    SpanId, SpanKind, StatusCode, TraceId, Value,
};
use spandrel_storage::{Batch, Origin, RecordDecoder, Tenant};

use crate::seeded::Seeded;

/// Over how many traces the spans of neighbouring seeds are spread.
const TRACE_COUNT: u64 = 32;

/// Makes the span of a seed: the same one every time, with something of everything.
///
/// # Panics
///
/// Never: its ids are made not to be zero.
#[must_use]
pub fn seeded_span(seed: u64) -> Span<'static> {
    let mut numbers = Seeded::new(seed);
    let low = 1 + numbers.below(TRACE_COUNT);
    let trace_id = TraceId::from_halves(numbers.below(2), low).expect("low is not zero");
    let span_id = SpanId::new(numbers.next() | 1).expect("its last bit is set");
    let mut span = Span::new(trace_id, span_id);
    span.name = Cow::Owned(format!("operation-{}", numbers.below(8)));
    span.parent_id = SpanId::new(numbers.below(3));
    span.kind = [None, Some(SpanKind::Client), Some(SpanKind::Server)][numbers.below(3) as usize];
    span.start_ns = (!numbers.one_in(8)).then(|| 1_000 + numbers.below(1_000));
    span.duration_ns = (!numbers.one_in(8)).then(|| numbers.below(500));
    let services = ["", "frontend", "Backend", "BACKEND"];
    span.resource = Resource::of_service(services[numbers.below(4) as usize]);
    if numbers.one_in(2) {
        let service_name = Some(Cow::Owned(format!("remote-{}", numbers.below(4))));
        span.remote = Some(Endpoint { service_name, ..Endpoint::default() });
    }
    for _ in 0..numbers.below(4) {
        span.attributes.push(attribute(&mut numbers));
    }
    for _ in 0..numbers.below(3) {
        let mut event = Event::new(numbers.next(), format!("event-{}", numbers.below(4)));
        event.attributes = (0..numbers.below(3)).map(|_| attribute(&mut numbers)).collect();
        event.dropped_attributes = rarely(&mut numbers);
        span.events.push(event);
    }
    rare_parts(&mut span, &mut numbers);
    span
}

/// What few spans have.
fn rare_parts(span: &mut Span<'static>, numbers: &mut Seeded) {
    for _ in 0..if numbers.one_in(8) { 2 } else { 0 } {
        span.links.push(link(numbers));
    }
    if numbers.one_in(4) {
        let attributes = (0..numbers.below(3)).map(|_| attribute(numbers)).collect();
        let (name, version) = (format!("scope-{}", numbers.below(3)), String::new());
        let dropped_attributes = rarely(numbers);
        span.scope = Some(Arc::new(Scope { name, version, attributes, dropped_attributes }));
    }
    if numbers.one_in(8) {
        let attributes = (0..numbers.below(3)).map(|_| attribute(numbers)).collect();
        let service_name = span.resource.service_name.clone();
        let dropped_attributes = rarely(numbers);
        span.resource = Arc::new(Resource { service_name, attributes, dropped_attributes });
    }
    let codes = [StatusCode::Unset, StatusCode::Ok, StatusCode::Error];
    span.status.code = codes[numbers.below(3) as usize];
    if numbers.one_in(8) {
        span.status.message = format!("message-{}", numbers.below(3)).into();
        span.trace_state = "a=1".into();
    }
    span.trace_flags = rarely(numbers);
    (span.is_shared, span.is_debug) = (numbers.one_in(8), numbers.one_in(8));
    let dropped = [rarely(numbers), rarely(numbers), rarely(numbers)];
    span.dropped = DroppedCounts { attributes: dropped[0], events: dropped[1], links: dropped[2] };
    if numbers.one_in(4) {
        span.local = address(numbers);
    }
    if numbers.one_in(8) {
        span.remote = Some(Endpoint { service_name: None, address: address(numbers) });
    }
}

fn link(numbers: &mut Seeded) -> Link<'static> {
    let kinds = [LinkKind::Related, LinkKind::ChildOf, LinkKind::FollowsFrom];
    let low = 1 + numbers.below(TRACE_COUNT);
    Link {
        kind: kinds[numbers.below(3) as usize],
        trace_id: TraceId::from_halves(numbers.below(2), low).expect("low is not zero"),
        span_id: SpanId::new(numbers.next() | 1).expect("its last bit is set"),
        trace_state: if numbers.one_in(4) { "b=2".into() } else { "".into() },
        attributes: (0..numbers.below(2)).map(|_| attribute(numbers)).collect(),
        dropped_attributes: rarely(numbers),
        trace_flags: rarely(numbers),
    }
}

fn attribute(numbers: &mut Seeded) -> Attribute<'static> {
    let key = Cow::Owned(format!("key-{}", numbers.below(4)));
    let value = match numbers.below(8) {
        0 => Value::Empty,
        1 => Value::Bytes(Cow::Owned(numbers.next().to_le_bytes().to_vec())),
        2 => Value::Array(vec![value(numbers), value(numbers)]),
        3 => Value::Map(vec![Attribute { key: Cow::Borrowed(""), value: value(numbers) }]),
        _ => value(numbers),
    };
    Attribute { key, value }
}

fn address(numbers: &mut Seeded) -> Address {
    let bits = u32::try_from(numbers.below(1 << 32)).expect("below 2^32");
    Address {
        ipv4: numbers.one_in(2).then(|| Ipv4Addr::from_bits(bits)),
        ipv6: numbers.one_in(2).then(|| Ipv6Addr::from_bits(u128::from(numbers.next()) << 8)),
        port: NonZeroU16::new(u16::try_from(numbers.below(1 << 16)).expect("below 2^16")),
    }
}

fn rarely(numbers: &mut Seeded) -> u32 {
    if numbers.one_in(8) { 1 + u32::try_from(numbers.below(300)).expect("below 300") } else { 0 }
}

#[expect(clippy::cast_possible_wrap, reason = "any number will do")]
fn value(numbers: &mut Seeded) -> Value<'static> {
    match numbers.below(4) {
        0 => Value::Int(numbers.next() as i64),
        1 => Value::Double(f64::from_bits(numbers.next())),
        2 => Value::Bool(numbers.one_in(2)),
        _ => Value::String(format!("value-{}", numbers.below(4)).into()),
    }
}

/// The body that decodes to the spans of these seeds.
#[must_use]
pub fn body_of(seeds: &[u64]) -> Bytes {
    seeds.iter().flat_map(|seed| seed.to_le_bytes()).collect::<Vec<u8>>().into()
}

/// A request that carries the spans of these seeds.
///
/// # Panics
///
/// Panics for more seeds than a request can count.
#[must_use]
pub fn seeded_batch(tenant: &Tenant, seeds: &[u64]) -> Batch {
    let origin = Origin {
        format: "seeds".into(),
        content_encoding: "".into(),
        door: "test".into(),
        peer: None,
        arrival_ns: seeds.first().copied().unwrap_or_default(),
        accepted: u32::try_from(seeds.len()).expect("a test's batch is short"),
        rejected: 0,
        limits: vec![("body_len_max".into(), 1 << 20)],
    };
    let spans = seeds.iter().map(|seed| seeded_span(*seed)).collect();
    Batch { tenant: tenant.clone(), origin, body: body_of(seeds), spans }
}

/// Decodes what [`body_of`] makes. The seed [`SeedDecoder::REFUSED`] is refused, and
/// [`SeedDecoder::PANICKING`] panics.
#[derive(Clone, Copy, Debug, Default)]
pub struct SeedDecoder;

impl SeedDecoder {
    /// A seed that can't be decoded.
    pub const REFUSED: u64 = u64::MAX;
    /// A seed whose decoding panics.
    pub const PANICKING: u64 = u64::MAX - 1;

    /// This decoder, as stores take it.
    #[must_use]
    pub fn shared() -> Arc<dyn RecordDecoder> {
        Arc::new(Self)
    }
}

impl RecordDecoder for SeedDecoder {
    fn decode(
        &self,
        origin: &Origin,
        body: &[u8],
        sink: &mut dyn FnMut(&Span<'_>),
    ) -> Result<(), String> {
        if origin.format != "seeds" {
            return Err(format!("{} is not a format of seeds", origin.format));
        }
        let (seeds, rest) = body.as_chunks::<8>();
        for seed in seeds {
            match u64::from_le_bytes(*seed) {
                Self::REFUSED => return Err("this seed is refused".to_owned()),
                Self::PANICKING => panic!("this seed panics"),
                seed => sink(&seeded_span(seed)),
            }
        }
        if rest.is_empty() { Ok(()) } else { Err("a seed is cut short".to_owned()) }
    }
}
