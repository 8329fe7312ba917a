//! Distributions in whole numbers: log-normal draws and quantile tables without floating point,
//! so that every machine draws the same.
//!
//! Exponents are of base two and have 16 bits behind the point.

use crate::random::SplitMix;

/// The upper half of the normal distribution: its quantiles at 64/128, 65/128, ... 128/128, each
/// times log2(e) and in units of 2^-16. The last one, which is infinite, is cut at 3.6 sigma.
const NORMAL: [i64; 65] = [
    0, 1852, 3704, 5558, 7414, 9273, 11135, 13002, 14873, 16751, 18635, 20527, 22427, 24336, 26255,
    28185, 30127, 32081, 34050, 36033, 38032, 40048, 42083, 44138, 46213, 48311, 50433, 52581,
    54756, 56961, 59197, 61466, 63772, 66116, 68502, 70932, 73409, 75939, 78524, 81168, 83878,
    86659, 89517, 92459, 95493, 98629, 101877, 105251, 108764, 112434, 116281, 120332, 124616,
    129172, 134051, 139314, 145049, 151373, 158458, 166563, 176118, 187908, 203646, 228576, 340374,
];

/// 2^(k/64) in units of 2^-30.
const POWERS: [u64; 65] = [
    1073741824, 1085434106, 1097253708, 1109202018, 1121280436, 1133490379, 1145833280, 1158310587,
    1170923762, 1183674286, 1196563654, 1209593378, 1222764986, 1236080024, 1249540052, 1263146652,
    1276901417, 1290805962, 1304861917, 1319070932, 1333434672, 1347954824, 1362633090, 1377471191,
    1392470869, 1407633882, 1422962010, 1438457051, 1454120821, 1469955159, 1485961921, 1502142985,
    1518500250, 1535035634, 1551751076, 1568648537, 1585730000, 1602997467, 1620452965, 1638098541,
    1655936265, 1673968228, 1692196547, 1710623359, 1729250827, 1748081133, 1767116489, 1786359126,
    1805811301, 1825475297, 1845353420, 1865448001, 1885761398, 1906295993, 1927054196, 1948038440,
    1969251188, 1990694927, 2012372174, 2034285470, 2056437387, 2078830522, 2101467502, 2124350982,
    2147483648,
];

/// Draws from a log-normal distribution; `sigma` is in hundredths.
pub(crate) fn log_normal(stream: &mut SplitMix, median: u64, sigma: u32) -> u64 {
    let bits = stream.next();
    let magnitude = NORMAL[(bits >> 58) as usize];
    let above = NORMAL[(bits >> 58) as usize + 1];
    let part = (bits >> 42 & 0xffff) as i64;
    let normal = magnitude + (((above - magnitude) * part) >> 16);
    let exponent = normal * i64::from(sigma) / 100;
    times_power(median, if bits & 1 == 0 { exponent } else { -exponent })
}

/// Draws from a normal distribution around zero; the deviation is at most 3.6 sigma.
pub(crate) fn normal(stream: &mut SplitMix, sigma: i64) -> i64 {
    let bits = stream.next();
    // The table holds the quantiles times log2(e), which is 94,548 units.
    let magnitude = NORMAL[(bits >> 58) as usize] * sigma / 94_548;
    if bits & 1 == 0 { magnitude } else { -magnitude }
}

/// Multiplies a number with a power of two.
fn times_power(number: u64, exponent: i64) -> u64 {
    let whole = (exponent >> 16).clamp(-40, 40);
    let cell = (exponent >> 10 & 63) as usize;
    let part = (exponent & 1023) as u64;
    let power = POWERS[cell] + (((POWERS[cell + 1] - POWERS[cell]) * part) >> 10);
    let product = u128::from(number) * u128::from(power);
    let shifted = if whole < 0 { product >> -whole } else { product << whole };
    u64::try_from(shifted >> 30).unwrap_or(u64::MAX)
}

/// Returns the logarithm of base two; that of zero is zero.
const fn log2(number: u64) -> i64 {
    if number == 0 {
        return 0;
    }
    let whole = number.ilog2();
    // Squaring a number between 1 and 2 doubles its logarithm, whose next bit shows itself.
    let mut power = if whole > 31 { number >> (whole - 31) } else { number << (31 - whole) };
    let mut logarithm = whole as i64;
    let mut bit = 0;
    while bit < 16 {
        power = (power * power) >> 31;
        let is_two = power >> 32;
        power >>= is_two;
        logarithm = logarithm << 1 | is_two as i64;
        bit += 1;
    }
    logarithm
}

/// A distribution told by some of its quantiles, and log-linear between them.
#[derive(Debug)]
pub(crate) struct Quantiles<const COUNT: usize> {
    /// The share, in millionths, and the logarithm of what is not exceeded by that share.
    points: [(u64, i64); COUNT],
}

impl<const COUNT: usize> Quantiles<COUNT> {
    /// Takes pairs of a share, in millionths, and a value; both rise, from share 0 to 1,000,000.
    pub(crate) const fn new(pairs: [(u64, u64); COUNT]) -> Self {
        let mut points = [(0, 0); COUNT];
        let mut index = 0;
        while index < COUNT {
            points[index] = (pairs[index].0, log2(pairs[index].1));
            index += 1;
        }
        Self { points }
    }

    /// Draws a value.
    pub(crate) fn draw(&self, stream: &mut SplitMix) -> u64 {
        self.at(stream.below(1_000_000))
    }

    /// Returns the value at a share, in millionths.
    fn at(&self, ppm: u64) -> u64 {
        for pair in self.points.windows(2) {
            let [(from, low), (to, high)] = pair else { continue };
            if ppm < *to {
                let exponent = low + (high - low) * (ppm - from) as i64 / (to - from) as i64;
                return (times_power(1 << 16, exponent) + (1 << 15)) >> 16;
            }
        }
        self.points.last().map_or(0, |(_, high)| (times_power(1 << 16, *high) + (1 << 15)) >> 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_normal_draw_has_its_median_and_its_spread() {
        let mut stream = SplitMix::new(3);
        let mut draws: Vec<u64> = (0..9999).map(|_| log_normal(&mut stream, 1_000, 100)).collect();
        draws.sort_unstable();
        let near = |value: u64, expected: u64| value.abs_diff(expected) * 100 < expected * 6;
        assert!(near(draws[5_000], 1_000), "{}", draws[5_000]);
        assert!(near(draws[8_413], 2_718), "one sigma is a factor of e: {}", draws[8_413]);
        assert!(near(draws[1_586], 367), "{}", draws[1_586]);
    }

    #[test]
    fn quantiles_are_met_at_their_points_and_rise_between() {
        let table = Quantiles::new([(0, 1), (150_000, 1), (500_000, 12), (1_000_000, 100_000)]);
        assert_eq!([0, 149_999, 500_000, 1_000_000].map(|ppm| table.at(ppm)), [1, 1, 12, 100_000]);
        let values: Vec<u64> = (0..=100).map(|percent| table.at(percent * 10_000)).collect();
        assert!(values.is_sorted(), "{values:?}");
    }

    #[test]
    fn the_logarithm_and_the_power_undo_each_other() {
        for number in [1, 2, 3, 7, 12, 90, 1_000, 99_999, 1 << 40] {
            let back = (times_power(1 << 16, log2(number)) + (1 << 15)) >> 16;
            assert!(back.abs_diff(number) * 10_000 <= number * 2, "{number} came back as {back}");
        }
    }
}
