//! Appending through the embedded store, on the operating system's disk, durable.
//!
//! `cargo bench -p spandrel-storage` prints spans a second: large requests, and one-span requests
//! from many senders, which live on group commit. The folder is where TMPDIR says.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::sync::Arc;
use std::sync::mpsc::channel;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use spandrel_storage::{
    Account, Batch, Disk, EmbeddedStore, Engine, Options, RealDisk, SpanStore, Tenant,
};
use testkit::{NoDisk, SeedDecoder, seeded_batch};

/// What a compressed request takes a span, by the measurements the design quotes.
const BODY_LEN_PER_SPAN: usize = 60;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

fn open(disk: Arc<dyn Disk>) -> EmbeddedStore {
    // Larger than any run: the head never gives anything back.
    let options = Options::new(
        Account::new("head", 64 << 30),
        Account::new("log queue", 1 << 30),
        Account::new("segments", 1 << 30),
    );
    EmbeddedStore::open(options, disk, SeedDecoder::shared()).expect("the folder is new")
}

fn batch(span_count: usize) -> Batch {
    let seeds: Vec<u64> = (0..span_count as u64).collect();
    let body = Bytes::from(vec![0x5a; span_count * BODY_LEN_PER_SPAN]);
    Batch { body, ..seeded_batch(&Tenant::default(), &seeds) }
}

/// Appends the request `count` times, `window` at a time as that many senders would, and waits
/// until all are acknowledged.
fn append_all(store: &EmbeddedStore, requests: Vec<Batch>, window: usize) {
    let (told, outcomes) = channel();
    let mut requests = requests.into_iter();
    loop {
        let mut sent = 0;
        for request in requests.by_ref().take(window) {
            let told = told.clone();
            let done = move |outcome| told.send(outcome).expect("it is awaited");
            store.append(request, Box::new(done));
            sent += 1;
        }
        if sent == 0 {
            return;
        }
        for outcome in outcomes.iter().take(sent) {
            outcome.expect("there is room");
        }
    }
}

/// Requests of some size through the whole store, synced before each acknowledgement.
fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append_durable");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (request_count, span_count, window) in [(100, 1000, 64), (500, 100, 64), (6400, 1, 64)] {
        group.throughput(Throughput::Elements((request_count * span_count) as u64));
        let mut folders = Vec::new();
        // The head gives nothing back, so every iteration has a store of its own.
        let setup = || {
            folders.clear();
            let folder = folder();
            let disk = RealDisk::new(folder.path().join("data")).expect("the folder can be made");
            folders.push(folder);
            (open(Arc::new(disk)), (0..request_count).map(|_| batch(span_count)).collect())
        };
        let name = format!("{span_count}_spans_a_request_from_{window}_senders");
        let mut groups = 0;
        let routine = |(store, requests): (EmbeddedStore, Vec<Batch>)| {
            append_all(&store, requests, window);
            groups = store.stats().groups;
            store
        };
        bench_each(&mut group, &name, setup, routine);
        println!("{name}: {request_count} requests in {groups} groups");
    }
    group.finish();
}

fn bench_each<I, O>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut setup: impl FnMut() -> I,
    mut routine: impl FnMut(I) -> O,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_batched(&mut setup, &mut routine, BatchSize::PerIteration);
    });
}

/// What the log costs without disk and head: framing, checksums and copying.
fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log_without_disk");
    for span_count in [1000, 1] {
        let body = batch(span_count).body;
        let request = || Batch { body: body.clone(), ..seeded_batch(&Tenant::default(), &[]) };
        let options = Options::new(
            Account::new("head", 1 << 30),
            Account::new("log queue", 1 << 30),
            Account::new("segments", 1 << 30),
        );
        let disk = Arc::new(NoDisk);
        let mut engine = Engine::open(options, 7, disk, &SeedDecoder, &mut |_| {})
            .expect("a disk that keeps nothing opens");
        group.throughput(Throughput::Elements(64 * span_count as u64));
        group.bench_function(format!("64_requests_of_{span_count}_spans"), |bencher| {
            bencher.iter(|| {
                for _ in 0..64 {
                    let charged = engine.charge(request()).expect("there is room");
                    engine.append(charged, ());
                }
                engine.commit(0, &mut |(), outcome| outcome.expect("nothing fails here"));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, append, encode);
criterion_main!(benches);
