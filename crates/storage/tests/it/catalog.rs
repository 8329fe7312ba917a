//! The catalog on a simulated disk: what it says of a change is true, whatever the disk does.
//!
//! `SPANDREL_SIM_SEED=n` runs one seed alone, `SPANDREL_SIM_SEEDS=n` sets how many are run.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::Arc;

use spandrel_storage::{
    Catalog, CatalogError, ChangeError, LocalSegmentStore, Manifest, ManifestChange, ManifestError,
    Opened, RangeRead, SegmentClass, SegmentEntry, SegmentStore, Tenant, Tombstone,
    read_ranges_blocking,
};
use testkit::{Failure, Seeded, SimDisk};

/// A catalog that was opened, and its store.
type Started = (Opened, Arc<dyn SegmentStore>);

fn open(disk: &SimDisk) -> Result<Started, CatalogError> {
    let store: Arc<dyn SegmentStore> = Arc::new(LocalSegmentStore::new(Arc::new(disk.clone())));
    Ok((Catalog::open(Arc::clone(&store))?, store))
}

fn entry(id: u64, tenant: &Tenant) -> SegmentEntry {
    SegmentEntry {
        id,
        tenant: tenant.clone(),
        class: SegmentClass::Ordinary,
        level: 0,
        len: 8,
        footer_len: 4,
        footer_checksum: 0,
        span_count: 1,
        trace_count: 1,
        arrival_min_ns: id,
        arrival_max_ns: id,
        start_min_ns: None,
        start_max_ns: None,
        flushed_through: None,
    }
}

/// Writes the object of a segment: its id.
fn write(store: &dyn SegmentStore, entry: &SegmentEntry) -> std::io::Result<()> {
    let mut upload = store.create(&entry.path())?;
    upload.write(&entry.id.to_le_bytes())?;
    upload.finish()
}

fn adding(entries: &[SegmentEntry]) -> ManifestChange {
    ManifestChange { add: entries.to_vec(), ..ManifestChange::default() }
}

fn tombstone(trace_id_low: u64) -> Tombstone {
    Tombstone { tenant: Tenant::default(), trace_id_low, deleted_at_ns: 9 }
}

/// What a manifest should hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    segments: BTreeMap<u64, SegmentEntry>,
    tombstones: BTreeSet<Tombstone>,
}

impl Model {
    fn of(manifest: &Manifest) -> Self {
        Self {
            segments: manifest.segments().iter().map(|entry| (entry.id, entry.clone())).collect(),
            tombstones: manifest.tombstones().iter().cloned().collect(),
        }
    }

