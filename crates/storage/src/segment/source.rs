//! What a writer remembers of one chunk: which codes of the segment its places became.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use super::dictionaries::{Dictionary, DictionaryWriter};
use crate::columns::{Chunk, NO_SERVICE, TextHeap, Texts, ValueKind};

/// Stands for a code that was not asked for yet.
const UNKNOWN: u32 = u32::MAX;

/// A chunk that traces are taken from, with the segment's codes of its places as far as they
/// were asked for. It belongs to the writer that it is used with first.
#[derive(Debug)]
pub(crate) struct Source {
    pub(super) chunk: Arc<Chunk>,
    pub(super) codes: SourceCodes,
}

/// The codes of a chunk's places.
#[derive(Debug, Default)]
pub(super) struct SourceCodes {
    names: Codes,
    event_names: Codes,
    resources: Codes,
    scopes: Codes,
    addresses: Codes,
    shapes: Codes,
    pub(super) columns: Vec<ColumnCodes>,
}

/// The codes of one column of a chunk.
#[derive(Debug)]
pub(super) struct ColumnCodes {
    /// The key's code, or [`UNKNOWN`].
    pub(super) key: u32,
    pub(super) kind: ValueKind,
    /// The codes of its texts.
    pub(super) values: Codes,
}

/// A code for each place of a list, once it is known.
#[derive(Debug, Default)]
pub(super) struct Codes(Vec<u32>);

impl Codes {
    /// The code of a place in a list of `count`.
    #[inline]
    pub(super) fn get(&mut self, place: u32, count: usize) -> Option<u32> {
        if self.0.is_empty() {
            self.0.resize(count, UNKNOWN);
        }
        self.0.get(place as usize).copied().filter(|code| *code != UNKNOWN)
    }

    /// Whether the code of a place is known.
    #[inline]
    pub(super) fn is_known(&self, place: u32) -> bool {
        self.0.get(place as usize).is_some_and(|code| *code != UNKNOWN)
    }

    /// The code of a place, which is known.
    #[inline]
    pub(super) fn known(&self, place: u32) -> u32 {
        self.0[place as usize]
    }

    /// Remembers a code.
    pub(super) fn set(&mut self, place: u32, code: u32) {
        if let Some(known) = self.0.get_mut(place as usize) {
            *known = code;
        }
    }
}

impl Source {
    /// Makes one that knows no codes yet.
    pub(crate) fn new(chunk: Arc<Chunk>) -> Self {
        let codes = SourceCodes { columns: columns_of(&chunk), ..SourceCodes::default() };
        Self { chunk, codes }
    }

    /// The chunk.
    pub(crate) fn chunk(&self) -> &Arc<Chunk> {
        &self.chunk
    }

    /// Goes on with another chunk, and keeps the codes of lists that both share: what a run of
    /// groups of one segment is read into. Returns the chunk before.
    pub(crate) fn advance(&mut self, chunk: Arc<Chunk>) -> Arc<Chunk> {
        let (old, codes) = (&self.chunk, &mut self.codes);
        let lists = [
            (&mut codes.names, &old.names, &chunk.names),
            (&mut codes.event_names, &old.event_names, &chunk.event_names),
            (&mut codes.resources, &old.resources.encoded, &chunk.resources.encoded),
            (&mut codes.scopes, &old.scopes, &chunk.scopes),
            (&mut codes.addresses, &old.addresses, &chunk.addresses),
        ];
        for (codes, old, new) in lists {
            if shared(old).is_none() || shared(old) != shared(new) {
                codes.0.clear();
            }
        }
        codes.shapes.0.clear();
        // Columns of another chunk have other places, but the same lists where they are shared.
        let mut kept: BTreeMap<*const TextHeap, ColumnCodes> = mem::take(&mut codes.columns)
            .into_iter()
            .zip(&old.columns)
            .filter_map(|(codes, column)| Some((shared(&column.texts)?, codes)))
            .collect();
        codes.columns = columns_of(&chunk);
        for (codes, column) in codes.columns.iter_mut().zip(&chunk.columns) {
            if let Some(known) = shared(&column.texts).and_then(|list| kept.remove(&list)) {
                *codes = known;
            }
        }
        mem::replace(&mut self.chunk, chunk)
    }
}

impl SourceCodes {
    pub(super) fn name(&mut self, chunk: &Chunk, place: u32, into: &mut Dictionary) -> u32 {
        code(&mut self.names, &chunk.names, place, into)
    }

    pub(super) fn event_name(&mut self, chunk: &Chunk, place: u32, into: &mut Dictionary) -> u32 {
        code(&mut self.event_names, &chunk.event_names, place, into)
    }

    pub(super) fn scope(&mut self, chunk: &Chunk, place: u32, into: &mut Dictionary) -> u32 {
        code(&mut self.scopes, &chunk.scopes, place, into)
    }

    pub(super) fn address(&mut self, chunk: &Chunk, place: u32, into: &mut Dictionary) -> u32 {
        code(&mut self.addresses, &chunk.addresses, place, into)
    }

    pub(super) fn resource(
        &mut self,
        chunk: &Chunk,
        place: u32,
        into: &mut DictionaryWriter,
    ) -> u32 {
        let code = code(&mut self.resources, &chunk.resources.encoded, place, &mut into.resources);
        if code as usize == into.services_of_resources.len() {
            let service = chunk.resources.service_of(place);
            let service = service.map_or(NO_SERVICE, |name| into.services.code(name.as_bytes()));
            into.services_of_resources.push(service);
        }
        code
    }

    pub(super) fn shape(&mut self, chunk: &Chunk, place: u32, into: &mut DictionaryWriter) -> u32 {
        if let Some(code) = self.shapes.get(place, chunk.shapes.len()) {
            return code;
        }
        let columns = chunk.shapes.get(place);
        let keys: Vec<u32> = columns.iter().map(|column| self.key(chunk, *column, into)).collect();
        let code = into.shape(&keys);
        self.shapes.set(place, code);
        code
    }

    fn key(&mut self, chunk: &Chunk, column: u32, into: &mut DictionaryWriter) -> u32 {
        let codes = &mut self.columns[column as usize];
        if codes.key == UNKNOWN {
            codes.key = into.key(&chunk.columns[column as usize].key);
        }
        codes.key
    }
}

#[inline]
fn code(codes: &mut Codes, texts: &Texts, place: u32, into: &mut Dictionary) -> u32 {
    if codes.is_known(place) {
        return codes.known(place);
    }
    add_code(codes, texts, place, into)
}

#[cold]
fn add_code(codes: &mut Codes, texts: &Texts, place: u32, into: &mut Dictionary) -> u32 {
    if let Some(code) = codes.get(place, texts.heap().len()) {
        return code;
    }
    let code = into.code(texts.get(place));
    codes.set(place, code);
    code
}

fn columns_of(chunk: &Chunk) -> Vec<ColumnCodes> {
    let codes = chunk.columns.iter().map(|column| ColumnCodes {
        key: UNKNOWN,
        kind: column.key.kind,
        values: Codes::default(),
    });
    codes.collect()
}

/// What tells shared lists apart; `None` for a list that is a chunk's own.
fn shared(texts: &Texts) -> Option<*const TextHeap> {
    match texts {
        Texts::Own(_) => None,
        Texts::Shared(shared) => Some(Arc::as_ptr(shared)),
    }
}
