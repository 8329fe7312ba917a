//! Byte planes: all lowest bytes of a column, then all second bytes, and so on.
//!
//! The high bytes of numbers of one kind are much alike; side by side they compress.

use super::word::Word;

/// Returns how many planes it takes to tell the numbers up to `range`.
pub(super) fn count_for(range: u64) -> usize {
    (u64::BITS - range.leading_zeros()).div_ceil(8) as usize
}

/// Fills the buffer with the planes of the numbers' offsets from `base`.
pub(super) fn split<W: Word>(values: &[W], base: W, plane_count: usize, planes: &mut Vec<u8>) {
    planes.clear();
    planes.reserve(values.len() * plane_count);
    for index in 0..plane_count {
        planes.extend(values.iter().map(|value| value.minus(base).byte(index)));
    }
}

/// Fills the column from its planes, which are `count` bytes long each.
pub(super) fn join<W: Word>(planes: &[u8], count: usize, base: W, out: &mut Vec<W>) {
    out.clear();
    let (lowest, higher) = planes.split_at(count);
    out.extend(lowest.iter().map(|byte| base.plus(W::of_byte(*byte, 0))));
    for (index, plane) in (1..).zip(higher.chunks_exact(count.max(1))) {
        for (value, byte) in out.iter_mut().zip(plane) {
            *value = value.plus(W::of_byte(*byte, index));
        }
    }
}
