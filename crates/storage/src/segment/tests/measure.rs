//! Sizes, and processor time of one thread, on the lab's corpus. Run by hand:
//!
//! `cargo test --release -p spandrel-storage --lib segment::tests::measure -- --ignored --nocapture`

use std::collections::BTreeMap;

use spandrel_corpus::Corpus;

use super::*;
use crate::columns::CHUNK_ROW_COUNT_MAX;
use crate::segment::{GroupColumns, GroupRead, Projection, TraceTable};

/// The fastest of these is the one that the rest of the machine disturbed least.
const ROUNDS: usize = 5;

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

/// The processor time that this thread has had, which a loaded machine does not change much.
fn cpu_ns() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this is Linux");
    told.split(' ').next().expect("it starts with the time").parse().expect("in digits")
}

fn nanoseconds(since: u64, count: usize) -> f64 {
    (cpu_ns() - since) as f64 / count as f64
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
    let began = cpu_ns();
    let chunks = chunks(span_count, random_attribute);
    println!("corpus and chunks {:.0} ns/span", nanoseconds(began, span_count as usize));
    let mut written = None;
    for _ in 0..ROUNDS {
        let plan = Plan::new(chunks.clone());
        let began = cpu_ns();
        let again = plan.write(WriterOptions::default(), Vec::new()).unwrap();
        let count = again.summary.span_count as usize;
        println!("gather and encode {:.0} ns/span", nanoseconds(began, count));
        written = Some(again);
    }
    let written = written.expect("there is a round");
    let count = written.summary.span_count as usize;
    let began = cpu_ns();
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

/// Decodes all groups, round after round; the time of one, of a round that is as good as any.
fn group_ms(opened: &mut Opened<'_>, mut read: impl FnMut(&mut Opened<'_>, u32)) -> f64 {
    let group_count = opened.segment.group_count();
    let round = |opened: &mut Opened<'_>| {
        let began = cpu_ns();
        // The clock moves in ticks of some milliseconds.
        for _ in 0..10 {
            (0..group_count).for_each(|group| read(opened, group));
        }
        nanoseconds(began, 10 * group_count as usize) / 1e6
    };
    std::iter::repeat_with({
        let mut round = round;
        move || round(opened)
    })
    .take(ROUNDS)
    .fold(f64::MAX, f64::min)
}

fn measure_reads(opened: &mut Opened<'_>) {
    let mut columns = GroupColumns::default();
    let mut lows = Vec::new();
    let of_columns = group_ms(opened, |opened, group| {
        let bytes = opened.bytes_at(opened.segment.group_range(group));
        let Opened { segment, dictionaries, decoder, .. } = opened;
        let read = GroupRead { group, wanted: &Projection::all(), stretches: &[bytes] };
        segment.decode_columns(read, dictionaries, decoder, &mut columns).unwrap();
        lows.push(columns.traces.low[columns.traces.len() / 2]);
    });
    let of_chunks = group_ms(opened, |opened, group| {
        let bytes = opened.bytes_at(opened.segment.group_range(group));
        let Opened { segment, dictionaries, decoder, .. } = opened;
        let chunk = segment.decode_group(group, bytes, dictionaries, decoder).unwrap();
        decoder.recycle(std::hint::black_box(chunk));
    });
    let mut table = TraceTable::default();
    let of_tables = group_ms(opened, |opened, group| {
        let bytes = opened.bytes_at(opened.segment.trace_table_range(group));
        opened.segment.decode_trace_table(group, bytes, &mut opened.decoder, &mut table).unwrap();
    });
    println!(
        "a group: all columns {of_columns:.3} ms, a whole chunk {of_chunks:.3} ms, its trace table {of_tables:.3} ms"
    );
    lows.truncate(1_000);
    let began = cpu_ns();
    for low in &lows {
        assert!(!opened.trace(*low).unwrap().is_empty());
    }
    println!("lookup of a trace, to spans: {:.3} ms", nanoseconds(began, lows.len()) / 1e6);
}

#[test]
#[ignore = "a measurement, run by hand"]
fn the_lab_corpus() {
    for (span_count, random_attribute) in [(100_000, false), (100_000, true), (1_000_000, false)] {
        println!("\n{span_count} spans, random attribute: {random_attribute}");
        measure(span_count, random_attribute);
    }
}
