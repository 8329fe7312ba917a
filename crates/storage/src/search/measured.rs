//! How fast searches are, and what they cost on disk, on the lab's corpus. Run with
//! `cargo test --release -p spandrel-storage --lib measured -- --ignored --nocapture`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use spandrel_corpus::Corpus;
use spandrel_model::{Span, Value};

use super::{LastValues, Plan, RowSet};
use crate::columns::{Chunk, ChunkBuilder};
use crate::encoding::Decoder;
use crate::predicate::{AttributeScope, Ordered, Predicate, SpanFilter, TextTest, ValueTest};
use crate::segment::search::{
    FAULTS_SECTION, FILTER_PART, FaultPlan, Faults, GroupFilter, NAMES_SECTION, Probes,
    SUMMARY_SECTION, SearchObserver, SearchSummary,
};
use crate::segment::tests::{self as segments, Opened};
use crate::segment::{GROUP_ROW_COUNT_MAX, GroupColumns, Projection, SectionId, WriterOptions};

const SEGMENT_SPAN_COUNT: usize = 1_000_000;

fn criterion() -> Criterion {
    let second = Duration::from_secs(1);
    Criterion::default().sample_size(10).warm_up_time(second / 2).measurement_time(second)
}

/// The lab's spans as they are sent, in chunks.
fn chunks(spans: &mut impl Iterator<Item = Span<'static>>, count: usize) -> Vec<Arc<Chunk>> {
    let mut builder = ChunkBuilder::new(1);
    let mut chunks = Vec::new();
    while chunks.len() * GROUP_ROW_COUNT_MAX < count {
        builder.begin_request(segments::REQUEST);
        for span in spans.take(GROUP_ROW_COUNT_MAX) {
            builder.push(&span);
        }
        chunks.push(Arc::new(builder.finish()));
    }
    chunks
}

fn sent(corpus: &Corpus, span_count: u64) -> impl Iterator<Item = Span<'static>> {
    corpus.requests(span_count, 512).flat_map(|request| request.spans)
}

fn write(chunks: Vec<Arc<Chunk>>) -> segments::Written {
    let mut observer = SearchObserver::new();
    let options = WriterOptions { seed: 1, ..WriterOptions::default() };
    segments::Plan::new(chunks).write(options, vec![&mut observer]).unwrap()
}

fn attribute(key: &str, test: ValueTest) -> Predicate {
    Predicate::Attribute { scope: AttributeScope::Any, key: key.to_owned(), test }
}

fn filter(predicates: Vec<Predicate>) -> SpanFilter {
    SpanFilter { predicates }
}

fn service(name: &str) -> Predicate {
    Predicate::ServiceName(TextTest::Equals(name.to_owned()))
}

fn questions() -> Vec<(&'static str, SpanFilter)> {
    let at_least = |number| ValueTest::Number(Ordered::GreaterOrEqual, number);
    let duration = Predicate::DurationNs { min: 100_000_000, max: u64::MAX };
    vec![
        ("service", filter(vec![service("checkout-service")])),
        ("duration", filter(vec![duration.clone()])),
        ("name", filter(vec![Predicate::SpanName(TextTest::Equals("validate".to_owned()))])),
        (
            "text of a dictionary",
            filter(vec![attribute("http.method", ValueTest::PrintsAs("PUT".to_owned()))]),
        ),
        (
            "text without one",
            filter(vec![attribute("app.customer", ValueTest::PrintsAs("c8000".to_owned()))]),
        ),
        ("number", filter(vec![attribute("http.status_code", at_least(500.0))])),
        (
            "number that equals",
            filter(vec![attribute("thread.id", ValueTest::Equals(Value::Int(7)))]),
        ),
        (
            "service, status, duration",
            filter(vec![
                service("checkout-service"),
                attribute("http.status_code", at_least(500.0)),
                duration,
            ]),
        ),
    ]
}

/// A segment whose search structures are loaded.
struct Loaded<'b> {
    opened: Opened<'b>,
    summary: SearchSummary,
    faults: Faults,
}

fn section<'b>(opened: &Opened<'b>, id: SectionId) -> &'b [u8] {
    let range = opened.segment.section_range(id).expect("the observer wrote it");
    opened.segment.check_section(id, opened.bytes_at(range)).unwrap()
}

