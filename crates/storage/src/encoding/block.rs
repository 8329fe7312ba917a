//! Bytes of no known structure, compressed when that helps.

use super::compression::{Decoder, Encoder};
use super::damaged::Damaged;
use super::input::{Input, put_varint};

/// Appends the bytes; they are the last of their part.
pub(super) fn encode(bytes: &[u8], level: i32, encoder: &mut Encoder, out: &mut Vec<u8>) {
    let len = bytes.len() as u64;
    match encoder.compress(bytes, level) {
        Some(compressed) => {
            put_varint(len << 1 | 1, out);
            out.extend_from_slice(compressed);
        }
        None => {
            put_varint(len << 1, out);
            out.extend_from_slice(bytes);
        }
    }
}

/// Reads what [`encode`] wrote, up to `len_max` bytes, into a buffer that it clears.
pub(super) fn decode(
    mut input: Input<'_>,
    len_max: usize,
    decoder: &mut Decoder,
    out: &mut Vec<u8>,
) -> Result<(), Damaged> {
    // A vector is never so long that doubling it could overflow.
    let len_and_method = input.count("length of a block", len_max.saturating_mul(2) | 1)?;
    let len = len_and_method >> 1;
    if len_and_method & 1 == 1 {
        return decoder.decompress(&mut input, len, out);
    }
    out.clear();
    out.extend_from_slice(input.cut(len)?.rest());
    input.finish()
}
