//! Encoding and decoding columns like those of a row group, a value at a time.
//!
//! `cargo bench -p spandrel-storage --bench encoding` prints nanoseconds and values a second, and
//! the length of each part.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spandrel_storage::encoding::filter::{Filter, FilterBuilder};
use spandrel_storage::encoding::hash::{self, ValueKind};
use spandrel_storage::encoding::ints::{self, Kind};
use spandrel_storage::encoding::texts::{self, Texts};
use spandrel_storage::encoding::{Decoder, Encoder, Word, bits};

/// The rows of a row group.
const COUNT: usize = 16_384;

fn randoms(count: usize) -> impl Iterator<Item = u64> {
    (1..=count as u64).map(|index| hash::trace_id(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// Durations from microseconds to seconds, small ones more often.
fn durations() -> Vec<u64> {
    randoms(COUNT).map(|bits| 1000 + ((bits >> 34) >> (bits % 20))).collect()
}

fn ints<W: Word>(criterion: &mut Criterion, name: &str, values: &[W], kind: Kind) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(values.len() as u64));
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let (mut part, mut out) = (Vec::new(), Vec::<W>::new());
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            part.clear();
            ints::encode(black_box(values), kind, &mut encoder, &mut part);
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            ints::decode(black_box(&part), values.len(), &mut decoder, &mut out)
                .expect("it was just encoded");
        });
    });
    assert_eq!(out, values);
    println!("{name}: {:.2} bytes a value", part.len() as f64 / values.len() as f64);
}

fn columns_of_ints(criterion: &mut Criterion) {
    let operations: Vec<u16> =
        randoms(COUNT).map(|bits| (bits % 1314 / (1 + bits % 7)) as u16).collect();
    let kinds: Vec<u8> = randoms(COUNT).map(|bits| (bits % 4).saturating_sub(1) as u8).collect();
    let durations = durations();
    let narrow: Vec<u32> = durations.iter().map(|duration| *duration as u32).collect();
    ints(criterion, "u16_codes", &operations, Kind::Code);
    ints(criterion, "u8_codes", &kinds, Kind::Code);
    ints(criterion, "u64_planes", &durations, Kind::Code);
    ints(criterion, "u64_numbers", &durations, Kind::Number);
    ints(criterion, "u32_numbers", &narrow, Kind::Number);
}

fn texts(criterion: &mut Criterion, name: &str, text: impl Fn(u64) -> String) {
    let mut column = Texts::new();
    for bits in randoms(COUNT) {
        column.push(text(bits).as_bytes()).expect("the texts are short");
    }
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(COUNT as u64));
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let (mut part, mut out) = (Vec::new(), Texts::new());
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            part.clear();
            texts::encode(black_box(&column), &mut encoder, &mut part);
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            texts::decode(black_box(&part), COUNT, texts::LEN_MAX, &mut decoder, &mut out)
                .expect("it was just encoded");
        });
    });
    assert_eq!(out, column);
    let average_len = column.heap().len() as f64 / COUNT as f64;
    println!("{name}: {:.2} bytes for {average_len:.1}", part.len() as f64 / COUNT as f64);
}

fn columns_of_texts(criterion: &mut Criterion) {
    texts(criterion, "texts_addresses", |bits| {
        let shop = ["eu", "us", "asia"][(bits % 3) as usize];
        format!("https://{shop}.shop.example/users/{}/orders/{}", bits >> 40, bits % 90_000 + 10)
    });
    texts(criterion, "texts_hex_ids", |bits| format!("{bits:016x}{:016x}", hash::trace_id(bits)));
    texts(criterion, "texts_plain", |bits| {
        (0..6)
            .map(|at| ["lorem ", "ipsum ", "dolor ", "sit "][(bits >> (at * 9)) as usize & 3])
            .collect::<String>()
            + &format!("{:x}", bits >> 20)
    });
}

fn columns_of_bits(criterion: &mut Criterion) {
    let values: Vec<bool> = randoms(COUNT).map(|bits| bits % 50 == 0).collect();
    let mut group = criterion.benchmark_group("bits");
    group.throughput(Throughput::Elements(COUNT as u64));
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let (mut part, mut out) = (Vec::new(), Vec::new());
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            part.clear();
            bits::encode(black_box(&values), &mut encoder, &mut part);
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            bits::decode(black_box(&part), COUNT, &mut decoder, &mut out)
                .expect("it was just encoded");
        });
    });
}

fn filters(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("filter");
    for count in [1000, 34_000, 1_000_000] {
        let hashes: Vec<u64> = randoms(count).collect();
        let mut builder = FilterBuilder::new();
        let mut part = Vec::new();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("build_of_{count}"), |bencher| {
            bencher.iter(|| {
                part.clear();
                builder.encode(black_box(&hashes), &mut part);
            });
        });
        println!("filter of {count}: {:.2} bits a hash", part.len() as f64 * 8.0 / count as f64);
        let filter = Filter::parse(&part).expect("it was just built");
        group.throughput(Throughput::Elements(1000));
        group.bench_function(format!("1000_probes_in_{count}"), |bencher| {
            bencher
                .iter(|| (0..1000).filter(|hash| filter.contains(hash::trace_id(*hash))).count());
        });
    }
    group.finish();
}

fn hashes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hash");
    let key = hash::key(b"http.route", ValueKind::String);
    let text = [0x61; 256];
    for len in [8, 20, 64, 256] {
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(format!("{len}_bytes"), |bencher| {
            bencher.iter(|| hash::value(key, black_box(&text[..len])));
        });
    }
    group.finish();
}

criterion_group!(benches, columns_of_ints, columns_of_texts, columns_of_bits, filters, hashes);
criterion_main!(benches);
