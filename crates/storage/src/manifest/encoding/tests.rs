//! A manifest reads back; whatever else is read as one is refused and does no harm.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::ManifestChange;
use super::*;

fn tenant() -> impl Strategy<Value = Tenant> {
    "[a-z]{1,3}".prop_map(|name| Tenant::new(&name).unwrap())
}

prop_compose! {
    fn segment()(
        numbers in any::<[u64; 4]>(),
        halves in any::<[u32; 2]>(),
        arrivals in any::<[u64; 2]>(),
        starts in any::<Option<[u64; 2]>>(),
        flushed in any::<Option<[u64; 2]>>(),
        (tenant, is_pinned, level) in (tenant(), any::<bool>(), any::<u8>()),
    ) -> SegmentEntry {
        let [id, len, span_count, trace_count] = numbers;
        SegmentEntry {
            id: (id % 1_000).max(1),
            tenant,
            class: if is_pinned { SegmentClass::Pinned } else { SegmentClass::Ordinary },
            level,
            len: len.max(halves[0].into()),
            footer_len: halves[0],
            footer_checksum: halves[1],
            span_count,
            trace_count,
            arrival_min_ns: arrivals[0].min(arrivals[1]),
            arrival_max_ns: arrivals[0].max(arrivals[1]),
            start_min_ns: starts.map(|[a, b]| a.min(b)),
            start_max_ns: starts.map(|[a, b]| a.max(b)),
            flushed_through: flushed.map(|[file_id, offset]| LogPosition { file_id, offset }),
        }
    }
}

prop_compose! {
    fn manifest()(
        mut add in vec(segment(), 0..6),
        graves in vec((tenant(), 0..3_u64, any::<u64>()), 0..6),
        spare_ids in 0..u64::MAX - 1_000,
    ) -> Manifest {
        add.sort_by_key(|entry| entry.id);
        add.dedup_by_key(|entry| entry.id);
        let tombstone = |(tenant, trace_id_low, deleted_at_ns)| {
            Tombstone { tenant, trace_id_low, deleted_at_ns }
        };
        let bury = graves.into_iter().map(tombstone).collect();
        let empty = Manifest::empty().with_ids_from(1_000, spare_ids).unwrap();
        empty.changed(&ManifestChange { add, bury, ..ManifestChange::default() }).unwrap()
    }
}

/// One segment with every field, one without, and two deletions.
fn example() -> Manifest {
    let full = || SegmentEntry {
        id: 3,
        tenant: Tenant::new("team-a").unwrap(),
        class: SegmentClass::Pinned,
        level: 2,
        len: 27_000_000,
        footer_len: 5_000,
        footer_checksum: 0xdead_beef,
        span_count: 1_000_000,
        trace_count: 33_000,
        arrival_min_ns: 1_700_000_000_000_000_001,
        arrival_max_ns: 1_700_000_000_000_000_002,
        start_min_ns: Some(0),
        start_max_ns: Some(u64::MAX),
        flushed_through: Some(LogPosition { file_id: 7, offset: 4_096 }),
    };
    let bare = SegmentEntry {
        id: 9,
        tenant: Tenant::default(),
        class: SegmentClass::Ordinary,
        level: 0,
        start_min_ns: None,
        start_max_ns: None,
        flushed_through: None,
        ..full()
    };
    let tombstone = |trace_id_low| Tombstone {
        tenant: Tenant::default(),
        trace_id_low,
        deleted_at_ns: 1_700_000_000_000_000_003,
    };
    let change = ManifestChange {
        add: vec![bare, full()],
        bury: vec![tombstone(0xfeed), tombstone(0xabc)],
        ..ManifestChange::default()
    };
    Manifest::empty().with_ids_from(1, 64).unwrap().changed(&change).unwrap()
}

fn whole(manifest: Manifest) -> Result<DecodedManifest, ManifestError> {
    Ok(DecodedManifest { manifest, damage: None })
}

/// Two copies of a copy whose checksum is made right.
fn sealed(mut copy: Vec<u8>) -> Vec<u8> {
    let checksum = checksum(&copy);
    copy[CHECKSUM_OFFSET..PREFIX_LEN].copy_from_slice(&checksum.to_le_bytes());
    copy.repeat(2)
}

#[test]
fn the_manifest_of_version_1_reads_the_same_for_ever() {
    let golden = include_bytes!("../../../testdata/manifest/version-1.manifest");
    assert_eq!(Manifest::decode(golden), whole(example()));
    assert_eq!(example().encode(), golden);
}

