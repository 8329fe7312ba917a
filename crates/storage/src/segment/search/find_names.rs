//! Finds the names of operations, events and services.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashSet;

use super::hashes::{self, NameKind};
use super::names::{NameSets, OPERATION_COUNT_MAX, REMOTE_COUNT_MAX, REMOTE_LEN_MAX};
use crate::columns::{Field, Marks, NO_SERVICE, Owner, TextHeap};
use crate::search::LastValues;
use crate::segment::{GroupColumns, SegmentTexts, ValueForm};

/// Finds names, and keeps what it found in the groups before.
#[derive(Debug, Default)]
pub(super) struct NameFinder {
    operations: HashSet<(u32, u32, u8), foldhash::fast::FixedState>,
    /// Remote services, by name, each with the services that call it.
    remotes: BTreeMap<Vec<u8>, BTreeSet<u32>>,
    remote_count: usize,
    remote_len: usize,
    /// Hashes of all names of the segment.
    hashes: Vec<u64>,
    /// Which codes the group has.
    is_seen: Vec<bool>,
}

impl NameFinder {
    /// Looks at a group, and appends the hashes of its names.
    pub(super) fn group(
        &mut self,
        group: &GroupColumns,
        texts: &SegmentTexts<'_>,
        hashes: &mut Vec<u64>,
        names: &mut NameSets,
    ) {
        let first = hashes.len();
        let service_of = |row: usize| {
            let service = texts.services_of_resources.get(group.resource[row] as usize);
            service.copied().filter(|service| *service != NO_SERVICE)
        };
        self.push_hashes(NameKind::Span, group.name.iter().copied(), texts.names, hashes);
        let events = group.events.name.iter().copied();
        self.push_hashes(NameKind::Event, events, texts.event_names, hashes);
        let services = (0..group.row_count).filter_map(service_of);
        self.push_hashes(NameKind::Service, services, texts.services, hashes);
        for row in 0..group.row_count {
            let kind = kind_code(group.marks[row]);
            let service = service_of(row).map_or(0, |service| service + 1);
            let operation = (service, group.name[row], kind);
            if self.operations.contains(&operation) {
                continue;
            }
            if self.operations.len() < OPERATION_COUNT_MAX {
                self.operations.insert(operation);
            } else {
                names.is_cut = true;
            }
        }
        self.remotes(group, texts, hashes, names);
        self.hashes.extend_from_slice(&hashes[first..]);
        // Groups repeat each other's names.
        self.hashes.sort_unstable();
        self.hashes.dedup();
    }

    /// Ends the segment: appends the hashes of all names.
    pub(super) fn finish(&mut self, hashes: &mut Vec<u64>, names: &mut NameSets) {
        hashes.append(&mut self.hashes);
        let mut operations: Vec<_> = self.operations.drain().collect();
        operations.sort_unstable();
        for (service, name, kind) in operations {
            names.service.push(service);
            names.name.push(name);
            names.kind.push(kind);
        }
        for (remote, callers) in std::mem::take(&mut self.remotes) {
            if names.remotes.push(&remote).is_err() {
                names.is_cut = true;
                break;
            }
            let place = (names.remotes.len() - 1) as u32;
            for caller in callers {
                names.caller.push(caller);
                names.remote.push(place);
            }
        }
    }

    fn remotes(
        &mut self,
        group: &GroupColumns,
        texts: &SegmentTexts<'_>,
        hashes: &mut Vec<u64>,
        names: &mut NameSets,
    ) {
        let is_remote =
            |place: &usize| texts.keys[*place].owner == Owner::Field(Field::RemoteService);
        let Some(key) = (0..texts.keys.len()).find(is_remote) else { return };
        let Some(column) = group.values.get(key).filter(|column| column.count > 0) else { return };
        let mut last_values = LastValues::new(&group.shape, texts.shapes, &[key as u32]);
        // Most rows repeat what another said.
        let mut seen: HashSet<(u32, u32), foldhash::fast::FixedState> = HashSet::default();
        for row in 0..group.row_count {
            let Some((_, at)) = last_values.of_row(row) else { continue };
            let service = texts.services_of_resources.get(group.resource[row] as usize);
            let caller = service.filter(|service| **service != NO_SERVICE);
            let caller = caller.map_or(0, |service| service + 1);
            let text = match column.form {
                ValueForm::Codes => {
                    let code = column.codes[at];
                    if !seen.insert((caller, code)) {
                        continue;
                    }
                    texts.values[key].get(code)
                }
                _ => column.texts.get(at as u32),
            };
            if let Ok(name) = std::str::from_utf8(text) {
                hashes.push(hashes::name(NameKind::RemoteService, name));
            }
            self.add_remote(caller, text, names);
        }
    }

    fn add_remote(&mut self, caller: u32, remote: &[u8], names: &mut NameSets) {
        if self.remotes.get(remote).is_some_and(|callers| callers.contains(&caller)) {
            return;
        }
        if self.remote_count >= REMOTE_COUNT_MAX || self.remote_len + remote.len() > REMOTE_LEN_MAX
        {
            names.is_cut = true;
            return;
        }
        self.remote_count += 1;
        if !self.remotes.contains_key(remote) {
            self.remote_len += remote.len();
        }
        self.remotes.entry(remote.to_vec()).or_default().insert(caller);
    }

    /// Appends the hash of each distinct name.
    fn push_hashes(
        &mut self,
        kind: NameKind,
        codes: impl Iterator<Item = u32>,
        texts: &TextHeap,
        hashes: &mut Vec<u64>,
    ) {
        self.is_seen.clear();
        self.is_seen.resize(texts.len(), false);
        for code in codes {
            if let Some(is_seen) = self.is_seen.get_mut(code as usize)
                && !std::mem::replace(is_seen, true)
                && let Ok(name) = std::str::from_utf8(texts.get(code))
            {
                hashes.push(hashes::name(kind, name));
            }
        }
    }
}

/// The number that stands for a span's kind.
fn kind_code(marks: Marks) -> u8 {
    marks.0 as u8 & 0b111
}
