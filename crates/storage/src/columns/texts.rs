//! Lists of texts, which columns refer to by their place, and their interning.
//!
//! A text is bytes here: what must be UTF-8 is checked by whoever hands it out.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// From how many distinct texts on an interner asks whether interning pays.
const DISTINCT_COUNT_MIN: usize = 512;

/// A third of the texts seen being distinct is too many: they are kept without being compared.
const DISTINCT_RATIO_MAX: usize = 3;

/// Texts behind each other in one allocation.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextHeap {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl TextHeap {
    /// Puts texts together that were encoded elsewhere; `None` unless the ends rise, and the
    /// last of them is the length.
    pub(crate) fn from_parts(bytes: Vec<u8>, ends: Vec<u32>) -> Option<Self> {
        let last = ends.last().copied().unwrap_or(0);
        // The library's check calls a function for each pair.
        let rises = ends.array_windows().all(|[end, next]| end <= next);
        let is_whole = rises && usize::try_from(last) == Ok(bytes.len());
        is_whole.then_some(Self { bytes, ends })
    }

    /// Takes the list apart: all texts behind each other, and where each ends.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Vec<u32>) {
        (self.bytes, self.ends)
    }

    /// Forgets the texts from a place on.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.ends.truncate(count);
        self.bytes.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    /// A copy of some of the texts, which are there.
    pub(crate) fn slice(&self, places: Range<usize>) -> Self {
        let end_of = |count: usize| count.checked_sub(1).map_or(0, |last| self.ends[last]);
        let (start, end) = (end_of(places.start), end_of(places.end));
        let bytes = self.bytes[start as usize..end as usize].to_vec();
        Self { bytes, ends: self.ends[places].iter().map(|end| end - start).collect() }
    }

    /// How many texts there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All of them behind each other, and where each ends.
    pub(crate) fn parts(&self) -> (&[u8], &[u32]) {
        (&self.bytes, &self.ends)
    }

    /// The memory it takes.
    pub(crate) fn byte_len(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<u32>()
    }

    /// The text at a place; empty where there is none.
    #[inline]
    pub(crate) fn get(&self, place: u32) -> &[u8] {
        let place = place as usize;
        let Some(end) = self.ends.get(place) else { return &[] };
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(start as usize..*end as usize).unwrap_or_default()
    }

    /// Appends a text. Its caller keeps the whole below 4 GiB.
    #[inline]
    pub(crate) fn push(&mut self, text: &[u8]) -> u32 {
        let place = self.ends.len();
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
        place as u32
    }

    /// Makes it empty, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// The texts of one column: its own, or those of a segment that many groups share.
#[derive(Clone, Debug)]
pub(crate) enum Texts {
    /// Of this column alone.
    Own(TextHeap),
    /// Of all groups of a segment.
    Shared(Arc<TextHeap>),
}

impl Default for Texts {
    fn default() -> Self {
        Self::Own(TextHeap::default())
    }
}

impl Texts {
    /// The list.
    #[inline]
    pub(crate) fn heap(&self) -> &TextHeap {
        match self {
            Self::Own(heap) => heap,
            Self::Shared(heap) => heap,
        }
    }

    /// The text at a place; empty where there is none.
    #[inline]
    pub(crate) fn get(&self, place: u32) -> &[u8] {
        self.heap().get(place)
    }

    /// The text at a place as UTF-8; empty where it is none, which checked input never has.
    #[inline]
    pub(crate) fn str(&self, place: u32) -> &str {
        std::str::from_utf8(self.get(place)).unwrap_or_default()
    }
}

/// Finds the place of a text in a list, or appends it.
#[derive(Debug)]
pub(crate) struct Interner {
    places: HashTable<u32>,
    hasher: FixedState,
    seen_count: usize,
    is_plain: bool,
}

impl Interner {
    /// Makes one for an empty list. `seed` is a number that no sender knows, so that none can
    /// choose texts that collide; it changes no place.
    pub(crate) fn new(seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        Self { places: HashTable::new(), hasher, seen_count: 0, is_plain: false }
    }

    /// The memory it takes.
    pub(crate) fn byte_len(&self) -> usize {
        self.places.allocation_size()
    }

    /// The place of `text` in `heap`, the same for the same text while interning pays.
    #[inline]
    pub(crate) fn intern(&mut self, heap: &mut TextHeap, text: &[u8]) -> u32 {
        self.seen_count += 1;
        if self.is_plain {
            return heap.push(text);
        }
        let hash = self.hasher.hash_one(text);
        if let Some(place) = self.places.find(hash, |place| heap.get(*place) == text) {
            return *place;
        }
        self.add(heap, text, hash)
    }

    /// The place of `text`, for lists in which every text is worth finding again.
    pub(crate) fn intern_always(&mut self, heap: &mut TextHeap, text: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(text);
        match self.places.find(hash, |place| heap.get(*place) == text) {
            Some(place) => *place,
            None => self.insert(heap, text, hash),
        }
    }

    #[cold]
    fn add(&mut self, heap: &mut TextHeap, text: &[u8], hash: u64) -> u32 {
        let place = self.insert(heap, text, hash);
        let distinct_count = heap.len();
        if distinct_count >= DISTINCT_COUNT_MIN
            && distinct_count * DISTINCT_RATIO_MAX > self.seen_count
        {
            self.is_plain = true;
            self.places = HashTable::new();
        }
        place
    }

    fn insert(&mut self, heap: &mut TextHeap, text: &[u8], hash: u64) -> u32 {
        let place = heap.push(text);
        let (heap, hasher) = (&*heap, &self.hasher);
        self.places.insert_unique(hash, place, |place| hasher.hash_one(heap.get(*place)));
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_has_one_place_while_few_are_distinct() {
        let (mut heap, mut interner) = (TextHeap::default(), Interner::new(7));
        let places: Vec<u32> =
            ["a", "b", "", "a", ""].map(|text| interner.intern(&mut heap, text.as_bytes())).into();
        assert_eq!(places, [0, 1, 2, 0, 2]);
        assert_eq!(heap.get(1), b"b");
    }

    #[test]
    fn a_list_of_distinct_texts_is_kept_without_comparing() {
        let (mut heap, mut interner) = (TextHeap::default(), Interner::new(7));
        for number in 0..2_000_u32 {
            interner.intern(&mut heap, &number.to_le_bytes());
        }
        assert!(interner.is_plain);
        let place = interner.intern(&mut heap, &5_u32.to_le_bytes());
        assert_eq!(heap.get(place), 5_u32.to_le_bytes());
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        assert!(TextHeap::from_parts(b"abc".to_vec(), vec![1, 3]).is_some());
        for ends in [vec![1, 2], vec![2, 1, 3], vec![4], vec![]] {
            assert!(TextHeap::from_parts(b"abc".to_vec(), ends).is_none());
        }
    }
}
