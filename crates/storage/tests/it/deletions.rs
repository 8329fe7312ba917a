//! Deleted traces stay away, and what comes after a deletion stays.

use std::io::ErrorKind;
use std::sync::Arc;

use spandrel_storage::{Engine, Tenant};
use testkit::{Failure, SeedDecoder, SimDisk, seeded_batch, seeded_span};

use crate::ledger::small_options;

fn open(disk: &SimDisk) -> Engine<()> {
    let options = small_options(8 << 10);
    Engine::open(options, 7, Arc::new(disk.clone()), &SeedDecoder, &mut |_| {}).unwrap()
}

/// Appends a span; returns whether that was acknowledged.
fn append(engine: &mut Engine<()>, seed: u64) -> bool {
    let request = engine.charge(seeded_batch(&Tenant::default(), &[seed])).unwrap();
    engine.append(request, ());
    let mut is_acknowledged = false;
    engine.commit(0, &mut |(), outcome| is_acknowledged = outcome.is_ok());
    is_acknowledged
}

#[test]
fn what_is_sent_again_after_a_deletion_stays_whatever_log_files_failed_before_it() {
    let disk = SimDisk::new(1);
    let low = seeded_span(9).trace_id.low();
    let mut engine = open(&disk);
    assert!(append(&mut engine, 9));
    // The next write fails, and then several files in a row can't be begun.
    disk.plan((0..40).map(|call| (call, Failure::Error(ErrorKind::StorageFull))));
    for _ in 0..6 {
        assert!(!append(&mut engine, 10));
    }
    disk.plan([]);
    engine.delete_trace(&Tenant::default(), low).unwrap();
    drop(engine);
    let mut engine = open(&disk);
    assert_eq!(engine.trace(&Tenant::default(), low).unwrap().len(), 0);
    assert!(append(&mut engine, 9));
    drop(engine);
    assert_eq!(open(&disk).trace(&Tenant::default(), low).unwrap().len(), 1);
}
