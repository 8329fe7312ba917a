//! A histogram of durations that can be added up and taken apart again.
//!
//! The buckets are the same in every histogram, for ever: below 32 ns one bucket a nanosecond,
//! above that 32 buckets of equal width for each doubling. A value is thus known to within 1/32
//! of itself, and the middle of its bucket is off by 1.6 % at most. Only buckets that count
//! something are held.

/// How many buckets a doubling has, as a power of two.
const SPLIT_BITS: u32 = 5;
const SPLIT: u64 = 1 << SPLIT_BITS;

/// How many buckets there are for all of 64 bits.
pub(super) const BUCKET_COUNT: u16 = 1_920;

/// Counts of durations, which may be negative in a correction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// The buckets whose count is not zero, in order. Apart from their counts a search among them
    /// touches few lines of memory.
    numbers: Vec<u16>,
    counts: Vec<i64>,
}

/// The bucket of a duration.
fn bucket_of(ns: u64) -> u16 {
    let Some(doublings) = ns.checked_ilog2().and_then(|log| log.checked_sub(SPLIT_BITS)) else {
        // Below 32 a value is its own bucket.
        return u16::try_from(ns).unwrap_or(0);
    };
    // The leading bit and the five after it: 32 to 63.
    let leading = ns >> doublings;
    u16::try_from(u64::from(doublings) * SPLIT + leading).unwrap_or(BUCKET_COUNT - 1)
}

/// The shortest and the longest duration in a bucket.
fn bounds_of(bucket: u16) -> (u64, u64) {
    let bucket = u64::from(bucket.min(BUCKET_COUNT - 1));
    if bucket < SPLIT {
        return (bucket, bucket);
    }
    let doublings = bucket / SPLIT - 1;
    let first = (SPLIT + bucket % SPLIT) << doublings;
    (first, first + ((1 << doublings) - 1))
}

impl Histogram {
    /// Whether it counts nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// How many durations it counts.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.counts.iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }

    /// The shortest and the longest duration of each bucket that counts something, with its count.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64, i64)> {
        self.raw().map(|(bucket, count)| {
            let (first, last) = bounds_of(bucket);
            (first, last, count)
        })
    }

    /// The duration that this part of all do not exceed, off by 1.6 % at most; `None` when nothing
    /// is counted, or less than nothing. `quantile` is from 0 to 1.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank is rounded, and clamped to the counts there are"
    )]
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let total = u64::try_from(self.count()).ok().filter(|&total| total > 0)?;
        let rank = ((quantile * total as f64).ceil() as u64).clamp(1, total);
        let mut seen = 0u64;
        for (first, last, count) in self.buckets() {
            seen = seen.saturating_add(u64::try_from(count).unwrap_or(0));
            if seen >= rank {
                return Some(first + (last - first) / 2);
            }
        }
        None
    }

    /// Counts a duration so many times.
    pub(super) fn add(&mut self, ns: u64, times: i64) {
        self.add_to(bucket_of(ns), times);
    }

    /// Adds all that another one counts, or takes it away.
    pub(super) fn add_all(&mut self, other: &Self, sign: i64) {
        for (bucket, count) in other.raw() {
            self.add_to(bucket, count.wrapping_mul(sign));
        }
    }

    fn add_to(&mut self, bucket: u16, times: i64) {
        match self.numbers.binary_search(&bucket) {
            Err(place) if times != 0 => {
                self.numbers.insert(place, bucket);
                self.counts.insert(place, times);
            }
            Err(_) => {}
            Ok(place) => {
                let Some(count) = self.counts.get_mut(place) else { return };
                *count = count.wrapping_add(times);
                if *count == 0 {
                    self.numbers.remove(place);
                    self.counts.remove(place);
                }
            }
        }
    }

    /// How many buckets count something.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The numbers and counts of the buckets.
    pub(super) fn raw(&self) -> impl Iterator<Item = (u16, i64)> {
        self.numbers.iter().copied().zip(self.counts.iter().copied())
    }

    /// Takes numbers and counts, one for each; `None` unless the numbers ascend and the counts are
    /// not zero.
    pub(super) fn of_raw(numbers: Vec<u16>, counts: Vec<i64>) -> Option<Self> {
        let is_sound = numbers.len() == counts.len()
            && numbers.iter().all(|&number| number < BUCKET_COUNT)
            && numbers.is_sorted_by(|left, right| left < right)
            && !counts.contains(&0);
        is_sound.then_some(Self { numbers, counts })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap_to_the_end() {
        assert_eq!(bounds_of(0), (0, 0));
        for bucket in 1..BUCKET_COUNT {
            let (first, last) = bounds_of(bucket);
            assert_eq!(first, bounds_of(bucket - 1).1 + 1, "{bucket}");
            assert_eq!((bucket_of(first), bucket_of(last)), (bucket, bucket));
        }
        assert_eq!(bounds_of(BUCKET_COUNT - 1).1, u64::MAX);
    }

    #[test]
    fn the_buckets_never_change() {
        for (ns, bucket) in
            [(0, 0), (31, 31), (32, 32), (64, 64), (1_000, 190), (1_000_000, 509), (1 << 40, 1152)]
        {
            assert_eq!(bucket_of(ns), bucket, "{ns}");
        }
    }

    proptest! {
        #[test]
        fn a_quantile_is_off_by_1_6_percent_at_most(ns in any::<u64>(), shift in 0..64u32) {
            let ns = ns >> shift;
            let mut histogram = Histogram::default();
            histogram.add(ns, 3);
            let told = histogram.quantile(0.5).unwrap();
            prop_assert!(u128::from(told.abs_diff(ns)) * 1_000 <= u128::from(ns) * 16, "{}", told);
        }

        #[test]
        fn quantiles_are_those_of_the_sorted_durations(
            mut all in proptest::collection::vec(0..1u64 << 40, 1..200), quantile in 0.0..=1.0f64,
        ) {
            let mut histogram = Histogram::default();
            for &ns in &all {
                histogram.add(ns, 1);
            }
            all.sort_unstable();
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss,
                clippy::cast_precision_loss, reason = "a rank among 200")]
            let rank = ((quantile * all.len() as f64).ceil() as usize).max(1);
            let exact = all[rank - 1];
            prop_assert_eq!(
                bucket_of(histogram.quantile(quantile).unwrap()), bucket_of(exact)
            );
        }
    }
}
