//! Sets of rows: one bit for each row of a chunk or a group.

/// How many rows a word of the set has.
pub(super) const WORD_LEN: usize = u64::BITS as usize;

/// With no more rows than this left of a word's, they are tested one by one.
const FEW: u32 = 12;

/// Some of the rows of a chunk or a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowSet {
    words: Vec<u64>,
    row_count: usize,
}

impl RowSet {
    /// All rows.
    pub(crate) fn all(row_count: usize) -> Self {
        let mut words = vec![u64::MAX; row_count.div_ceil(WORD_LEN)];
        if let (Some(last), rest @ 1..) = (words.last_mut(), row_count % WORD_LEN) {
            *last = (1 << rest) - 1;
        }
        Self { words, row_count }
    }

    /// No row.
    pub(crate) fn none(row_count: usize) -> Self {
        Self { words: vec![0; row_count.div_ceil(WORD_LEN)], row_count }
    }

    /// How many rows there are, in the set or not.
    pub(crate) fn row_count(&self) -> usize {
        self.row_count
    }

    /// Whether no row is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// How many rows are in it.
    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether a row is in it.
    #[inline]
    pub(crate) fn contains(&self, row: usize) -> bool {
        self.words.get(row / WORD_LEN).is_some_and(|word| word >> (row % WORD_LEN) & 1 != 0)
    }

    /// Puts a row in; one that does not exist changes nothing.
    #[inline]
    pub(crate) fn insert(&mut self, row: usize) {
        if row < self.row_count {
            self.words[row / WORD_LEN] |= 1 << (row % WORD_LEN);
        }
    }

    /// Takes all rows out.
    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }

    /// The rows in it, in order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        let bits =
            |(index, word): (usize, &u64)| bits(*word).map(move |bit| index * WORD_LEN + bit);
        self.words.iter().enumerate().filter(|(_, word)| **word != 0).flat_map(bits)
    }

    /// The first row in it that is not before `row`.
    pub(crate) fn first_from(&self, row: usize) -> Option<usize> {
        let first = row / WORD_LEN;
        let words = self.words.iter().enumerate().skip(first);
        let mut masked = words.map(|(index, word)| {
            (
                index,
                if index == first { word >> (row % WORD_LEN) << (row % WORD_LEN) } else { *word },
            )
        });
        let (index, word) = masked.find(|(_, word)| *word != 0)?;
        Some(index * WORD_LEN + word.trailing_zeros() as usize)
    }

    /// Keeps the rows for which a test holds; the others are not tested.
    pub(crate) fn retain(&mut self, mut test: impl FnMut(usize) -> bool) {
        for (index, word) in self.words.iter_mut().enumerate() {
            for bit in bits(*word) {
                if !test(index * WORD_LEN + bit) {
                    *word &= !(1 << bit);
                }
            }
        }
    }

    /// Replaces the bits of each 64 rows by what is made of them: `replace` is told the first of
    /// the rows.
    pub(crate) fn replace_blocks(&mut self, mut replace: impl FnMut(usize, u64) -> u64) {
        for (index, word) in self.words.iter_mut().enumerate() {
            *word &= replace(index * WORD_LEN, *word);
        }
    }

    /// Keeps the rows whose value in a column passes a test, which is cheap: it may be done for
    /// rows that are not in the set. Rows beyond the column are taken out.
    pub(crate) fn retain_column<T: Copy>(&mut self, column: &[T], test: impl Fn(T) -> bool) {
        let (blocks, rest) = column.as_chunks::<WORD_LEN>();
        let mut words = self.words.iter_mut();
        for (block, word) in blocks.iter().zip(&mut words) {
            if *word == 0 {
                continue;
            }
            if word.count_ones() <= FEW {
                for bit in bits(*word) {
                    *word &= !(u64::from(!test(block[bit])) << bit);
                }
            } else {
                *word &= pack(&block.map(|value| u8::from(test(value))));
            }
        }
        if let Some(word) = words.next() {
            let tested = rest.iter().enumerate();
            *word &= tested.fold(0, |bits, (bit, value)| bits | u64::from(test(*value)) << bit);
        }
        words.for_each(|word| *word = 0);
    }

    #[cfg(test)]
    /// Keeps the rows that are in another set too.
    pub(crate) fn intersect(&mut self, other: &Self) {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        self.words.iter_mut().zip(others).for_each(|(word, other)| *word &= other);
    }
}

/// The places of the bits that are set, from the lowest.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(bit)
    })
}

/// Makes a word of bytes that are 0 or 1. Tests that fill bytes are vectorised, which tests that
/// fill bits are not.
#[inline]
fn pack(bytes: &[u8; WORD_LEN]) -> u64 {
    // Each of the eight bits is shifted to a place of its own in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (eights, _) = bytes.as_chunks::<8>();
    let pack_eight = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56;
    eights.iter().rev().fold(0, |word, eight| word << 8 | pack_eight(eight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_tested_like_its_rows_one_by_one() {
        for row_count in [0, 1, 63, 64, 65, 200, 1_000] {
            let mut numbers = testkit::Seeded::new(row_count as u64);
            let column: Vec<u64> = (0..row_count).map(|_| numbers.below(4)).collect();
            let mut left = RowSet::all(row_count);
            let mut expected: Vec<usize> = (0..row_count).collect();
            assert_eq!(left.count(), row_count);
            for excluded in 0..4 {
                left.retain_column(&column, |value| value != excluded);
                expected.retain(|row| column[*row] != excluded);
                assert_eq!(left.rows().collect::<Vec<_>>(), expected);
            }
            assert!(left.is_empty());
        }
    }

    #[test]
    fn rows_beyond_a_column_do_not_pass() {
        let mut rows = RowSet::all(200);
        rows.retain_column(&[0_u8; 70], |_| true);
        assert_eq!(rows.rows().collect::<Vec<_>>(), (0..70).collect::<Vec<_>>());
    }

    #[test]
    fn the_next_row_is_found() {
        let mut rows = RowSet::none(300);
        for row in [3, 64, 299, 300] {
            rows.insert(row);
        }
        assert_eq!(rows.rows().collect::<Vec<_>>(), [3, 64, 299]);
        let next = [0, 3, 4, 64, 65, 299, 300].map(|row| rows.first_from(row));
        let found = [Some(3), Some(3), Some(64), Some(64), Some(299), Some(299), None];
        assert_eq!(next, found);
        rows.retain(|row| row != 64);
        assert!(!rows.contains(64) && rows.contains(299) && !rows.contains(1_000));
    }
}
