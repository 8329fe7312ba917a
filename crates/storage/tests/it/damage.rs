//! A log file that was cut short or damaged: what is whole is served, and nothing else.

use std::sync::Arc;

use spandrel_storage::{Engine, OpenError, Tenant};
use testkit::{SeedDecoder, SimDisk, seeded_batch};

use crate::ledger::{Fate, Ledger, all_spans, small_options};

const LOG_FILE: &str = "wal/0000000000000001.wal";
const BATCH_COUNT: u64 = 6;

fn open(disk: &SimDisk) -> Result<Engine<u64>, OpenError> {
    Engine::open(small_options(8192), 7, Arc::new(disk.clone()), &SeedDecoder, &mut |_| {})
}

/// A disk with one log file of a few records, what they hold, and where each ends.
fn written() -> (SimDisk, Ledger, Vec<usize>) {
    let disk = SimDisk::new(1);
    let mut engine = open(&disk).unwrap();
    let mut ledger = Ledger::default();
    let mut ends = vec![4096];
    for len in 1..=BATCH_COUNT {
        let (batch, seeds) = ledger.add(len);
        let request = engine.charge(seeded_batch(&Tenant::default(), &seeds)).unwrap();
        engine.append(request, batch);
        engine.commit(0, &mut |_, outcome| outcome.unwrap());
        ends.push(usize::try_from(engine.stats().log_bytes).unwrap());
    }
    drop(engine);
    (disk, ledger, ends)
}

/// Opens a copy of `disk` of which the log file is `bytes`.
fn reopened(bytes: Vec<u8>) -> Engine<u64> {
    let disk = SimDisk::new(2);
    disk.put(LOG_FILE, bytes);
    open(&disk).unwrap()
}

#[test]
fn every_length_of_a_file_serves_the_records_that_are_whole() {
    let (disk, mut ledger, ends) = written();
    let file = &disk.files()[LOG_FILE];
    for len in 0..=*ends.last().unwrap() {
        for (batch, end) in ends.iter().skip(1).enumerate() {
            ledger.set(batch as u64, if *end <= len { Fate::Kept } else { Fate::Free });
        }
        let engine = reopened(file[..len].to_vec());
        ledger.check(&all_spans(&engine)).unwrap_or_else(|wrong| panic!("length {len}: {wrong}"));
        let whole = ends.iter().skip(1).filter(|end| **end <= len).count() as u64;
        assert_eq!(engine.stats().replay.records, whole, "length {len}");
    }
    println!("{} lengths of a log file tried", ends.last().unwrap() + 1);
}

#[test]
fn every_flipped_byte_costs_at_most_its_own_record() {
    let (disk, mut ledger, ends) = written();
    let file = &disk.files()[LOG_FILE];
    let (mut detected, mut flips) = (0, 0);
    for offset in 0..*ends.last().unwrap() {
        for mask in [0x01, 0x80, 0xff] {
            let mut damaged = file.clone();
            damaged[offset] ^= mask;
            for (batch, record) in ends.windows(2).enumerate() {
                let is_hit = (record[0]..record[1]).contains(&offset);
                ledger.set(batch as u64, if is_hit { Fate::Free } else { Fate::Kept });
            }
            let engine = reopened(damaged);
            let wrong = ledger.check(&all_spans(&engine));
            wrong.unwrap_or_else(|wrong| panic!("byte {offset} ^ {mask}: {wrong}"));
            let replay = engine.stats().replay;
            let expected = BATCH_COUNT - u64::from(offset >= 4096);
            assert_eq!(replay.records, expected, "byte {offset} ^ {mask}");
            flips += 1;
            detected += u64::from(replay.skipped > 0 || replay.torn_bytes > 0);
        }
    }
    println!("{flips} flips, {detected} inside records, wrong spans 0");
}

#[test]
fn a_damaged_record_in_the_middle_is_skipped_and_counted() {
    let (disk, _, ends) = written();
    let mut file = disk.files()[LOG_FILE].clone();
    file[ends[2]..ends[3]].fill(0);
    let replay = reopened(file).stats().replay;
    assert_eq!((replay.records, replay.skipped), (BATCH_COUNT - 1, 1));
    assert_eq!(replay.skipped_bytes, (ends[3] - ends[2]) as u64);
}

