//! The distinct names that spans of one tenant have, so that listing them reads no span.
//!
//! A chunk remembers which combinations of names its rows have, so that the list is asked only
//! when a chunk sees one for the first time, and can be made again without the rows.

use std::collections::{BTreeMap, BTreeSet};

use crate::columns::{Chunk, Field, NO_SERVICE, Owner};
use crate::store::NameRequest;

/// What one name takes besides its text: a place in a tree that is two thirds full.
const NAME_LEN: u64 = 36;

/// Stands for no remote service.
const NO_REMOTE: u32 = u32::MAX;

/// The names of one row, as places in the lists of its chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NameCodes {
    service: u32,
    name: u32,
    remote: u32,
}

impl NameCodes {
    /// The names of a row; `None` when no service emitted it.
    #[inline]
    pub(super) fn of(chunk: &Chunk, row: usize) -> Option<Self> {
        let service = chunk.resources.service[chunk.rows.resource[row] as usize];
        let codes = || Self { service, name: chunk.rows.name[row], remote: remote_of(chunk, row) };
        (service != NO_SERVICE).then(codes)
    }
}

/// The place of a row's remote service in the texts of that column.
fn remote_of(chunk: &Chunk, row: usize) -> u32 {
    let columns = chunk.shapes.get(chunk.rows.shape[row]);
    for (column, word) in columns.iter().zip(chunk.span_values.get(row)) {
        match chunk.columns[*column as usize].key.owner {
            Owner::Field(Field::RemoteService) => return *word as u32,
            Owner::Field(_) => {}
            // A span's fields stand before its attributes.
            _ => break,
        }
    }
    NO_REMOTE
}

/// The names of one tenant's spans.
#[derive(Debug, Default)]
pub(super) struct NameIndex {
    services: BTreeMap<String, ServiceNames>,
    byte_len: u64,
}

/// The names around one service, keyed by its name as received.
#[derive(Debug, Default)]
struct ServiceNames {
    folded: String,
    spans: BTreeSet<String>,
    remotes: BTreeSet<String>,
}

impl NameIndex {
    /// Adds the names that the rows of a chunk have.
    pub(super) fn insert_all<'n>(
        &mut self,
        chunk: &Chunk,
        names: impl Iterator<Item = &'n NameCodes>,
    ) {
        let is_remote =
            |key: &crate::columns::ColumnKey| key.owner == Owner::Field(Field::RemoteService);
        let remotes = chunk.columns.iter().find(|column| is_remote(&column.key));
        for codes in names {
            let service = chunk.resources.services.str(codes.service);
            let remote = remotes.filter(|_| codes.remote != NO_REMOTE);
            let remote = remote.map_or("", |column| column.texts.str(codes.remote));
            self.insert(service, chunk.names.str(codes.name), remote);
        }
    }

    /// Adds the names of a span.
    pub(super) fn insert(&mut self, service: &str, name: &str, remote: &str) {
        if !self.services.contains_key(service) {
            let names = ServiceNames { folded: service.to_lowercase(), ..Default::default() };
            self.byte_len += NAME_LEN * 4 + (service.len() + names.folded.len()) as u64;
            self.services.insert(service.to_owned(), names);
        }
        let Some(names) = self.services.get_mut(service) else { return };
        self.byte_len += insert_name(&mut names.spans, name);
        self.byte_len += insert_name(&mut names.remotes, remote);
    }

    /// The memory that it takes.
    pub(super) fn byte_len(&self) -> u64 {
        self.byte_len
    }

    /// Lists the names that are wanted, sorted.
    pub(super) fn list(&self, wanted: &NameRequest) -> Vec<String> {
        let of_service = |service: &str, names: fn(&ServiceNames) -> &BTreeSet<String>| {
            let same = self.services.values().filter(|names| names.folded == service);
            let distinct: BTreeSet<&String> = same.flat_map(names).collect();
            distinct.into_iter().cloned().collect()
        };
        match wanted {
            NameRequest::Services => self.services.keys().cloned().collect(),
            NameRequest::SpanNames { service } => of_service(service, |names| &names.spans),
            NameRequest::RemoteServices { service } => of_service(service, |names| &names.remotes),
        }
    }
}

/// Adds a name unless it is there or empty, which is no name; returns the growth in bytes.
fn insert_name(names: &mut BTreeSet<String>, name: &str) -> u64 {
    if name.is_empty() || names.contains(name) {
        return 0;
    }
    names.insert(name.to_owned());
    NAME_LEN + name.len() as u64
}
