//! The hashes that stand in segments: of attributes and of trace ids.
//!
//! They are part of the format: what they give for some bytes never changes, on any machine. The
//! tests hold vectors. They spread well and fast; they do not withstand somebody who picks the
//! input, which makes a filter say "perhaps" more often, and nothing else.

/// What kind of value an attribute has. Values of different kinds hash differently, even where
/// their bytes are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// No value.
    Empty = 0,
    /// Text, in UTF-8.
    String = 1,
    /// True or false, as one byte.
    Bool = 2,
    /// A whole number, as eight bytes, little-endian.
    Int = 3,
    /// The bits of a floating-point number, as eight bytes, little-endian.
    Double = 4,
    /// Bytes as they are.
    Bytes = 5,
    /// Values in order, in the encoding that their column has.
    Array = 6,
    /// Keys and values in order, in the encoding that their column has.
    Map = 7,
}

/// Odd numbers with about as many ones as zeros: the fractional bits of the square roots of 2 and
/// 5, and of 3 with its last bit set. Nothing up the sleeve.
const KEY_SEED: u64 = 0x6a09_e667_f3bc_c909;
const LAST_WORD: u64 = 0x3c6e_f372_fe94_f82b;
const BLOCK_WORD: u64 = 0xbb67_ae85_84ca_a73b;

/// Hashes the low half of a trace id.
///
/// One-to-one: two ids never have the same hash.
#[must_use]
pub const fn trace_id(low: u64) -> u64 {
    scramble(low)
}

/// Hashes an attribute's key and the kind of its value: what [`value`] goes on from.
#[must_use]
pub fn key(key: &[u8], kind: ValueKind) -> u64 {
    bytes(KEY_SEED ^ kind as u64, key)
}

/// Hashes a value, in the bytes that its [`ValueKind`] names, under the hash of its key.
#[must_use]
pub fn value(key: u64, value: &[u8]) -> u64 {
    bytes(key, value)
}

/// Hashes an attribute: [`value`] under [`key`].
#[must_use]
pub fn attribute(attribute_key: &[u8], kind: ValueKind, attribute_value: &[u8]) -> u64 {
    value(key(attribute_key, kind), attribute_value)
}

/// Hashes any bytes.
#[must_use]
pub(super) fn bytes(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = seed;
    let mut rest = bytes;
    while let Some((block, tail)) =
        rest.split_first_chunk::<16>().filter(|(_, tail)| !tail.is_empty())
    {
        state = fold(read(&block[..8]) ^ BLOCK_WORD, read(&block[8..]) ^ state);
        rest = tail;
    }
    let (low, high) = last(rest);
    scramble(fold(low ^ LAST_WORD ^ bytes.len() as u64, high ^ state))
}

/// Reads up to sixteen bytes as two words, in one way for each length.
fn last(bytes: &[u8]) -> (u64, u64) {
    match bytes.len() {
        8.. => (read(&bytes[..8]), read(&bytes[bytes.len() - 8..])),
        4.. => (read(&bytes[..4]), read(&bytes[bytes.len() - 4..])),
        1.. => {
            let (first, middle) = (bytes[0], bytes[bytes.len() / 2]);
            (u64::from(first) << 8 | u64::from(middle), bytes[bytes.len() - 1].into())
        }
        0 => (0, 0),
    }
}

/// Reads four or eight bytes.
fn read(bytes: &[u8]) -> u64 {
    if let Ok(eight) = bytes.try_into() {
        return u64::from_le_bytes(eight);
    }
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Multiplies to 128 bits, and folds the halves together.
const fn fold(left: u64, right: u64) -> u64 {
    let product = left as u128 * right as u128;
    product as u64 ^ (product >> 64) as u64
}

/// Spreads every bit over all bits; one-to-one. The constants are those of MurmurHash3's
/// 64-bit finalizer.
pub(super) const fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits = (bits ^ bits >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ bits >> 33
}
