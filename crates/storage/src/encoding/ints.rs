//! Columns of whole numbers.

use super::compression::{COLUMN_LEVEL, Decoder, Encoder};
use super::damaged::{Damaged, Fault};
use super::input::Input;
use super::word::Word;
use super::{numbers, planes};

/// What the numbers of a column are, which tells how they are likely to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They name something: a dictionary's entry, a shape, a kind of span.
    Code,
    /// They measure something: a time, a duration, a length.
    Number,
    /// They are the bits of 64-bit floating-point numbers. In narrower columns the same as a
    /// [`Kind::Code`].
    Double,
}

/// The low four bits of the first byte; the high four are the length of the base.
mod method {
    pub(super) const EMPTY: u8 = 0;
    pub(super) const CONSTANT: u8 = 1;
    pub(super) const PLANES: u8 = 2;
    pub(super) const COMPRESSED_PLANES: u8 = 3;
    pub(super) const NUMBERS_16: u8 = 4;
    pub(super) const NUMBERS_32: u8 = 5;
    pub(super) const NUMBERS_64: u8 = 6;
    pub(super) const DOUBLES: u8 = 7;
}

/// Below this many the tables that a model of the numbers needs outweigh what it saves.
const MODELLED_COUNT_MIN: usize = 24;

/// How many numbers are looked at to find out whether they follow each other.
const TREND_SAMPLE_LEN: usize = 128;

/// Up to here one byte plane and zstd do as well as a model.
const MODELLED_RANGE_MIN: u64 = 256;

/// Appends a column.
pub fn encode<W: Word>(values: &[W], kind: Kind, encoder: &mut Encoder, out: &mut Vec<u8>) {
    let Some((min, max)) = min_max(values) else {
        out.push(method::EMPTY);
        return;
    };
    if min == max {
        put_head(method::CONSTANT, min.widen(), out);
        return;
    }
    let range = max.widen() - min.widen();
    let plane_count = planes::count_for(range);
    let is_modelled = kind != Kind::Code
        && range >= MODELLED_RANGE_MIN
        && (MODELLED_COUNT_MIN..=numbers::COUNT_MAX).contains(&values.len());
    if is_modelled && encode_modelled(values, kind, (min, range), encoder, out) {
        return;
    }
    planes::split(values, min, plane_count, &mut encoder.bytes);
    let plane_count = plane_count as u8;
    match encoder.compress_own(COLUMN_LEVEL) {
        Some(compressed) => {
            put_head(method::COMPRESSED_PLANES, min.widen(), out);
            out.push(plane_count);
            out.extend_from_slice(compressed);
        }
        None => {
            put_head(method::PLANES, min.widen(), out);
            out.push(plane_count);
            out.extend_from_slice(&encoder.bytes);
        }
    }
}

/// Appends the column as numbers with a distribution, unless planes would be no larger.
fn encode_modelled<W: Word>(
    values: &[W],
    kind: Kind,
    (min, range): (W, u64),
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    let is_trend = is_trend(values);
    let narrow = &mut encoder.narrow;
    let offsets = values.iter().map(|value| value.minus(min).widen());
    let written = if kind == Kind::Double {
        if W::LEN < size_of::<f64>() {
            return false;
        }
        narrow.doubles.clear();
        narrow.doubles.extend(values.iter().map(|value| f64::from_bits(value.widen())));
        put_head(method::DOUBLES, 0, out);
        numbers::encode(&narrow.doubles, false, out)
    } else if range <= u16::MAX.into() {
        narrow.u16s.clear();
        narrow.u16s.extend(offsets.map(|offset| offset as u16));
        put_head(method::NUMBERS_16, min.widen(), out);
        numbers::encode(&narrow.u16s, is_trend, out)
    } else if range <= u32::MAX.into() {
        narrow.u32s.clear();
        narrow.u32s.extend(offsets.map(|offset| offset as u32));
        put_head(method::NUMBERS_32, min.widen(), out);
        numbers::encode(&narrow.u32s, is_trend, out)
    } else {
        narrow.u64s.clear();
        narrow.u64s.extend(offsets);
        put_head(method::NUMBERS_64, min.widen(), out);
        numbers::encode(&narrow.u64s, is_trend, out)
    };
    let is_smaller = out.len() - start < values.len() * planes::count_for(range);
    if written.is_none() || !is_smaller {
        out.truncate(start);
        return false;
    }
    true
}

/// Returns whether each number is nearer to the one before it than to the middle of them all, by
/// two bits at least, going by the first ones.
fn is_trend<W: Word>(values: &[W]) -> bool {
    let sample = &values[..values.len().min(TREND_SAMPLE_LEN)];
    let mut sorted = [W::default(); TREND_SAMPLE_LEN];
    sorted[..sample.len()].copy_from_slice(sample);
    sorted[..sample.len()].sort_unstable();
    let middle = sorted[sample.len() / 2];
    let bits = |one: W, other: W| {
        let distance = one.widen().abs_diff(other.widen());
        u64::from(u64::BITS - distance.leading_zeros())
    };
    let offset_bits: u64 = sample.iter().map(|value| bits(*value, middle)).sum();
    let step_bits: u64 = sample.windows(2).map(|pair| bits(pair[0], pair[1])).sum();
    step_bits + 2 * sample.len() as u64 <= offset_bits
}

