//! The names that spans in segments have.

use std::collections::BTreeSet;

use super::cache::SegmentCache;
use super::search_parts::Searchable;
use crate::columns::TextHeap;
use crate::manifest::SegmentEntry;
use crate::store::{NameRequest, ReadError};

impl SegmentCache {
    /// Adds the names that are wanted.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub(crate) fn collect_names<'e>(
        &self,
        entries: impl IntoIterator<Item = &'e SegmentEntry>,
        wanted: &NameRequest,
        names: &mut BTreeSet<String>,
    ) -> Result<(), ReadError> {
        for segment in self.searchable(self.open(entries)?)? {
            segment.collect_names(wanted, names);
        }
        Ok(())
    }
}

impl Searchable {
    fn collect_names(&self, wanted: &NameRequest, names: &mut BTreeSet<String>) {
        let (dictionaries, sets) = (&self.dictionaries, &self.parts.names);
        let mut add = |name: &[u8]| {
            // An empty name is no name.
            if let Ok(name) = std::str::from_utf8(name)
                && !name.is_empty()
                && !names.contains(name)
            {
                names.insert(name.to_owned());
            }
        };
        match wanted {
            NameRequest::Services => {
                let codes = dictionaries.services_of_resources.iter();
                codes.for_each(|service| add(dictionaries.services.get(*service)));
            }
            NameRequest::SpanNames { service } => {
                let is_wanted = services_named(&dictionaries.services, service);
                for (service, name) in sets.service.iter().zip(&sets.name) {
                    if is_wanted(*service) {
                        add(dictionaries.names.get(*name));
                    }
                }
            }
            NameRequest::RemoteServices { service } => {
                let is_wanted = services_named(&dictionaries.services, service);
                for (caller, remote) in sets.caller.iter().zip(&sets.remote) {
                    if is_wanted(*caller) {
                        add(sets.remotes.get(*remote as usize).unwrap_or_default());
                    }
                }
            }
        }
    }
}

/// Tells the codes, plus one, of the services that have a name in lower case.
fn services_named(services: &TextHeap, folded: &str) -> impl Fn(u32) -> bool {
    let is_it = |code: &u32| {
        std::str::from_utf8(services.get(*code)).is_ok_and(|name| name.to_lowercase() == folded)
    };
    let codes: BTreeSet<u32> =
        (0..services.len() as u32).filter(is_it).map(|code| code + 1).collect();
    move |service| codes.contains(&service)
}
