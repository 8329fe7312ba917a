//! The local segment store, on a real disk and on a simulated one that fails at every call.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use spandrel_storage::{
    Disk, LocalSegmentStore, RangeRead, RealDisk, SegmentStore, SwapError, read_ranges_blocking,
};
use testkit::{Failure, SimDisk, SlowStore};

const PATH: &str = "segments/default/0000000000000001.segment";

fn store(disk: &SimDisk) -> LocalSegmentStore {
    LocalSegmentStore::new(Arc::new(disk.clone()))
}

fn put(store: &dyn SegmentStore, path: &str, parts: &[&[u8]]) -> io::Result<()> {
    let mut upload = store.create(path)?;
    for part in parts {
        upload.write(part)?;
    }
    upload.finish()
}

fn range(path: &str, offset: u64, len: usize) -> RangeRead {
    RangeRead { path: path.into(), offset, len }
}

fn read(store: &dyn SegmentStore, path: &str, offset: u64, len: usize) -> io::Result<Bytes> {
    read_ranges_blocking(store, vec![range(path, offset, len)]).pop().unwrap()
}

/// Runs a test on a real disk and on a simulated one.
fn on_both_disks(test: impl Fn(Arc<dyn Disk>)) {
    let folder = tempfile::tempdir().unwrap();
    test(Arc::new(RealDisk::new(folder.path()).unwrap()));
    test(Arc::new(SimDisk::new(1)));
}

#[test]
fn an_object_is_there_once_it_is_finished_and_not_before() {
    on_both_disks(|disk| {
        let store = LocalSegmentStore::new(disk);
        assert_eq!(store.list().unwrap(), []);
        let mut upload = store.create(PATH).unwrap();
        upload.write(b"some").unwrap();
        assert!(store.list().unwrap().iter().all(|object| !object.is_whole));
        assert_eq!(read(&store, PATH, 0, 1).unwrap_err().kind(), ErrorKind::NotFound);
        upload.write(b"thing").unwrap();
        upload.finish().unwrap();
        let [object] = &store.list().unwrap()[..] else { panic!("one object") };
        assert_eq!((object.path.as_str(), object.len, object.is_whole), (PATH, 9, true));
        assert_eq!(read(&store, PATH, 2, 4).unwrap(), "meth");
    });
}

#[test]
fn an_upload_that_is_dropped_leaves_nothing() {
    on_both_disks(|disk| {
        let store = LocalSegmentStore::new(disk);
        store.create(PATH).unwrap().write(b"some").unwrap();
        assert_eq!(store.list().unwrap(), []);
    });
}

#[test]
fn every_range_of_a_batch_is_answered_in_its_place_whatever_the_others_are() {
    on_both_disks(|disk| {
        let store = LocalSegmentStore::new(disk);
        let long: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
        put(&store, PATH, &[&long]).unwrap();
        let other = "segments/default/0000000000000002.segment";
        put(&store, other, &[b"other"]).unwrap();
        let absent = "segments/other/0000000000000003.segment";
        let answers = read_ranges_blocking(
            &store,
            vec![
                range(PATH, 70_000, 30_000),
                range(other, 0, 5),
                range(PATH, 99_999, 2),
                range(PATH, 0, 10),
                range(absent, 0, 10),
                range(PATH, 10, 20),
                range(PATH, u64::MAX, 20),
                range(PATH, 5, 3),
                range(PATH, 100_000, 0),
                range(PATH, 0, usize::MAX),
            ],
        );
        let told: Vec<_> =
            answers.iter().map(|answer| answer.as_deref().map_err(io::Error::kind)).collect();
        assert_eq!(
            told,
            [
                Ok(&long[70_000..]),
                Ok(b"other"),
                Err(ErrorKind::UnexpectedEof),
                Ok(&long[..10]),
                Err(ErrorKind::NotFound),
                Ok(&long[10..30]),
                Err(ErrorKind::UnexpectedEof),
                Ok(&long[5..8]),
                Ok(&[]),
                Err(ErrorKind::UnexpectedEof),
            ]
        );
        let message = answers[2].as_ref().unwrap_err().to_string();
        assert_eq!(
            message,
            format!("{PATH}: 2 bytes at 99999 were wanted, and the file has 100000 bytes")
        );
    });
}

