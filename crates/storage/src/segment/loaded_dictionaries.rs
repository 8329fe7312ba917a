//! The dictionaries of a segment as its readers have them.

use std::sync::Arc;

use super::observer::SegmentTexts;
use crate::columns::{ColumnKey, Shapes, TextHeap};

/// What the codes of a segment stand for, as far as it was loaded. Chunks and scans share it.
#[derive(Clone, Debug)]
pub(crate) struct Dictionaries {
    /// Keys by their codes.
    pub(crate) keys: Arc<[ColumnKey]>,
    /// The dictionary of each key; `None` where it has none or it was not loaded.
    pub(crate) values: Vec<Option<Arc<TextHeap>>>,
    /// Lists of keys' codes.
    pub(crate) shapes: Arc<Shapes>,
    /// Span names.
    pub(crate) names: Arc<TextHeap>,
    /// Event names.
    pub(crate) event_names: Arc<TextHeap>,
    /// Resources, encoded.
    pub(crate) resources: Arc<TextHeap>,
    /// The service of each resource, or [`NO_SERVICE`](crate::columns::NO_SERVICE).
    pub(crate) services_of_resources: Arc<[u32]>,
    /// Services.
    pub(crate) services: Arc<TextHeap>,
    /// Scopes, encoded.
    pub(crate) scopes: Arc<TextHeap>,
    /// Addresses, encoded.
    pub(crate) addresses: Arc<TextHeap>,
}

impl Dictionaries {
    /// Copies those of a segment that is being written: what its groups so far are read with.
    pub(crate) fn of_texts(texts: &SegmentTexts<'_>) -> Self {
        let copy = |texts: &TextHeap| Arc::new(texts.clone());
        Self {
            keys: texts.keys.into(),
            values: texts.values.iter().map(|values| Some(copy(values))).collect(),
            shapes: Arc::new(texts.shapes.clone()),
            names: copy(texts.names),
            event_names: copy(texts.event_names),
            resources: copy(texts.resources),
            services_of_resources: texts.services_of_resources.into(),
            services: copy(texts.services),
            scopes: copy(texts.scopes),
            addresses: copy(texts.addresses),
        }
    }

    /// The memory that they take.
    pub(crate) fn byte_len(&self) -> usize {
        let fixed = [
            &self.names,
            &self.event_names,
            &self.resources,
            &self.services,
            &self.scopes,
            &self.addresses,
        ];
        let texts = fixed.into_iter().chain(self.values.iter().flatten());
        texts.map(|texts| texts.byte_len()).sum::<usize>()
            + self.keys.iter().map(|key| size_of::<ColumnKey>() + key.name.len()).sum::<usize>()
            + self.shapes.byte_len()
            + self.services_of_resources.len() * size_of::<u32>()
            + self.values.capacity() * size_of::<Option<Arc<TextHeap>>>()
    }
}
