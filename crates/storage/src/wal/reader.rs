//! Finds the records in the bytes of one file, whatever happened to them.

use super::record::{Framed, MARKER, Site, frame};

/// What stands at some place in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stretch<'a> {
    /// A whole record.
    Record {
        /// Where it starts.
        offset: u64,
        /// Tenant and origin, encoded.
        head: &'a [u8],
        /// The request's bytes.
        body: &'a [u8],
    },
    /// Bytes that are no record, with a record behind them.
    Damaged {
        /// Where they start.
        offset: u64,
        /// How many.
        len: u64,
    },
    /// The end: bytes behind the last record, zeros or not.
    Tail {
        /// Where they start: the length of what is whole.
        offset: u64,
    },
}

/// Reads one file from the first record on.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    file: &'a [u8],
    seed: u32,
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at `at`, the first record's offset.
    pub(super) fn new(file: &'a [u8], seed: u32, at: usize) -> Self {
        Self { file, seed, at }
    }

    /// Returns what comes next, the tail for ever at the end.
    pub(super) fn next(&mut self) -> Stretch<'a> {
        let offset = self.at;
        match self.whole_record_from(offset) {
            None => Stretch::Tail { offset: offset as u64 },
            Some((start, _)) if start > offset => {
                self.at = start;
                Stretch::Damaged { offset: offset as u64, len: (start - offset) as u64 }
            }
            Some((start, record)) => {
                self.at = start + record.len;
                Stretch::Record { offset: start as u64, head: record.head, body: record.body }
            }
        }
    }

    /// Finds the first whole record that starts at `from` or behind it.
    ///
    /// A record whose body alone is damaged is stepped over by its length, which is known;
    /// nothing inside the body is taken for a record.
    fn whole_record_from(&self, from: usize) -> Option<(usize, WholeRecord<'a>)> {
        let mut at = from;
        loop {
            let framed = self.framed_at(at);
            match framed {
                Some(Framed { head, body: Some(body), len }) => {
                    let len = usize::try_from(len).ok()?;
                    return Some((at, WholeRecord { head, body, len }));
                }
                Some(Framed { len, .. }) => at = at.checked_add(usize::try_from(len).ok()?)?,
                None => at = self.marker_behind(at)?,
            }
        }
    }

    fn framed_at(&self, at: usize) -> Option<Framed<'a>> {
        frame(self.file.get(at..)?, Site { seed: self.seed, offset: at as u64 })
    }

    fn marker_behind(&self, at: usize) -> Option<usize> {
        let rest = self.file.get(at + 1..)?;
        // A file is mostly space that was set aside and never written: the search must cross it
        // at the speed of memory.
        let found = memchr::memmem::find(rest, MARKER.as_slice())?;
        Some(at + 1 + found)
    }
}

struct WholeRecord<'a> {
    head: &'a [u8],
    body: &'a [u8],
    len: usize,
}
