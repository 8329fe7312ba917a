//! The engine on a simulated disk: power cuts, dying processes and failing calls, by seed.
//!
//! A failure prints its seed; `SPANDREL_SIM_SEED=n` runs that one alone, `SPANDREL_SIM_SEEDS=n`
//! sets how many are run.

use std::io::ErrorKind;
use std::sync::Arc;

use spandrel_storage::{Durability, Engine, OpenError, Options, Tenant};
use testkit::{Failure, SeedDecoder, Seeded, SimDisk, seeded_batch};

use crate::ledger::{Fate, Ledger, all_spans, small_options};

/// What one run did, for the counts that the tests print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Report {
    acknowledged: u64,
    refused: u64,
    power_cuts: u64,
    process_deaths: u64,
    failed_opens: u64,
    recycled: u64,
    skipped: u64,
    calls: u64,
    fingerprint: u64,
}

struct Run {
    disk: SimDisk,
    numbers: Seeded,
    ledger: Ledger,
    options: Options,
    now_ns: u64,
    /// Log files, each with a batch that may be in it.
    placed: Vec<(u64, u64)>,
    /// Batches that the next power cut may take.
    unsynced: Vec<u64>,
    /// Batches that it may take even if a sync succeeds before.
    doomed: Vec<u64>,
    failures_seen: u64,
    report: Report,
}

fn run(seed: u64, is_honest: bool) -> Result<Report, String> {
    let mut numbers = Seeded::new(seed);
    let durability = match numbers.below(4) {
        0 => Durability::Interval { interval_ms: 1 },
        _ => Durability::Fsync,
    };
    let options = small_options(4096 + 400 + numbers.below(2_000));
    let mut run = Run {
        disk: SimDisk::new(seed),
        ledger: Ledger::default(),
        options: Options { durability, ..options },
        now_ns: 0,
        placed: Vec::new(),
        unsynced: Vec::new(),
        doomed: Vec::new(),
        failures_seen: 0,
        report: Report::default(),
        numbers,
    };
    if !is_honest {
        run.disk.forget_syncs();
    }
    for _ in 0..2 + run.numbers.below(4) {
        run.round()?;
    }
    run.disk.restart();
    run.forget_unsynced();
    run.open()?;
    run.report.calls = run.disk.calls();
    run.report.fingerprint = run.disk.fingerprint();
    Ok(run.report)
}

impl Run {
    /// One life of the process: from an opening to whatever ends it.
    fn round(&mut self) -> Result<(), String> {
        self.plan_failures();
        match self.open()? {
            Some(engine) => self.work(engine)?,
            None => self.report.failed_opens += 1,
        }
        if self.disk.is_dead() || self.numbers.one_in(2) {
            self.report.power_cuts += 1;
            self.disk.restart();
            self.forget_unsynced();
        } else {
            self.report.process_deaths += 1;
        }
        Ok(())
    }

    fn plan_failures(&mut self) {
        let mut failures = Vec::new();
        for _ in 0..self.numbers.below(4) {
            let kind =
                if self.numbers.one_in(2) { ErrorKind::StorageFull } else { ErrorKind::Other };
            failures.push((self.numbers.below(80), Failure::Error(kind)));
        }
        if self.numbers.one_in(2) {
            failures.push((self.numbers.below(120), Failure::PowerLoss));
        }
        self.disk.plan(failures);
    }

    /// Opens the engine and checks what it holds; `None` when a planned failure prevented it.
    fn open(&mut self) -> Result<Option<Engine<u64>>, String> {
        let disk = Arc::new(self.disk.clone());
        let seed = self.numbers.next();
        match Engine::open(self.options.clone(), seed, disk, &SeedDecoder, &mut |_| {}) {
            Err(OpenError::Disk { .. }) => Ok(None),
            Err(error) => Err(format!("could not open: {error}")),
            Ok(engine) => {
                self.ledger.check(&all_spans(&engine))?;
                let replay = engine.stats().replay;
                if !replay.quarantined.is_empty() || replay.unreadable_files > 0 {
                    return Err(format!("nothing was damaged, yet: {replay:?}"));
                }
                self.report.skipped += replay.skipped;
                Ok(Some(engine))
            }
        }
    }

    fn work(&mut self, mut engine: Engine<u64>) -> Result<(), String> {
        self.failures_seen = 0;
        for _ in 0..self.numbers.below(24) {
            self.commit_some(&mut engine);
            if self.numbers.one_in(3) {
                self.sync(&mut engine);
            }
            if self.numbers.one_in(6) {
                self.retire_oldest(&mut engine);
            }
            if self.disk.is_dead() {
                break;
            }
            self.ledger.check(&all_spans(&engine))?;
        }
        self.report.recycled += engine.stats().files_recycled;
        if self.numbers.one_in(3)
            && !self.disk.is_dead()
            && engine.close(self.now_ns, &mut |_, _| {}).is_ok()
        {
            self.unsynced.clear();
        }
        Ok(())
    }

