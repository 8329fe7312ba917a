//! Columns like those of a segment, the same every time; each is encoded by another method.

use spandrel_storage::encoding::dictionary::Limits;
use spandrel_storage::encoding::filter::{Filter, FilterBuilder};
use spandrel_storage::encoding::ints::Kind;
use spandrel_storage::encoding::texts::Texts;
use spandrel_storage::encoding::{Damaged, Decoder, Encoder, bits, dictionary, ints, texts};

/// A column of any type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Column {
    U8(Vec<u8>, Kind),
    U16(Vec<u16>, Kind),
    U32(Vec<u32>, Kind),
    U64(Vec<u64>, Kind),
    Bits(Vec<bool>),
    Texts(Texts),
    Dictionary(Texts),
    /// The hashes that a filter has to contain.
    Filter(Vec<u64>),
}

impl Column {
    /// Returns how many values there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::U8(values, _) => values.len(),
            Self::U16(values, _) => values.len(),
            Self::U32(values, _) => values.len(),
            Self::U64(values, _) | Self::Filter(values) => values.len(),
            Self::Bits(values) => values.len(),
            Self::Texts(texts) | Self::Dictionary(texts) => texts.len(),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        let mut part = Vec::new();
        match self {
            Self::U8(values, kind) => ints::encode(values, *kind, &mut encoder, &mut part),
            Self::U16(values, kind) => ints::encode(values, *kind, &mut encoder, &mut part),
            Self::U32(values, kind) => ints::encode(values, *kind, &mut encoder, &mut part),
            Self::U64(values, kind) => ints::encode(values, *kind, &mut encoder, &mut part),
            Self::Bits(values) => bits::encode(values, &mut encoder, &mut part),
            Self::Texts(texts) => texts::encode(texts, &mut encoder, &mut part),
            Self::Dictionary(texts) => dictionary::encode(texts, &mut encoder, &mut part),
            Self::Filter(hashes) => FilterBuilder::new().encode(hashes, &mut part),
        }
        part
    }

    /// Decodes a part as a column of this type, with this column's count and length as limits.
    /// A filter decodes to those of the hashes that it contains.
    pub(super) fn decode(&self, part: &[u8]) -> Result<Self, Damaged> {
        let decoder = &mut Decoder::new();
        let count = self.len();
        Ok(match self {
            Self::U8(_, kind) => {
                let mut out = Vec::new();
                ints::decode(part, count, decoder, &mut out)?;
                Self::U8(out, *kind)
            }
            Self::U16(_, kind) => {
                let mut out = Vec::new();
                ints::decode(part, count, decoder, &mut out)?;
                Self::U16(out, *kind)
            }
            Self::U32(_, kind) => {
                let mut out = Vec::new();
                ints::decode(part, count, decoder, &mut out)?;
                Self::U32(out, *kind)
            }
            Self::U64(_, kind) => {
                let mut out = Vec::new();
                ints::decode(part, count, decoder, &mut out)?;
                Self::U64(out, *kind)
            }
            Self::Bits(_) => {
                let mut out = Vec::new();
                bits::decode(part, count, decoder, &mut out)?;
                Self::Bits(out)
            }
            Self::Texts(texts) => {
                let mut out = Texts::new();
                texts::decode(part, count, texts.heap().len(), decoder, &mut out)?;
                Self::Texts(out)
            }
            Self::Dictionary(texts) => {
                let mut out = Texts::new();
                let limits = Limits { count_max: count, heap_len_max: texts.heap().len() };
                dictionary::decode(part, limits, decoder, &mut out)?;
                Self::Dictionary(out)
            }
            Self::Filter(hashes) => {
                let filter = Filter::parse(part)?;
                Self::Filter(hashes.iter().copied().filter(|hash| filter.contains(*hash)).collect())
            }
        })
    }
}

/// The next of a sequence of random numbers.
pub(super) fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn randoms(seed: u64, count: usize) -> Vec<u64> {
    let mut state = seed;
    (0..count).map(|_| random(&mut state)).collect()
}

pub(super) fn texts_of<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Texts {
    let mut column = Texts::new();
    for text in texts {
        column.push(text.as_ref()).unwrap();
    }
    column
}

/// A column for each method of each encoding, by the name of its golden part, with the byte that
/// names the method where the part begins with one.
pub(super) fn samples() -> Vec<(&'static str, Option<u8>, Column)> {
    whole_numbers().into_iter().chain(others()).collect()
}