#[test]
fn a_removed_object_is_gone_and_can_be_removed_again() {
    on_both_disks(|disk| {
        let open = Arc::clone(&disk);
        let store = LocalSegmentStore::new(disk);
        put(&store, PATH, &[b"something"]).unwrap();
        assert_eq!(read(&store, PATH, 0, 4).unwrap(), "some");
        let reader = open.open_read(PATH).unwrap();
        store.remove(PATH).unwrap();
        store.remove(PATH).unwrap();
        assert_eq!(store.list().unwrap(), []);
        assert_eq!(read(&store, PATH, 0, 4).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(store.handle_counts().open, 0, "an open file keeps its space");
        assert_eq!(reader.read_at(4, 5).unwrap(), b"thing", "who reads it still may");
    });
}

#[test]
fn no_more_files_are_open_than_the_limit_says() {
    on_both_disks(|disk| {
        let store = LocalSegmentStore::new(disk).with_open_files_max(2);
        let path = |id: u64| format!("segments/default/{id:016x}.segment");
        for id in 0..3 {
            put(&store, &path(id), &[&[id as u8]]).unwrap();
        }
        for id in [0, 1, 0, 2, 0, 1] {
            assert_eq!(read(&store, &path(id), 0, 1).unwrap()[..], [id as u8]);
        }
        let counts = store.handle_counts();
        assert_eq!((counts.open, counts.opened, counts.evicted), (2, 4, 2), "the last used stay");
    });
}

#[test]
fn a_read_that_fails_says_of_which_file() {
    let disk = SimDisk::new(1);
    let store = store(&disk);
    put(&store, PATH, &[b"something"]).unwrap();
    for call in 0..2 {
        disk.plan([(call, Failure::Error(ErrorKind::Other))]);
        let error = read(&store, PATH, 0, 4).unwrap_err();
        assert!(error.to_string().starts_with(PATH), "{error}");
    }
    assert_eq!(read(&store, PATH, 0, 4).unwrap(), "some");
}

#[test]
fn whatever_call_fails_an_object_is_whole_or_does_not_count() {
    let contents = vec![7; 2_000];
    let parts = [&contents[..700], &contents[700..]];
    let course = |disk: &SimDisk| put(&store(disk), PATH, &parts);
    let disk = SimDisk::new(0);
    course(&disk).unwrap();
    let calls = disk.calls();
    // One call more than there are is the one behind the upload, which does not fail.
    for (call, failure, seed) in cases(calls + 1) {
        let disk = SimDisk::new(seed);
        disk.plan([(call, failure)]);
        let outcome = course(&disk);
        disk.restart();
        let case = format!("call {call}, {failure:?}, seed {seed}");
        let listed = store(&disk).list().unwrap();
        let whole: Vec<_> = listed.iter().filter(|object| object.is_whole).collect();
        assert!(whole.iter().all(|object| object.len == 2_000), "{case}: {listed:?}");
        assert!(outcome.is_err() || whole.len() == 1, "{case}: a finished object was lost");
        if whole.len() == 1 {
            assert_eq!(read(&store(&disk), PATH, 0, 2_000).unwrap(), contents, "{case}");
        }
    }
    println!("{calls} calls of an upload, each failing: violations 0");
}

#[test]
fn an_upload_can_not_be_finished_after_a_write_that_failed() {
    let disk = SimDisk::new(1);
    let store = store(&disk);
    let mut upload = store.create(PATH).unwrap();
    disk.plan([(0, Failure::Error(ErrorKind::Other))]);
    assert!(upload.write(b"some").is_err());
    assert!(upload.write(b"thing").is_err());
    assert!(upload.finish().is_err());
    assert_eq!(store.list().unwrap(), []);
}

/// Every call with every failure, under a few seeds.
fn cases(calls: u64) -> impl Iterator<Item = (u64, Failure, u64)> {
    let failures = [
        Failure::Error(ErrorKind::Other),
        Failure::Error(ErrorKind::StorageFull),
        Failure::PowerLoss,
    ];
    let seeds = move |call, failure| (0..16).map(move |seed| (call, failure, seed));
    (0..calls).flat_map(move |call| failures.into_iter().flat_map(move |f| seeds(call, f)))
}

fn swap(store: &dyn SegmentStore, manifest: &[u8]) -> Result<(), SwapError> {
    let found = store.manifest()?;
    store.swap_manifest(found.as_ref().map(|(version, _)| version), manifest).map(|_| ())
}

fn manifest(store: &dyn SegmentStore) -> Vec<u8> {
    store.manifest().unwrap().map(|(_, bytes)| bytes).unwrap_or_default()
}

#[test]
fn the_manifest_is_swapped_only_for_the_expected_one() {
    on_both_disks(|disk| {
        let store = LocalSegmentStore::new(disk);
        assert!(store.manifest().unwrap().is_none());
        let first = store.swap_manifest(None, b"first").unwrap();
        assert!(matches!(store.swap_manifest(None, b"other"), Err(SwapError::Conflict)));
        let second = store.swap_manifest(Some(&first), b"second").unwrap();
        assert!(matches!(store.swap_manifest(Some(&first), b"other"), Err(SwapError::Conflict)));
        assert_eq!(store.manifest().unwrap(), Some((second, b"second".to_vec())));
    });
}

#[test]
fn whatever_calls_of_a_swap_fail_the_manifest_is_the_old_or_the_new_one() {
    let (old, new) = (vec![1; 1_500], vec![2; 1_700]);
    let start = |seed| {
        let disk = SimDisk::new(seed);
        swap(&store(&disk), &old).unwrap();
        disk
    };
    let disk = start(0);
    let before = disk.calls();
    swap(&store(&disk), &new).unwrap();
    let calls = disk.calls() - before;
    // One call more than there are is the one behind the swap, which does not fail.
    for (call, failure, seed) in cases(calls + 1) {
        for second in [None, Some(1), Some(2), Some(4), Some(7)] {
            let disk = start(seed);
            let second = second.map(|gap| (call + gap, Failure::Error(ErrorKind::Other)));
            disk.plan([(call, failure)].into_iter().chain(second));
            let case = format!("call {call}, {failure:?}, then {second:?}, seed {seed}");
            let local = store(&disk);
            let outcome = swap(&local, &new);
            // What a reader is told holds for ever, without and with a loss of power.
            let told = (!disk.is_dead()).then(|| local.manifest()).and_then(Result::ok);
            disk.restart();
            let found = manifest(&store(&disk));
            assert!(found == old || found == new, "{case}: neither the old nor the new one");
            assert!(outcome.is_err() || found == new, "{case}: a swap that succeeded was undone");
            if let Some(told) = told {
                assert_eq!(told.unwrap().1, found, "{case}: a reader was told otherwise");
            }
            swap(&store(&disk), b"next").unwrap_or_else(|error| panic!("{case}: {error}"));
            disk.restart();
            assert_eq!(manifest(&store(&disk)), b"next", "{case}");
        }
    }
    println!("{calls} calls of a swap, each failing, alone and with another: violations 0");
}

#[test]
fn the_process_after_a_crash_makes_durable_what_it_reads() {
    for seed in 0..32 {
        let disk = SimDisk::new(seed);
        swap(&store(&disk), b"old").unwrap();
        // The process ends in the last call of its swap, the folder's sync; the machine runs on.
        let probe = disk.copy(seed);
        swap(&store(&probe), b"new").unwrap();
        disk.plan([(probe.calls() - 1, Failure::Error(ErrorKind::Other))]);
        assert!(swap(&store(&disk), b"new").is_err());
        let found = manifest(&store(&disk));
        disk.restart();
        assert_eq!(manifest(&store(&disk)), found, "seed {seed}");
    }
}

#[test]
fn a_folder_whose_sync_failed_is_not_trusted_with_the_same_rename_again() {
    for seed in 0..32 {
        let disk = SimDisk::new(seed);
        disk.forget_names_at_failed_syncs();
        let local = store(&disk);
        swap(&local, b"old").unwrap();
        let probe = disk.copy(seed);
        swap(&store(&probe), b"new").unwrap();
        disk.plan([(probe.calls() - 1, Failure::Error(ErrorKind::Other))]);
        assert!(swap(&local, b"new").is_err());
        let found = manifest(&local);
        assert_eq!(found, b"new", "the rename itself succeeded");
        disk.restart();
        assert_eq!(manifest(&store(&disk)), found, "seed {seed}");
    }
}

#[test]
fn a_leftover_that_is_the_same_file_as_the_manifest_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalSegmentStore::new(Arc::new(RealDisk::new(folder.path()).unwrap()));
    swap(&store, b"old").unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::hard_link(at("manifest"), at("manifest.new")).unwrap();
    std::fs::hard_link(at("manifest"), at("kept")).unwrap();
    swap(&store, b"new").unwrap();
    assert_eq!(std::fs::read(at("kept")).unwrap(), b"old");
    assert_eq!(std::fs::read(at("manifest")).unwrap(), b"new");
    assert!(!at("manifest.new").exists());
}

