//! Retired log files give their space to new ones, and their records never come back.

use std::sync::Arc;

use spandrel_storage::{Engine, Options, Tenant};
use testkit::{SeedDecoder, SimDisk, seeded_batch};

use crate::ledger::{Fate, Ledger, all_spans, small_options};

fn open(disk: &SimDisk) -> Engine<u64> {
    let options = Options { spare_files_max: 1, ..small_options(5_000) };
    Engine::open(options, 7, Arc::new(disk.clone()), &SeedDecoder, &mut |_| {}).unwrap()
}

/// Appends batches of one span until the log is in a file behind `file_id`; returns those that
/// are in older files.
fn fill(engine: &mut Engine<u64>, ledger: &mut Ledger, file_id: u64) -> Vec<u64> {
    let mut older = Vec::new();
    loop {
        let (batch, seeds) = ledger.add(1);
        let request = engine.charge(seeded_batch(&Tenant::default(), &seeds)).unwrap();
        engine.append(request, batch);
        engine.commit(0, &mut |_, outcome| outcome.unwrap());
        ledger.set(batch, Fate::Kept);
        if engine.log_file_id().unwrap() > file_id {
            return older;
        }
        older.push(batch);
    }
}

#[test]
fn a_reused_file_shows_nothing_of_what_it_held() {
    let disk = SimDisk::new(1);
    let (mut engine, mut ledger) = (open(&disk), Ledger::default());
    let retired = fill(&mut engine, &mut ledger, 1);
    assert!(retired.len() > 3);
    engine.retire_before(2).unwrap();
    engine.retire_before(3).unwrap();
    assert_eq!(engine.log_file_id(), Some(2), "the current file is not retired");
    // The third file is the first one again, with one record at its start and the old ones,
    // of the same length, behind it.
    fill(&mut engine, &mut ledger, 2);
    assert_eq!(engine.stats().files_recycled, 1);
    drop(engine);
    let stale =
        disk.files()["wal/0000000000000003.wal"].windows(4).filter(|w| *w == b"\xf5SpR").count();
    assert_eq!(stale, retired.len(), "the old records are still in the bytes");

    let reopened = open(&disk);
    let replay = reopened.stats().replay;
    assert_eq!(replay.records as usize, ledger.batches.len() - retired.len());
    assert_eq!(replay.skipped, 0);
    for batch in &retired {
        ledger.batches.remove(batch);
    }
    ledger.check(&all_spans(&reopened)).unwrap();
}

#[test]
fn no_more_spare_files_are_kept_than_the_limit_says() {
    let disk = SimDisk::new(1);
    let (mut engine, mut ledger) = (open(&disk), Ledger::default());
    fill(&mut engine, &mut ledger, 3);
    engine.retire_before(4).unwrap();
    let spares = |disk: &SimDisk| disk.files().keys().filter(|p| p.ends_with(".spare")).count();
    assert_eq!((spares(&disk), disk.files().len()), (1, 2));
    drop(engine);
    let mut engine = open(&disk);
    fill(&mut engine, &mut ledger, 4);
    assert_eq!((spares(&disk), engine.stats().files_recycled), (0, 1));
}

#[test]
fn starts_without_appends_leave_no_files_behind() {
    let disk = SimDisk::new(1);
    for _ in 0..5 {
        drop(open(&disk));
    }
    assert_eq!(disk.files().len(), 0, "{:?}", disk.files().keys());
}
