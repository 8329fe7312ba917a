//! Filters: never wrong about what is in them, seldom about what is not, and small.

use proptest::prelude::*;
use spandrel_storage::encoding::filter::{Filter, FilterBuilder};
use spandrel_storage::encoding::hash;

use super::samples::random;

fn filter_of(hashes: &[u64]) -> Vec<u8> {
    let mut part = Vec::new();
    FilterBuilder::new().encode(hashes, &mut part);
    part
}

#[test]
fn every_size_contains_its_hashes_and_few_others() {
    for count in [1_u64, 2, 24, 25, 26, 30, 100, 1000, 10_000, 200_000] {
        let hashes: Vec<u64> = (0..count).map(hash::trace_id).collect();
        let part = filter_of(&hashes);
        let filter = Filter::parse(&part).unwrap();
        assert!(hashes.iter().all(|hash| filter.contains(*hash)), "{count}");
        let strangers = (count..count + 100_000).map(hash::trace_id);
        let wrong = strangers.filter(|hash| filter.contains(*hash)).count();
        let bits = part.len() as f64 * 8.0 / count as f64;
        println!("{count} hashes: {bits:.2} bits each, {wrong} of 100000 strangers");
        assert!(wrong < 480, "{wrong} strangers of 100000 in a filter of {count}");
    }
}

#[test]
fn a_large_filter_takes_about_nine_bits_a_hash() {
    let mut state = 1;
    let hashes: Vec<u64> = (0..400_000).map(|_| random(&mut state)).collect();
    let part = filter_of(&hashes);
    assert!(part.len() * 8 * 10 <= hashes.len() * 92, "{} bytes", part.len());
}

#[test]
fn hashes_that_repeat_take_no_space() {
    let mut state = 1;
    let hashes: Vec<u64> = (0..1000).map(|_| random(&mut state)).collect();
    let repeated: Vec<u64> = hashes.iter().cycle().take(50_000).copied().collect();
    assert_eq!(filter_of(&repeated), filter_of(&hashes));
    assert_eq!(filter_of(&[7; 20]), filter_of(&[7]));
}

#[test]
fn no_hash_is_in_the_filter_of_none() {
    let part = filter_of(&[]);
    assert_eq!(part.len(), 1);
    assert!((0..1000).all(|hash| !Filter::parse(&part).unwrap().contains(hash)));
}

#[test]
fn a_builder_that_was_used_builds_the_same() {
    let mut state = 1;
    let hashes: Vec<u64> = (0..1000).map(|_| random(&mut state)).collect();
    let mut builder = FilterBuilder::new();
    builder.encode(&hashes, &mut Vec::new());
    for count in [30, 1000, 500] {
        let mut part = Vec::new();
        builder.encode(&hashes[..count], &mut part);
        assert_eq!(part, filter_of(&hashes[..count]));
    }
}

proptest! {
    #[test]
    fn any_hashes_are_contained(hashes in prop::collection::vec(any::<u64>(), 0..300)) {
        let part = filter_of(&hashes);
        let filter = Filter::parse(&part).unwrap();
        prop_assert!(hashes.iter().all(|hash| filter.contains(*hash)));
    }

    #[test]
    fn hashes_that_are_alike_are_contained(start in any::<u64>(), count in 0_u64..3000) {
        let hashes: Vec<u64> = (0..count).map(|step| start.wrapping_add(step)).collect();
        let part = filter_of(&hashes);
        let filter = Filter::parse(&part).unwrap();
        prop_assert!(hashes.iter().all(|hash| filter.contains(*hash)));
    }
}
