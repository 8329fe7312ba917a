//! The hashes on disk never change.

use std::collections::HashSet;

use spandrel_storage::encoding::hash::{self, ValueKind};

#[test]
fn hashes_are_what_they_were_when_the_format_was_made() {
    let text: Vec<u8> = (0..=255).collect();
    let hashes: Vec<String> = [0, 1, 3, 4, 7, 8, 15, 16, 17, 32, 33, 256]
        .into_iter()
        .map(|len| {
            format!("{:016x}", hash::attribute(b"http.route", ValueKind::String, &text[..len]))
        })
        .collect();
    let expected = [
        "61f205a3f4e53dae",
        "ab2bb982dc60aba2",
        "938332d22837a8ef",
        "4ded42a3c8e69246",
        "46cde60b58280eb9",
        "83ceb298b0e5b5fe",
        "c922a694eaa3a8a0",
        "9fd716e7a6efc71c",
        "0419ef97d64e19f5",
        "b82c1a41a2762584",
        "4e436542c1b27278",
        "47c5ba8609613004",
    ];
    assert_eq!(hashes, expected);
    assert_eq!(hash::trace_id(0), 0);
    assert_eq!(format!("{:016x}", hash::trace_id(1)), "b456bcfc34c2cb2c");
    assert_eq!(format!("{:016x}", hash::key(b"", ValueKind::Empty)), "c898a8d88c760d1e");
}

#[test]
fn the_key_the_kind_and_the_value_all_count() {
    let one = hash::attribute(b"a", ValueKind::String, b"bc");
    assert_ne!(one, hash::attribute(b"ab", ValueKind::String, b"c"));
    assert_ne!(one, hash::attribute(b"a", ValueKind::Bytes, b"bc"));
    assert_ne!(one, hash::attribute(b"a", ValueKind::String, b"bd"));
    assert_eq!(one, hash::value(hash::key(b"a", ValueKind::String), b"bc"));
}

#[test]
fn a_hundred_thousand_short_values_have_different_hashes() {
    let key = hash::key(b"id", ValueKind::Int);
    let numbers = (0..50_000_u64).map(|number| hash::value(key, &number.to_le_bytes()));
    let texts = (0..50_000).map(|number| hash::value(key, format!("user-{number}").as_bytes()));
    let distinct: HashSet<u64> = numbers.chain(texts).collect();
    assert_eq!(distinct.len(), 100_000);
}

#[test]
fn every_bit_of_a_value_moves_about_half_of_the_hash() {
    let key = hash::key(b"id", ValueKind::Bytes);
    for len in [1_usize, 3, 8, 12, 16, 20, 40] {
        let value = vec![0x5a; len];
        let plain = hash::value(key, &value);
        for bit in 0..8 * len {
            let mut flipped = value.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let moved = (hash::value(key, &flipped) ^ plain).count_ones();
            assert!((12..=52).contains(&moved), "bit {bit} of {len} bytes moves {moved} bits");
        }
    }
}
