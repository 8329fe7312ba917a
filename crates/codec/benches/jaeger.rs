//! Spans decoded a second, from each of Jaeger's formats: into nothing, and into owned spans; and
//! encoded.
//!
//! The batches are those of the corpus's shop, as its services send them.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spandrel_codec::SpanSink;
use spandrel_codec::jaeger::{Format, decode, encode};
use spandrel_corpus::{Corpus, Profile, Request};
use spandrel_model::Span;

const SPANS: u64 = 20_000;
const BATCH_LEN_MAX: usize = 512;

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

fn body_of(format: Format, request: &Request) -> Vec<u8> {
    let mut body = Vec::new();
    encode(format, &request.resource, &request.spans, &mut body);
    body
}

fn jaeger(criterion: &mut Criterion) {
    let requests: Vec<_> = Corpus::of(Profile::Shop, 7).requests(SPANS, BATCH_LEN_MAX).collect();
    let spans: usize = requests.iter().map(|request| request.spans.len()).sum();
    for format in Format::ALL {
        let bodies: Vec<_> = requests.iter().map(|request| body_of(format, request)).collect();
        let mut group = criterion.benchmark_group(format!("shop/{}", format.name()));
        group.throughput(Throughput::Elements(spans as u64));
        group.bench_function("count", |bencher| {
            bencher.iter(|| {
                let mut count = Count::default();
                for body in black_box(&bodies) {
                    decode(format, body, &mut count).unwrap();
                }
                assert_eq!(count.spans, spans);
                black_box(count.attributes)
            });
        });
        group.bench_function("own", |bencher| {
            bencher.iter(|| {
                let mut owned = Vec::with_capacity(spans);
                for body in black_box(&bodies) {
                    decode(format, body, &mut owned).unwrap();
                }
                owned
            });
        });
        group.bench_function("encode", |bencher| {
            bencher.iter(|| {
                let mut out = Vec::new();
                for request in black_box(&requests) {
                    out.clear();
                    encode(format, &request.resource, &request.spans, &mut out);
                }
                out
            });
        });
        group.finish();
    }
}

criterion_group!(benches, jaeger);
criterion_main!(benches);
