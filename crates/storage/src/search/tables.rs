//! What the codes of columns stand for, wherever the columns are.

use crate::columns::{Chunk, ColumnKey, TextHeap};
use crate::segment::{Dictionaries, SegmentTexts};

/// A dictionary with up to this many texts is tested whole for one chunk; one of a segment serves
/// many groups, and always is.
const CHUNK_DICTIONARY_COUNT_MAX: usize = 1_024;

/// What the codes of columns stand for.
pub(crate) trait Tables {
    /// The key of each column, by its code.
    fn keys(&self) -> impl Iterator<Item = &ColumnKey>;

    /// The texts that a key's codes stand for, if testing each of them once pays.
    fn dictionary(&self, key: u32) -> Option<&TextHeap>;

    /// What the codes of span names stand for.
    fn names(&self) -> &TextHeap;

    /// What the codes of event names stand for.
    fn event_names(&self) -> &TextHeap;

    /// What the codes of resources stand for, encoded.
    fn resources(&self) -> &TextHeap;

    /// The service of each resource, or [`NO_SERVICE`].
    fn services_of_resources(&self) -> &[u32];

    /// What the codes of services stand for.
    fn services(&self) -> &TextHeap;
}

impl Tables for Chunk {
    fn keys(&self) -> impl Iterator<Item = &ColumnKey> {
        self.columns.iter().map(|column| &column.key)
    }

    fn dictionary(&self, key: u32) -> Option<&TextHeap> {
        let texts = self.columns[key as usize].texts.heap();
        (texts.len() <= CHUNK_DICTIONARY_COUNT_MAX).then_some(texts)
    }

    fn names(&self) -> &TextHeap {
        self.names.heap()
    }

    fn event_names(&self) -> &TextHeap {
        self.event_names.heap()
    }

    fn resources(&self) -> &TextHeap {
        self.resources.encoded.heap()
    }

    fn services_of_resources(&self) -> &[u32] {
        &self.resources.service
    }

    fn services(&self) -> &TextHeap {
        self.resources.services.heap()
    }
}

impl Tables for Dictionaries {
    fn keys(&self) -> impl Iterator<Item = &ColumnKey> {
        self.keys.iter()
    }

    fn dictionary(&self, key: u32) -> Option<&TextHeap> {
        self.values.get(key as usize)?.as_deref()
    }

    fn names(&self) -> &TextHeap {
        &self.names
    }

    fn event_names(&self) -> &TextHeap {
        &self.event_names
    }

    fn resources(&self) -> &TextHeap {
        &self.resources
    }

    fn services_of_resources(&self) -> &[u32] {
        &self.services_of_resources
    }

    fn services(&self) -> &TextHeap {
        &self.services
    }
}

impl Tables for SegmentTexts<'_> {
    fn keys(&self) -> impl Iterator<Item = &ColumnKey> {
        self.keys.iter()
    }

    fn dictionary(&self, key: u32) -> Option<&TextHeap> {
        self.values.get(key as usize)
    }

    fn names(&self) -> &TextHeap {
        self.names
    }

    fn event_names(&self) -> &TextHeap {
        self.event_names
    }

    fn resources(&self) -> &TextHeap {
        self.resources
    }

    fn services_of_resources(&self) -> &[u32] {
        self.services_of_resources
    }

    fn services(&self) -> &TextHeap {
        self.services
    }
}
