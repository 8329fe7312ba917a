//! The trace index: from the low half of a trace id to the places of its traces.
//!
//! Entries are sorted by a hash of the id, which nobody's choice of ids can crowd: a page has as
//! many as any other. The first hash of each page is in the directory, so that one page read
//! tells where a trace may be.

use std::ops::Range;

use super::limits::PAGE_ENTRY_COUNT;
use crate::encoding::hash;

/// Sixteen bits of the hash, which stand for all of it within a page.
const SHORT_LEN: usize = 2;

/// What the directory says of the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IndexDirectory {
    /// How many bytes an ordinal takes.
    pub(super) ordinal_len: u8,
    /// How many entries there are: one for each row of the trace tables.
    pub(super) entry_count: usize,
    /// The first hash of each page.
    pub(super) fences: Vec<u64>,
    /// The checksum of each page.
    pub(super) checksums: Vec<u32>,
}

impl IndexDirectory {
    /// How many bytes ordinals take, in a segment of so many traces.
    pub(super) fn ordinal_len_for(entry_count: usize) -> u8 {
        let last = entry_count.saturating_sub(1) as u64;
        (8 - last.leading_zeros() / 8).clamp(1, 8) as u8
    }

    fn entry_len(&self) -> usize {
        SHORT_LEN + usize::from(self.ordinal_len)
    }

    /// The length of all pages.
    pub(super) fn len(&self) -> u64 {
        (self.entry_count * self.entry_len()) as u64
    }

    /// The pages that a trace's entries may be in: one, as good as always.
    pub(super) fn pages_of(&self, trace_id_low: u64) -> Range<usize> {
        let hash = hash::trace_id(trace_id_low);
        // The page before the first fence that is not below may end with this hash.
        let first = self.fences.partition_point(|fence| *fence < hash).saturating_sub(1);
        first..self.fences.partition_point(|fence| *fence <= hash)
    }

    /// Where a page stands, from the start of the first.
    pub(super) fn page(&self, page: usize) -> Range<u64> {
        let entries =
            page * PAGE_ENTRY_COUNT..((page + 1) * PAGE_ENTRY_COUNT).min(self.entry_count);
        (entries.start * self.entry_len()) as u64..(entries.end * self.entry_len()) as u64
    }

    /// Finds the ordinals that may be a trace's in a page.
    pub(super) fn find(&self, page: &[u8], trace_id_low: u64, found: &mut Vec<u32>) {
        let short = shorten(hash::trace_id(trace_id_low)).to_le_bytes();
        for entry in page.chunks_exact(self.entry_len()) {
            if entry.starts_with(&short) {
                let ordinal = &entry[SHORT_LEN..];
                let ordinal = ordinal.iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte));
                found.extend(u32::try_from(ordinal));
            }
        }
    }
}

/// Sorts entries of hash and ordinal, appends their pages, and says what the directory needs.
pub(super) fn encode(entries: &mut [(u64, u32)], out: &mut Vec<u8>) -> IndexDirectory {
    entries.sort_unstable();
    let ordinal_len = IndexDirectory::ordinal_len_for(entries.len());
    let mut directory =
        IndexDirectory { ordinal_len, entry_count: entries.len(), ..IndexDirectory::default() };
    for page in entries.chunks(PAGE_ENTRY_COUNT) {
        let start = out.len();
        for (hash, ordinal) in page {
            out.extend_from_slice(&shorten(*hash).to_le_bytes());
            out.extend_from_slice(&ordinal.to_le_bytes()[..usize::from(ordinal_len)]);
        }
        directory.fences.push(page[0].0);
        directory.checksums.push(crc32c::crc32c(&out[start..]));
    }
    directory
}

/// The bits that neighbours in a page do not have in common.
fn shorten(hash: u64) -> u16 {
    hash as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(lows: &[u64]) -> (IndexDirectory, Vec<u8>) {
        let mut entries: Vec<_> =
            lows.iter().zip(0..).map(|(low, ordinal)| (hash::trace_id(*low), ordinal)).collect();
        let mut pages = Vec::new();
        (encode(&mut entries, &mut pages), pages)
    }

    fn find(index: &(IndexDirectory, Vec<u8>), low: u64) -> Vec<u32> {
        let mut found = Vec::new();
        for page in index.0.pages_of(low) {
            let range = index.0.page(page);
            index.0.find(&index.1[range.start as usize..range.end as usize], low, &mut found);
        }
        found
    }

    #[test]
    fn every_trace_is_found_and_few_others_with_it() {
        let lows: Vec<u64> = (0..5_000).map(|number| number * 977).collect();
        let index = index(&lows);
        assert_eq!(index.0.fences.len(), 5);
        assert_eq!(index.0.len(), index.1.len() as u64);
        let mut extra_count = 0;
        for (low, ordinal) in lows.iter().zip(0..) {
            let found = find(&index, *low);
            assert!(found.contains(&ordinal));
            extra_count += found.len() - 1;
            assert!(index.0.pages_of(*low).len() <= 2);
        }
        assert!(extra_count < 200, "{extra_count} others");
    }

    #[test]
    fn a_trace_with_more_parts_than_a_page_has_entries_is_found_whole() {
        let mut lows = vec![7; 3_000];
        lows.extend(100..400);
        assert!(find(&index(&lows), 7).len() >= 3_000);
        assert!(find(&index(&[]), 7).is_empty());
        assert_eq!(find(&index(&[7]), 7), [0]);
    }

    #[test]
    fn ordinals_take_as_many_bytes_as_the_last_one_needs() {
        let lens = [0, 1, 256, 257, 1 << 16, (1 << 16) + 1].map(IndexDirectory::ordinal_len_for);
        assert_eq!(lens, [1, 1, 1, 2, 2, 3]);
    }
}
