//! Chance with a seed: SplitMix64, and draws from it that use whole numbers alone.
//!
//! Whatever is drawn here is the same on every machine. Nothing here asks the system for chance.

/// What SplitMix64 adds to its state for every number, so that the n-th can be had directly.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of numbers that is a function of where it starts (Steele, Lea and Flood, 2014).
#[derive(Clone, Copy, Debug)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    /// Starts a stream.
    pub(crate) const fn new(start: u64) -> Self {
        Self(start)
    }

    /// Starts the stream of one thing among many: of trace `index`, say, for one `purpose`.
    /// Streams of neighbouring seeds, purposes and indexes have nothing in common.
    pub(crate) const fn keyed(seed: u64, purpose: u64, index: u64) -> Self {
        Self(mix(mix(seed ^ mix(purpose)).wrapping_add(index.wrapping_mul(STEP))))
    }

    /// Returns the next number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// Returns what the call of [`Self::next`] after `skipped` others would return.
    pub(crate) const fn nth(self, skipped: u64) -> u64 {
        mix(self.0.wrapping_add(STEP.wrapping_mul(skipped.wrapping_add(1))))
    }

    /// Draws a number below `limit`; zero when the limit is.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        scale(self.next(), limit)
    }

    /// Draws an index into a slice of `len` entries.
    pub(crate) const fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Draws one of the choices.
    ///
    /// # Panics
    ///
    /// Panics when there is none.
    pub(crate) fn choose<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        &choices[self.index(choices.len())]
    }

    /// Whether something happens that happens `ppm` times in a million.
    pub(crate) const fn chance(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < ppm as u64
    }

    /// Draws from 0 to 2^`bits` - 1 so that each doubling is as likely as the next: a few small
    /// numbers are common, and many large ones rare.
    pub(crate) const fn doubling(&mut self, bits: u32) -> u64 {
        let size = 1 << self.below(bits as u64);
        size - 1 + self.below(size)
    }

    /// Draws an id that is not zero.
    pub(crate) const fn id(&mut self) -> u64 {
        let id = self.next();
        if id == 0 { 1 } else { id }
    }
}

/// Maps 64 random bits to a number below `limit`, without a division.
pub(crate) const fn scale(bits: u64, limit: u64) -> u64 {
    ((bits as u128 * limit as u128) >> 64) as u64
}

/// SplitMix64's finalizer: a permutation of the 64-bit numbers, so that different inputs have
/// different outputs.
pub(crate) const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// Prints 128 bits as 32 hexadecimal digits, quicker than the formatter.
pub(crate) fn hex(bits: u128) -> String {
    let digit =
        |index: u32| char::from(b"0123456789abcdef"[(bits >> (124 - 4 * index) & 15) as usize]);
    (0..32).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        let mut stream = SplitMix::new(1_234_567);
        let published = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!([stream.next(), stream.next()], published);
    }

    #[test]
    fn the_nth_number_needs_no_others() {
        let mut stream = SplitMix::new(7);
        let start = stream;
        for skipped in 0..10 {
            assert_eq!(start.nth(skipped), stream.next());
        }
    }

    #[test]
    fn hexadecimal_text_is_as_the_formatter_prints_it() {
        let bits = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210;
        assert_eq!(hex(bits), format!("{bits:032x}"));
    }

    #[test]
    fn draws_stay_below_their_limit_and_reach_it() {
        let mut stream = SplitMix::new(1);
        let mut seen = [0; 7];
        for _ in 0..1_000 {
            seen[stream.index(7)] += 1;
            assert!(stream.doubling(4) < 16);
        }
        assert!(seen.iter().all(|&count| count > 100), "{seen:?}");
    }
}