    fn changed(&self, change: &ManifestChange) -> Self {
        let mut next = self.clone();
        next.segments.retain(|id, _| !change.remove.contains(id));
        next.segments.extend(change.add.iter().map(|entry| (entry.id, entry.clone())));
        next.tombstones.retain(|tombstone| !change.unbury.contains(tombstone));
        next.tombstones.extend(change.bury.iter().cloned());
        next
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Report {
    changes: u64,
    refused: u64,
    unknown: u64,
    power_cuts: u64,
    failed_opens: u64,
    orphans: u64,
    calls: u64,
    fingerprint: u64,
}

struct Run {
    disk: SimDisk,
    numbers: Seeded,
    /// Whether a folder's sync that fails is a lasting loss. A process can't know that of the one
    /// before it, so each is then followed by a power cut.
    is_forgetting: bool,
    /// What was told to be in.
    model: Model,
    /// What may hold instead, after unknown outcomes.
    in_flight: Vec<Model>,
    ids: BTreeSet<u64>,
    report: Report,
}

fn run(seed: u64) -> Result<Report, String> {
    let mut run = Run {
        disk: SimDisk::new(seed),
        numbers: Seeded::new(!seed),
        is_forgetting: seed % 2 == 1,
        model: Model::default(),
        in_flight: Vec::new(),
        ids: BTreeSet::new(),
        report: Report::default(),
    };
    if run.is_forgetting {
        run.disk.forget_names_at_failed_syncs();
    }
    for _ in 0..2 + run.numbers.below(6) {
        run.life()?;
    }
    run.disk.restart();
    run.open()?.ok_or("nothing fails any more, and yet it can't be opened")?;
    run.report.calls = run.disk.calls();
    run.report.fingerprint = run.disk.fingerprint();
    Ok(run.report)
}

impl Run {
    /// One life of the process.
    fn life(&mut self) -> Result<(), String> {
        let mut failures = Vec::new();
        for _ in 0..self.numbers.below(6) {
            failures.push((self.numbers.below(120), Failure::Error(ErrorKind::Other)));
        }
        if self.numbers.one_in(2) {
            failures.push((self.numbers.below(150), Failure::PowerLoss));
        }
        self.disk.plan(failures);
        match self.open()? {
            None => self.report.failed_opens += 1,
            Some((opened, store)) => {
                for _ in 0..self.numbers.below(14) {
                    self.step(&opened.catalog, &*store)?;
                    if self.disk.is_dead() {
                        break;
                    }
                }
            }
        }
        if self.disk.is_dead() || self.is_forgetting || self.numbers.one_in(2) {
            self.report.power_cuts += 1;
            self.disk.restart();
        }
        Ok(())
    }

    fn open(&mut self) -> Result<Option<Started>, String> {
        let (opened, store) = match open(&self.disk) {
            Err(CatalogError::Disk { .. }) => return Ok(None),
            Err(error) => return Err(format!("could not open: {error}")),
            Ok(opened) => opened,
        };
        self.settle(&opened.catalog.current())?;
        if !opened.missing.is_empty() || opened.damage.is_some() {
            return Err(format!("{:?} are missing, {:?}", opened.missing, opened.damage));
        }
        self.report.orphans += opened.orphans.len() as u64;
        for orphan in &opened.orphans {
            // One that stays is found again.
            let _ = store.remove(orphan);
        }
        self.check_objects(&*store)?;
        Ok(Some((opened, store)))
    }

    /// Every segment that counts can be read.
    fn check_objects(&self, store: &dyn SegmentStore) -> Result<(), String> {
        let entries = self.model.segments.values();
        let whole =
            |entry: &SegmentEntry| RangeRead { path: entry.path().into(), offset: 0, len: 8 };
        let answers = read_ranges_blocking(store, entries.clone().map(whole).collect());
        for (entry, answer) in entries.zip(answers) {
            match answer {
                Ok(bytes) if bytes[..] == entry.id.to_le_bytes() => {}
                // A planned failure.
                Err(error) if error.kind() == ErrorKind::Other => {}
                other => return Err(format!("segment {} reads as {other:?}", entry.id)),
            }
        }
        Ok(())
    }

    /// Takes note of what the manifest is after all.
    fn settle(&mut self, manifest: &Manifest) -> Result<(), String> {
        let found = Model::of(manifest);
        let in_flight = std::mem::take(&mut self.in_flight);
        if found != self.model && !in_flight.contains(&found) {
            return Err(format!("found {found:?}, not {:?} or {in_flight:?}", self.model));
        }
        self.model = found;
        Ok(())
    }

    fn step(&mut self, catalog: &Catalog, store: &dyn SegmentStore) -> Result<(), String> {
        let tenant = Tenant::new(["one", "two"][self.numbers.below(2) as usize]).unwrap();
        let mut added = Vec::new();
        for _ in 0..self.numbers.below(3) {
            let Ok(id) = catalog.allocate_segment_id() else { continue };
            if !self.ids.insert(id) {
                return Err(format!("id {id} was given out twice"));
            }
            let entry = entry(id, &tenant);
            if write(store, &entry).is_ok() {
                added.push(entry);
            }
        }
        if !self.in_flight.is_empty() && !self.numbers.one_in(3) {
            match catalog.settle() {
                Ok(manifest) => self.settle(&manifest)?,
                Err(CatalogError::Unknown { .. }) => return Ok(()),
                Err(error) => return Err(format!("could not settle: {error}")),
            }
        }
        let change = if self.in_flight.is_empty() {
            self.change(added)
        } else {
            // Makes sense whatever the changes before turn out to be.
            adding(&added)
        };
        self.apply(catalog, store, &change)
    }

    fn change(&mut self, add: Vec<SegmentEntry>) -> ManifestChange {
        let (base, numbers) = (&self.model, &mut self.numbers);
        let mut pick = |one_in| numbers.one_in(one_in);
        ManifestChange {
            add,
            remove: base.segments.keys().copied().filter(|_| pick(3)).collect(),
            unbury: base.tombstones.iter().filter(|_| pick(4)).cloned().collect(),
            bury: (0..5).filter(|_| pick(6)).map(tombstone).collect(),
        }
    }

    fn apply(
        &mut self,
        catalog: &Catalog,
        store: &dyn SegmentStore,
        change: &ManifestChange,
    ) -> Result<(), String> {
        let before = std::iter::once(&self.model).chain(&self.in_flight);
        let next: Vec<_> = before.map(|model| model.changed(change)).collect();
        match catalog.apply(change) {
            Ok(manifest) if next.contains(&Model::of(&manifest)) => {
                self.report.changes += 1;
                for id in &change.remove {
                    let _ = store.remove(&self.model.segments[id].path());
                }
                (self.model, self.in_flight) = (Model::of(&manifest), Vec::new());
            }
            Ok(manifest) => return Err(format!("{change:?} made {manifest:?}, not {next:?}")),
            Err(CatalogError::Disk { .. }) => {
                self.report.refused += 1;
                for entry in &change.add {
                    let _ = store.remove(&entry.path());
                }
                // What became of the changes before is known by now.
                self.settle(&catalog.current())?;
            }
            Err(CatalogError::Unknown { .. }) => {
                self.report.unknown += 1;
                self.in_flight.extend(next);
            }
            Err(error) => return Err(format!("{change:?} on {:?}: {error}", self.model)),
        }
        Ok(())
    }
}

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("SPANDREL_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SPANDREL_SIM_SEEDS").unwrap_or(1_000),
    }
}