    fn commit_some(&mut self, engine: &mut Engine<u64>) {
        for _ in 0..1 + self.numbers.below(4) {
            let (batch, seeds) = self.ledger.add(1 + self.numbers.below(4));
            let request = engine.charge(seeded_batch(&Tenant::default(), &seeds));
            engine.append(request.expect("there is room for anything"), batch);
        }
        let first_file = engine.log_file_id().unwrap_or_else(|| self.newest_file() + 1);
        let mut acknowledged = Vec::new();
        let report = &mut self.report;
        engine.commit(self.now_ns, &mut |batch, outcome| match outcome {
            Ok(()) => acknowledged.push(batch),
            Err(_) => report.refused += 1,
        });
        self.now_ns += 300_000;
        self.report.acknowledged += acknowledged.len() as u64;
        let last_file = engine.log_file_id().unwrap_or_else(|| self.newest_file() + 1);
        for batch in &acknowledged {
            self.ledger.set(*batch, Fate::Kept);
            self.placed.extend((first_file..=last_file).map(|file_id| (file_id, *batch)));
        }
        if self.options.durability != Durability::Fsync {
            self.unsynced.extend(acknowledged);
            self.note_failures(engine);
        }
    }

    /// Lets the time come at which the engine syncs what it acknowledged.
    fn sync(&mut self, engine: &mut Engine<u64>) {
        self.now_ns += 1_000_000;
        engine.tick(self.now_ns);
        self.note_failures(engine);
        if !self.disk.is_dead() {
            self.unsynced.clear();
        }
    }

    /// A failed sync dooms what it was to keep: no later one can be trusted with it.
    fn note_failures(&mut self, engine: &Engine<u64>) {
        let failures = engine.stats().disk_failures;
        if failures != std::mem::replace(&mut self.failures_seen, failures) {
            self.doomed.append(&mut self.unsynced);
        }
    }

    /// After a power cut nobody asks for what was acknowledged before it was synced.
    fn forget_unsynced(&mut self) {
        for batch in self.unsynced.drain(..).chain(self.doomed.drain(..)) {
            self.ledger.set(batch, Fate::Free);
        }
    }

    fn log_files(&self) -> impl Iterator<Item = u64> {
        let names = self.disk.files().into_keys();
        names.filter_map(|path| {
            let digits = path.strip_prefix("wal/")?.strip_suffix(".wal")?;
            u64::from_str_radix(digits, 16).ok()
        })
    }

    fn newest_file(&self) -> u64 {
        self.log_files().max().unwrap_or(0)
    }

    /// Retires the oldest file, as if its records were kept elsewhere by now.
    fn retire_oldest(&mut self, engine: &mut Engine<u64>) {
        let Some(oldest) = self.log_files().min() else { return };
        if engine.log_file_id().is_none_or(|current| current <= oldest) {
            return;
        }
        // Whether it succeeds or not: the file may be gone.
        let _ = engine.retire_before(oldest + 1);
        for (file_id, batch) in &self.placed {
            if *file_id == oldest {
                self.ledger.set(*batch, Fate::Free);
            }
        }
    }
}

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("SPANDREL_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SPANDREL_SIM_SEEDS").unwrap_or(2_000),
    }
}

#[test]
fn what_was_acknowledged_survives_whatever_the_disk_does() {
    let mut total = Report::default();
    for seed in seeds() {
        let report = match run(seed, true) {
            Ok(report) => report,
            Err(violation) => panic!("SPANDREL_SIM_SEED={seed}: {violation}"),
        };
        total.acknowledged += report.acknowledged;
        total.refused += report.refused;
        total.power_cuts += report.power_cuts;
        total.process_deaths += report.process_deaths;
        total.failed_opens += report.failed_opens;
        total.recycled += report.recycled;
        total.skipped += report.skipped;
        total.calls += report.calls;
    }
    println!("{} seeds, acknowledged lost 0: {total:?}", seeds().count());
}

#[test]
fn the_same_seed_leaves_the_same_bytes() {
    for seed in seeds().step_by(10) {
        assert_eq!(run(seed, true), run(seed, true), "seed {seed}");
    }
}

#[test]
fn a_disk_that_does_not_sync_loses_what_was_acknowledged() {
    let outcomes: Vec<_> = (0..200).map(|seed| run(seed, false)).collect();
    let is_loss = |outcome: &&Result<Report, String>| {
        outcome.as_ref().is_err_and(|violation| violation.contains("lost"))
    };
    let losses = outcomes.iter().filter(is_loss).count();
    println!("{losses} of {} runs without syncs lost an acknowledged batch", outcomes.len());
    assert!(losses > 50, "{losses} losses: the simulation no longer bites");
}
