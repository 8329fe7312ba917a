//! Files of a store that were damaged, cut short or lost: no answer is wrong, what can't be read
//! is named and counted, and the rest is served.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use spandrel_model::{Span, SpanId};
use spandrel_storage::{
    AttributeScope, CompactionPolicy, Disk, EmbeddedStore, Engine, FoundTrace, NameRequest,
    OpenError, Options, Predicate, ScanRequest, SpanFilter, SpanStore, StoredSpan, Tenant,
    TextTest, ValueTest, attribute_prints_as, verify,
};
use testkit::{SeedDecoder, SimDisk, seeded_batch, seeded_span};

use crate::ledger::small_options;

/// The low halves of the trace ids of seeded spans are below this.
const TRACE_ID_END: u64 = 33;

/// How many spans the store has: two segments of these, and as many in the log.
const SPANS: u64 = 12;

fn options() -> Options {
    Options {
        group_row_count_max: 8,
        compaction: CompactionPolicy { fan_in: usize::MAX, ..CompactionPolicy::default() },
        ..small_options(4096 + 400)
    }
}

fn open(disk: &SimDisk) -> Result<Engine<()>, OpenError> {
    Engine::open(options(), 7, Arc::new(disk.clone()), &SeedDecoder, &mut |_| {})
}

fn append(engine: &mut Engine<()>, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let request = engine.charge(seeded_batch(&Tenant::default(), &[seed])).unwrap();
        engine.append(request, ());
        engine.commit(0, &mut |(), outcome| outcome.unwrap());
    }
}

fn run_jobs(engine: &mut Engine<()>) {
    while let Some(job) = engine.next_job(0) {
        engine.finish_job(job.run(), 0);
    }
}

/// A disk with a small store: two segments, and spans in the log alone.
fn written() -> SimDisk {
    let disk = SimDisk::new(1);
    let mut engine = open(&disk).unwrap();
    for part in 0..3 {
        append(&mut engine, part * SPANS..(part + 1) * SPANS);
        if part < 2 {
            engine.want_flush();
            run_jobs(&mut engine);
        }
    }
    assert_eq!((engine.stats().segments, engine.stats().head_spans), (2, SPANS));
    engine.close(0, &mut |(), _| {}).unwrap();
    disk
}

/// A copy of a disk with one file changed; without it for `None`.
fn changed(disk: &SimDisk, path: &str, contents: Option<Vec<u8>>) -> SimDisk {
    let copy = SimDisk::new(2);
    for (at, whole) in disk.files() {
        match &contents {
            _ if at != path => copy.put(&at, whole),
            Some(contents) => copy.put(&at, contents.clone()),
            None => {}
        }
    }
    copy
}

/// What was sent, by id.
fn sent() -> BTreeMap<SpanId, Span<'static>> {
    (0..3 * SPANS).map(seeded_span).map(|span| (span.span_id, span)).collect()
}

/// Reads every trace: each span must be one that was sent, once. Returns how many there are.
fn read_traces(engine: &Engine<()>) -> u64 {
    let sent = sent();
    let mut found = BTreeMap::new();
    for low in 0..=TRACE_ID_END {
        take(&sent, &engine.trace(&Tenant::default(), low).unwrap(), &mut found);
    }
    found.len() as u64
}

/// Reads every trace, and then everything by scans. Returns how many spans the traces have.
fn read_all(engine: &Engine<()>) -> u64 {
    let count = read_traces(engine);
    let sent = sent();
    for request in requests() {
        let mut scanned = BTreeMap::new();
        let visit = &mut |trace: FoundTrace| {
            take(&sent, &trace.spans, &mut scanned);
            ControlFlow::Continue(())
        };
        engine.scan(&Tenant::default(), &request, visit).unwrap();
        let answers = |low: u64| {
            let spans = || sent.values().filter(|span| span.trace_id.low() == low);
            request.filters.iter().all(|filter| spans().any(|span| filter.matches(span)))
        };
        let due = sent.values().filter(|span| answers(span.trace_id.low())).count();
        assert!(
            scanned.len() == due || engine.missing().is_some(),
            "{} of {due} spans, and nothing is told: {request:?}",
            scanned.len()
        );
    }
    count
}

fn take(
    sent: &BTreeMap<SpanId, Span<'static>>,
    spans: &[StoredSpan],
    found: &mut BTreeMap<SpanId, ()>,
) {
    for span in spans {
        assert_eq!(sent.get(&span.span_id), Some(&**span), "a span that nobody sent");
        assert!(found.insert(span.span_id, ()).is_none(), "a span is there twice");
    }
}

