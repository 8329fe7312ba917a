//! Records that can't be decoded are kept apart, and the rest is served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use spandrel_model::Span;
use spandrel_storage::{Engine, Origin, RecordDecoder, Tenant};
use testkit::{SeedDecoder, SimDisk, body_of, seeded_batch};

use crate::ledger::small_options;

fn open(disk: &SimDisk, decoder: &dyn RecordDecoder) -> Engine<u64> {
    Engine::open(small_options(8192), 7, Arc::new(disk.clone()), decoder, &mut |_| {}).unwrap()
}

/// A disk with three records, the second of which holds `seed`.
fn written(seed: u64) -> SimDisk {
    let disk = SimDisk::new(1);
    let mut engine = open(&disk, &SeedDecoder);
    for seeds in [[1, 2], [3, seed], [5, 6]] {
        let mut batch = seeded_batch(&Tenant::default(), &[1, 2]);
        batch.body = body_of(&seeds);
        let request = engine.charge(batch).unwrap();
        engine.append(request, 0);
    }
    engine.commit(0, &mut |_, outcome| outcome.unwrap());
    disk
}

#[test]
fn a_record_that_is_refused_or_panics_is_kept_apart_and_passed_over_later() {
    for seed in [SeedDecoder::REFUSED, SeedDecoder::PANICKING] {
        let disk = written(seed);
        for _ in 0..2 {
            let replay = open(&disk, &SeedDecoder).stats().replay;
            assert_eq!((replay.records, replay.spans), (2, 4));
            let [name] = &replay.quarantined[..] else { panic!("{replay:?}") };
            assert!(name.starts_with("quarantine/default/0000000000000001-"), "{name}");
            assert_eq!(disk.files()[name], body_of(&[3, seed]));
        }
    }
}

/// Ends the process, as far as a test can: from some record on nothing happens any more.
struct Killer {
    disk: SimDisk,
    is_dead: AtomicBool,
}

impl RecordDecoder for Killer {
    fn decode(&self, _: &Origin, body: &[u8], _: &mut dyn FnMut(&Span<'_>)) -> Result<(), String> {
        if body == body_of(&[3, 4]) && !self.is_dead.swap(true, Ordering::Relaxed) {
            // What a process that ended here would leave behind.
            let files = self.disk.files();
            self.disk.put("left", files["replay"].clone());
        }
        Ok(())
    }
}

#[test]
fn a_record_that_ends_the_process_twice_is_kept_apart() {
    let disk = written(4);
    for deaths in 0..2 {
        let killer = Killer { disk: disk.clone(), is_dead: AtomicBool::new(false) };
        assert_eq!(open(&disk, &killer).stats().replay.quarantined.len(), 0, "{deaths} deaths");
        let note = disk.files()["left"].clone();
        disk.put("replay", note);
    }
    let replay = open(&disk, &SeedDecoder).stats().replay;
    assert_eq!((replay.records, replay.quarantined.len()), (2, 1));
    assert!(!disk.files().contains_key("replay"));
}

#[test]
fn a_power_cut_during_replay_is_not_the_records_fault() {
    let disk = written(4);
    for _ in 0..3 {
        let killer = Killer { disk: disk.clone(), is_dead: AtomicBool::new(false) };
        drop(open(&disk, &killer));
        let note = disk.files()["left"].clone();
        disk.restart();
        disk.put("replay", note);
    }
    assert_eq!(open(&disk, &SeedDecoder).stats().replay.records, 3);
}
