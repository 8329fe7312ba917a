//! What leaves memory for segments is found as before, through merges, restarts and deletions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::channel;

use spandrel_storage::{
    Account, CompactionPolicy, EmbeddedStore, Options, Retention, ScanRequest, SpanStore, StoreLen,
    Tenant,
};
use testkit::{SeedDecoder, SimDisk, seeded_batch, seeded_span};

/// The low halves of the trace ids of seeded spans are below this.
const TRACE_ID_END: u64 = 33;

fn options() -> Options {
    let account = |name| Account::new(name, 64 << 20);
    Options {
        file_len_max: 16 << 10,
        compaction: CompactionPolicy { fan_in: 3, ..CompactionPolicy::default() },
        retention: Retention { len_max: StoreLen::Bytes(1 << 30), ..Retention::default() },
        ..Options::new(account("head"), account("queue"), account("segments"))
    }
}

fn open(disk: &SimDisk, options: Options) -> EmbeddedStore {
    EmbeddedStore::open(options, Arc::new(disk.clone()), SeedDecoder::shared()).unwrap()
}

fn append(store: &EmbeddedStore, seeds: std::ops::Range<u64>) {
    let seeds: Vec<u64> = seeds.collect();
    for seeds in seeds.chunks(7) {
        let (sender, receiver) = channel();
        let done = Box::new(move |outcome| sender.send(outcome).unwrap());
        store.append(seeded_batch(&Tenant::default(), seeds), done);
        receiver.recv().unwrap().unwrap();
    }
}

/// The spans of each trace, as texts, sorted.
fn stored(store: &EmbeddedStore) -> BTreeMap<u64, Vec<String>> {
    let trace = |low| {
        let spans = store.trace(&Tenant::default(), low).unwrap();
        let mut texts: Vec<String> = spans.iter().map(|span| format!("{span:?}")).collect();
        texts.sort();
        (low, texts)
    };
    (1..TRACE_ID_END).map(trace).filter(|(_, texts)| !texts.is_empty()).collect()
}

fn expected(seeds: std::ops::Range<u64>) -> BTreeMap<u64, Vec<String>> {
    let mut traces: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for span in seeds.map(seeded_span) {
        traces.entry(span.trace_id.low()).or_default().push(format!("{span:?}"));
    }
    traces.values_mut().for_each(|texts| texts.sort());
    traces
}

#[test]
fn what_is_flushed_and_merged_is_found_as_before_and_after_a_restart() {
    let disk = SimDisk::new(1);
    let store = open(&disk, options());
    for round in 0..8 {
        append(&store, round * 100..round * 100 + 100);
        store.flush();
        assert_eq!(stored(&store), expected(0..round * 100 + 100), "round {round}");
    }
    append(&store, 800..850);
    let stats = store.stats();
    assert_eq!((stats.flushes, stats.head_spans), (8, 50), "{stats:?}");
    assert_eq!(stats.job_trouble, None);
    store.close().unwrap();
    drop(store);
    let store = open(&disk, options());
    assert_eq!(stored(&store), expected(0..850));
    assert_eq!(store.stats().head_spans, 50, "what segments have is not loaded again");
    assert_eq!(store.missing(), None);
}

#[test]
fn a_deleted_trace_is_gone_at_once_and_stays_gone() {
    let disk = SimDisk::new(2);
    let store = open(&disk, options());
    append(&store, 0..200);
    store.flush();
    append(&store, 200..300);
    let mut left = expected(0..300);
    assert!(left.remove(&5).is_some());
    store.delete_trace(&Tenant::default(), 5).unwrap();
    assert_eq!(stored(&store), left);
    store.flush();
    assert_eq!(stored(&store), left);
    store.close().unwrap();
    drop(store);
    let store = open(&disk, options());
    assert_eq!(stored(&store), left);
    append(&store, 300..400);
    for span in (300..400).map(seeded_span) {
        left.entry(span.trace_id.low()).or_default().push(format!("{span:?}"));
    }
    left.values_mut().for_each(|texts| texts.sort());
    assert_eq!(stored(&store), left, "what comes after a deletion is another trace");
}

#[test]
fn retention_takes_the_oldest_segments_and_leaves_what_is_pinned() {
    let disk = SimDisk::new(3);
    let mut options = options();
    options.compaction.fan_in = usize::MAX;
    options.retention.len_max = StoreLen::Bytes(1);
    options.retention.disk_free_min = 0;
    let store = open(&disk, Options { retention: Retention::default(), ..options.clone() });
    append(&store, 0..200);
    store.flush();
    let pinned = store.pin_trace(&Tenant::default(), 7).unwrap();
    assert_eq!(pinned, expected(0..200)[&7].len());
    store.close().unwrap();
    drop(store);
    let store = open(&disk, options);
    // The next flush looks at retention, which leaves room for nothing.
    append(&store, 200..201);
    store.flush();
    store.flush();
    let found = stored(&store);
    assert_eq!(found.get(&7), Some(&expected(0..200)[&7]), "{:?}", store.stats());
    assert_eq!(found.len(), 1, "{:?}", store.stats());
    assert!(store.unpin_trace(&Tenant::default(), 7).unwrap());
    assert_eq!(stored(&store).len(), 0);
}

#[test]
fn a_scan_visits_every_trace_once_wherever_its_spans_are() {
    let disk = SimDisk::new(4);
    let store = open(&disk, options());
    append(&store, 0..100);
    store.flush();
    append(&store, 100..200);
    let mut visited = Vec::new();
    let visit = &mut |found: spandrel_storage::FoundTrace| {
        visited.push((found.trace_id_low, found.spans.len()));
        std::ops::ControlFlow::Continue(())
    };
    store.scan(&Tenant::default(), &ScanRequest::default(), visit).unwrap();
    visited.sort_unstable();
    let due: Vec<_> = expected(0..200).into_iter().map(|(low, spans)| (low, spans.len())).collect();
    assert_eq!(visited, due);
}