fn load(written: &segments::Written) -> Loaded<'_> {
    let opened = written.open().unwrap();
    let group_count = opened.segment.group_count();
    let mut decoder = Decoder::new();
    let summary =
        SearchSummary::parse(section(&opened, SUMMARY_SECTION), group_count as usize, &mut decoder);
    let row_counts =
        (0..group_count as usize).map(|group| opened.segment.group(group as u32).row_count);
    let faults = Faults::parse(section(&opened, FAULTS_SECTION), row_counts, &mut decoder);
    Loaded { summary: summary.unwrap(), faults: faults.unwrap(), opened }
}

impl Loaded<'_> {
    /// The rows that may meet a filter, found by all that a segment has.
    fn search(&mut self, filter: &SpanFilter, searched: &mut usize) -> usize {
        let probes = Probes::new(filter);
        if !self.summary.may_match(&probes) {
            return 0;
        }
        // Filters are asked before dictionaries: most segments need no plan then.
        let group_count = self.opened.segment.group_count();
        let groups: Vec<_> =
            (0..group_count).filter(|group| self.may_match(*group, &probes)).collect();
        if groups.is_empty() {
            return 0;
        }
        if let Some(plan) = FaultPlan::new(filter, &self.opened.dictionaries) {
            let of_group = |group: &u32| {
                assert!(self.faults.is_listed(*group as usize));
                plan.select(&self.faults, *group as usize).count()
            };
            return groups.iter().map(of_group).sum();
        }
        let plan = Plan::new(filter, &self.opened.dictionaries);
        let wanted = plan.projection();
        let mut columns = GroupColumns::default();
        let mut found = 0;
        for group in groups {
            *searched += 1;
            self.decode(group, &wanted, &mut columns);
            found += plan.select_in_group(&columns, &self.opened.dictionaries.shapes).rows.count();
        }
        found
    }

    fn may_match(&self, group: u32, probes: &Probes) -> bool {
        let segment = &self.opened.segment;
        let range = segment.scan_part_range(group, FILTER_PART).unwrap();
        let part =
            segment.check_scan_part(group, FILTER_PART, self.opened.bytes_at(range)).unwrap();
        let of_group = GroupFilter::parse(part).unwrap();
        self.summary.group_may_match(group as usize, probes)
            && self.summary.filter_may_match(group as usize, of_group, probes)
    }

    fn decode(&mut self, group: u32, wanted: &Projection, into: &mut GroupColumns) {
        let Opened { bytes, segment, dictionaries, decoder } = &mut self.opened;
        let ranges = segment.part_ranges(group, wanted);
        let read: Vec<_> =
            ranges.iter().map(|range| &bytes[range.offset as usize..][..range.len]).collect();
        let read = crate::segment::GroupRead { group, wanted, stretches: &read };
        segment.decode_columns(read, dictionaries, decoder, into).unwrap();
    }
}

#[test]
#[ignore = "measures"]
fn rows_of_one_group() {
    let corpus = Corpus::lab();
    let chunks = chunks(&mut sent(&corpus, 100_000), 4 * GROUP_ROW_COUNT_MAX);
    let chunk = Arc::clone(&chunks[0]);
    let written = write(chunks);
    let mut loaded = load(&written);
    let mut criterion = criterion();
    let mut columns = GroupColumns::default();
    loaded.decode(0, &Projection::all(), &mut columns);
    println!("{} rows in the chunk, {} in the group", chunk.len(), columns.row_count);
    for (name, filter) in questions() {
        let plan = Plan::new(&filter, &*chunk);
        let found = plan.select_in_chunk(&chunk).rows.count();
        criterion.bench_function(&format!("chunk, {name} ({found} rows)"), |bencher| {
            bencher.iter(|| plan.select_in_chunk(black_box(&chunk)));
        });
        criterion.bench_function(&format!("chunk, {name}: plan alone"), |bencher| {
            bencher.iter(|| Plan::new(black_box(&filter), &*chunk));
        });
        let dictionaries = loaded.opened.dictionaries.clone();
        let plan = Plan::new(&filter, &dictionaries);
        let found = plan.select_in_group(&columns, &dictionaries.shapes).rows.count();
        criterion.bench_function(&format!("group, {name} ({found} rows)"), |bencher| {
            bencher.iter(|| plan.select_in_group(black_box(&columns), &dictionaries.shapes));
        });
        let wanted = plan.projection();
        let mut into = GroupColumns::default();
        criterion.bench_function(&format!("group, {name}: decode alone"), |bencher| {
            bencher.iter(|| loaded.decode(0, black_box(&wanted), &mut into));
        });
    }
    let shapes = &loaded.opened.dictionaries.shapes;
    criterion.bench_function("group, a walk over one key", |bencher| {
        bencher.iter(|| {
            let mut last_values = LastValues::new(black_box(&columns.shape), shapes, &[3]);
            RowSet::all(columns.row_count).rows().filter_map(|row| last_values.of_row(row)).count()
        });
    });
}

