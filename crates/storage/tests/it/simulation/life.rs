//! One run: a store's lives on one disk, from a seed.

use std::fmt::Debug;
use std::io::ErrorKind;
use std::sync::Arc;

use spandrel_storage::{
    Account, CompactionPolicy, Disk, Durability, Engine, Job, JobDone, LocalSegmentStore,
    OpenError, Opening, Options, Retention, SegmentStore, StoreLen,
};
use testkit::{Failure, SeedDecoder, Seeded, SimDisk, seeded_batch};

use super::accounts::{Accounts, Expiry, POOL, TRACE_ID_MAX, tenants};
use super::counts;
use super::report::Report;

const SECOND_NS: u64 = 1_000_000_000;

/// How often an engine that nobody troubles may find something to do before it rests.
const JOBS_MAX: u64 = 400;

/// How the world of a run lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// Not at all.
    None,
    /// The disk's syncs do nothing.
    ForgottenSyncs,
    /// The segment store loses objects and says that it has them.
    LostSegments,
}

/// A job on its way.
enum Held {
    Waiting(Job),
    Ran(JobDone),
}

/// A request on its way.
#[derive(Debug)]
pub(super) struct Ticket {
    tenant: usize,
    spans: Vec<usize>,
    arrival_ns: u64,
}

/// One life of an engine.
pub(super) struct Life {
    pub(super) engine: Engine<Ticket>,
    held: Vec<Held>,
    waiting: u64,
}

pub(super) struct Run {
    pub(super) disk: SimDisk,
    sabotage: Sabotage,
    pub(super) numbers: Seeded,
    accounts: Accounts,
    options: Options,
    pub(super) now_ns: u64,
    /// Requests that the next loss of power may take, and those that it may take even if a sync
    /// succeeds before.
    unsynced: Vec<Ticket>,
    doomed: Vec<Ticket>,
    failures_seen: u64,
    /// Whether there may be copies that are pinned: one whose pinning failed may be there too.
    is_pin_tried: bool,
    /// Whether what happens is printed, as it is for a seed that is run alone.
    is_told: bool,
    report: Report,
}

/// Runs a seed; returns what it did, or what went wrong.
pub(super) fn run(seed: u64, sabotage: Sabotage) -> Result<Report, String> {
    let mut run = Run::new(seed, sabotage);
    for _ in 0..2 + run.numbers.below(4) {
        run.round()?;
    }
    run.disk.restart();
    run.forget_unsynced();
    let life = run.open()?.ok_or("a disk without failures could not be opened")?;
    run.rest(life)?;
    let life = run.open()?.ok_or("a store at rest could not be opened")?;
    run.check_files(&life.engine)?;
    drop(life);
    run.report.calls = run.disk.calls();
    run.report.fingerprint = run.disk.fingerprint();
    Ok(run.report)
}

impl Run {
    pub(super) fn new(seed: u64, sabotage: Sabotage) -> Self {
        let mut numbers = Seeded::new(seed);
        let disk = SimDisk::new(seed);
        if sabotage == Sabotage::ForgottenSyncs {
            disk.forget_syncs();
        }
        let is_durable = !numbers.one_in(4);
        let mut expiry = match numbers.below(8) {
            0 => Expiry::Age((1 + numbers.below(300)) * SECOND_NS),
            1 => Expiry::Len,
            _ => Expiry::Never,
        };
        if sabotage != Sabotage::None {
            expiry = Expiry::Never;
        }
        // A disk that is full now and then, be there a reserve or not.
        if numbers.one_in(4) || expiry == Expiry::Len {
            disk.set_capacity(Some((60 << 10) + numbers.below(100 << 10)));
        }
        let options = options(&mut numbers, expiry, is_durable);
        let accounts = Accounts::new(expiry, is_durable);
        Self {
            disk,
            sabotage,
            numbers,
            accounts,
            options,
            now_ns: 1_000_000 * SECOND_NS,
            unsynced: Vec::new(),
            doomed: Vec::new(),
            failures_seen: 0,
            is_pin_tried: false,
            is_told: std::env::var("SPANDREL_SIM_SEED").is_ok(),
            report: Report::default(),
        }
    }

    fn tell(&self, what: &str, more: &dyn Debug) {
        if self.is_told {
            println!("{} call {}: {what} {more:?}", self.now_ns, self.disk.calls());
        }
    }

