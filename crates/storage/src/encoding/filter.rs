//! Filters that say of a hash "not here" or "perhaps": a binary fuse filter with fingerprints of
//! eight bits (Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters", 2022).
//!
//! About nine bits a hash in a large set, and wrong once in 256 times. A small set is kept as a
//! list of sixteen bits of each hash, which is smaller there, and wrong less often.

use super::damaged::{Damaged, Fault};
use super::hash::scramble;
use super::input::Input;

mod method {
    /// The filter of no hash: contains nothing.
    pub(super) const EMPTY: u8 = 0;
    /// Sixteen bits of each hash, in order.
    pub(super) const LIST: u8 = 1;
    /// A binary fuse filter.
    pub(super) const FUSE: u8 = 2;
    /// Contains everything: what is left when no seed would do.
    pub(super) const EVERYTHING: u8 = 3;
}

/// Up to this many hashes a list is the smaller one.
const LIST_COUNT_MAX: usize = 24;

/// How often another seed is tried. One fails about one time in a hundred.
const ATTEMPTS_MAX: u64 = 32;

/// The most hashes that one fuse filter takes: their number and places stay below 32 bits.
const FUSE_COUNT_MAX: usize = 1 << 30;

/// A larger segment gains nothing, and is spread over more of the cache.
const SEGMENT_LEN_LOG2_MAX: u32 = 18;

/// Builds filters, and keeps the space that it takes.
#[derive(Debug, Default)]
pub struct FilterBuilder {
    keys: Vec<u64>,
    /// For each place, the keys that have it, folded into one.
    folded: Vec<u64>,
    /// For each place, how many keys have it (times four), and as which of their three.
    counts: Vec<u8>,
    /// Places that one key alone has left.
    alone: Vec<u32>,
    /// The keys in the order they were taken out, with the place each was alone at.
    taken: Vec<(u64, u8)>,
}

impl FilterBuilder {
    /// Makes one; the buffers come with the first filter.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the filter of these hashes, which may repeat.
    pub fn encode(&mut self, hashes: &[u64], out: &mut Vec<u8>) {
        if hashes.is_empty() {
            out.push(method::EMPTY);
            return;
        }
        if hashes.len() <= LIST_COUNT_MAX {
            encode_list(hashes, out);
            return;
        }
        let start = out.len();
        for seed in 1..=ATTEMPTS_MAX {
            self.keys.clear();
            self.keys.extend(hashes.iter().map(|hash| scramble(hash.wrapping_add(seed))));
            // Sorted keys touch the places in order, and equal ones stand side by side.
            self.keys.sort_unstable();
            self.keys.dedup();
            if self.keys.len() > FUSE_COUNT_MAX {
                break;
            }
            let shape = Shape::of(self.keys.len());
            if self.peel(shape) {
                shape.put_head(seed as u8, out);
                self.assign(shape, out);
                return;
            }
        }
        out.truncate(start);
        out.push(method::EVERYTHING);
    }

    /// Takes the keys out one by one, each at a place that no other key has left; `false` when
    /// keys remain that share all of their places.
    fn peel(&mut self, shape: Shape) -> bool {
        let len = shape.len();
        self.folded.clear();
        self.folded.resize(len, 0);
        self.counts.clear();
        self.counts.resize(len, 0);
        for key in &self.keys {
            for (index, place) in (0..).zip(shape.places(*key)) {
                // More keys than six bits count fail this attempt.
                let Some(count) = self.counts[place].checked_add(4) else {
                    return false;
                };
                self.counts[place] = count ^ index;
                self.folded[place] ^= key;
            }
        }
        self.alone.clear();
        self.taken.clear();
        let alone = (0..).zip(&self.counts).filter(|(_, count)| **count >> 2 == 1);
        self.alone.extend(alone.map(|(place, _): (u32, _)| place));
        while let Some(place) = self.alone.pop() {
            let place = place as usize;
            if self.counts[place] >> 2 != 1 {
                continue;
            }
            let key = self.folded[place];
            let found = self.counts[place] & 3;
            self.taken.push((key, found));
            for (index, place) in (0..).zip(shape.places(key)) {
                self.counts[place] = (self.counts[place] - 4) ^ index;
                self.folded[place] ^= key;
                if index != found && self.counts[place] >> 2 == 1 {
                    self.alone.push(place as u32);
                }
            }
        }
        self.taken.len() == self.keys.len()
    }

    /// Appends the fingerprints: backwards, each key sets the one place that was its alone.
    fn assign(&self, shape: Shape, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + shape.len(), 0);
        let fingerprints = &mut out[start..];
        for (key, found) in self.taken.iter().rev() {
            let places = shape.places(*key);
            let others = places.iter().fold(0, |folded, place| folded ^ fingerprints[*place]);
            // The key's own place is still zero: it is set here and nowhere before.
            fingerprints[places[usize::from(*found)]] = fingerprint(*key) ^ others;
        }
    }
}

fn encode_list(hashes: &[u64], out: &mut Vec<u8>) {
    let mut list = [0; LIST_COUNT_MAX];
    let list = &mut list[..hashes.len()];
    for (short, hash) in list.iter_mut().zip(hashes) {
        *short = shorten(*hash);
    }
    list.sort_unstable();
    out.push(method::LIST);
    let mut before = None;
    for short in list {
        if before.replace(*short) != Some(*short) {
            out.extend_from_slice(&short.to_le_bytes());
        }
    }
}

fn shorten(hash: u64) -> u16 {
    (scramble(hash) >> 48) as u16
}

