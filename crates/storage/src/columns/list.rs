//! One list of values while it is written: which columns it has, and its words.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use spandrel_model::{Attribute, Endpoint, Value};

use super::Column;
use super::key::{ColumnKey, Field, Owner, ValueKind};
use super::texts::{Interner, TextHeap, Texts};
use super::value_bytes::write_value;

/// Finds columns by key, and the places of their texts.
#[derive(Debug)]
pub(super) struct KeyIndex {
    places: HashTable<u32>,
    hasher: FixedState,
    seed: u64,
    /// The table of each column's texts.
    texts: Vec<Interner>,
}

impl KeyIndex {
    pub(super) fn new(seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        Self { places: HashTable::new(), hasher, seed, texts: Vec::new() }
    }

    pub(super) fn byte_len(&self) -> usize {
        self.places.allocation_size() + self.texts.iter().map(Interner::byte_len).sum::<usize>()
    }

    #[cold]
    fn find_or_add(
        &mut self,
        columns: &mut Vec<Column>,
        owner: Owner,
        name: &str,
        kind: ValueKind,
    ) -> u32 {
        let hash = self.hasher.hash_one((owner, name, kind));
        let is_it = |place: &u32| columns[*place as usize].key.is(owner, name, kind);
        if let Some(place) = self.places.find(hash, is_it) {
            return *place;
        }
        let place = columns.len() as u32;
        let key = ColumnKey { owner, name: name.into(), kind };
        columns.push(Column { key, texts: Texts::default() });
        self.texts.push(Interner::new(self.seed));
        let hasher = &self.hasher;
        self.places.insert_unique(hash, place, |place| {
            let key = &columns[*place as usize].key;
            hasher.hash_one((key.owner, &*key.name, key.kind))
        });
        place
    }
}

/// A list that is being written. Its two buffers are empty when it begins.
pub(super) struct ListWriter<'a> {
    pub(super) columns: &'a mut Vec<Column>,
    pub(super) keys: &'a mut KeyIndex,
    /// The columns that a list of this sort had last.
    pub(super) predicted: &'a [u32],
    pub(super) shape: &'a mut Vec<u32>,
    pub(super) words: &'a mut Vec<u64>,
    pub(super) encoded: &'a mut Vec<u8>,
}

impl ListWriter<'_> {
    /// Appends the numbers that are not zero.
    pub(super) fn numbers<const N: usize>(&mut self, numbers: [(Field, u32); N]) {
        for (field, number) in numbers {
            if number != 0 {
                self.field(field, ValueKind::Int);
                self.words.push(number.into());
            }
        }
    }

    /// Appends a text unless it is empty.
    pub(super) fn text(&mut self, field: Field, text: &str) {
        if !text.is_empty() {
            let column = self.field(field, ValueKind::String);
            self.push_text(column, text.as_bytes());
        }
    }

    /// Appends the parts that a remote endpoint has.
    pub(super) fn remote(&mut self, remote: &Endpoint<'_>) {
        if remote.is_empty() {
            self.field(Field::RemoteEmpty, ValueKind::Empty);
            self.words.push(0);
        }
        if let Some(name) = &remote.service_name {
            let column = self.field(Field::RemoteService, ValueKind::String);
            self.push_text(column, name.as_bytes());
        }
        if let Some(ipv4) = remote.address.ipv4 {
            self.field(Field::RemoteIpv4, ValueKind::Int);
            self.words.push(ipv4.to_bits().into());
        }
        if let Some(ipv6) = remote.address.ipv6 {
            let column = self.field(Field::RemoteIpv6, ValueKind::Bytes);
            self.push_text(column, &ipv6.octets());
        }
        if let Some(port) = remote.address.port {
            self.field(Field::RemotePort, ValueKind::Int);
            self.words.push(port.get().into());
        }
    }

    /// Appends attributes in their order, repeated keys and all.
    pub(super) fn attributes(&mut self, owner: Owner, attributes: &[Attribute<'_>]) {
        for attribute in attributes {
            let column = self.column(owner, &attribute.key, ValueKind::of(&attribute.value));
            match &attribute.value {
                Value::Empty => self.words.push(0),
                Value::String(text) => self.push_text(column, text.as_bytes()),
                Value::Bool(value) => self.words.push((*value).into()),
                Value::Int(number) => self.words.push(number.cast_unsigned()),
                Value::Double(number) => self.words.push(number.to_bits()),
                Value::Bytes(bytes) => self.push_text(column, bytes),
                nested @ (Value::Array(_) | Value::Map(_)) => {
                    let mut encoded = std::mem::take(self.encoded);
                    encoded.clear();
                    write_value(&mut encoded, nested);
                    self.push_text(column, &encoded);
                    *self.encoded = encoded;
                }
            }
        }
    }

    fn field(&mut self, field: Field, kind: ValueKind) -> u32 {
        self.column(Owner::Field(field), "", kind)
    }

    #[inline]
    fn column(&mut self, owner: Owner, name: &str, kind: ValueKind) -> u32 {
        let column = match self.predicted.get(self.shape.len()) {
            Some(column) if self.columns[*column as usize].key.is(owner, name, kind) => *column,
            _ => self.keys.find_or_add(self.columns, owner, name, kind),
        };
        self.shape.push(column);
        column
    }

    #[inline]
    fn push_text(&mut self, column: u32, text: &[u8]) {
        let column = column as usize;
        let heap = own(&mut self.columns[column].texts);
        self.words.push(self.keys.texts[column].intern(heap, text).into());
    }
}

/// The texts of a chunk that is being built, which are never shared.
pub(super) fn own(texts: &mut Texts) -> &mut TextHeap {
    if let Texts::Shared(shared) = texts {
        *texts = Texts::Own(TextHeap::clone(shared));
    }
    match texts {
        Texts::Own(heap) => heap,
        Texts::Shared(_) => unreachable!("made its own above"),
    }
}