    /// One life of the process: from an opening to whatever ends it.
    fn round(&mut self) -> Result<(), String> {
        self.plan_failures(60);
        match self.open()? {
            Some(life) => self.live(life)?,
            None => self.report.failed_opens += 1,
        }
        self.tell("ended", &self.disk.is_dead());
        if self.disk.is_dead() || self.numbers.one_in(2) {
            self.report.power_cuts += 1;
            self.disk.restart();
            self.forget_unsynced();
        } else {
            self.report.process_deaths += 1;
            self.disk.plan([]);
        }
        Ok(())
    }

    /// Lets calls among the next fail, alone or in a row: disks fail for a while.
    fn plan_failures(&mut self, among: u64) {
        let mut failures = Vec::new();
        for _ in 0..self.numbers.below(4) {
            let kind =
                if self.numbers.one_in(2) { ErrorKind::StorageFull } else { ErrorKind::Other };
            let len = [1, 1, 2, 4, 30][self.numbers.below(5) as usize];
            let start = self.numbers.below(among);
            failures.extend((start..start + len).map(|call| (call, Failure::Error(kind))));
        }
        if self.numbers.one_in(2) {
            failures.push((self.numbers.below(2 * among), Failure::PowerLoss));
        }
        self.disk.plan(failures);
    }

    /// Opens the engine and checks all it shows; `None` when a planned failure prevented it.
    pub(super) fn open(&mut self) -> Result<Option<Life>, String> {
        let Some(life) = self.begin()? else { return Ok(None) };
        if self.disk.is_dead() {
            return Ok(None);
        }
        // What a start found is looked at without failures, so that all of it is known.
        self.disk.plan([]);
        self.check_start(&life.engine)?;
        Ok(Some(life))
    }

    /// Opens the engine; `None` when a planned failure prevented it.
    pub(super) fn begin(&mut self) -> Result<Option<Life>, String> {
        self.options.head = account("head", self.options.head.limit());
        self.options.queue = account("queue", self.options.queue.limit());
        self.options.segments = account("segments", self.options.segments.limit());
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let store: Arc<dyn SegmentStore> = Arc::new(LocalSegmentStore::new(Arc::clone(&disk)));
        let store = match self.sabotage {
            Sabotage::LostSegments => super::sabotage::losing(store),
            _ => store,
        };
        let opening = Opening::begin_on(self.options.clone(), self.numbers.next(), disk, store);
        let opened = opening.and_then(|opening| opening.replay(&SeedDecoder, &mut |_| {}));
        let engine = match opened {
            Err(OpenError::Disk { .. }) => return Ok(None),
            Err(error) => return Err(format!("could not open: {error}")),
            Ok(engine) => engine,
        };
        self.failures_seen = 0;
        Ok(Some(Life { engine, held: Vec::new(), waiting: 0 }))
    }

    fn check_start(&mut self, engine: &Engine<Ticket>) -> Result<(), String> {
        let replay = engine.stats().replay;
        self.tell("opened", &(&self.options, engine.stats()));
        if !replay.quarantined.is_empty() || replay.unreadable_files > 0 {
            return Err(format!("nothing was damaged, yet: {replay:?}"));
        }
        self.check_all(engine)?;
        let is_synced = self.disk.failed_syncs() == 0;
        for (tenant, name) in tenants().iter().enumerate() {
            for low in 1..=TRACE_ID_MAX {
                let shown = engine.trace(name, low).map_err(|error| error.to_string())?;
                self.accounts.resolve(tenant, low, &shown, is_synced);
            }
        }
        self.accounts.check_unsettled()
    }

    /// Checks every trace, and that the counters tell as many spans as there are.
    pub(super) fn check_all(&mut self, engine: &Engine<Ticket>) -> Result<(), String> {
        let mut shown = 0;
        for tenant in 0..tenants().len() {
            for low in 1..=TRACE_ID_MAX {
                let Some(count) = self.check_trace(engine, tenant, low)? else { return Ok(()) };
                shown += count as u64;
            }
        }
        let stats = engine.stats();
        let counted = stats.head_spans + stats.segment_spans;
        // Deleted spans and pinned copies are counted where they are, and not shown.
        let is_exact = stats.tombstones == 0 && !self.is_pin_tried;
        if counted < shown || (is_exact && counted != shown) {
            return Err(format!("{shown} spans are shown and {counted} counted: {stats:?}"));
        }
        if !self.is_pin_tried {
            counts::check(engine, &mut self.report)?;
        }
        if stats.head_bytes != self.options.head.used() {
            return Err(format!("the head's account is wrong: {stats:?}"));
        }
        Ok(())
    }

