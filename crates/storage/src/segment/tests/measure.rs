//! Sizes and times on the lab's corpus. Run by hand:
//!
//! `cargo test --release -p spandrel-storage --lib segment::tests::measure -- --ignored --nocapture`
#![expect(clippy::disallowed_methods, reason = "a measurement asks the system for the time")]

use std::collections::BTreeMap;
use std::time::Instant;

use spandrel_corpus::Corpus;

use super::*;
use crate::columns::CHUNK_ROW_COUNT_MAX;
use crate::segment::{GroupColumns, Projection, TraceTable};

fn chunks(span_count: u64, random_attribute: bool) -> Vec<Arc<Chunk>> {
    let mut corpus = Corpus::lab();
    if random_attribute {
        corpus = corpus.with_random_attribute();
    }
    let mut builder = ChunkBuilder::new(1);
    builder.begin_request(REQUEST);
    let mut chunks = Vec::new();
    for request in corpus.requests(span_count, 512) {
        for span in &request.spans {
            builder.push(span);
            if builder.chunk().len() == CHUNK_ROW_COUNT_MAX {
                chunks.push(Arc::new(builder.finish()));
                builder.begin_request(REQUEST);
            }
        }
    }
    chunks.push(Arc::new(builder.finish()));
    chunks
}

fn nanoseconds(since: Instant, count: usize) -> f64 {
    since.elapsed().as_secs_f64() * 1e9 / count as f64
}

fn name_of_part(id: u32, opened: &Opened<'_>) -> String {
    let fixed = [
        "",
        "traces",
        "trace high",
        "span id",
        "parent",
        "parent elsewhere",
        "start",
        "duration",
        "marks",
        "name",
        "resource",
        "scope",
        "address",
        "shape",
        "event count",
        "event time",
        "event name",
        "event shape",
    ];
    match super::super::part_id::key_of(id) {
        None => {
            fixed.get(id as usize).map_or_else(|| format!("link {id}"), |name| (*name).to_owned())
        }
        Some((key, is_plain)) => {
            let key = &opened.dictionaries.keys[key as usize];
            format!("{}{}", key.name, if is_plain { " (texts)" } else { "" })
        }
    }
}

fn print_sizes(opened: &Opened<'_>, span_count: usize, footer_len: u32) {
    let directory = opened.segment.directory();
    let mut lens: BTreeMap<String, u64> = BTreeMap::new();
    for group in &directory.groups {
        for part in &group.parts {
            *lens.entry(name_of_part(part.id, opened)).or_default() += u64::from(part.len);
        }
    }
    for section in &directory.sections {
        let name = if section.id < 64 {
            format!("section {}", section.id)
        } else {
            "section key dictionaries".to_owned()
        };
        *lens.entry(name).or_default() += u64::from(section.len);
    }
    lens.insert("index".to_owned(), directory.index.len());
    lens.insert("footer's filter".to_owned(), directory.filter.len() as u64);
    lens.insert("footer's rest".to_owned(), u64::from(footer_len) - directory.filter.len() as u64);
    let per_span = |len: u64| len as f64 / span_count as f64;
    let mut sorted: Vec<_> = lens.into_iter().collect();
    sorted.sort_by_key(|(_, len)| std::cmp::Reverse(*len));
    let total: u64 = sorted.iter().map(|(_, len)| len).sum();
    println!("{:7.3} B/span together", per_span(total));
    for (name, len) in sorted.iter().take(45) {
        println!("{:7.3}  {name}", per_span(*len));
    }
    let rest: u64 = sorted.iter().skip(45).map(|(_, len)| len).sum();
    println!("{:7.3}  the rest", per_span(rest));
}

fn measure(span_count: u64, random_attribute: bool) {
    let began = Instant::now();
    let plan = Plan::new(chunks(span_count, random_attribute));
    println!("corpus and chunks {:.0} ns/span", nanoseconds(began, span_count as usize));
    let began = Instant::now();
    let written = plan.write(WriterOptions::default(), Vec::new()).unwrap();
    let count = written.summary.span_count as usize;
    println!("gather and encode {:.0} ns/span", nanoseconds(began, count));
    let began = Instant::now();
    let mut opened = written.open().unwrap();
    println!("open with all dictionaries {:.2} ms", nanoseconds(began, 1) / 1e6);
    println!(
        "memory: directory {} KiB, dictionaries {} KiB",
        opened.segment.byte_len() >> 10,
        opened.dictionaries.byte_len() >> 10
    );
    print_sizes(&opened, count, written.summary.footer_len);
    measure_reads(&mut opened);
}

fn measure_reads(opened: &mut Opened<'_>) {
    let group_count = opened.segment.group_count();
    let mut columns = GroupColumns::default();
    let all = Projection::all();
    for round in 0..2 {
        let (mut of_columns, mut of_chunks, mut of_tables) = (0.0, 0.0, 0.0);
        for group in 0..group_count {
            let bytes = opened.bytes_at(opened.segment.group_range(group));
            let table_bytes = opened.bytes_at(opened.segment.trace_table_range(group));
            let Opened { segment, dictionaries, decoder, .. } = &mut *opened;
            let began = Instant::now();
            segment
                .decode_columns(group, &all, &[bytes], dictionaries, decoder, &mut columns)
                .unwrap();
            of_columns += nanoseconds(began, 1);
            let began = Instant::now();
            std::hint::black_box(columns.to_chunk(0..columns.row_count, dictionaries, REQUEST));
            of_chunks += nanoseconds(began, 1);
            let mut table = TraceTable::default();
            let began = Instant::now();
            segment.decode_trace_table(group, table_bytes, decoder, &mut table).unwrap();
            of_tables += nanoseconds(began, 1);
        }
        let each = f64::from(group_count) * 1e6;
        println!(
            "round {round}: a group: columns {:.3} ms, then to a chunk {:.3} ms; trace table {:.3} ms",
            of_columns / each,
            of_chunks / each,
            of_tables / each
        );
    }
    let lows: Vec<u64> = columns.traces.low.iter().take(200).copied().collect();
    let began = Instant::now();
    for low in &lows {
        assert!(!opened.trace(*low).unwrap().is_empty());
    }
    println!("lookup of a trace, to spans: {:.3} ms", nanoseconds(began, lows.len()) / 1e6);
}

#[test]
#[ignore = "a measurement, run by hand"]
fn the_lab_corpus() {
    for (span_count, random_attribute) in [(1_000_000, false), (1_000_000, true), (100_000, false)]
    {
        println!("\n{span_count} spans, random attribute: {random_attribute}");
        measure(span_count, random_attribute);
    }
}