/// Reads `count` numbers, which must be all of `part`, into a column that is cleared first.
///
/// # Errors
///
/// Fails when the part is not what [`encode`] writes for `count` numbers of this width.
pub fn decode<W: Word>(
    part: &[u8],
    count: usize,
    decoder: &mut Decoder,
    out: &mut Vec<W>,
) -> Result<(), Damaged> {
    decode_input(Input::new(part), count, decoder, out)
}

/// [`decode`], from inside another part.
pub(crate) fn decode_input<W: Word>(
    mut input: Input<'_>,
    count: usize,
    decoder: &mut Decoder,
    out: &mut Vec<W>,
) -> Result<(), Damaged> {
    out.clear();
    let start = input;
    let head = input.byte()?;
    let (method, base_len) = (head & 0xf, usize::from(head >> 4));
    check_width(start, base_len, W::LEN)?;
    let base = W::narrow(input.number(base_len)?);
    match method {
        method::EMPTY if count > 0 => {
            let expected = count as u64;
            return Err(start.damaged(Fault::Miscounted { what: "numbers", expected, found: 0 }));
        }
        method::EMPTY => {}
        method::CONSTANT => out.resize(count, base),
        method::PLANES => {
            let plane_count = plane_count::<W>(&mut input)?;
            let len = plane_len(input, plane_count, count)?;
            planes::join(input.cut(len)?.rest(), count, base, out);
        }
        method::COMPRESSED_PLANES => {
            let plane_count = plane_count::<W>(&mut input)?;
            let len = plane_len(input, plane_count, count)?;
            let mut bytes = std::mem::take(&mut decoder.bytes);
            let done = decoder.decompress(&mut input, len, &mut bytes);
            if done.is_ok() {
                planes::join(&bytes, count, base, out);
            }
            decoder.bytes = bytes;
            done?;
        }
        _ => decode_modelled(start, &mut input, (method, count, base), decoder, out)?,
    }
    input.finish()
}

/// Reads what [`encode_modelled`] wrote.
fn decode_modelled<W: Word>(
    start: Input<'_>,
    input: &mut Input<'_>,
    (method, count, base): (u8, usize, W),
    decoder: &mut Decoder,
    out: &mut Vec<W>,
) -> Result<(), Damaged> {
    let narrow = &mut decoder.narrow;
    match method {
        method::NUMBERS_16 => {
            check_width(start, 2, W::LEN)?;
            numbers::decode(input, count, &mut narrow.u16s)?;
            add_base(&narrow.u16s, base, out);
        }
        method::NUMBERS_32 => {
            check_width(start, 4, W::LEN)?;
            numbers::decode(input, count, &mut narrow.u32s)?;
            add_base(&narrow.u32s, base, out);
        }
        method::NUMBERS_64 => {
            check_width(start, 8, W::LEN)?;
            numbers::decode(input, count, &mut narrow.u64s)?;
            add_base(&narrow.u64s, base, out);
        }
        method::DOUBLES => {
            check_width(start, 8, W::LEN)?;
            numbers::decode(input, count, &mut narrow.doubles)?;
            out.extend(narrow.doubles.iter().map(|double| W::narrow(double.to_bits())));
        }
        _ => return Err(start.damaged(Fault::UnknownMethod { what: "whole numbers", method })),
    }
    Ok(())
}

fn add_base<N: Word, W: Word>(offsets: &[N], base: W, out: &mut Vec<W>) {
    out.extend(offsets.iter().map(|offset| base.plus(W::narrow(offset.widen()))));
}

fn min_max<W: Word>(values: &[W]) -> Option<(W, W)> {
    let first = *values.first()?;
    Some(values.iter().fold((first, first), |(min, max), value| (min.min(*value), max.max(*value))))
}

/// Appends the first byte and the base, without the base's leading zeros.
fn put_head(method: u8, base: u64, out: &mut Vec<u8>) {
    let base_len = planes::count_for(base);
    out.push(method | (base_len as u8) << 4);
    out.extend_from_slice(&base.to_le_bytes()[..base_len]);
}

fn plane_count<W: Word>(input: &mut Input<'_>) -> Result<usize, Damaged> {
    let start = *input;
    let count = input.byte()?.into();
    if count == 0 {
        let what = "byte planes";
        return Err(start.damaged(Fault::Miscounted { what, expected: 1, found: 0 }));
    }
    check_width(start, count, W::LEN)?;
    Ok(count)
}

fn plane_len(input: Input<'_>, plane_count: usize, count: usize) -> Result<usize, Damaged> {
    let refused = Fault::TooLong { what: "count", len: count as u64, len_max: 1 << 32 };
    plane_count.checked_mul(count).ok_or_else(|| input.damaged(refused))
}

/// Refuses numbers that are wider than the column they are read into.
fn check_width(at: Input<'_>, width: usize, width_max: usize) -> Result<(), Damaged> {
    if width <= width_max {
        return Ok(());
    }
    let what = "width of a number";
    Err(at.damaged(Fault::TooLong { what, len: width as u64, len_max: width_max as u64 }))
}
