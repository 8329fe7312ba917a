//! Every single call to the disk fails once, in every way, in one fixed course of events.

use std::io::ErrorKind;
use std::sync::Arc;

use spandrel_storage::{Engine, OpenError, Tenant};
use testkit::{Failure, SeedDecoder, SimDisk, seeded_batch};

use crate::ledger::{Fate, Ledger, all_spans, small_options};

fn open(disk: &SimDisk) -> Result<Engine<u64>, OpenError> {
    Engine::open(small_options(5_000), 7, Arc::new(disk.clone()), &SeedDecoder, &mut |_| {})
}

/// Opens, appends over a few files and closes, twice.
fn course(disk: &SimDisk, ledger: &mut Ledger) -> Result<(), OpenError> {
    for _ in 0..2 {
        let mut engine = open(disk)?;
        for _ in 0..8 {
            for _ in 0..2 {
                let (batch, seeds) = ledger.add(3);
                let request = engine.charge(seeded_batch(&Tenant::default(), &seeds)).unwrap();
                engine.append(request, batch);
            }
            engine.commit(0, &mut |batch, outcome| {
                if outcome.is_ok() {
                    ledger.set(batch, Fate::Kept);
                }
            });
        }
        let _ = engine.close(0, &mut |_, _| {});
    }
    Ok(())
}

#[test]
fn any_one_failing_call_loses_nothing_and_stops_nothing() {
    let disk = SimDisk::new(0);
    course(&disk, &mut Ledger::default()).unwrap();
    let calls = disk.calls();
    let failures = [
        Failure::Error(ErrorKind::Other),
        Failure::Error(ErrorKind::StorageFull),
        Failure::PowerLoss,
    ];
    for call in 0..calls {
        for failure in failures {
            for seed in 0..4 {
                let disk = SimDisk::new(seed);
                let mut ledger = Ledger::default();
                disk.plan([(call, failure)]);
                let outcome = course(&disk, &mut ledger);
                let case = format!("call {call}, {failure:?}, seed {seed}");
                if failure != Failure::PowerLoss && outcome.is_ok() {
                    let refused = ledger.batches.values().filter(|(_, fate)| *fate == Fate::Free);
                    assert!(refused.count() <= 4, "{case}: more than one group was refused");
                }
                disk.restart();
                let engine = open(&disk).unwrap_or_else(|error| panic!("{case}: {error}"));
                let wrong = ledger.check(&all_spans(&engine));
                wrong.unwrap_or_else(|wrong| panic!("{case}: {wrong}"));
                assert!(engine.stats().replay.quarantined.is_empty(), "{case}");
            }
        }
    }
    println!("{calls} calls, each failing in {} ways: violations 0", failures.len());
}