    /// Checks a trace; `None` when a planned failure prevented it.
    fn check_trace(
        &mut self,
        engine: &Engine<Ticket>,
        tenant: usize,
        low: u64,
    ) -> Result<Option<usize>, String> {
        let shown = engine.trace(&tenants()[tenant], low);
        if let Some((id, reason)) = engine.stats().quarantined_segments.first_key_value() {
            return Err(format!("a segment is lost: nothing was damaged, yet {id}: {reason}"));
        }
        let Ok(shown) = shown else {
            self.report.failed_reads += 1;
            return Ok(None);
        };
        self.report.traces_checked += 1;
        self.accounts.check_trace(tenant, low, &shown, self.now_ns).map(Some)
    }

    fn live(&mut self, mut life: Life) -> Result<(), String> {
        self.plan_failures(400);
        for _ in 0..self.numbers.below(40) {
            self.step(&mut life)?;
            if self.disk.is_dead() {
                break;
            }
            let (tenant, low) = (self.tenant(), 1 + self.numbers.below(TRACE_ID_MAX));
            self.check_trace(&life.engine, tenant, low)?;
            if self.numbers.one_in(12) {
                self.check_all(&life.engine)?;
            }
        }
        self.end(life)
    }

    /// Ends a life: closed, or dropped with jobs under way and requests that wait.
    pub(super) fn end(&mut self, life: Life) -> Result<(), String> {
        let Life { engine, held, .. } = life;
        let stats = engine.stats();
        self.report.flushes += stats.flushes;
        self.report.merges += stats.compactions;
        self.report.folded += stats.folded_spans;
        self.report.expired += stats.expired_segments;
        self.report.failed_jobs += stats.job_failures;
        self.report.jobs_cut_off += held.len() as u64;
        let is_dead = self.disk.is_dead();
        if self.numbers.one_in(3) && !is_dead {
            drop(held);
            let mut settled = Vec::new();
            let outcome =
                engine.close(self.now_ns, &mut |ticket, outcome| settled.push((ticket, outcome)));
            for (ticket, outcome) in settled {
                self.note(ticket, outcome.is_ok());
            }
            match outcome {
                Ok(()) => self.unsynced.clear(),
                Err(_) => self.doomed.append(&mut self.unsynced),
            }
        } else {
            drop(engine);
            drop(held);
        }
        for account in [&self.options.head, &self.options.queue, &self.options.segments] {
            if account.used() != 0 {
                return Err(format!("{account:?} is not given back"));
            }
        }
        Ok(())
    }

    fn step(&mut self, life: &mut Life) -> Result<(), String> {
        let pause_ns = [SECOND_NS / 1000, SECOND_NS / 3, 3 * SECOND_NS, 40 * SECOND_NS];
        self.now_ns += pause_ns[self.numbers.below(4) as usize];
        match self.numbers.below(20) {
            0..=5 => {
                self.append(life);
                if !self.numbers.one_in(6) {
                    self.commit(life);
                }
                Ok(())
            }
            6..=11 => self.look(life),
            12..=13 => {
                self.advance_job(life);
                Ok(())
            }
            14 => {
                life.engine.want_flush();
                self.look(life)
            }
            15 => {
                self.delete(life);
                Ok(())
            }
            16 => self.pin(life),
            17 => {
                self.commit(life);
                self.sync(&mut life.engine);
                Ok(())
            }
            18 => {
                self.commit(life);
                Ok(())
            }
            _ => {
                while !life.held.is_empty() {
                    self.advance_job(life);
                }
                self.look(life)
            }
        }
    }

    pub(super) fn append(&mut self, life: &mut Life) {
        for _ in 0..1 + self.numbers.below(4) {
            let tenant = self.tenant();
            let len = 1 + self.numbers.below(4) as usize;
            let sent = self.accounts.sent_count() as u64;
            let spans: Vec<usize> = if self.numbers.one_in(10) && sent > 0 {
                // A sender that heard nothing sends again.
                vec![self.numbers.below(sent) as usize]
            } else {
                self.accounts.fresh(len)
            };
            let seeds: Vec<u64> = spans.iter().map(|index| POOL.seeds[*index]).collect();
            let mut batch = seeded_batch(&tenants()[tenant], &seeds);
            let arrival_ns = self.now_ns;
            batch.origin.arrival_ns = arrival_ns;
            self.report.appended += spans.len() as u64;
            match life.engine.charge(batch) {
                Ok(request) => {
                    life.engine.append(request, Ticket { tenant, spans, arrival_ns });
                    life.waiting += 1;
                }
                Err(_) => self.report.refused += spans.len() as u64,
            }
        }
    }

