//! What a span costs on its way into the head, and what it takes there.
//!
//! `cargo bench -p spandrel-storage --bench head` prints spans a second for requests of 512
//! spans of one service instance, as a batching exporter sends them, and of one span. A disk that
//! keeps nothing stands for the log, whose framing of an empty body is in the figures.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::borrow::Cow;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use spandrel_model::{
    Attribute, Endpoint, Event, Resource, Span, SpanId, SpanKind, TraceId, Value,
};
use spandrel_storage::{Account, Batch, Engine, Options, SpanBatch, Tenant};
use testkit::{NoDisk, SeedDecoder, Seeded, seeded_batch};

/// How many spans one iteration inserts.
const SPAN_COUNT: usize = 64 << 10;

/// How many services and instances there are.
const SERVICE_COUNT: u64 = 50;
const INSTANCE_COUNT: u64 = 147;

/// How many traces are under way at one time.
const TRACE_COUNT: u64 = 2_000;

fn engine() -> Engine<()> {
    let options = Options::new(
        Account::new("head", 64 << 30),
        Account::new("log queue", 1 << 30),
        Account::new("segments", 1 << 20),
    );
    Engine::open(options, 7, Arc::new(NoDisk), &SeedDecoder, &mut |_| {})
        .expect("a disk that keeps nothing opens")
}

fn instances() -> Vec<Arc<Resource>> {
    let instance = |number: u64| {
        let attribute = |at: u64| {
            Attribute::new(
                format!("resource.key.{at}"),
                format!("value-{at}-{}", number % (at + 1)),
            )
        };
        Arc::new(Resource {
            service_name: Some(format!("service-{}", number % SERVICE_COUNT)),
            attributes: (0..16).map(attribute).collect(),
            dropped_attributes: 0,
        })
    };
    (0..INSTANCE_COUNT).map(instance).collect()
}

/// A span of eleven attributes: most of few values, some of many, one of its own.
fn span(numbers: &mut Seeded, resource: &Arc<Resource>, at: u64) -> Span<'static> {
    let trace = at / TRACE_COUNT / 30 * TRACE_COUNT + numbers.below(TRACE_COUNT) + 1;
    let low = Seeded::new(trace).next() | 1;
    let trace_id = TraceId::from_halves(low, low).expect("it is not zero");
    let span_id = SpanId::new(numbers.next() | 1).expect("its last bit is set");
    let mut span = Span::new(trace_id, span_id);
    let operation = numbers.below(26);
    span.parent_id = SpanId::new(numbers.next());
    span.name = Cow::Owned(format!("GET /api/v1/things/{operation}"));
    span.kind = Some([SpanKind::Server, SpanKind::Client, SpanKind::Internal][at as usize % 3]);
    span.start_ns = Some(1_700_000_000_000_000_000 + at * 4_000);
    span.duration_ns = Some(numbers.below(10_000_000));
    span.resource = Arc::clone(resource);
    if at % 3 == 1 {
        let service_name = Some(Cow::Owned(format!("service-{}", operation % 7)));
        span.remote = Some(Endpoint { service_name, ..Endpoint::default() });
    }
    let user = numbers.below(2_000);
    let user = user * user / 2_000;
    let port = i64::try_from(30_000 + numbers.below(30_000)).expect("a small number");
    let values: [(&str, Value<'static>); 11] = [
        ("http.request.method", "GET".into()),
        ("http.route", format!("/api/v1/things/{operation}").into()),
        ("http.response.status_code", if numbers.one_in(100) { 503 } else { 200 }.into()),
        ("url.path", format!("/api/v1/things/{operation}/{}", numbers.below(1 << 40)).into()),
        ("url.scheme", "http".into()),
        ("server.address", format!("10.0.{}.{}", operation, numbers.below(8)).into()),
        ("server.port", 8080.into()),
        ("network.peer.address", format!("10.1.{}.{}", operation, numbers.below(200)).into()),
        ("network.peer.port", port.into()),
        ("user.id", format!("user-{user}").into()),
        ("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)".into()),
    ];
    span.attributes = values.into_iter().map(|(key, value)| Attribute::new(key, value)).collect();
    if numbers.one_in(15) {
        span.events.push(Event::new(span.start_ns.unwrap_or(0) + 5, "cache.miss"));
    }
    span
}

/// Requests that carry [`SPAN_COUNT`] spans together.
fn requests(request_len: usize) -> Vec<Batch> {
    let (mut numbers, instances) = (Seeded::new(42), instances());
    let request = |number: usize| {
        let resource = &instances[number % instances.len()];
        let mut spans = SpanBatch::new();
        for at in 0..request_len {
            spans.push(&span(&mut numbers, resource, (number * request_len + at) as u64));
        }
        Batch { spans, ..seeded_batch(&Tenant::default(), &[]) }
    };
    (0..SPAN_COUNT / request_len).map(request).collect()
}

fn insert(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head_insert");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(SPAN_COUNT as u64));
    for request_len in [512, 1] {
        let mut held = 0;
        let mut routine = |(mut engine, requests): (Engine<()>, Vec<Batch>)| {
            for request in requests {
                let charged = engine.charge(request).expect("there is room");
                engine.append(charged, ());
                if engine.is_group_full() {
                    engine.commit(0, &mut |(), outcome| outcome.expect("nothing fails here"));
                }
            }
            engine.commit(0, &mut |(), outcome| outcome.expect("nothing fails here"));
            held = engine.stats().head_bytes;
            engine
        };
        group.bench_function(format!("requests_of_{request_len}"), |bencher| {
            let setup = || (engine(), requests(request_len));
            bencher.iter_batched(setup, &mut routine, BatchSize::PerIteration);
        });
        println!("requests of {request_len}: {} bytes a span held", held / SPAN_COUNT as u64);
    }
    group.finish();
}

criterion_group!(benches, insert);
criterion_main!(benches);
