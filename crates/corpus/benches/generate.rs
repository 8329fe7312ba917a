//! What it costs to make a span, to send it in a request, and to write it as OTLP.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spandrel_corpus::{Corpus, Profile, otlp};

/// How many spans one measurement makes.
const SPANS: u64 = 100_000;

fn generate(criterion: &mut Criterion) {
    for profile in [Profile::Lab, Profile::Mesh, Profile::Ten] {
        let corpus = Corpus::of(profile, 42);
        let mut group = criterion.benchmark_group(profile.to_string());
        group.sample_size(10).throughput(Throughput::Elements(SPANS));
        group.bench_function("traces", |bencher| {
            bencher.iter(|| {
                let mut spans = 0;
                let counts = (0..).map(|index| corpus.trace(index).len() as u64);
                counts
                    .take_while(|count| {
                        spans += count;
                        spans < SPANS
                    })
                    .count()
            });
        });
        group.bench_function("requests", |bencher| {
            bencher.iter(|| corpus.requests(SPANS, 512).count());
        });
        group.bench_function("otlp", |bencher| {
            let mut body = Vec::new();
            bencher.iter(|| {
                for request in corpus.requests(SPANS, 512) {
                    body.clear();
                    otlp::encode_request(&request, &mut body);
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, generate);
criterion_main!(benches);
