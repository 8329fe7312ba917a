//! Columns of true and false.

use super::compression::{COLUMN_LEVEL, Decoder, Encoder};
use super::damaged::{Damaged, Fault};
use super::input::Input;

mod method {
    pub(super) const EMPTY: u8 = 0;
    pub(super) const ALL_FALSE: u8 = 1;
    pub(super) const ALL_TRUE: u8 = 2;
    pub(super) const BITMAP: u8 = 3;
    pub(super) const COMPRESSED_BITMAP: u8 = 4;
}

/// Appends a column.
pub fn encode(values: &[bool], encoder: &mut Encoder, out: &mut Vec<u8>) {
    let Some(first) = values.first() else {
        out.push(method::EMPTY);
        return;
    };
    if values.iter().all(|value| value == first) {
        out.push(if *first { method::ALL_TRUE } else { method::ALL_FALSE });
        return;
    }
    encoder.bytes.clear();
    encoder.bytes.extend(
        values
            .chunks(8)
            .map(|eight| eight.iter().rev().fold(0, |byte, value| byte << 1 | u8::from(*value))),
    );
    match encoder.compress_own(COLUMN_LEVEL) {
        Some(compressed) => {
            out.push(method::COMPRESSED_BITMAP);
            out.extend_from_slice(compressed);
        }
        None => {
            out.push(method::BITMAP);
            out.extend_from_slice(&encoder.bytes);
        }
    }
}

/// Reads `count` values, which must be all of `part`, into a column that is cleared first.
///
/// # Errors
///
/// Fails when the part is not what [`encode`] writes for `count` values.
pub fn decode(
    part: &[u8],
    count: usize,
    decoder: &mut Decoder,
    out: &mut Vec<bool>,
) -> Result<(), Damaged> {
    out.clear();
    let mut input = Input::new(part);
    let start = input;
    match input.byte()? {
        method::EMPTY if count > 0 => {
            let expected = count as u64;
            return Err(start.damaged(Fault::Miscounted { what: "bits", expected, found: 0 }));
        }
        method::EMPTY => {}
        method::ALL_FALSE => out.resize(count, false),
        method::ALL_TRUE => out.resize(count, true),
        method::BITMAP => unpack(input.cut(count.div_ceil(8))?.rest(), count, out),
        method::COMPRESSED_BITMAP => {
            let mut bytes = std::mem::take(&mut decoder.bytes);
            let done = decoder.decompress(&mut input, count.div_ceil(8), &mut bytes);
            if done.is_ok() {
                unpack(&bytes, count, out);
            }
            decoder.bytes = bytes;
            done?;
        }
        method => return Err(start.damaged(Fault::UnknownMethod { what: "bits", method })),
    }
    input.finish()
}

fn unpack(bytes: &[u8], count: usize, out: &mut Vec<bool>) {
    out.reserve(count);
    for byte in bytes {
        let eight: [bool; 8] = std::array::from_fn(|bit| byte >> bit & 1 == 1);
        out.extend_from_slice(&eight[..(count - out.len()).min(8)]);
    }
}