#[test]
fn a_full_disk_refuses_and_takes_again_once_there_is_room() {
    let disk = SimDisk::new(3);
    disk.set_capacity(Some(10_000));
    let store = store(&disk);
    swap(&store, &[1; 1_000]).unwrap();
    put(&store, PATH, &[&[1; 6_000]]).unwrap();
    assert_eq!(store.capacity().unwrap().free_len, 3_000);
    let second = "segments/default/0000000000000002.segment";
    let refused = put(&store, second, &[&[2; 2_000], &[2; 2_000]]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::StorageFull);
    assert_eq!(store.capacity().unwrap().free_len, 3_000, "an attempt leaves nothing");
    let Err(SwapError::Disk(refused)) = swap(&store, &[2; 3_001]) else { panic!("it fits") };
    assert_eq!(refused.kind(), ErrorKind::StorageFull);
    assert_eq!(manifest(&store), [1; 1_000]);
    assert_eq!(store.capacity().unwrap().free_len, 3_000, "an attempt leaves nothing");
    store.remove(PATH).unwrap();
    put(&store, second, &[&[2; 2_000], &[2; 2_000]]).unwrap();
    assert_eq!(store.capacity().unwrap().free_len, 5_000);
}

#[test]
fn a_real_disk_tells_its_capacity() {
    let folder = tempfile::tempdir().unwrap();
    let capacity = RealDisk::new(folder.path()).unwrap().capacity().unwrap();
    assert!(capacity.free_len <= capacity.total_len && capacity.total_len > 0, "{capacity:?}");
}