fn whole_numbers() -> Vec<(&'static str, Option<u8>, Column)> {
    let wide = |seed: u64, range: u64| -> Vec<u64> {
        // Products of random numbers are spread as durations are: small ones are many.
        let spread = |bits: u64| ((bits >> 32) * (bits & 0xffff_ffff)) >> 32;
        randoms(seed, 300).into_iter().map(|bits| 1000 + spread(bits) % range).collect()
    };
    let codes = randoms(3, 500).into_iter().map(|bits| 40 + (bits % 3) as u32 * 300).collect();
    let raw = randoms(4, 8).into_iter().map(|bits| bits as u32 >> 8).collect();
    let bytes = randoms(5, 400).into_iter().map(|bits| (bits % 5) as u8).collect();
    let doubles = randoms(6, 300).into_iter().map(|bits| ((bits % 9000) as f64 * 0.25).to_bits());
    let shorts = wide(7, 30_000).into_iter().map(|value| value as u16).collect();
    let middles = wide(8, 900_000).into_iter().map(|value| value as u32).collect();
    // Microseconds, told in nanoseconds.
    let steps = wide(9, 1 << 40).into_iter().map(|value| value * 1000).collect();
    let trend = (0..).zip(randoms(10, 200)).map(|(row, bits)| (1 << 60) + row * 200 + bits % 50);
    let trend = trend.collect();
    vec![
        ("ints-empty", Some(0x00), Column::U32(Vec::new(), Kind::Code)),
        ("ints-constant-zero", Some(0x01), Column::U8(vec![0; 70], Kind::Code)),
        ("ints-constant-wide", Some(0x81), Column::U64(vec![u64::MAX - 1; 3], Kind::Number)),
        ("ints-planes", Some(0x32), Column::U32(raw, Kind::Number)),
        ("ints-compressed-bytes", Some(0x03), Column::U8(bytes, Kind::Code)),
        ("ints-compressed-planes", Some(0x13), Column::U32(codes, Kind::Code)),
        ("ints-numbers-16", Some(0x24), Column::U16(shorts, Kind::Number)),
        ("ints-numbers-32", Some(0x25), Column::U32(middles, Kind::Number)),
        ("ints-numbers-64", Some(0x46), Column::U64(steps, Kind::Number)),
        ("ints-numbers-trend", Some(0x84), Column::U64(trend, Kind::Number)),
        ("ints-doubles", Some(0x07), Column::U64(doubles.collect(), Kind::Double)),
    ]
}

fn others() -> Vec<(&'static str, Option<u8>, Column)> {
    let sparse = (0..4000).map(|row| row % 97 == 5).collect();
    let dense = randoms(11, 77).into_iter().map(|bits| bits & 1 == 1).collect();
    let words: Vec<String> = randoms(12, 200).into_iter().map(word).collect();
    let mut addresses: Vec<Vec<u8>> = randoms(13, 200).into_iter().map(address).collect();
    addresses.push(b"\x00\x01\x02\x03\x04\x05\xff".to_vec());
    vec![
        ("bits-empty", Some(0), Column::Bits(Vec::new())),
        ("bits-false", Some(1), Column::Bits(vec![false; 9])),
        ("bits-true", Some(2), Column::Bits(vec![true; 8])),
        ("bits-bitmap", Some(3), Column::Bits(dense)),
        ("bits-compressed", Some(4), Column::Bits(sparse)),
        ("texts-empty", Some(0), Column::Texts(Texts::new())),
        ("texts-few", Some(1), Column::Texts(texts_of(["", "a", "\u{fc}"]))),
        ("texts-plain", Some(1), Column::Texts(texts_of(&words))),
        ("texts-templates", Some(2), Column::Texts(texts_of(addresses))),
        ("dictionary-empty", Some(0), Column::Dictionary(Texts::new())),
        ("dictionary", None, Column::Dictionary(texts_of(words))),
        ("filter-empty", Some(0), Column::Filter(Vec::new())),
        ("filter-list", Some(1), Column::Filter(randoms(14, 20))),
        ("filter-fuse", Some(2), Column::Filter(randoms(15, 400))),
    ]
}

/// Four syllables: no two words have a template in common.
fn word(bits: u64) -> String {
    const SYLLABLES: [&str; 8] = ["ka", "lo", "mi", "nu", "po", "ri", "su", "to"];
    (0..9).map(|at| SYLLABLES[(bits >> (3 * at)) as usize & 7]).collect()
}

/// A text with every kind of hole.
fn address(bits: u64) -> Vec<u8> {
    let low = bits as u32;
    match bits % 4 {
        0 => format!("/users/{}/orders/{bits:016x}", low % 90_000 + 10).into_bytes(),
        1 => format!("{bits:016x}{:016x}", !bits).into_bytes(),
        2 => format!("at 10:{:02} of {low:010}", bits % 60).into_bytes(),
        _ => {
            format!("urn:{low:08x}-{:04x}-4abc-9def-{:012x}", low & 0xffff, bits >> 16).into_bytes()
        }
    }
}
