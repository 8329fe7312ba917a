//! A store that has nothing to do does nothing: no call to the disk, and no time at which it wants
//! to be asked again.

use std::sync::Arc;

use spandrel_storage::{CompactionPolicy, Engine, Options, Retention, StoreLen, Tenant};
use testkit::{SeedDecoder, SimDisk, seeded_batch};

use crate::ledger::small_options;

const NOW_NS: u64 = 1_000_000_000_000;

fn open(disk: &SimDisk) -> Engine<()> {
    let options = Options {
        compaction: CompactionPolicy { fan_in: 3, ..CompactionPolicy::default() },
        retention: Retention { len_max: StoreLen::Bytes(1 << 30), ..Retention::default() },
        ..small_options(8 << 10)
    };
    Engine::open(options, 7, Arc::new(disk.clone()), &SeedDecoder, &mut |_| {}).unwrap()
}

fn append(engine: &mut Engine<()>, seeds: std::ops::Range<u64>) {
    let seeds: Vec<u64> = seeds.collect();
    for seeds in seeds.chunks(8) {
        let mut batch = seeded_batch(&Tenant::default(), seeds);
        batch.origin.arrival_ns = NOW_NS;
        let request = engine.charge(batch).unwrap();
        engine.append(request, ());
        engine.commit(NOW_NS, &mut |(), outcome| outcome.unwrap());
    }
}

/// Asks for jobs when they are due, and for nothing else; returns when that was last.
fn drive(engine: &mut Engine<()>, mut now_ns: u64) -> u64 {
    for _ in 0..1_000 {
        while let Some(job) = engine.next_job(now_ns) {
            engine.finish_job(job.run(), now_ns);
        }
        match engine.upkeep_due_ns() {
            None => return now_ns,
            Some(due_ns) => {
                assert!(due_ns > now_ns, "nothing to do, and due again: {:?}", engine.stats());
                now_ns = due_ns;
            }
        }
    }
    panic!("it does not come to rest: {:?}", engine.stats());
}

#[test]
fn a_store_comes_to_rest_with_all_in_segments_and_then_leaves_the_disk_alone() {
    let disk = SimDisk::new(1);
    let mut engine = open(&disk);
    let mut now_ns = NOW_NS;
    for round in 0..7 {
        append(&mut engine, round * 50..round * 50 + 50);
        now_ns = drive(&mut engine, now_ns);
    }
    engine.delete_trace(&Tenant::default(), 5).unwrap();
    now_ns = drive(&mut engine, now_ns);
    let stats = engine.stats();
    assert!(stats.head_spans == 0 && stats.flushes >= 7 && stats.compactions > 0, "{stats:?}");
    let (calls, files) = (disk.calls(), disk.files());
    let day_ns = 24 * 3_600_000_000_000;
    for day in 1..=30 {
        engine.commit(now_ns + day * day_ns, &mut |(), _| {});
        engine.tick(now_ns + day * day_ns);
        assert!(engine.next_job(now_ns + day * day_ns).is_none());
        assert_eq!((engine.upkeep_due_ns(), engine.due_ns()), (None, None));
    }
    assert_eq!(disk.calls(), calls);
    assert!(disk.files() == files, "a file has changed");
}

#[test]
fn starts_of_an_idle_store_make_no_file_grow() {
    let disk = SimDisk::new(5);
    let mut engine = open(&disk);
    append(&mut engine, 0..100);
    drive(&mut engine, NOW_NS);
    engine.close(NOW_NS, &mut |(), _| {}).unwrap();
    let mut before = None;
    for _ in 0..4 {
        let mut engine = open(&disk);
        drive(&mut engine, NOW_NS);
        engine.close(NOW_NS, &mut |(), _| {}).unwrap();
        let files = disk.files();
        assert!(before.is_none_or(|before| before == files), "{:?}", files.keys());
        before = Some(files);
    }
}

#[test]
fn a_store_without_an_age_to_flush_at_flushes_when_it_is_asked_and_never_by_itself() {
    let disk = SimDisk::new(6);
    let options = Options { flush_age_max_ns: u64::MAX, ..small_options(8 << 10) };
    let disk = Arc::new(disk);
    let mut engine = Engine::open(options, 7, disk, &SeedDecoder, &mut |_| {}).unwrap();
    append(&mut engine, 0..40);
    engine.want_flush();
    let job = engine.next_job(NOW_NS).unwrap();
    append(&mut engine, 40..80);
    engine.finish_job(job.run(), NOW_NS);
    assert!(engine.next_job(NOW_NS + 365 * 24 * 3_600_000_000_000).is_none());
    assert_eq!(engine.stats().head_spans, 40);
}

#[test]
fn a_store_that_was_just_started_comes_to_rest() {
    let disk = SimDisk::new(2);
    let mut engine = open(&disk);
    append(&mut engine, 0..100);
    drive(&mut engine, NOW_NS);
    engine.close(NOW_NS, &mut |(), _| {}).unwrap();
    let mut engine = open(&disk);
    drive(&mut engine, NOW_NS);
    assert_eq!(engine.stats().head_spans, 0);
}

#[test]
fn a_flush_of_nothing_and_one_of_what_was_deleted_leave_nothing_to_wait_for() {
    let disk = SimDisk::new(3);
    let mut engine = open(&disk);
    engine.want_flush();
    drive(&mut engine, NOW_NS);
    assert!(!engine.is_flush_wanted());
    append(&mut engine, 0..20);
    assert!(engine.next_job(NOW_NS).is_none());
    for low in 1..=32 {
        engine.delete_trace(&Tenant::default(), low).unwrap();
    }
    engine.want_flush();
    drive(&mut engine, NOW_NS);
    assert!(!engine.is_flush_wanted());
}

#[test]
fn a_flush_that_was_asked_for_ends_although_more_comes_all_the_time() {
    let disk = SimDisk::new(4);
    let mut engine = open(&disk);
    append(&mut engine, 0..40);
    engine.want_flush();
    let job = engine.next_job(NOW_NS).unwrap();
    append(&mut engine, 40..80);
    engine.finish_job(job.run(), NOW_NS);
    assert!(!engine.is_flush_wanted(), "what came later was not asked for");
    assert_eq!(engine.stats().head_spans, 40);
}