/// Scans that read what a lookup does not: filters, lists of faults, and columns by themselves.
fn requests() -> Vec<ScanRequest> {
    let of = |predicates| ScanRequest {
        filters: vec![SpanFilter { predicates }],
        ..ScanRequest::default()
    };
    let exists =
        |scope| Predicate::Attribute { scope, key: "key-1".to_owned(), test: ValueTest::Exists };
    let backend = TextTest::EqualsFolded("backend".to_owned());
    vec![
        of(vec![Predicate::IsError(true)]),
        of(vec![Predicate::DurationNs { min: 100, max: 400 }, exists(AttributeScope::Span)]),
        of(vec![Predicate::ServiceName(backend), attribute_prints_as("key-1", "value-2")]),
    ]
}

fn segments(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let is_segment = |(path, _): &(String, Vec<u8>)| path.starts_with("segments/");
    disk.files().into_iter().filter(is_segment).collect()
}

/// Checks a store of which one segment was damaged; returns whether that was noticed.
fn check_with_damaged_segment(disk: &SimDisk, case: &str) -> bool {
    let engine = open(disk).unwrap_or_else(|error| panic!("{case}: {error}"));
    let found = read_all(&engine);
    let quarantined = engine.stats().quarantined_segments;
    match engine.missing() {
        None => assert_eq!(found, 3 * SPANS, "{case}: less is served, and nothing is told"),
        Some(told) => {
            assert_eq!(quarantined.len(), 1, "{case}");
            assert!(told.contains("1 damaged segments"), "{case}: {told}");
            let reason = quarantined.values().next().unwrap();
            assert!(told.contains(reason.as_str()), "{case}: {told}");
            assert!(found >= 2 * SPANS, "{case}: {found} spans are served");
        }
    }
    // Once set apart it stays so, and the answers stay as they are.
    assert!(read_all(&engine) <= found, "{case}");
    !quarantined.is_empty()
}

/// What `verify` finds wrong with segments.
fn verified(disk: &SimDisk) -> Vec<(String, String)> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    verify(&disk, &mut |_| {}).unwrap().damaged
}

#[test]
fn every_flipped_byte_of_a_segment_is_found_by_a_check_and_no_answer_is_wrong() {
    let disk = written();
    assert_eq!(verified(&disk), []);
    let (path, whole) = segments(&disk).swap_remove(0);
    let mut noticed = 0;
    for offset in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[offset] ^= [0x01, 0x80, 0xff][offset % 3];
        let case = format!("byte {offset}");
        let copy = changed(&disk, &path, Some(damaged));
        let found = verified(&copy);
        assert!(found.len() == 1 && found[0].0 == path, "{case}: {found:?}");
        noticed += usize::from(check_with_damaged_segment(&copy, &case));
    }
    println!(
        "{} bytes of a segment flipped, all found by verify, {noticed} noticed by answers, \
         wrong spans 0",
        whole.len()
    );
    // Answers read what they need alone: sections for rollups are not among it.
    assert!(noticed > whole.len() / 2, "{noticed} of {}", whole.len());
}

#[test]
fn names_out_of_a_damaged_segment_are_names_that_were_sent() {
    let disk = written();
    let (path, whole) = segments(&disk).swap_remove(0);
    let service = || "backend".to_owned();
    let ask = |disk: &SimDisk| {
        let shared = Arc::new(disk.clone());
        let store = EmbeddedStore::open(options(), shared, SeedDecoder::shared()).unwrap();
        let wanted = [
            NameRequest::Services,
            NameRequest::SpanNames { service: service() },
            NameRequest::RemoteServices { service: service() },
        ];
        let names = |wanted| store.names(&Tenant::default(), &wanted).unwrap();
        let names: Vec<Vec<String>> = wanted.into_iter().map(names).collect();
        (names, store.missing())
    };
    let (due, missing) = ask(&disk);
    assert_eq!(missing, None);
    for offset in (0..whole.len()).step_by(3) {
        let mut damaged = whole.clone();
        damaged[offset] ^= 0xff;
        let (names, missing) = ask(&changed(&disk, &path, Some(damaged)));
        assert!(names == due || missing.is_some(), "byte {offset}: {names:?}");
        for (names, due) in names.iter().zip(&due) {
            assert!(names.iter().all(|name| due.contains(name)), "byte {offset}: {names:?}");
        }
    }
}

#[test]
fn a_segment_of_another_length_or_none_is_set_apart_at_the_start() {
    let disk = written();
    let (path, whole) = segments(&disk).swap_remove(1);
    let longer = [&whole[..], b"more"].concat();
    let mut cases = vec![None, Some(longer)];
    cases.extend((0..whole.len()).step_by(97).map(|len| Some(whole[..len].to_vec())));
    for contents in cases {
        let case = format!("{:?} bytes", contents.as_ref().map(Vec::len));
        let copy = changed(&disk, &path, contents);
        let found = verified(&copy);
        assert!(found.len() == 1 && found[0].0 == path, "{case}: {found:?}");
        assert!(check_with_damaged_segment(&copy, &case), "{case}");
    }
}

