//! What goes in comes out, whatever shape the column has.

use proptest::collection::vec;
use proptest::prelude::*;
use spandrel_storage::encoding::ints::Kind;
use spandrel_storage::encoding::texts::{LEN_MAX, Texts, TooLong};
use spandrel_storage::encoding::{Encoder, Word, dictionary, ints};

use super::samples::{Column, random, samples, texts_of};

fn assert_reads_back(column: &Column) {
    assert_eq!(column.decode(&column.encode()).as_ref(), Ok(column));
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Code), Just(Kind::Number), Just(Kind::Double)]
}

/// Columns as they come: constant, of few values, narrow around a base, sorted, wide, extreme.
fn wide_columns() -> impl Strategy<Value = Vec<u64>> {
    let len = 0..600_usize;
    let few = (vec(any::<u64>(), 1..5), vec(any::<prop::sample::Index>(), len.clone()))
        .prop_map(|(values, picks)| picks.iter().map(|pick| *pick.get(&values)).collect());
    let around = (any::<u64>(), 0..64_u32, vec(any::<u64>(), len.clone())).prop_map(
        |(base, shift, values)| {
            values.into_iter().map(|value| base.saturating_add(value >> shift)).collect()
        },
    );
    let sorted = vec(any::<u64>(), len.clone()).prop_map(|mut values: Vec<u64>| {
        values.sort_unstable();
        values
    });
    let extreme = vec(prop_oneof![Just(0), Just(1), Just(u64::MAX)], len.clone());
    let steps = (any::<u64>(), 1..100_000_u64, len).prop_map(|(start, step, len)| {
        (0..len as u64).map(|row| start.wrapping_add(row * step)).collect()
    });
    prop_oneof![few, around, sorted, extreme, steps]
}

/// Texts with everything that templates take out, and with bytes that are not UTF-8.
fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = prop_oneof![
        "[a-z/ ]{0,6}".prop_map(String::into_bytes),
        "[0-9]{1,22}".prop_map(String::into_bytes),
        "0{1,4}[0-9]{0,3}".prop_map(String::into_bytes),
        "[0-9a-f]{14,40}".prop_map(String::into_bytes),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".prop_map(String::into_bytes),
        "[0-9A-F-]{8}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..5),
        vec(1..6_u8, 0..5),
    ];
    let text = vec(piece, 0..5).prop_map(|pieces| pieces.concat());
    // Few different texts, so that templates are found.
    (vec(text, 1..20), vec(any::<prop::sample::Index>(), 0..300))
        .prop_map(|(texts, picks)| picks.iter().map(|pick| pick.get(&texts).clone()).collect())
}

proptest! {
    #[test]
    fn whole_numbers_of_every_width_read_back(values in wide_columns(), kind in kinds()) {
        assert_reads_back(&Column::U8(values.iter().map(|value| *value as u8).collect(), kind));
        assert_reads_back(&Column::U16(values.iter().map(|value| *value as u16).collect(), kind));
        assert_reads_back(&Column::U32(values.iter().map(|value| *value as u32).collect(), kind));
        assert_reads_back(&Column::U64(values, kind));
    }

    #[test]
    fn doubles_read_back_to_the_bit(values in vec(any::<f64>(), 0..300), scale in 0..6_i32) {
        let decimal = |value: f64| (value % 1e6 * 10_f64.powi(scale)).round() / 10_f64.powi(scale);
        let bits = values.iter().map(|value| value.to_bits()).collect();
        assert_reads_back(&Column::U64(bits, Kind::Double));
        let bits = values.iter().map(|value| decimal(*value).to_bits()).collect();
        assert_reads_back(&Column::U64(bits, Kind::Double));
    }

    #[test]
    fn bits_read_back(values in vec(any::<bool>(), 0..300), sparse in vec(0..200_usize, 0..20)) {
        assert_reads_back(&Column::Bits(values));
        let mut rows = vec![false; 1 + sparse.iter().sum::<usize>()];
        for row in sparse {
            rows[row] = true;
        }
        assert_reads_back(&Column::Bits(rows));
    }

    #[test]
    fn texts_of_any_bytes_read_back(texts in texts()) {
        assert_reads_back(&Column::Texts(texts_of(&texts)));
        assert_reads_back(&Column::Dictionary(texts_of(&texts)));
    }
}

#[test]
fn every_sample_reads_back() {
    for (_, _, column) in samples() {
        assert_reads_back(&column);
    }
}

#[test]
fn a_column_reads_back_in_a_wider_width() {
    let mut part = Vec::new();
    ints::encode(&[7_u8, 250, 9], Kind::Code, &mut Encoder::new(), &mut part);
    let decoded = Column::U64(vec![7, 250, 9], Kind::Code).decode(&part);
    assert_eq!(decoded, Ok(Column::U64(vec![7, 250, 9], Kind::Code)));
}

#[test]
fn an_encoder_that_was_used_writes_the_same() {
    fn encode<W: Word>(values: &[W], encoder: &mut Encoder) -> Vec<u8> {
        let mut part = Vec::new();
        ints::encode(values, Kind::Number, encoder, &mut part);
        part
    }
    let mut state = 3;
    let long: Vec<u32> = (0..5000).map(|_| random(&mut state) as u32 >> 12).collect();
    let used = &mut Encoder::new();
    dictionary::encode(&texts_of(["one", "two"]), used, &mut Vec::new());
    encode(&long, used);
    for len in [1, 10, 400, 5000] {
        assert_eq!(encode(&long[..len], used), encode(&long[..len], &mut Encoder::new()));
    }
}

#[test]
fn random_hexadecimal_ids_take_half_their_length() {
    let mut state = 1;
    let mut id = || format!("{:016x}{:016x}", random(&mut state), random(&mut state));
    let texts = texts_of((0..4000).map(|_| id()));
    let part = Column::Texts(texts).encode();
    assert!(part.len() < 4000 * 16 + 100, "{} bytes", part.len());
}

#[test]
fn statements_with_numbers_take_little_more_than_their_numbers() {
    let mut state = 1;
    let mut statement = || {
        let bits = random(&mut state);
        let table = ["orders", "users", "items"][(bits % 3) as usize];
        format!("SELECT * FROM {table} WHERE id = {} LIMIT 1", 10 + (bits >> 8) % 100_000)
    };
    let texts = texts_of((0..8000).map(|_| statement()));
    // 17 bits of number and 1.6 of the table.
    let part = Column::Texts(texts).encode();
    assert!(part.len() < 8000 * 24 / 8, "{} bytes", part.len());
}

#[test]
fn a_text_that_makes_the_column_too_long_is_refused() {
    let mut texts = Texts::new();
    let long = vec![0; LEN_MAX - 1];
    texts.push(&long).unwrap();
    let refused = TooLong { len: LEN_MAX + 1, len_max: LEN_MAX };
    assert_eq!(texts.push(b""), Err(refused));
    assert_eq!((texts.len(), texts.heap().len()), (1, LEN_MAX - 1));
}
