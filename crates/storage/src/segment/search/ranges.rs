//! Ranges of numbers that the values of a key have, as doubles.

/// The smallest and the largest number of some values. Whole numbers are rounded to doubles, which
/// keeps their order; what is no number does not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NumberRange {
    pub(super) min: f64,
    pub(super) max: f64,
}

impl NumberRange {
    /// Of no number.
    pub(super) const EMPTY: Self = Self { min: f64::INFINITY, max: f64::NEG_INFINITY };

    /// Widens it.
    #[inline]
    pub(super) fn add(&mut self, number: f64) {
        // Neither takes a number that is none.
        self.min = self.min.min(number);
        self.max = self.max.max(number);
    }

    /// Widens it by another.
    pub(super) fn include(&mut self, other: Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Whether it has no number.
    pub(super) fn is_empty(self) -> bool {
        self.min > self.max
    }

    /// Whether it may have a number between these, both included.
    pub(super) fn may_have(self, min: f64, max: f64) -> bool {
        self.min <= max && self.max >= min
    }
}

/// The exponent of a number to the base of 2, and one more bit: what a duration is rounded down
/// to where a byte has to do. Zero stands with one.
pub(super) fn half_octave(number: u64) -> u8 {
    let number = number.max(2);
    let octave = number.ilog2();
    (octave * 2 + (number >> (octave - 1) & 1) as u32) as u8
}