#[test]
fn a_manifest_serves_all_from_either_copy_and_is_refused_without_both() {
    let disk = written();
    let whole = disk.files()["manifest"].clone();
    for offset in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[offset] ^= 0xff;
        let engine = open(&changed(&disk, "manifest", Some(damaged.clone())))
            .unwrap_or_else(|error| panic!("byte {offset}: {error}"));
        assert_eq!((read_all(&engine), engine.missing()), (3 * SPANS, None), "byte {offset}");
        drop(engine);
        damaged[(offset + whole.len() / 2) % whole.len()] ^= 0xff;
        let error = open(&changed(&disk, "manifest", Some(damaged))).map(drop).unwrap_err();
        let is_told = matches!(&error, OpenError::Damaged { file, .. } | OpenError::NewerFormat { file, .. } if file == "manifest");
        assert!(is_told, "byte {offset}: {error}");
    }
    // The segments are not taken for leftovers when the manifest is lost.
    let error = open(&changed(&disk, "manifest", None)).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn every_flipped_byte_of_the_log_costs_at_most_its_record_and_is_counted() {
    let disk = written();
    let logs = disk.files().into_iter().filter(|(path, _)| path.ends_with(".wal"));
    let (mut flips, mut lost) = (0, 0);
    for (path, whole) in logs {
        // Both copies of the header, and the records.
        for offset in (0..48).chain(2048..2096).chain(4096..whole.len()) {
            let mut damaged = whole.clone();
            damaged[offset] ^= 0xff;
            let engine = open(&changed(&disk, &path, Some(damaged))).unwrap();
            let found = read_traces(&engine);
            assert!(found >= 3 * SPANS - 1, "{path}, byte {offset}: {found} spans are left");
            let replay = engine.stats().replay;
            let is_counted = replay.skipped > 0 || replay.torn_bytes > 0;
            assert!(is_counted || found == 3 * SPANS, "{path}, byte {offset}: {replay:?}");
            flips += 1;
            lost += u64::from(found < 3 * SPANS);
        }
    }
    println!("{flips} bytes of the log flipped, {lost} cost a span and are counted, wrong spans 0");
    assert!(lost > 0);
}

#[test]
fn a_log_file_that_is_cut_or_missing_costs_what_was_in_it_alone() {
    let disk = written();
    let logs: Vec<_> =
        disk.files().into_iter().filter(|(path, _)| path.ends_with(".wal")).collect();
    assert!(logs.len() > 1, "the log has several files");
    for (path, whole) in &logs {
        let cuts = (0..whole.len()).step_by(31).map(|len| Some(whole[..len].to_vec()));
        for contents in cuts.chain([None]) {
            let case = format!("{path}, {:?} bytes", contents.as_ref().map(Vec::len));
            let copy = changed(&disk, path, contents);
            let engine = open(&copy).unwrap_or_else(|error| panic!("{case}: {error}"));
            // The others, and all that is in segments.
            assert!(read_traces(&engine) >= 2 * SPANS, "{case}");
            drop(engine);
            let mut engine = open(&copy).unwrap_or_else(|error| panic!("{case}, again: {error}"));
            append(&mut engine, 0..1);
        }
    }
}

#[test]
fn a_deletion_is_not_forgotten_while_a_damaged_segment_may_hold_its_trace() {
    let disk = written();
    let (path, whole) = segments(&disk).swap_remove(0);
    let in_segment: Vec<u64> = (0..SPANS).map(|seed| seeded_span(seed).trace_id.low()).collect();
    // Some byte of a group keeps one trace from being read, and others in the segment not.
    let mut tried = 0;
    for offset in (0..whole.len()).step_by(13) {
        let mut damaged = whole.clone();
        damaged[offset] ^= 0xff;
        let copy = changed(&disk, &path, Some(damaged));
        let readable = |low: u64| {
            let engine = open(&copy).unwrap();
            let count = engine.trace(&Tenant::default(), low).unwrap().len();
            (count, engine.missing().is_some())
        };
        let broken = in_segment.iter().find(|low| readable(**low).1);
        let whole = in_segment.iter().find(|low| !readable(**low).1 && readable(**low).0 > 0);
        let (Some(broken), Some(deleted)) = (broken, whole) else { continue };
        tried += 1;
        let mut engine = open(&copy).unwrap();
        // The segment is set apart, and then a trace in it is deleted.
        let _ = engine.trace(&Tenant::default(), *broken).unwrap();
        engine.delete_trace(&Tenant::default(), *deleted).unwrap();
        append(&mut engine, 3 * SPANS..5 * SPANS);
        engine.want_flush();
        run_jobs(&mut engine);
        let sent_later = (3 * SPANS..5 * SPANS).map(seeded_span);
        let later = sent_later.filter(|span| span.trace_id.low() == *deleted).count();
        drop(engine);
        let engine = open(&copy).unwrap();
        let found = engine.trace(&Tenant::default(), *deleted).unwrap().len();
        assert_eq!(found, later, "byte {offset}: trace {deleted} is back");
    }
    println!("{tried} damaged segments with a deletion");
    assert!(tried > 3);
}
