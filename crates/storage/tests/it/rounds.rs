//! How often a question has to wait for a store that is far away: in few rounds, whatever the
//! number of segments. Each round may be 30 ms.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use spandrel_storage::{
    Account, CompactionPolicy, Disk, Engine, LocalSegmentStore, Opening, Options, Predicate,
    ScanRequest, SegmentStore, SpanFilter, Tenant, TextTest,
};
use testkit::{ReadCounts, SeedDecoder, SimDisk, SlowStore, seeded_batch, seeded_span};

use crate::ledger::small_options;

const SEGMENTS: u64 = 52;

/// The trace that every segment has a span of.
const SPREAD_LOW: u64 = 5;

/// The most rounds that a search takes before it reads groups: footers, dictionaries, and what
/// segments have for searches.
const OPENING_ROUNDS_MAX: u64 = 3;

/// The most rounds of a lookup, and of one whose footers are in memory.
const LOOKUP_ROUNDS_MAX: u64 = 3;
const WARM_LOOKUP_ROUNDS_MAX: u64 = 2;

fn options(memory_len: u64) -> Options {
    Options {
        compaction: CompactionPolicy { fan_in: usize::MAX, ..CompactionPolicy::default() },
        segments: Account::new("segments", memory_len),
        ..small_options(64 << 10)
    }
}

/// A disk with many segments, in each of which is a span of one trace, and a few others.
fn written() -> SimDisk {
    let disk = SimDisk::new(1);
    let shared = Arc::new(disk.clone());
    let mut engine = Engine::open(options(1 << 30), 7, shared, &SeedDecoder, &mut |_| {}).unwrap();
    let mut of_trace = (0..).filter(|seed| seeded_span(*seed).trace_id.low() == SPREAD_LOW);
    let mut others = (0..).filter(|seed| seeded_span(*seed).trace_id.low() != SPREAD_LOW);
    for _ in 0..SEGMENTS {
        let seeds: Vec<u64> = of_trace.by_ref().take(1).chain(others.by_ref().take(3)).collect();
        let request = engine.charge(seeded_batch(&Tenant::default(), &seeds)).unwrap();
        engine.append(request, ());
        engine.commit(0, &mut |(), outcome| outcome.unwrap());
        engine.want_flush();
        while let Some(job) = engine.next_job(0) {
            engine.finish_job(job.run(), 0);
        }
    }
    assert_eq!((engine.stats().segments, engine.stats().head_spans), (SEGMENTS, 0));
    engine.close(0, &mut |(), _| {}).unwrap();
    disk
}

/// The same store, with its segments far away and so many bytes for what it keeps of them.
fn far_away(disk: &SimDisk, memory_len: u64) -> (Engine<()>, Arc<SlowStore>) {
    let disk: Arc<dyn Disk> = Arc::new(disk.copy(2));
    let local = Arc::new(LocalSegmentStore::new(Arc::clone(&disk)));
    let slow = Arc::new(SlowStore::answering(local, Duration::ZERO));
    let segments: Arc<dyn SegmentStore> = Arc::clone(&slow) as _;
    let opening = Opening::begin_on(options(memory_len), 7, disk, segments).unwrap();
    (opening.replay(&SeedDecoder, &mut |_| {}).unwrap(), slow)
}

fn lookup(engine: &Engine<()>, slow: &SlowStore, low: u64) -> (usize, ReadCounts) {
    let _ = slow.take_counts();
    let found = engine.trace(&Tenant::default(), low).unwrap();
    (found.len(), slow.take_counts())
}

