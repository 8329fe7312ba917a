//! The embedded store on the operating system's disk.

use std::sync::Arc;
use std::sync::mpsc::channel;

use spandrel_storage::{
    Account, AppendError, Batch, Durability, EmbeddedStore, OpenError, Options, RealDisk,
    SpanStore, Tenant,
};
use testkit::{SeedDecoder, seeded_batch, seeded_span};

fn options() -> Options {
    Options::new(
        Account::new("head", 1 << 20),
        Account::new("log queue", 1 << 20),
        Account::new("segments", 1 << 20),
    )
}

fn open(folder: &tempfile::TempDir, options: Options) -> Result<EmbeddedStore, OpenError> {
    let disk = Arc::new(RealDisk::new(folder.path().join("data")).unwrap());
    EmbeddedStore::open(options, disk, SeedDecoder::shared())
}

fn append(store: &EmbeddedStore, batch: Batch) -> Result<(), AppendError> {
    let (told, outcome) = channel();
    store.append(batch, Box::new(move |result| told.send(result).unwrap()));
    outcome.recv().unwrap()
}

fn has(store: &EmbeddedStore, seed: u64) -> bool {
    let span = seeded_span(seed);
    let found = store.trace(&Tenant::default(), span.trace_id.low()).unwrap();
    found.iter().any(|found| **found == span)
}

#[test]
fn what_was_acknowledged_is_found_at_once_and_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    for durability in [Durability::Fsync, Durability::Interval { interval_ms: 1 }] {
        let store = open(&folder, Options { durability, ..options() }).unwrap();
        let before = store.stats().head_spans;
        append(&store, seeded_batch(&Tenant::default(), &[before, before + 1])).unwrap();
        assert!((0..before + 2).all(|seed| has(&store, seed)));
        store.close().unwrap();
        let refused = append(&store, seeded_batch(&Tenant::default(), &[9]));
        assert_eq!(refused, Err(AppendError::Closing));
    }
    let store = open(&folder, options()).unwrap();
    assert!((0..4).all(|seed| has(&store, seed)));
    assert_eq!((store.stats().replay.records, store.stats().replay.spans), (2, 4));
}

#[test]
fn a_folder_has_one_process_and_files_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, options()).unwrap();
    append(&store, seeded_batch(&Tenant::default(), &[1])).unwrap();
    let error = open(&folder, options()).unwrap_err();
    let holder = OpenError::Locked { holder_pid: Some(std::process::id()) };
    assert_eq!(error.to_string(), holder.to_string());
    let mode = |path: &str| {
        let metadata = folder.path().join("data").join(path).metadata().unwrap();
        (metadata.is_dir(), metadata.permissions().mode() & 0o777)
    };
    assert_eq!((mode(""), mode("wal")), ((true, 0o700), (true, 0o700)));
    assert_eq!((mode("LOCK"), mode("wal/0000000000000001.wal")), ((false, 0o600), (false, 0o600)));
    store.close().unwrap();
    drop(open(&folder, options()).unwrap());
}

#[test]
fn a_full_head_refuses_and_loses_nothing_even_over_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let small = || Options { head: Account::new("head", 40 << 10), ..options() };
    let store = open(&folder, small()).unwrap();
    let mut acknowledged = Vec::new();
    let refused = loop {
        let seed = acknowledged.len() as u64;
        match append(&store, seeded_batch(&Tenant::default(), &[seed])) {
            Ok(()) => acknowledged.push(seed),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::Full { what: "head", .. }), "{refused}");
    assert_eq!(store.stats().refused_head_full, 1);
    drop(store);
    // What is acknowledged comes back even where there is less room than before.
    let store = open(&folder, Options { head: Account::new("head", 100), ..options() }).unwrap();
    assert!(acknowledged.iter().all(|seed| has(&store, *seed)));
    let refused = append(&store, seeded_batch(&Tenant::default(), &[1_000]));
    assert!(matches!(refused, Err(AppendError::Full { .. })), "{refused:?}");
}

#[test]
fn a_request_that_fits_in_no_queue_or_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { queue: Account::new("log queue", 4_000), ..options() };
    let store = open(&folder, Options { file_len_max: 8_192, ..options }).unwrap();
    let sized = |len: usize| {
        let body = vec![0; len].into();
        Batch { body, ..seeded_batch(&Tenant::default(), &[]) }
    };
    let too_large = append(&store, sized(4_096));
    assert!(
        matches!(too_large, Err(AppendError::TooLarge { len_max: 4_096, .. })),
        "{too_large:?}"
    );
    let full = append(&store, sized(3_900));
    assert!(matches!(full, Err(AppendError::Full { what: "log queue", .. })), "{full:?}");
    let stats = store.stats();
    assert_eq!((stats.refused_too_large, stats.refused_queue_full, stats.queue_bytes), (1, 1, 0));
}

#[test]
fn closing_settles_every_request_that_was_taken_in() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, options()).unwrap();
    let (told, outcomes) = channel();
    for seed in 0..200 {
        let told = told.clone();
        let done = move |outcome| told.send(outcome).unwrap();
        store.append(seeded_batch(&Tenant::default(), &[seed]), Box::new(done));
    }
    drop(told);
    store.close().unwrap();
    assert_eq!(outcomes.iter().filter(Result::is_ok).count(), 200);
    let stats = store.stats();
    assert!(stats.groups <= 200 && stats.appended_batches == 200, "{stats:?}");
    assert!((0..200).all(|seed| has(&store, seed)));
}
