//! The dictionaries of a segment while it is written: what stands for which code.
//!
//! Codes count up in the order in which things first occur, so the same input gives the same
//! bytes whatever the tables in memory hash with.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::group::KeyColumn;
use super::limits::{
    DISTINCT_COUNT_MIN, DISTINCT_RATIO_MAX, KEY_DICTIONARY_COUNT_MAX, KEY_DICTIONARY_LEN_MAX,
};
use super::observer::SegmentTexts;
use crate::columns::{ColumnKey, Shapes, TextHeap};

/// All dictionaries of a segment.
#[derive(Debug)]
pub(super) struct DictionaryWriter {
    hasher: FixedState,
    pub(super) names: Dictionary,
    pub(super) event_names: Dictionary,
    pub(super) resources: Dictionary,
    pub(super) services_of_resources: Vec<u32>,
    pub(super) services: Dictionary,
    pub(super) scopes: Dictionary,
    pub(super) addresses: Dictionary,
    pub(super) keys: Vec<ColumnKey>,
    key_codes: HashTable<u32>,
    pub(super) shapes: Shapes,
    shape_codes: HashTable<u32>,
    /// The texts of each key, and how they are found.
    pub(super) values: Vec<TextHeap>,
    tables: Vec<KeyTable>,
}

/// A list of distinct texts.
#[derive(Debug)]
pub(super) struct Dictionary {
    hasher: FixedState,
    codes: HashTable<u32>,
    pub(super) texts: TextHeap,
}

/// How the texts of one key are found, and whether it pays to look.
#[derive(Debug, Default)]
struct KeyTable {
    codes: HashTable<u32>,
    /// How many values earlier groups have.
    seen_count: usize,
    /// How many texts earlier groups use, and so must stay.
    settled_count: usize,
    /// Whether the texts stand in each group, repeated ones too.
    is_plain: bool,
}

impl Dictionary {
    fn new(hasher: FixedState) -> Self {
        Self { hasher, codes: HashTable::new(), texts: TextHeap::default() }
    }

    /// The code of a text.
    pub(super) fn code(&mut self, text: &[u8]) -> u32 {
        find_or_add(&self.hasher, &mut self.codes, &mut self.texts, text)
    }
}

impl DictionaryWriter {
    /// Makes empty ones. `seed` is a number that no sender knows.
    pub(super) fn new(seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        let dictionary = || Dictionary::new(FixedState::with_seed(seed));
        Self {
            hasher,
            names: dictionary(),
            event_names: dictionary(),
            resources: dictionary(),
            services_of_resources: Vec::new(),
            services: dictionary(),
            scopes: dictionary(),
            addresses: dictionary(),
            keys: Vec::new(),
            key_codes: HashTable::new(),
            shapes: Shapes::default(),
            shape_codes: HashTable::new(),
            values: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// What observers see.
    pub(super) fn texts(&self) -> SegmentTexts<'_> {
        SegmentTexts {
            keys: &self.keys,
            values: &self.values,
            shapes: &self.shapes,
            names: &self.names.texts,
            event_names: &self.event_names.texts,
            resources: &self.resources.texts,
            services_of_resources: &self.services_of_resources,
            services: &self.services.texts,
            scopes: &self.scopes.texts,
            addresses: &self.addresses.texts,
        }
    }

    /// The code of a key.
    pub(super) fn key(&mut self, key: &ColumnKey) -> u32 {
        let Self { hasher, keys, key_codes, values, tables, .. } = self;
        let hash = hasher.hash_one(key);
        if let Some(code) = key_codes.find(hash, |code| keys[*code as usize] == *key) {
            return *code;
        }
        let code = keys.len() as u32;
        keys.push(key.clone());
        values.push(TextHeap::default());
        tables.push(KeyTable::default());
        key_codes.insert_unique(hash, code, |code| hasher.hash_one(&keys[*code as usize]));
        code
    }

    /// The code of a shape, which is a list of keys' codes.
    pub(super) fn shape(&mut self, keys: &[u32]) -> u32 {
        let Self { hasher, shapes, shape_codes, .. } = self;
        let hash = hasher.hash_one(keys);
        if let Some(code) = shape_codes.find(hash, |code| shapes.get(*code) == keys) {
            return *code;
        }
        let code = shapes.push(keys);
        shape_codes.insert_unique(hash, code, |code| hasher.hash_one(shapes.get(*code)));
        code
    }

    /// Whether the texts of a key have a dictionary.
    pub(super) fn has_dictionary(&self, key: u32) -> bool {
        !self.tables[key as usize].is_plain
    }

    /// The code of a key's text, which is the `count`th value of the key in the group; `None` once
    /// the dictionary does not pay any more, which it then never will again.
    pub(super) fn value(&mut self, key: u32, text: &[u8], count: usize) -> Option<u32> {
        let (table, texts) = (&mut self.tables[key as usize], &mut self.values[key as usize]);
        let code = find_or_add(&self.hasher, &mut table.codes, texts, text);
        let (seen_count, distinct_count) = (table.seen_count + count, texts.len());
        let pays = distinct_count < DISTINCT_COUNT_MIN
            || distinct_count * DISTINCT_RATIO_MAX <= seen_count;
        let fits = distinct_count <= KEY_DICTIONARY_COUNT_MAX
            && texts.parts().0.len() <= KEY_DICTIONARY_LEN_MAX;
        (pays && fits).then_some(code)
    }

    /// Gives up the dictionary of a key, but for what earlier groups use.
    pub(super) fn make_plain(&mut self, key: u32) {
        let table = &mut self.tables[key as usize];
        table.is_plain = true;
        table.codes = HashTable::new();
        self.values[key as usize].truncate(table.settled_count);
    }

    /// Ends a group with these values: what it used must stay.
    pub(super) fn settle(&mut self, columns: &[KeyColumn]) {
        for (table, column) in self.tables.iter_mut().zip(columns) {
            table.seen_count += column.count;
        }
        for (table, texts) in self.tables.iter_mut().zip(&self.values) {
            table.settled_count = texts.len();
        }
    }
}

fn find_or_add(
    hasher: &FixedState,
    codes: &mut HashTable<u32>,
    texts: &mut TextHeap,
    text: &[u8],
) -> u32 {
    let hash = hasher.hash_one(text);
    if let Some(code) = codes.find(hash, |code| texts.get(*code) == text) {
        return *code;
    }
    let code = texts.push(text);
    codes.insert_unique(hash, code, |code| hasher.hash_one(texts.get(*code)));
    code
}