#[test]
fn a_segment_has_the_length_that_is_counted_with() {
    let one = ManifestChange { remove: vec![9], ..ManifestChange::default() };
    // Its tenant goes with the tombstones' and stays.
    let without = example().changed(&one).unwrap();
    let len = example().encode_copy().len() - without.encode_copy().len();
    assert_eq!(len, SEGMENT_LEN);
}

#[test]
fn a_flipped_bit_anywhere_is_noticed_and_the_other_copy_is_used() {
    let bytes = example().encode();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let decoded = Manifest::decode(&flipped).unwrap();
        assert_eq!(decoded.manifest, example(), "byte {at}");
        assert!(decoded.damage.is_some(), "byte {at}");
        let twin = (at + bytes.len() / 2) % bytes.len();
        flipped[twin] ^= 1;
        let error = Manifest::decode(&flipped).unwrap_err();
        assert!(matches!(error, ManifestError::Damaged { .. }), "bytes {at} and {twin}");
    }
}

#[test]
fn a_manifest_that_was_cut_or_extended_is_noticed_and_a_whole_copy_is_used() {
    let bytes = example().encode();
    for len in 0..bytes.len() / 2 {
        assert!(Manifest::decode(&bytes[..len]).is_err(), "{len} bytes");
    }
    let cut = (bytes.len() / 2..bytes.len()).map(|len| bytes[..len].to_vec());
    let extended = (1..100).map(|extra| [&bytes[..], &vec![0; extra]].concat());
    for bytes in cut.chain(extended) {
        let decoded = Manifest::decode(&bytes).unwrap();
        assert_eq!(decoded.manifest, example(), "{} bytes", bytes.len());
        assert!(decoded.damage.is_some(), "{} bytes", bytes.len());
    }
}

#[test]
fn a_newer_version_is_told_from_damage() {
    let mut copy = example().encode_copy();
    copy[8] = 2;
    let newer = ManifestError::Newer { version: 2, version_max: 1 };
    assert_eq!(Manifest::decode(&sealed(copy.clone())), Err(newer));
    let mut damaged = sealed(copy);
    damaged[40] ^= 1;
    assert_eq!(Manifest::decode(&damaged), Err(newer), "the second copy says so");
}

#[test]
fn counts_that_can_not_be_are_refused_before_memory_is_taken() {
    for field in [32, 36, 40] {
        let mut copy = example().encode_copy();
        copy[field..field + 4].fill(0xff);
        let error = Manifest::decode(&sealed(copy)).unwrap_err();
        assert!(matches!(error, ManifestError::Damaged { .. }), "the count at {field}");
    }
}

#[test]
fn what_means_nothing_is_refused() {
    let copy = example().encode_copy();
    let first_segment = 44 + (1 + "default".len()) + (1 + "team-a".len());
    // A class, a flag and a time that are not known; a number that is not there and not zero; an
    // id twice; an id that was never given out.
    for (offset, byte) in [(4, 7), (6, 0x80), (8, 0xff), (96 + 64, 1), (96 + 16, 3), (96 + 18, 1)] {
        let mut copy = copy.clone();
        assert_ne!(copy[first_segment + offset], byte);
        copy[first_segment + offset] = byte;
        if offset == 8 {
            copy[first_segment + 9..first_segment + 12].fill(0xff);
        }
        let decoded = Manifest::decode(&sealed(copy));
        assert!(matches!(decoded, Err(ManifestError::Damaged { .. })), "{offset}: {decoded:?}");
    }
}

proptest! {
    #[test]
    fn a_manifest_reads_back(manifest in manifest()) {
        prop_assert_eq!(Manifest::decode(&manifest.encode()), whole(manifest));
    }

    #[test]
    fn no_bytes_are_two_manifests_and_none_do_harm(
        manifest in manifest(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut copy = manifest.encode_copy();
        for (index, byte) in changes {
            let index = PREFIX_LEN + index.index(copy.len() - PREFIX_LEN);
            copy[index] = byte;
        }
        if is_cut {
            copy.truncate(PREFIX_LEN + cut.index(copy.len() - PREFIX_LEN));
        }
        let len = copy.len() as u64;
        copy[12..20].copy_from_slice(&len.to_le_bytes());
        let bytes = sealed(copy);
        if let Ok(decoded) = Manifest::decode(&bytes) {
            prop_assert_eq!(decoded.manifest.encode(), bytes);
        }
    }
}
