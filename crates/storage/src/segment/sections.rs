//! The sections of a segment that are dictionaries: to bytes, and back.

use std::sync::Arc;

use super::dictionaries::DictionaryWriter;
use super::directory::PartEntry;
use super::error::{Fault, PartAt, SegmentError, WriteError};
use super::limits::{
    CODE_COUNT_MAX, KEY_COUNT_MAX, KEY_DICTIONARY_COUNT_MAX, KEY_DICTIONARY_LEN_MAX, TEXT_LEN_MAX,
    VALUE_COUNT_MAX,
};
use super::observer::SectionId;
use super::trace_table::{add_up, counts};
use super::writer::{check_len, part_entry};
use crate::columns::{ColumnKey, NO_SERVICE, Owner, Shapes, TextHeap, ValueKind};
use crate::encoding::dictionary::{self, Limits};
use crate::encoding::input::{Input, nested, put_varint};
use crate::encoding::ints::{self, Kind};
use crate::encoding::texts::Texts;
use crate::encoding::{Damaged, Decoder, Encoder};

pub(super) const KEYS: u32 = 1;
pub(super) const SHAPES: u32 = 2;
pub(super) const NAMES: u32 = 3;
pub(super) const EVENT_NAMES: u32 = 4;
pub(super) const RESOURCES: u32 = 5;
pub(super) const SERVICES: u32 = 6;
pub(super) const SCOPES: u32 = 7;
pub(super) const ADDRESSES: u32 = 8;

/// The id of the dictionary of the key with code 0.
pub(super) const KEY_DICTIONARY_MIN: u32 = 64;

/// Appends all sections, sorted by id, and returns what the directory says of them.
pub(super) fn encode(
    dictionaries: &DictionaryWriter,
    observed: Vec<(SectionId, Vec<u8>)>,
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
) -> Result<Vec<PartEntry>, WriteError> {
    check_len("keys of a segment", dictionaries.keys.len(), KEY_COUNT_MAX)?;
    let mut sections = vec![
        (KEYS, keys(&dictionaries.keys, encoder)?),
        (SHAPES, shapes(&dictionaries.shapes, encoder)),
        (NAMES, texts(&dictionaries.names.texts, encoder)?),
        (EVENT_NAMES, texts(&dictionaries.event_names.texts, encoder)?),
        (RESOURCES, resources(dictionaries, encoder)?),
        (SERVICES, texts(&dictionaries.services.texts, encoder)?),
        (SCOPES, texts(&dictionaries.scopes.texts, encoder)?),
        (ADDRESSES, texts(&dictionaries.addresses.texts, encoder)?),
    ];
    for (values, code) in dictionaries.values.iter().zip(KEY_DICTIONARY_MIN..) {
        if values.len() > 0 {
            sections.push((code, texts(values, encoder)?));
        }
    }
    sections.extend(observed.into_iter().map(|(id, bytes)| (id.0, bytes)));
    sections.sort_by_key(|(id, _)| *id);
    let mut entries = Vec::with_capacity(sections.len());
    for (id, bytes) in &sections {
        entries.push(part_entry(*id, bytes)?);
        out.extend_from_slice(bytes);
    }
    Ok(entries)
}

fn texts(heap: &TextHeap, encoder: &mut Encoder) -> Result<Vec<u8>, WriteError> {
    let (bytes, ends) = heap.parts();
    check_len("texts of a dictionary", bytes.len(), TEXT_LEN_MAX)?;
    check_len("entries of a dictionary", ends.len(), CODE_COUNT_MAX)?;
    let texts = Texts::from_parts(bytes.to_vec(), ends.to_vec())
        .expect("a list's parts fit together, and the limits above are stricter");
    let mut out = Vec::new();
    dictionary::encode(&texts, encoder, &mut out);
    Ok(out)
}

/// A count, owners, kinds, then names.
fn keys(keys: &[ColumnKey], encoder: &mut Encoder) -> Result<Vec<u8>, WriteError> {
    let mut out = Vec::new();
    put_varint(keys.len() as u64, &mut out);
    out.extend(keys.iter().map(|key| key.owner.code()));
    out.extend(keys.iter().map(|key| key.kind as u8));
    let mut names = TextHeap::default();
    for key in keys {
        names.push(key.name.as_bytes());
    }
    out.extend(texts(&names, encoder)?);
    Ok(out)
}

/// A count, how many keys each has, then these.
fn shapes(shapes: &Shapes, encoder: &mut Encoder) -> Vec<u8> {
    let (mut keys, mut ends) = (Vec::new(), Vec::new());
    for shape in 0..shapes.len() as u32 {
        keys.extend_from_slice(shapes.get(shape));
        ends.push(keys.len() as u32);
    }
    let mut out = Vec::new();
    put_varint(ends.len() as u64, &mut out);
    nested(&mut out, |out| ints::encode(&counts(&ends), Kind::Code, encoder, out));
    nested(&mut out, |out| ints::encode(&keys, Kind::Code, encoder, out));
    out
}

/// The service of each, one more than its code and 0 for none, then the resources.
fn resources(from: &DictionaryWriter, encoder: &mut Encoder) -> Result<Vec<u8>, WriteError> {
    let services = from.services_of_resources.iter().map(|service| service.wrapping_add(1));
    let services: Vec<u32> = services.collect();
    let mut out = Vec::new();
    put_varint(services.len() as u64, &mut out);
    nested(&mut out, |out| ints::encode(&services, Kind::Code, encoder, out));
    out.extend(texts(&from.resources.texts, encoder)?);
    Ok(out)
}