fn fifty_objects() -> (Arc<dyn SegmentStore>, Vec<String>) {
    let store = LocalSegmentStore::new(Arc::new(SimDisk::new(1)));
    let paths: Vec<_> = (0..50).map(|id| format!("segments/default/{id:016x}.segment")).collect();
    for path in &paths {
        put(&store, path, &[b"\x04\x02..hi"]).unwrap();
    }
    (Arc::new(store), paths)
}

#[test]
fn a_batched_lookup_over_fifty_objects_waits_once_for_each_step() {
    let (inner, paths) = fifty_objects();
    let slow = SlowStore::answering(inner, Duration::from_millis(1));
    let all = |offset, len| paths.iter().map(|path| range(path, offset, len)).collect();
    let heads = read_ranges_blocking(&slow, all(0, 2));
    assert!(heads.iter().all(|head| head.as_ref().unwrap()[..] == [4, 2]));
    let bodies = read_ranges_blocking(&slow, all(4, 2));
    assert!(bodies.iter().all(|body| body.as_ref().unwrap() == "hi"));
    let counts = slow.take_counts();
    assert_eq!((counts.calls, counts.rounds, counts.ranges, counts.bytes), (2, 2, 100, 200));
    // One object after the other is what the count is there to find.
    for path in &paths {
        read(&slow, path, 0, 2).unwrap();
    }
    assert_eq!(slow.take_counts().rounds, 50);
}

#[test]
fn reads_that_depend_on_answers_are_in_later_rounds() {
    let (inner, paths) = fifty_objects();
    let slow = Arc::new(SlowStore::held(inner));
    let bodies = Arc::new(Mutex::new(Vec::new()));
    for path in paths {
        let (then, bodies) = (Arc::clone(&slow), Arc::clone(&bodies));
        let read_body = move |mut heads: Vec<io::Result<Bytes>>| {
            let head = heads.pop().unwrap().unwrap();
            let wanted = vec![range(&path, head[0].into(), head[1].into())];
            then.read_ranges(wanted, Box::new(move |body| bodies.lock().unwrap().extend(body)));
        };
        let head = range("segments/default/0000000000000007.segment", 0, 2);
        slow.read_ranges(vec![head], Box::new(read_body));
    }
    assert_eq!(bodies.lock().unwrap().len(), 0);
    assert_eq!(slow.answer_all(), 2);
    let bodies = bodies.lock().unwrap();
    assert!(bodies.len() == 50 && bodies.iter().all(|body| body.as_ref().unwrap() == "hi"));
    assert_eq!(slow.take_counts().calls, 100);
}