    pub(super) fn commit(&mut self, life: &mut Life) {
        let mut settled = Vec::new();
        life.engine.commit(self.now_ns, &mut |ticket, outcome| settled.push((ticket, outcome)));
        assert_eq!(settled.len() as u64, std::mem::take(&mut life.waiting), "all are settled");
        for (ticket, outcome) in settled {
            self.note(ticket, outcome.is_ok());
        }
        self.note_failures(&life.engine);
    }

    fn note(&mut self, ticket: Ticket, is_acked: bool) {
        let Ticket { tenant, spans, arrival_ns } = &ticket;
        self.tell("settled", &(is_acked, &ticket));
        self.accounts.settle(*tenant, spans, *arrival_ns, is_acked);
        let count = spans.len() as u64;
        let told = if is_acked { &mut self.report.acked } else { &mut self.report.refused };
        *told += count;
        if is_acked && self.options.durability != Durability::Fsync {
            self.unsynced.push(ticket);
        }
    }

    /// A failed sync dooms what it was to keep: no later one can be trusted with it.
    fn note_failures(&mut self, engine: &Engine<Ticket>) {
        let failures = engine.stats().disk_failures;
        if failures != std::mem::replace(&mut self.failures_seen, failures) {
            self.doomed.append(&mut self.unsynced);
        }
    }

    /// Lets the time come at which the engine syncs what it acknowledged.
    fn sync(&mut self, engine: &mut Engine<Ticket>) {
        self.now_ns += SECOND_NS;
        engine.tick(self.now_ns);
        self.note_failures(engine);
        if !self.disk.is_dead() {
            self.unsynced.clear();
        }
    }

    /// After a power cut nobody asks for what was acknowledged before it was synced.
    fn forget_unsynced(&mut self) {
        for ticket in self.unsynced.drain(..).chain(self.doomed.drain(..)) {
            self.accounts.excuse(ticket.tenant, &ticket.spans);
        }
    }

    /// Asks for jobs, and checks that the engine does not ask to be asked again at once.
    fn look(&mut self, life: &mut Life) -> Result<(), String> {
        for _ in 0..JOBS_MAX {
            let Some(job) = life.engine.next_job(self.now_ns) else {
                return match life.engine.upkeep_due_ns() {
                    Some(due_ns) if due_ns <= self.now_ns => {
                        let stats = life.engine.stats();
                        Err(format!("nothing to do, and due again at once: {stats:?}"))
                    }
                    _ => Ok(()),
                };
            };
            self.tell("planned", &job);
            life.held.push(Held::Waiting(job));
            if self.numbers.one_in(2) {
                self.advance_job(life);
            }
        }
        Err("the engine finds something to do for ever".to_owned())
    }

    /// Takes one of the jobs under way a step further, or all the way.
    fn advance_job(&mut self, life: &mut Life) {
        if life.held.is_empty() {
            return;
        }
        let index = self.numbers.below(life.held.len() as u64) as usize;
        let done = match life.held.swap_remove(index) {
            Held::Waiting(job) => job.run(),
            Held::Ran(done) => done,
        };
        if self.numbers.one_in(3) {
            life.held.push(Held::Ran(done));
        } else {
            self.tell("finished", &done);
            life.engine.finish_job(done, self.now_ns);
        }
    }

    pub(super) fn delete(&mut self, life: &mut Life) {
        let (tenant, low) = (self.tenant(), 1 + self.numbers.below(TRACE_ID_MAX));
        let outcome = life.engine.delete_trace(&tenants()[tenant], low);
        self.tell("deleted", &(tenant, low, &outcome));
        self.accounts.delete(tenant, low, outcome.is_ok());
        self.report.deleted += u64::from(outcome.is_ok());
    }

