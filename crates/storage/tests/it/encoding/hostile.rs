//! Bytes that no encoder wrote: decoding refuses them, or decodes to something else of the size
//! that was allowed; it never panics, and never takes more memory than it was allowed.

use proptest::collection::vec;
use proptest::prelude::*;
use spandrel_storage::encoding::filter::Filter;
use spandrel_storage::encoding::ints::{self, Kind};
use spandrel_storage::encoding::texts::Texts;
use spandrel_storage::encoding::{Damaged, Decoder, Fault, texts};

use super::samples::{Column, samples, texts_of};
use crate::memory::peak_while;

/// What a decoder needs beside the column: its tables, and pco's.
const WORKING_LEN_MAX: i64 = 1 << 20;

/// The widest thing kept for a byte or value that is allowed.
const WORKING_FACTOR: i64 = 40;

/// Decodes, and checks what comes out, if anything does.
fn decode_hostile(column: &Column, part: &[u8]) -> Result<(), Damaged> {
    let mut outcome = Ok(());
    let peak = peak_while(|| {
        outcome = column.decode(part).map(|decoded| match (&decoded, column) {
            (Column::Texts(decoded), Column::Texts(column)) => {
                assert_eq!(decoded.len(), column.len());
                assert!(decoded.heap().len() <= column.heap().len());
                assert_eq!(decoded.iter().map(<[u8]>::len).sum::<usize>(), decoded.heap().len());
            }
            (Column::Dictionary(decoded), Column::Dictionary(column)) => {
                assert!(decoded.len() <= column.len());
                assert!(decoded.heap().len() <= column.heap().len());
            }
            (Column::Filter(_), _) => {}
            _ => assert_eq!(decoded.len(), column.len()),
        });
    });
    let heap_len = match column {
        Column::Texts(texts) | Column::Dictionary(texts) => texts.heap().len(),
        _ => 0,
    };
    let allowed = (column.len() + heap_len) as i64 * WORKING_FACTOR + WORKING_LEN_MAX;
    assert!(peak <= allowed, "{peak} bytes where {allowed} are allowed");
    outcome
}

#[test]
fn every_truncation_of_every_part_is_refused() {
    for (name, _, column) in samples() {
        let part = column.encode();
        for len in 0..part.len() {
            let decoded = decode_hostile(&column, &part[..len]);
            // A list is as long as its part.
            let is_shorter_list =
                matches!(column, Column::Filter(_)) && part[0] == 1 && len % 2 == 1;
            assert!(decoded.is_err() || is_shorter_list, "{name} cut to {len} bytes");
        }
    }
}

#[test]
fn every_flipped_bit_of_every_part_is_survived() {
    let (mut refused, mut accepted) = (0, 0);
    for (_, _, column) in samples() {
        let part = column.encode();
        for bit in 0..part.len() * 8 {
            let mut flipped = part.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match decode_hostile(&column, &flipped) {
                Ok(()) => accepted += 1,
                Err(_) => refused += 1,
            }
        }
    }
    // Without a checksum most flips are other values; that none panics is what counts.
    println!("{refused} flips refused, {accepted} decoded to something");
    assert!(refused > 1000);
}

#[test]
fn every_replaced_byte_of_a_parts_head_is_survived() {
    for (_, _, column) in samples() {
        let part = column.encode();
        for at in 0..part.len().min(40) {
            for byte in 0..=u8::MAX {
                let mut replaced = part.clone();
                replaced[at] = byte;
                let _ = decode_hostile(&column, &replaced);
            }
        }
    }
}

#[test]
fn what_stands_behind_a_part_is_refused() {
    for (name, _, column) in samples() {
        let mut part = column.encode();
        part.push(0);
        assert!(decode_hostile(&column, &part).is_err(), "{name}");
    }
}

#[test]
fn a_part_of_another_count_is_refused() {
    for (name, _, column) in samples() {
        let (Column::U32(values, kind), [_, _, ..]) = (&column, &column.encode()[..]) else {
            continue;
        };
        let mut more = values.clone();
        more.push(0);
        let more = Column::U32(more, *kind);
        assert!(more.decode(&column.encode()).is_err(), "{name} with one more");
        assert!(column.decode(&more.encode()).is_err(), "{name} with one less");
    }
}

#[test]
fn numbers_wider_than_the_column_are_refused() {
    let wide = Column::U32(vec![1, 70_000, 5], Kind::Code).encode();
    let mut narrow: Vec<u16> = Vec::new();
    let refused = ints::decode(&wide, 3, &mut Decoder::new(), &mut narrow).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "width of a number of 3 is over the limit of 2, at byte 2 of the part"
    );
}

#[test]
fn texts_longer_than_allowed_are_refused_before_they_are_decompressed() {
    let column = Column::Texts(texts_of([vec![b' '; 1 << 20]]));
    let part = column.encode();
    assert!(part.len() < 1000);
    let peak = peak_while(|| {
        let mut out = Texts::new();
        let refused = texts::decode(&part, 1, 1 << 10, &mut Decoder::new(), &mut out).unwrap_err();
        let (what, len, len_max) = ("length of texts", 1 << 20, 1 << 10);
        assert_eq!(refused.fault, Fault::TooLong { what, len, len_max });
        assert!(out.is_empty());
    });
    assert!(peak < 1 << 12, "{peak} bytes");
}

#[test]
fn a_table_that_a_few_bytes_announce_is_not_made() {
    // A pco chunk of 64-bit numbers in dictionary mode, with a table of 2^25 - 1 entries.
    let mut part = vec![0x06];
    let mut header = Vec::new();
    pco_header(&mut header);
    part.extend_from_slice(&header);
    part.extend_from_slice(&[0xf4, 0xff, 0xff, 0x1f, 0, 0, 0, 0]);
    let column = Column::U64(vec![0; 100], Kind::Number);
    assert!(decode_hostile(&column, &part).is_err());
}

/// The version that pco writes, from a part of it.
fn pco_header(header: &mut Vec<u8>) {
    let (_, _, column) =
        samples().into_iter().find(|(name, ..)| *name == "ints-numbers-64").unwrap();
    let part = column.encode();
    let base_len = usize::from(part[0] >> 4);
    header.extend_from_slice(&part[1 + base_len..][..2]);
}

proptest! {
    // Each case tries all samples.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_are_survived(part in vec(any::<u8>(), 0..80), method in 0..9_u8) {
        for (_, _, column) in samples() {
            let _ = decode_hostile(&column, &part);
            let mut named = part.clone();
            named.insert(0, method);
            let _ = decode_hostile(&column, &named);
        }
    }

    #[test]
    fn samples_with_random_bytes_in_them_are_survived(
        at in any::<prop::sample::Index>(),
        bytes in vec(any::<u8>(), 1..6),
    ) {
        for (_, _, column) in samples() {
            let mut part = column.encode();
            let at = at.index(part.len());
            for (byte, other) in part[at..].iter_mut().zip(&bytes) {
                *byte = *other;
            }
            let _ = decode_hostile(&column, &part);
        }
    }

    #[test]
    fn a_filter_of_any_bytes_answers(mut part in vec(any::<u8>(), 7..60), hash in any::<u64>()) {
        part[0] = 2;
        part[2] %= 4;
        part[4..7].fill(0);
        if let Ok(filter) = Filter::parse(&part) {
            let _ = filter.contains(hash);
        }
    }
}