fn fingerprint(key: u64) -> u8 {
    (key ^ key >> 32) as u8
}

/// Overlapping segments of fingerprints: a key has a place in each of three in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    segment_len_log2: u32,
    /// How many segments a key's first place can be in.
    segment_count: u32,
}

impl Shape {
    /// The sizes that the paper found to work, by the number of keys.
    fn of(count: usize) -> Self {
        let factor_permille = size_factor_permille(count);
        let segment_len_log2 = segment_len_log2(count);
        let capacity = (count as u64 * factor_permille).div_ceil(1000);
        let segments = capacity.div_ceil(1 << segment_len_log2) as u32;
        Self { segment_len_log2, segment_count: segments.saturating_sub(2).max(1) }
    }

    fn len(self) -> usize {
        (self.segment_count as usize + 2) << self.segment_len_log2
    }

    /// The three places of a key.
    #[inline]
    fn places(self, key: u64) -> [usize; 3] {
        let segment_len = 1_u64 << self.segment_len_log2;
        let starts = u64::from(self.segment_count) << self.segment_len_log2;
        let first = ((u128::from(key) * u128::from(starts)) >> 64) as u64;
        let mask = segment_len - 1;
        let second = (first + segment_len) ^ (key >> 18 & mask);
        let third = (first + 2 * segment_len) ^ (key & mask);
        [first as usize, second as usize, third as usize]
    }

    fn put_head(self, seed: u8, out: &mut Vec<u8>) {
        out.push(method::FUSE);
        out.push(seed);
        out.push(self.segment_len_log2 as u8);
        out.extend_from_slice(&self.segment_count.to_le_bytes());
    }
}

/// How many places there are for each key, in thousandths: `0.875 + 0.25 ln(10^6) / ln(count)`,
/// and no less than 1.125. In whole numbers, so that every machine writes the same filter.
fn size_factor_permille(count: usize) -> u64 {
    // 0.25 ln(10^6) / ln(count) is 4.983 / log2(count).
    let log2_thousandths = log2_thousandths(count as u64).max(1000);
    (875 + 4_983_000 / log2_thousandths).max(1125)
}

/// `log2(segment length)` is `log3.33(count) + 2.25`, rounded down.
fn segment_len_log2(count: usize) -> u32 {
    // log3.33(x) is log2(x) / 1.7355.
    let log = log2_thousandths(count as u64) * 10_000 / 17_355 + 2_250;
    ((log / 1000) as u32).min(SEGMENT_LEN_LOG2_MAX)
}

/// The logarithm to base 2 in thousandths, by straight lines between the powers of two: at most
/// 86 thousandths too small.
fn log2_thousandths(number: u64) -> u64 {
    let whole = u64::from(number.max(1).ilog2());
    let above = (u128::from(number.max(1) - (1 << whole)) * 1000) >> whole;
    whole * 1000 + above as u64
}

/// A filter in the bytes that it was read as; nothing is copied.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a>(Form<'a>);

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    List(&'a [u8]),
    Fuse { seed: u8, shape: Shape, fingerprints: &'a [u8] },
    Everything,
}

impl<'a> Filter<'a> {
    /// Reads the head of a filter, which must be all of `part`.
    ///
    /// # Errors
    ///
    /// Fails when the part is not what [`FilterBuilder::encode`] writes.
    pub fn parse(part: &'a [u8]) -> Result<Self, Damaged> {
        let mut input = Input::new(part);
        let start = input;
        let form = match input.byte()? {
            method::EMPTY => Form::List(&[]),
            method::LIST => {
                let whole = input.len() / 2 * 2;
                Form::List(input.cut(whole)?.rest())
            }
            method::FUSE => {
                let seed = input.byte()?;
                let shape = Self::parse_shape(&mut input)?;
                Form::Fuse { seed, shape, fingerprints: input.cut(shape.len())?.rest() }
            }
            method::EVERYTHING => Form::Everything,
            method => return Err(start.damaged(Fault::UnknownMethod { what: "a filter", method })),
        };
        input.finish()?;
        Ok(Self(form))
    }

    fn parse_shape(input: &mut Input<'_>) -> Result<Shape, Damaged> {
        let start = *input;
        let segment_len_log2 = u32::from(input.byte()?);
        let segment_count = u32::from_le_bytes(input.array()?);
        let checks = [
            ("length of a filter's segment", segment_len_log2, SEGMENT_LEN_LOG2_MAX),
            ("count of a filter's segments", segment_count, u32::MAX / 2),
        ];
        for (what, len, len_max) in checks {
            if len > len_max {
                let (len, len_max) = (len.into(), len_max.into());
                return Err(start.damaged(Fault::TooLong { what, len, len_max }));
            }
        }
        if segment_count == 0 {
            let what = "segments of a filter";
            return Err(start.damaged(Fault::Miscounted { what, expected: 1, found: 0 }));
        }
        Ok(Shape { segment_len_log2, segment_count })
    }

    /// Returns `false` when the hash is not one of the filter's, and `true` when it may be.
    #[must_use]
    #[inline]
    pub fn contains(&self, hash: u64) -> bool {
        match self.0 {
            Form::List(list) => {
                let wanted = shorten(hash).to_le_bytes();
                list.chunks_exact(2).any(|short| short == wanted)
            }
            Form::Fuse { seed, shape, fingerprints } => {
                let key = scramble(hash.wrapping_add(seed.into()));
                let places = shape.places(key);
                places.iter().fold(fingerprint(key), |folded, at| folded ^ fingerprints[*at]) == 0
            }
            Form::Everything => true,
        }
    }
}