#[test]
fn a_reopened_manifest_has_every_change_that_was_told_to_be_in_and_no_other() {
    let mut total = Report::default();
    for seed in seeds() {
        let report = run(seed).unwrap_or_else(|violation| {
            panic!("SPANDREL_SIM_SEED={seed}: {violation}");
        });
        total.changes += report.changes;
        total.refused += report.refused;
        total.unknown += report.unknown;
        total.power_cuts += report.power_cuts;
        total.failed_opens += report.failed_opens;
        total.orphans += report.orphans;
        total.calls += report.calls;
    }
    println!("{} seeds, violations 0: {total:?}", seeds().count());
    if seeds().count() >= 1_000 {
        assert!(total.unknown > 0 && total.orphans > 0, "the simulation no longer bites");
    }
}

#[test]
fn the_same_seed_leaves_the_same_bytes() {
    for seed in seeds().step_by(20) {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

#[test]
fn a_change_is_durable_once_it_is_applied() {
    let disk = SimDisk::new(1);
    let (opened, store) = open(&disk).unwrap();
    let entry = entry(opened.catalog.allocate_segment_id().unwrap(), &Tenant::default());
    write(&*store, &entry).unwrap();
    let change =
        ManifestChange { bury: vec![tombstone(5)], ..adding(std::slice::from_ref(&entry)) };
    let before = opened.catalog.current();
    let manifest = opened.catalog.apply(&change).unwrap();
    assert_eq!(before.segments(), [], "an older manifest stays as it was");
    disk.restart();
    let (reopened, _) = open(&disk).unwrap();
    assert_eq!(reopened.catalog.current(), manifest);
    assert_eq!((manifest.segments(), manifest.tombstones()), (&[entry][..], &[tombstone(5)][..]));
}

#[test]
fn nothing_is_written_before_there_is_something_to_write() {
    let disk = SimDisk::new(1);
    let (opened, _) = open(&disk).unwrap();
    opened.catalog.apply(&ManifestChange::default()).unwrap();
    opened.catalog.settle().unwrap();
    assert_eq!(disk.files().len(), 0);
}

#[test]
fn an_id_is_given_out_once_whatever_becomes_of_the_process() {
    let disk = SimDisk::new(1);
    let mut ids = BTreeSet::new();
    for life in 0..5 {
        let (opened, _) = open(&disk).unwrap();
        for _ in 0..100 {
            assert!(ids.insert(opened.catalog.allocate_segment_id().unwrap()));
        }
        if life % 2 == 0 {
            disk.restart();
        }
    }
    // An object that is newer than the manifest, as when an old copy was put back.
    disk.put(&SegmentEntry::path_of(&Tenant::default(), 5_000), vec![0]);
    let (opened, _) = open(&disk).unwrap();
    assert_eq!(opened.catalog.allocate_segment_id().unwrap(), 5_001);
}

#[test]
fn what_no_manifest_names_is_an_orphan_and_what_is_not_ours_is_left_alone() {
    let disk = SimDisk::new(1);
    let (opened, store) = open(&disk).unwrap();
    let kept = entry(opened.catalog.allocate_segment_id().unwrap(), &Tenant::default());
    write(&*store, &kept).unwrap();
    let lost = entry(opened.catalog.allocate_segment_id().unwrap(), &Tenant::default());
    opened.catalog.apply(&adding(&[kept, lost.clone()])).unwrap();
    disk.put("segments/default/notes.txt", vec![0]);
    disk.put("segments/other/0000000000000007.segment", vec![0]);
    disk.put("segments/other/0000000000000008.segment.part", vec![0]);
    let (reopened, _) = open(&disk).unwrap();
    let orphans =
        ["segments/other/0000000000000007.segment", "segments/other/0000000000000008.segment.part"];
    assert_eq!(reopened.orphans, orphans);
    assert_eq!(reopened.missing, [lost.id]);
}

#[test]
fn segments_without_a_manifest_are_not_taken_for_leftovers() {
    let disk = SimDisk::new(1);
    disk.put("segments/default/0000000000000007.segment", vec![0]);
    let error = open(&disk).err().unwrap();
    let message = "there is no manifest, and 1 objects such as \
                   segments/default/0000000000000007.segment";
    assert_eq!(error.to_string(), message);
}

#[test]
fn a_change_that_makes_no_sense_is_refused_and_changes_nothing() {
    let (opened, _) = open(&SimDisk::new(1)).unwrap();
    let catalog = opened.catalog;
    let id = catalog.allocate_segment_id().unwrap();
    let kept = entry(id, &Tenant::default());
    let manifest = catalog.apply(&adding(std::slice::from_ref(&kept))).unwrap();
    let removing = |remove: Vec<u64>| ManifestChange { remove, ..ManifestChange::default() };
    let unburying = ManifestChange { unbury: vec![tombstone(3)], ..ManifestChange::default() };
    let twice = ManifestChange { remove: vec![id], ..adding(std::slice::from_ref(&kept)) };
    let next = catalog.allocate_segment_id().unwrap();
    let unsound = SegmentEntry { footer_len: 9, ..entry(next, &Tenant::default()) };
    let strange = entry(1 << 40, &Tenant::default());
    let taken = ChangeError::IdTaken { id };
    for (change, refusal) in [
        (removing(vec![77]), ChangeError::NoSuchSegment { id: 77 }),
        (removing(vec![id, id]), ChangeError::NoSuchSegment { id }),
        (unburying, ChangeError::NoSuchTombstone { trace_id_low: 3 }),
        (adding(&[kept]), taken.clone()),
        (twice, taken),
        (adding(&[strange]), ChangeError::IdNotAllocated { id: 1 << 40 }),
        (
            adding(&[unsound]),
            ChangeError::Unsound {
                id: next,
                what: "a segment's footer is longer than the segment",
            },
        ),
    ] {
        let error = catalog.apply(&change).unwrap_err();
        assert!(matches!(&error, CatalogError::Change(found) if *found == refusal), "{error}");
    }
    assert!(Arc::ptr_eq(&catalog.current(), &manifest));
}

#[test]
fn an_unknown_outcome_is_told_and_found_out_later() {
    let disk = SimDisk::new(1);
    let (opened, _) = open(&disk).unwrap();
    let catalog = opened.catalog;
    let entry = entry(catalog.allocate_segment_id().unwrap(), &Tenant::default());
    // A swap ends with the folder's sync, and reading the manifest begins with one.
    let before = disk.calls();
    let bury = ManifestChange { bury: vec![tombstone(1)], ..ManifestChange::default() };
    catalog.apply(&bury).unwrap();
    let last = disk.calls() - before - 1;
    let failure = Failure::Error(ErrorKind::Other);
    disk.plan([(last, failure), (last + 1, failure), (last + 2, failure)]);
    let outcome = catalog.apply(&adding(std::slice::from_ref(&entry)));
    assert!(matches!(outcome, Err(CatalogError::Unknown { .. })), "{outcome:?}");
    assert_eq!(catalog.current().segments(), [], "what is unknown is not shown");
    assert!(matches!(catalog.settle(), Err(CatalogError::Unknown { .. })));
    assert_eq!(catalog.settle().unwrap().segments(), [entry], "the rename had succeeded");
    disk.restart();
    assert_eq!(open(&disk).unwrap().0.catalog.current(), catalog.current());
}

#[test]
fn a_catalog_that_was_overtaken_goes_no_further() {
    let disk = SimDisk::new(1);
    let (first, _) = open(&disk).unwrap();
    let (second, _) = open(&disk).unwrap();
    let change = |id| ManifestChange { bury: vec![tombstone(id)], ..ManifestChange::default() };
    first.catalog.apply(&change(1)).unwrap();
    for _ in 0..2 {
        let outcome = second.catalog.apply(&change(2));
        assert!(matches!(outcome, Err(CatalogError::Overtaken)), "{outcome:?}");
    }
    first.catalog.apply(&change(3)).unwrap();
}

#[test]
fn a_manifest_of_a_newer_version_is_refused_and_one_damaged_copy_is_told() {
    let disk = SimDisk::new(1);
    let (opened, _) = open(&disk).unwrap();
    opened.catalog.allocate_segment_id().unwrap();
    let bytes = disk.files()["manifest"].clone();
    let mut damaged = bytes.clone();
    damaged[30] ^= 1;
    disk.put("manifest", damaged.clone());
    let (reopened, _) = open(&disk).unwrap();
    assert!(matches!(reopened.damage, Some(ManifestError::Damaged { .. })));
    let bury = ManifestChange { bury: vec![tombstone(1)], ..ManifestChange::default() };
    reopened.catalog.apply(&bury).unwrap();
    assert_eq!(open(&disk).unwrap().0.damage, None, "the next manifest has two whole copies");

    let (copy, _) = bytes.split_at(bytes.len() / 2);
    let mut newer = copy.to_vec();
    newer[8] = 2;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&newer[..20]), &newer[24..]);
    newer[20..24].copy_from_slice(&checksum.to_le_bytes());
    disk.put("manifest", newer.repeat(2));
    let message = "the manifest has format version 2, newer than 1, the newest known here";
    assert_eq!(open(&disk).err().unwrap().to_string(), message);
}
