//! The embedded store on the operating system's disk.

use std::sync::Arc;
use std::sync::mpsc::channel;

use spandrel_storage::{
    Account, AppendError, Batch, Durability, EmbeddedStore, OpenError, Options, RealDisk,
    SpanStore, Tenant,
};
use testkit::{SeedDecoder, seeded_batch, seeded_span};

fn options() -> Options {
    Options::new(Account::new("head", 1 << 20), Account::new("log queue", 1 << 20))
}

fn open(folder: &tempfile::TempDir, options: Options) -> Result<EmbeddedStore, OpenError> {
    let disk = Arc::new(RealDisk::new(folder.path().join("data")).unwrap());
    EmbeddedStore::open(options, disk, &SeedDecoder, &mut |_| {})
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