/// Searches until so many traces are found; returns how many were.
fn search(
    engine: &Engine<()>,
    slow: &SlowStore,
    text: Option<&str>,
    limit: u64,
) -> (u64, ReadCounts) {
    let _ = slow.take_counts();
    let predicates = text
        .map(|text| Predicate::SpanName(TextTest::Equals(text.to_owned())))
        .into_iter()
        .collect();
    let request =
        ScanRequest { filters: vec![SpanFilter { predicates }], ..ScanRequest::default() };
    let mut found = 0;
    let visit = &mut |_| {
        found += 1;
        if found == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    engine.scan(&Tenant::default(), &request, visit).unwrap();
    (found, slow.take_counts())
}

/// In how many steps a search reads so many groups: it reads 1 ahead, then 2, 4, 8, and then 16
/// at a time. A step is two rounds: filters, and columns.
fn steps(groups: u64) -> u64 {
    let (mut left, mut ahead, mut steps) = (groups, 1, 0);
    while left > 0 {
        left = left.saturating_sub(ahead);
        ahead = (2 * ahead).min(16);
        steps += 1;
    }
    steps
}

#[test]
fn a_lookup_of_a_trace_in_fifty_segments_waits_for_three_rounds_at_most() {
    let disk = written();
    // Nothing is kept in memory: all is read anew each time.
    let (engine, slow) = far_away(&disk, 0);
    let (spans, cold) = lookup(&engine, &slow, SPREAD_LOW);
    assert_eq!((spans as u64, engine.missing()), (SEGMENTS, None));
    assert!(cold.rounds <= LOOKUP_ROUNDS_MAX, "{cold:?}");
    // Footers, pages, groups, dictionaries.
    assert!(cold.ranges <= 4 * SEGMENTS, "{cold:?}");
    let (engine, slow) = far_away(&disk, 1 << 30);
    let _ = lookup(&engine, &slow, SPREAD_LOW);
    let (spans, warm) = lookup(&engine, &slow, SPREAD_LOW);
    assert_eq!(spans as u64, SEGMENTS);
    assert!(warm.rounds <= WARM_LOOKUP_ROUNDS_MAX, "{warm:?}");
    let (spans, miss) = lookup(&engine, &slow, 1 << 40);
    assert_eq!(spans, 0);
    // No filter lets it through, so there is nothing to wait for.
    assert_eq!(miss.rounds, 0, "{miss:?}");
    println!("{SEGMENTS} segments: cold {cold:?}, warm {warm:?}, miss {miss:?}");
}

#[test]
fn a_search_over_fifty_segments_waits_as_often_as_is_documented() {
    let disk = written();
    let (engine, slow) = far_away(&disk, 0);
    let (found, absent) = search(&engine, &slow, Some("nobody sent this"), 1);
    assert_eq!(found, 0);
    assert!(absent.rounds <= OPENING_ROUNDS_MAX, "{absent:?}");
    let (found, one) = search(&engine, &slow, None, 1);
    assert_eq!(found, 1);
    // A trace that is spread over all segments may be the first one: its bounds say nothing.
    let bound = OPENING_ROUNDS_MAX + 2 * steps(SEGMENTS) + LOOKUP_ROUNDS_MAX;
    assert!(one.rounds <= bound, "{one:?} of {bound}");
    let (found, all) = search(&engine, &slow, Some("operation-1"), u64::MAX);
    assert!(found > 5, "{found}");
    let bound = OPENING_ROUNDS_MAX + 2 * steps(SEGMENTS) + LOOKUP_ROUNDS_MAX * 32;
    assert!(all.rounds <= bound, "{all:?} of {bound}");
    let (engine, slow) = far_away(&disk, 1 << 30);
    let _ = search(&engine, &slow, Some("operation-1"), u64::MAX);
    let (_, absent_warm) = search(&engine, &slow, Some("nobody sent this"), 1);
    assert_eq!(absent_warm.rounds, 0, "{absent_warm:?}");
    let (_, warm) = search(&engine, &slow, Some("operation-1"), u64::MAX);
    assert!(warm.rounds <= 2 * steps(SEGMENTS) + WARM_LOOKUP_ROUNDS_MAX * 32, "{warm:?}");
    println!("{SEGMENTS} segments: absent {absent:?}, one {one:?}, all {all:?}, warm {warm:?}");
}

#[test]
fn a_start_over_fifty_segments_waits_for_few_rounds() {
    let disk = written();
    let (_engine, slow) = far_away(&disk, 1 << 30);
    let counts = slow.take_counts();
    println!("{SEGMENTS} segments: a start {counts:?}");
    assert!(counts.rounds <= 2, "{counts:?}");
}