#[test]
#[ignore = "measures"]
fn five_segments() {
    let corpus = Corpus::lab();
    let mut spans = sent(&corpus, 5 * SEGMENT_SPAN_COUNT as u64);
    let written: Vec<_> = (0..5).map(|_| write(chunks(&mut spans, SEGMENT_SPAN_COUNT))).collect();
    let mut loaded: Vec<_> = written.iter().map(load).collect();
    let span_count: u64 = loaded.iter().map(|loaded| loaded.opened.segment.span_count()).sum();
    let per_span = |len: usize| len as f64 / span_count as f64;
    let total = |len: &dyn Fn(&Loaded<'_>) -> usize| per_span(loaded.iter().map(len).sum());
    let of_section = |id| total(&|loaded| section(&loaded.opened, id).len());
    println!("{span_count} spans, {:.2} B/span", total(&|loaded| loaded.opened.bytes.len()));
    println!(
        "summaries {:.4}, faults {:.4}, names {:.4}, filters {:.4} B/span",
        of_section(SUMMARY_SECTION),
        of_section(FAULTS_SECTION),
        of_section(NAMES_SECTION),
        total(&|loaded| {
            let segment = &loaded.opened.segment;
            let len = |group| segment.scan_part_range(group, FILTER_PART).unwrap().len;
            (0..segment.group_count()).map(len).sum()
        })
    );
    let mut criterion = criterion();
    let rare =
        |key: &str, text: &str| filter(vec![attribute(key, ValueTest::PrintsAs(text.to_owned()))]);
    let customer =
        filter(vec![attribute("app.customer", ValueTest::PrintsAs("c1390007".to_owned()))]);
    let questions = questions().into_iter().chain([
        ("a rare customer", customer),
        ("a value that is nowhere", rare("messaging.message.id", "nowhere")),
        ("a key that is nowhere", rare("nowhere", "x")),
        ("a status that is nowhere", rare("http.status_code", "418")),
    ]);
    for (name, filter) in questions {
        let mut searched = 0;
        let found: usize =
            loaded.iter_mut().map(|loaded| loaded.search(&filter, &mut searched)).sum();
        criterion.bench_function(&format!("{name}: {found} rows, {searched} groups"), |bencher| {
            bencher.iter(|| {
                let mut searched = 0;
                loaded.iter_mut().map(|loaded| loaded.search(&filter, &mut searched)).sum::<usize>()
            });
        });
    }
}

#[test]
#[ignore = "measures"]
fn a_miss_over_a_thousand_segments() {
    let corpus = Corpus::lab();
    let mut spans = sent(&corpus, 1_000 * 4_096);
    let mut builder = ChunkBuilder::new(1);
    let mut segment = || {
        builder.begin_request(segments::REQUEST);
        spans.by_ref().take(4_096).for_each(|span| {
            builder.push(&span);
        });
        write(vec![Arc::new(builder.finish())])
    };
    let written: Vec<_> = (0..1_000).map(|_| segment()).collect();
    let mut loaded: Vec<_> = written.iter().map(load).collect();
    let mut criterion = criterion();
    for (key, text) in [
        ("app.customer", "nobody"),
        ("app.flag", "none"),
        ("nowhere", "x"),
        ("http.status_code", "418"),
    ] {
        let filter = filter(vec![attribute(key, ValueTest::PrintsAs(text.to_owned()))]);
        let mut searched = 0;
        let found: usize =
            loaded.iter_mut().map(|loaded| loaded.search(&filter, &mut searched)).sum();
        criterion.bench_function(
            &format!("{key}={text}: {found} rows, {searched} groups"),
            |bencher| {
                let mut searched = 0;
                bencher.iter(|| {
                    loaded
                        .iter_mut()
                        .map(|loaded| loaded.search(&filter, &mut searched))
                        .sum::<usize>()
                });
            },
        );
    }
}