#[test]
fn a_record_inside_a_body_is_never_taken_for_one() {
    let (disk, _, ends) = written();
    let file = disk.files()[LOG_FILE].clone();
    // A sender who has seen the file's own bytes sends one of its records as a body.
    let forged = file[ends[0]..ends[1]].to_vec();
    let disk = SimDisk::new(3);
    let mut engine = open(&disk).unwrap();
    let mut batch = seeded_batch(&Tenant::default(), &[1]);
    batch.body = forged.into();
    let request = engine.charge(batch).unwrap();
    engine.append(request, 0);
    engine.commit(0, &mut |_, outcome| outcome.unwrap());
    drop(engine);
    let mut file = disk.files()[LOG_FILE].clone();
    file[4096] ^= 0xff;
    assert_eq!(reopened(file).stats().replay.records, 0);
}

#[test]
fn a_file_full_of_places_that_look_like_records_is_read_in_little_time() {
    // Each of these says of itself that its head reaches far; checking all of each would take the
    // square of the file's length.
    let mut look_alike = [0; 20];
    look_alike[..4].copy_from_slice(b"\xf5SpR");
    look_alike[4..8].copy_from_slice(&(1_u32 << 20).to_le_bytes());
    let (disk, mut ledger, ends) = written();
    let mut file = disk.files()[LOG_FILE].clone();
    file.truncate(*ends.last().unwrap());
    file.extend(look_alike.repeat((8 << 20) / look_alike.len()));
    for batch in 0..BATCH_COUNT {
        ledger.set(batch, Fate::Kept);
    }
    let engine = reopened(file);
    ledger.check(&all_spans(&engine)).unwrap();
    assert_eq!(engine.stats().replay.records, BATCH_COUNT);
}

#[test]
fn a_file_says_nothing_of_where_a_newer_one_ends() {
    let (disk, ledger, _) = written();
    let mut file = disk.files()[LOG_FILE].clone();
    for copy in [0, 2048] {
        // The seal: the next file ends behind its header.
        file[copy + 28..copy + 36].copy_from_slice(&2_u64.to_le_bytes());
        file[copy + 36..copy + 44].copy_from_slice(&4096_u64.to_le_bytes());
    }
    let disk = SimDisk::new(5);
    disk.put(LOG_FILE, spandrel_storage::with_log_checksums(&file));
    let mut engine = open(&disk).unwrap();
    ledger.check(&all_spans(&engine)).unwrap();
    let request = engine.charge(seeded_batch(&Tenant::default(), &[1_000])).unwrap();
    engine.append(request, 0);
    engine.commit(0, &mut |_, outcome| outcome.unwrap());
    let count = all_spans(&engine).len();
    drop(engine);
    assert_eq!(all_spans(&open(&disk).unwrap()).len(), count);
}

#[test]
fn a_file_of_version_1_that_another_program_wrote_is_read() {
    let (_, mut ledger, _) = written();
    for batch in 0..BATCH_COUNT {
        ledger.set(batch, Fate::Kept);
    }
    let engine = reopened(include_bytes!("../../testdata/log/version-1.wal").to_vec());
    ledger.check(&all_spans(&engine)).unwrap();
    let replay = engine.stats().replay;
    assert_eq!((replay.records, replay.skipped, replay.torn_bytes), (BATCH_COUNT, 0, 0));
    assert_eq!(replay.miscounted, 0);
}

#[test]
fn a_file_of_a_newer_version_is_refused_by_name() {
    let (disk, _, _) = written();
    let mut file = disk.files()[LOG_FILE].clone();
    for copy in [0, 2048] {
        file[copy + 8] = 2;
        let checksum = crc32c::crc32c(&file[copy..copy + 44]);
        file[copy + 44..copy + 48].copy_from_slice(&checksum.to_le_bytes());
    }
    let disk = SimDisk::new(4);
    disk.put(LOG_FILE, file);
    let error = open(&disk).unwrap_err();
    assert!(matches!(&error, OpenError::NewerFormat { version: 2, .. }), "{error}");
    assert!(error.to_string().starts_with(LOG_FILE), "{error}");
}

#[test]
fn a_file_without_any_whole_header_is_counted_and_the_rest_is_served() {
    let (disk, ledger, _) = written();
    let mut file = disk.files()[LOG_FILE].clone();
    file[..4096].fill(0);
    disk.put("wal/0000000000000002.wal", file);
    let engine = open(&disk).unwrap();
    assert_eq!(engine.stats().replay.unreadable_files, 1);
    ledger.check(&all_spans(&engine)).unwrap();
    assert_eq!(engine.stats().replay.records, BATCH_COUNT);
}
