//! Columns of texts that hardly repeat: addresses with ids in them, statements, messages.
//!
//! Texts are bytes here; whether they are UTF-8 is for the column above to know.

use super::compression::{COLUMN_LEVEL, Decoder, Encoder};
use super::damaged::{Damaged, Fault};
use super::input::{Input, nested};
use super::ints::{self, Kind};
use super::{block, template};

/// The most that the bytes of a column and its count may come to together.
///
/// It is far above what a row group is meant to be, and keeps every length below 32 bits.
pub const LEN_MAX: usize = 1 << 29;

/// Texts in order, back to back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    heap: Vec<u8>,
    ends: Vec<u32>,
}

impl Texts {
    /// Makes an empty column.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a column together from all bytes and where each text ends; `None` unless the ends
    /// rise, the last of them is the length, and [`LEN_MAX`] is kept.
    pub(crate) fn from_parts(heap: Vec<u8>, ends: Vec<u32>) -> Option<Self> {
        let last = ends.last().map_or(0, |end| *end as usize);
        let is_whole = last == heap.len() && ends.array_windows().all(|[end, next]| end <= next);
        (is_whole && heap.len() + ends.len() <= LEN_MAX).then_some(Self { heap, ends })
    }

    /// Makes an empty column that uses the space of another one.
    pub(crate) fn in_room_of(mut heap: Vec<u8>, mut ends: Vec<u32>) -> Self {
        heap.clear();
        ends.clear();
        Self { heap, ends }
    }

    /// Takes a column apart into all bytes and where each text ends.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Vec<u32>) {
        (self.heap, self.ends)
    }

    /// Forgets the texts and keeps the space.
    pub fn clear(&mut self) {
        self.heap.clear();
        self.ends.clear();
    }

    /// Adds a text behind the others.
    ///
    /// # Errors
    ///
    /// Refuses the text with which the column would pass [`LEN_MAX`]; it is unchanged then.
    pub fn push(&mut self, text: &[u8]) -> Result<(), TooLong> {
        let len = self.heap.len() + self.ends.len() + text.len() + 1;
        if len > LEN_MAX {
            return Err(TooLong { len, len_max: LEN_MAX });
        }
        self.heap.extend_from_slice(text);
        self.ends.push(self.heap.len() as u32);
        Ok(())
    }

    /// Returns how many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the text at an index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        Some(&self.heap[start..end])
    }

    /// Returns the texts in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = *end as usize;
            &self.heap[std::mem::replace(&mut start, end)..end]
        })
    }

    /// Returns all bytes, back to back.
    #[must_use]
    pub fn heap(&self) -> &[u8] {
        &self.heap
    }

    /// Returns where each text ends in [`Self::heap`].
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Appends to the last text, which [`Self::end_text`] ends.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.heap.extend_from_slice(bytes);
    }

    /// Ends a text that [`Self::extend`] made.
    pub(super) fn end_text(&mut self) {
        self.ends.push(self.heap.len() as u32);
    }
}

/// A column of texts would be too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a column of texts of {len} bytes is over the limit of {len_max}")]
pub struct TooLong {
    /// The length that it would have.
    pub len: usize,
    /// The most that it may have.
    pub len_max: usize,
}

mod method {
    pub(super) const EMPTY: u8 = 0;
    pub(super) const PLAIN: u8 = 1;
    pub(super) const TEMPLATES: u8 = 2;
}

/// Appends a column.
pub fn encode(texts: &Texts, encoder: &mut Encoder, out: &mut Vec<u8>) {
    if texts.is_empty() {
        out.push(method::EMPTY);
        return;
    }
    let mut splitter = std::mem::take(&mut encoder.templates);
    if splitter.split(texts) {
        out.push(method::TEMPLATES);
        template::encode(&splitter, encoder, out);
    } else {
        out.push(method::PLAIN);
        encode_plain(texts, COLUMN_LEVEL, encoder, out);
    }
    encoder.templates = splitter;
}

/// Reads `count` texts of `heap_len_max` bytes together at most, which must be all of `part`,
/// into a column that is cleared first.
///
/// # Errors
///
/// Fails when the part is not what [`encode`] writes for `count` texts, or is longer than allowed.
pub fn decode(
    part: &[u8],
    count: usize,
    heap_len_max: usize,
    decoder: &mut Decoder,
    out: &mut Texts,
) -> Result<(), Damaged> {
    out.clear();
    let mut input = Input::new(part);
    let start = input;
    match input.byte()? {
        method::EMPTY if count > 0 => {
            let expected = count as u64;
            Err(start.damaged(Fault::Miscounted { what: "texts", expected, found: 0 }))
        }
        method::EMPTY => input.finish(),
        method::PLAIN => decode_plain(input, count, heap_len_max, decoder, out),
        method::TEMPLATES => {
            let mut joiner = std::mem::take(&mut decoder.templates);
            let done = template::decode(input, count, heap_len_max, (decoder, &mut joiner), out);
            decoder.templates = joiner;
            done
        }
        method => Err(start.damaged(Fault::UnknownMethod { what: "texts", method })),
    }
}

/// Appends the lengths, and the bytes as one block.
pub(super) fn encode_plain(texts: &Texts, level: i32, encoder: &mut Encoder, out: &mut Vec<u8>) {
    let mut lens = std::mem::take(&mut encoder.lens);
    lens.clear();
    let mut start = 0;
    lens.extend(texts.ends.iter().map(|end| end - std::mem::replace(&mut start, *end)));
    nested(out, |out| ints::encode(&lens, Kind::Code, encoder, out));
    encoder.lens = lens;
    block::encode(&texts.heap, level, encoder, out);
}

/// Reads what [`encode_plain`] wrote.
pub(super) fn decode_plain(
    mut input: Input<'_>,
    count: usize,
    heap_len_max: usize,
    decoder: &mut Decoder,
    out: &mut Texts,
) -> Result<(), Damaged> {
    out.clear();
    let lens_at = input;
    let lens = input.nested()?;
    ints::decode_input(lens, count, decoder, &mut out.ends)?;
    let mut end = 0_u64;
    for len in &mut out.ends {
        end += u64::from(*len);
        *len = end as u32;
    }
    let done = check_heap_len(lens_at, end, heap_len_max)
        .and_then(|()| block::decode(input, heap_len_max.min(LEN_MAX), decoder, &mut out.heap))
        .and_then(|()| match out.heap.len() as u64 {
            found if found == end => Ok(()),
            found => {
                let what = "bytes of text";
                Err(lens_at.damaged(Fault::Miscounted { what, expected: end, found }))
            }
        });
    if done.is_err() {
        // The ends of a column that failed may lie behind its heap.
        out.clear();
    }
    done
}

pub(super) fn check_heap_len(at: Input<'_>, len: u64, len_max: usize) -> Result<(), Damaged> {
    let len_max = len_max.min(LEN_MAX) as u64;
    if len <= len_max {
        return Ok(());
    }
    Err(at.damaged(Fault::TooLong { what: "length of texts", len, len_max }))
}