/// Reads dictionaries; errors name the section.
pub(super) struct SectionReader<'a> {
    pub(super) at: PartAt<'a>,
    pub(super) decoder: &'a mut Decoder,
}

impl SectionReader<'_> {
    /// Reads a list of texts.
    pub(super) fn texts(&mut self, bytes: &[u8]) -> Result<Arc<TextHeap>, SegmentError> {
        let limits = Limits { count_max: CODE_COUNT_MAX, heap_len_max: TEXT_LEN_MAX };
        self.texts_within(Input::new(bytes), limits).map(Arc::new)
    }

    /// Reads the dictionary of a key.
    pub(super) fn key_texts(&mut self, bytes: &[u8]) -> Result<Arc<TextHeap>, SegmentError> {
        // The entry with which a dictionary passes its limit is given up with it.
        let limits =
            Limits { count_max: KEY_DICTIONARY_COUNT_MAX, heap_len_max: KEY_DICTIONARY_LEN_MAX };
        self.texts_within(Input::new(bytes), limits).map(Arc::new)
    }

    fn texts_within(&mut self, input: Input<'_>, limits: Limits) -> Result<TextHeap, SegmentError> {
        let mut texts = Texts::new();
        dictionary::decode_input(input, limits, self.decoder, &mut texts)
            .map_err(|damaged| self.at.damaged(damaged))?;
        let (heap, ends) = texts.into_parts();
        TextHeap::from_parts(heap, ends)
            .ok_or_else(|| self.at.inconsistent("the texts do not fit together"))
    }

    /// Reads the keys.
    pub(super) fn keys(&mut self, bytes: &[u8]) -> Result<Arc<[ColumnKey]>, SegmentError> {
        let at = self.at;
        let damaged = |damaged: Damaged| at.damaged(damaged);
        let mut input = Input::new(bytes);
        let count_max = KEY_COUNT_MAX.min(bytes.len() / 2);
        let count = input.count("count of keys", count_max).map_err(damaged)?;
        let owners = input.cut(count).map_err(damaged)?.rest();
        let kinds = input.cut(count).map_err(damaged)?.rest();
        let limits = Limits { count_max: count, heap_len_max: TEXT_LEN_MAX };
        let names = self.texts_within(input, limits)?;
        if names.len() != count {
            return Err(at.inconsistent("there are more keys than names of keys"));
        }
        let key = |place: usize| {
            let name = std::str::from_utf8(names.get(place as u32)).ok()?;
            let owner = Owner::from_code(owners[place])?;
            let kind = ValueKind::from_code(kinds[place])?;
            Some(ColumnKey { owner, name: name.into(), kind })
        };
        let keys: Option<Arc<[ColumnKey]>> = (0..count).map(key).collect();
        keys.ok_or_else(|| at.inconsistent("a key is none that a writer makes"))
    }

    /// Reads the shapes, in a segment of so many keys.
    pub(super) fn shapes(
        &mut self,
        bytes: &[u8],
        key_count: usize,
    ) -> Result<Arc<Shapes>, SegmentError> {
        let (ends, keys) = self.shape_lists(bytes).map_err(|damaged| self.at.damaged(damaged))?;
        if keys.iter().any(|key| *key as usize >= key_count) {
            return Err(self.at.inconsistent("a shape has a key that the segment does not have"));
        }
        let mut shapes = Shapes::default();
        let mut start = 0;
        for end in ends {
            let end = end as usize;
            shapes.push(&keys[std::mem::replace(&mut start, end)..end]);
        }
        Ok(Arc::new(shapes))
    }

    fn shape_lists(&mut self, bytes: &[u8]) -> Result<(Vec<u32>, Vec<u32>), Damaged> {
        let mut input = Input::new(bytes);
        let count = input.count("count of shapes", CODE_COUNT_MAX)?;
        let (mut ends, mut keys) = (Vec::new(), Vec::new());
        ints::decode_input(input.nested()?, count, self.decoder, &mut ends)?;
        let keys_at = input;
        let key_count = add_up(&mut ends);
        if key_count > VALUE_COUNT_MAX as u64 {
            let (what, len_max) = ("length of all shapes", VALUE_COUNT_MAX as u64);
            let fault = crate::encoding::Fault::TooLong { what, len: key_count, len_max };
            return Err(keys_at.damaged(fault));
        }
        ints::decode_input(input.nested()?, key_count as usize, self.decoder, &mut keys)?;
        input.finish()?;
        Ok((ends, keys))
    }

    /// Reads the resources and the services of each, in a segment of so many services.
    pub(super) fn resources(
        &mut self,
        bytes: &[u8],
        service_count: usize,
    ) -> Result<(Arc<TextHeap>, Arc<[u32]>), SegmentError> {
        let at = self.at;
        let damaged = |damaged: Damaged| at.damaged(damaged);
        let mut input = Input::new(bytes);
        let count = input.count("count of resources", CODE_COUNT_MAX).map_err(damaged)?;
        let mut services: Vec<u32> = Vec::new();
        let list = input.nested().map_err(damaged)?;
        ints::decode_input(list, count, self.decoder, &mut services).map_err(damaged)?;
        for service in &mut services {
            // One more than a code, so that none is 0 here and the largest number in memory.
            *service = service.wrapping_sub(1);
            if *service != NO_SERVICE && *service as usize >= service_count {
                let what = "a resource has a service that the segment does not have";
                return Err(at.fault(Fault::Inconsistent { what }));
            }
        }
        let limits = Limits { count_max: count, heap_len_max: TEXT_LEN_MAX };
        let resources = self.texts_within(input, limits)?;
        if resources.len() != count {
            return Err(at.inconsistent("there are more services than resources"));
        }
        Ok((Arc::new(resources), services.into()))
    }
}
