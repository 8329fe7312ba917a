//! Turns wanted ranges of one file into fewer reads: neighbours are read together.
//!
//! Which bytes each range gets is unchanged by it.

use super::RangeRead;

/// What may lie between two ranges that are read together. A call costs about as much.
const GAP_LEN_MAX: u64 = 4 << 10;

/// The longest read that is made of several ranges, so that no small answer keeps much memory.
const MERGED_LEN_MAX: u64 = 1 << 20;

/// One read, and the ranges that it answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlannedRead {
    pub(super) offset: u64,
    pub(super) len: usize,
    /// How many of the ranges, following those of the read before.
    pub(super) count: usize,
}

/// Plans the reads of ranges that lie in one file and are sorted by their offset.
///
/// Every range's end has to be a number, which the file's length has shown.
pub(super) fn plan<'a>(ranges: impl IntoIterator<Item = &'a RangeRead>) -> Vec<PlannedRead> {
    let mut reads: Vec<PlannedRead> = Vec::new();
    for range in ranges {
        if !reads.last_mut().is_some_and(|read| read.take_in(range)) {
            reads.push(PlannedRead { offset: range.offset, len: range.len, count: 1 });
        }
    }
    reads
}

impl PlannedRead {
    /// Extends the read over a range behind its start, if that is worth it.
    fn take_in(&mut self, range: &RangeRead) -> bool {
        let end = self.offset + self.len as u64;
        let merged_end = end.max(range.offset + range.len as u64);
        let is_near = range.offset <= end.saturating_add(GAP_LEN_MAX);
        let is_inside = merged_end == end;
        let is_short = merged_end - self.offset <= MERGED_LEN_MAX;
        if !is_near || !(is_inside || is_short) {
            return false;
        }
        self.len += usize::try_from(merged_end - end).expect("a merged read is short");
        self.count += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(ranges: &[(u64, usize)]) -> Vec<(u64, usize, usize)> {
        let range = |&(offset, len)| RangeRead { path: "a".into(), offset, len };
        let ranges: Vec<_> = ranges.iter().map(range).collect();
        plan(&ranges).into_iter().map(|read| (read.offset, read.len, read.count)).collect()
    }

    #[test]
    fn neighbours_and_overlaps_are_one_read_and_what_is_far_is_another() {
        assert_eq!(planned(&[]), []);
        assert_eq!(planned(&[(0, 10), (10, 5), (12, 1), (100, 0)]), [(0, 100, 4)]);
        assert_eq!(planned(&[(0, 10), (4106, 4)]), [(0, 4110, 2)]);
        assert_eq!(planned(&[(0, 10), (4107, 4)]), [(0, 10, 1), (4107, 4, 1)]);
    }

    #[test]
    fn a_long_range_is_read_alone_and_what_lies_inside_it_with_it() {
        let long = 5 << 20;
        assert_eq!(planned(&[(0, long), (7, 7)]), [(0, long, 2)]);
        assert_eq!(planned(&[(0, long), (long as u64, 1)]), [(0, long, 1), (long as u64, 1, 1)]);
    }
}