    pub(super) fn pin(&mut self, life: &mut Life) -> Result<(), String> {
        let (tenant, low) = (self.tenant(), 1 + self.numbers.below(TRACE_ID_MAX));
        // What retention took by now can't be pinned.
        if self.check_trace(&life.engine, tenant, low)?.is_none() {
            return Ok(());
        }
        let name = &tenants()[tenant];
        if self.numbers.one_in(3) {
            let outcome = life.engine.unpin_trace(name, low);
            self.tell("unpinned", &(tenant, low, outcome));
            self.accounts.pin(tenant, low, false);
        } else {
            self.is_pin_tried = true;
            let outcome = life.engine.pin_trace(name, low);
            self.tell("pinned", &(tenant, low, &outcome));
            if let Ok(count) = outcome {
                self.accounts.pin(tenant, low, true);
                self.report.pinned += u64::from(count > 0);
            }
        }
        Ok(())
    }

    /// Drives an engine by its own due times until it has none; then it must hold nothing in
    /// memory, and leave the disk alone.
    pub(super) fn rest(&mut self, mut life: Life) -> Result<(), String> {
        for _ in 0..JOBS_MAX {
            while let Some(job) = life.engine.next_job(self.now_ns) {
                life.engine.finish_job(job.run(), self.now_ns);
            }
            self.check_all(&life.engine)?;
            let stats = life.engine.stats();
            let is_full = stats.refused_disk_full > 0 || self.is_disk_full();
            let Some(due_ns) = life.engine.upkeep_due_ns() else {
                let calls = self.disk.calls();
                self.now_ns += 3_600 * SECOND_NS;
                let job = life.engine.next_job(self.now_ns);
                if job.is_some() || self.disk.calls() != calls || stats.head_spans > 0 {
                    return Err(format!("an engine at rest has something to do: {stats:?}"));
                }
                return self.end(life);
            };
            if is_full {
                // It waits for room, and looks for it now and then.
                return self.end(life);
            }
            if due_ns <= self.now_ns {
                return Err(format!("nothing to do, and due again at once: {stats:?}"));
            }
            self.now_ns = due_ns;
        }
        Err(format!("an engine without work does not come to rest: {:?}", life.engine.stats()))
    }

    fn is_disk_full(&self) -> bool {
        let room = self.disk.capacity().expect("no failure is planned");
        room.free_len < self.options.retention.disk_free_min.max(30 << 10)
    }

    /// Checks that the objects on the disk are those that count, and no others.
    pub(super) fn check_files(&self, engine: &Engine<Ticket>) -> Result<(), String> {
        let files = self.disk.files();
        let objects = files.iter().filter(|(path, _)| path.starts_with("segments/"));
        let (mut count, mut len) = (0, 0);
        for (_, bytes) in objects {
            count += 1;
            len += bytes.len() as u64;
        }
        let stats = engine.stats();
        if (count, len) != (stats.segments, stats.segment_bytes) {
            return Err(format!("{count} objects of {len} bytes are on the disk: {stats:?}"));
        }
        Ok(())
    }

    fn tenant(&mut self) -> usize {
        usize::from(self.numbers.one_in(6))
    }
}

fn account(name: &'static str, limit: u64) -> Arc<Account> {
    Account::new(name, limit)
}

/// Options under which a few dozen spans are flushed and merged several times.
fn options(numbers: &mut Seeded, expiry: Expiry, is_durable: bool) -> Options {
    let mut retention =
        Retention { age_max_ns: None, len_max: StoreLen::Bytes(1 << 40), disk_free_min: 0 };
    match expiry {
        Expiry::Never => {}
        Expiry::Age(age_ns) => retention.age_max_ns = Some(age_ns),
        Expiry::Len if numbers.one_in(2) => retention.len_max = StoreLen::DiskPercent(50),
        Expiry::Len => retention.disk_free_min = 20 << 10,
    }
    let durability =
        if is_durable { Durability::Fsync } else { Durability::Interval { interval_ms: 1 } };
    let head_len_max = [48 << 10, 256 << 10, 1 << 30][numbers.below(3) as usize];
    let segments_len_max = [0, 8 << 10, 1 << 30][numbers.below(3) as usize];
    Options {
        durability,
        file_len_max: 4096 + 300 + numbers.below(2_000),
        group_len_max: 600,
        log_len_max: 30_000,
        flush_age_max_ns: (1 + numbers.below(60)) * SECOND_NS,
        group_row_count_max: 1 + numbers.below(64) as usize,
        compaction: CompactionPolicy {
            fan_in: 2 + numbers.below(3) as usize,
            ..CompactionPolicy::default()
        },
        retention,
        ..Options::new(
            account("head", head_len_max),
            account("queue", 1 << 30),
            account("segments", segments_len_max),
        )
    }
}
