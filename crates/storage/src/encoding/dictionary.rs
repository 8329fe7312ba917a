//! The distinct texts that a column's codes stand for, in the order of the codes.

use super::compression::{DICTIONARY_LEVEL, Decoder, Encoder};
use super::damaged::Damaged;
use super::input::{Input, put_varint};
use super::texts::{self, Texts};

/// How large a dictionary may be that is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most texts.
    pub count_max: usize,
    /// The most bytes of all texts together.
    pub heap_len_max: usize,
}

/// Appends a dictionary, with the count of its texts.
pub fn encode(texts: &Texts, encoder: &mut Encoder, out: &mut Vec<u8>) {
    put_varint(texts.len() as u64, out);
    texts::encode_plain(texts, DICTIONARY_LEVEL, encoder, out);
}

/// Reads a dictionary, which must be all of `part`, into a column that is cleared first.
///
/// # Errors
///
/// Fails when the part is not what [`encode`] writes, or is larger than the limits.
pub fn decode(
    part: &[u8],
    limits: Limits,
    decoder: &mut Decoder,
    out: &mut Texts,
) -> Result<(), Damaged> {
    decode_input(Input::new(part), limits, decoder, out)
}

/// [`decode`], from inside another part.
pub(crate) fn decode_input(
    mut input: Input<'_>,
    limits: Limits,
    decoder: &mut Decoder,
    out: &mut Texts,
) -> Result<(), Damaged> {
    out.clear();
    let count = input.count("size of a dictionary", limits.count_max)?;
    texts::decode_plain(input, count, limits.heap_len_max, decoder, out)
}
