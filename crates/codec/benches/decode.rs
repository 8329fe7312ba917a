//! Spans decoded a second, from each of Zipkin's formats and OTLP's: into nothing, and into owned
//! spans.
//!
//! `batch` is a request of 512 spans as an OpenTelemetry SDK sends it, of about 450 bytes and eleven
//! attributes each; `smartthings` is a trace of 175 spans of a real shop, `article` the six spans of the
//! article's program; both are repeated to a list of about 500.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spandrel_codec::zipkin::{Format, decode, encode};
use spandrel_codec::{SpanSink, otlp};
use spandrel_model::{Attribute, Event, Resource, Scope, Span, SpanId, SpanKind, TraceId};

const SPANS_MIN: usize = 500;

/// Counts spans and touches what a reader of them touches first.
#[derive(Default)]
struct Count {
    spans: usize,
    attributes: usize,
}

impl SpanSink for Count {
    fn span(&mut self, span: &Span<'_>) {
        self.spans += 1;
        self.attributes += span.attributes.len();
    }
}

fn testdata(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)).unwrap()
}

fn smartthings() -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let body = testdata("zipkin/smartthings-oauth-authorization.json");
    decode(Format::V2Json, &body, &mut spans).unwrap();
    spans
}

fn article() -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for number in 1..=6 {
        let body = testdata(&format!("article-go-client/{number:02}.thrift"));
        decode(Format::V1Thrift, &body, &mut spans).unwrap();
    }
    spans
}

fn decoding(criterion: &mut Criterion) {
    for (name, trace) in [("smartthings", smartthings()), ("article", article())] {
        let list: Vec<_> =
            trace.iter().cycle().take(SPANS_MIN.next_multiple_of(trace.len())).collect();
        for format in Format::ALL {
            let mut body = Vec::new();
            encode(format, list.iter().copied(), &mut body);
            let mut group = criterion.benchmark_group(format!("{name}/{}", format.name()));
            group.throughput(Throughput::Elements(list.len() as u64));
            group.bench_function("count", |bencher| {
                bencher.iter(|| {
                    let mut count = Count::default();
                    decode(format, black_box(&body), &mut count).unwrap();
                    black_box(count.spans + count.attributes)
                });
            });
            group.bench_function("own", |bencher| {
                bencher.iter(|| {
                    let mut spans = Vec::with_capacity(list.len());
                    decode(format, black_box(&body), &mut spans).unwrap();
                    spans
                });
            });
            group.bench_function("encode", |bencher| {
                bencher.iter(|| {
                    let mut out = Vec::with_capacity(body.len());
                    encode(format, black_box(&list).iter().copied(), &mut out);
                    out
                });
            });
            group.finish();
        }
    }
}

fn text(key: &'static str, value: impl Into<String>) -> Attribute<'static> {
    Attribute::new(key, value.into())
}

fn number(key: &'static str, value: impl Into<i64>) -> Attribute<'static> {
    Attribute::new(key, value.into())
}

fn of_server(user: u16) -> Vec<Attribute<'static>> {
    vec![
        text("http.method", "GET"),
        text("http.route", "/api/v1/orders/{id}"),
        text("http.target", format!("/api/v1/orders/{user}")),
        text("http.scheme", "http"),
        text("http.flavor", "1.1"),
        number("http.status_code", 200),
        text("net.host.name", "checkout-service.prod.svc.cluster.local"),
        number("net.host.port", 8080),
        text("net.sock.peer.addr", format!("10.42.{}.{}", user % 256, user % 199)),
        number("net.sock.peer.port", user),
        text("user_agent.original", "Go-http-client/1.1"),
        number("http.response_content_length", user),
        number("thread.id", 17),
    ]
}

fn of_client(user: u16) -> Vec<Attribute<'static>> {
    vec![
        text("http.method", "GET"),
        text("http.url", format!("http://stock-api.prod.svc.cluster.local:8080/stock/{user}")),
        number("http.status_code", 200),
        text("net.peer.name", "stock-api.prod.svc.cluster.local"),
        number("net.peer.port", 8080),
        text("peer.service", "stock-api"),
        number("http.response_content_length", user),
        text("http.flavor", "1.1"),
        number("thread.id", 17),
        text("component", "net/http"),
    ]
}

fn of_database(user: u16) -> Vec<Attribute<'static>> {
    let statement = format!("SELECT * FROM orders WHERE account_id = {user} AND status = 'active'");
    vec![
        text("db.system", "postgresql"),
        text("db.name", "checkout-service"),
        text("db.user", "app"),
        text("db.statement", statement),
        text("db.operation", "SELECT"),
        text("db.sql.table", "orders"),
        text("net.peer.name", "checkout-service-pg.db.internal"),
        number("net.peer.port", 5432),
        number("thread.id", 17),
        text("thread.name", "worker-17"),
    ]
}

/// A request of one instance of a service: server, client and database spans in turn.
fn batch() -> Vec<Span<'static>> {
    let names = ["service.namespace", "service.version", "host.name", "k8s.pod.name", "os.type"];
    let mut resource = Resource::clone(&Resource::of_service("checkout-service"));
    resource.attributes = names.map(|name| text(name, format!("a value of {name}"))).to_vec();
    let (resource, scope) = (Arc::new(resource), Arc::new(Scope::default()));
    let span = |index: u64| {
        // Spread over all bits, as random ids are.
        let random = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let [low, high, ..] = random.to_be_bytes();
        let user = u16::from_be_bytes([low, high]);
        let trace_id = TraceId::from_halves(random, random | 1).unwrap();
        let mut span = Span::new(trace_id, SpanId::new(random | 1).unwrap());
        span.parent_id = SpanId::new(random.rotate_left(9));
        span.resource = Arc::clone(&resource);
        span.scope = Some(Arc::clone(&scope));
        span.start_ns = Some(1_750_000_000_000_000_000 + index * 1_000_003);
        span.duration_ns = Some(250_000 + random % 1_000_000);
        span.trace_flags = 257;
        let (kind, name, attributes) = match index % 3 {
            0 => (SpanKind::Server, "GET /api/v1/orders/{id}", of_server(user)),
            1 => (SpanKind::Client, "GET", of_client(user)),
            _ => (SpanKind::Client, "SELECT orders", of_database(user)),
        };
        (span.kind, span.name, span.attributes) = (Some(kind), name.into(), attributes);
        if index.is_multiple_of(16) {
            span.events.push(Event::new(1_750_000_000_000_000_000, "cache.miss"));
        }
        span
    };
    (0..512).map(span).collect()
}

fn decoding_otlp(criterion: &mut Criterion) {
    let list = batch();
    for format in otlp::Format::ALL {
        let mut body = Vec::new();
        otlp::encode(format, &list, &mut body);
        let mut group = criterion.benchmark_group(format!("batch/{}", format.name()));
        group.throughput(Throughput::Elements(list.len() as u64));
        group.bench_function("count", |bencher| {
            bencher.iter(|| {
                let mut count = Count::default();
                otlp::decode(format, black_box(&body), &mut count).unwrap();
                black_box(count.spans + count.attributes)
            });
        });
        group.bench_function("own", |bencher| {
            bencher.iter(|| {
                let mut spans = Vec::with_capacity(list.len());
                otlp::decode(format, black_box(&body), &mut spans).unwrap();
                spans
            });
        });
        group.bench_function("encode", |bencher| {
            bencher.iter(|| {
                let mut out = Vec::with_capacity(body.len());
                otlp::encode(format, black_box(&list), &mut out);
                out
            });
        });
        group.finish();
    }
}

criterion_group!(benches, decoding, decoding_otlp);
criterion_main!(benches);
