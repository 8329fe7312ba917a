//! Spans decoded a second, from each of Zipkin's formats: into nothing, and into owned spans.
//!
//! `smartthings` is a trace of 175 spans of a real shop, `article` the six spans of the
//! article's program; both are repeated to a list of about 500.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spandrel_codec::SpanSink;
use spandrel_codec::zipkin::{Format, decode, encode};
use spandrel_model::Span;

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

criterion_group!(benches, decoding);
criterion_main!(benches);
