//! The distinct names that spans of each tenant have, so that listing them reads no span.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use spandrel_model::Span;

use crate::store::NameRequest;
use crate::tenant::Tenant;

/// What one name takes besides its text: a place in a tree that is two thirds full.
const NAME_LEN: u64 = 36;

/// Names by tenant.
#[derive(Debug, Default)]
pub(super) struct NameIndex {
    tenants: HashMap<Tenant, BTreeMap<String, ServiceNames>>,
}

/// The names around one service, keyed by its name as received.
#[derive(Debug, Default)]
struct ServiceNames {
    folded: String,
    spans: BTreeSet<String>,
    remotes: BTreeSet<String>,
}

impl NameIndex {
    /// Adds the names of spans; returns by how many bytes the index grew.
    pub(super) fn insert(&mut self, tenant: &Tenant, spans: &[Span<'_>]) -> u64 {
        let mut grown = 0;
        for span in spans {
            let Some(service) = span.service_name() else { continue };
            if !self.tenants.contains_key(tenant) {
                self.tenants.insert(tenant.clone(), BTreeMap::new());
            }
            let Some(services) = self.tenants.get_mut(tenant) else { continue };
            if !services.contains_key(service) {
                let names = ServiceNames { folded: service.to_lowercase(), ..Default::default() };
                grown += NAME_LEN * 4 + (service.len() + names.folded.len()) as u64;
                services.insert(service.to_owned(), names);
            }
            let Some(names) = services.get_mut(service) else { continue };
            grown += insert_name(&mut names.spans, &span.name);
            grown +=
                insert_name(&mut names.remotes, span.remote_service_name().unwrap_or_default());
        }
        grown
    }

    /// Lists the names that are wanted, sorted.
    pub(super) fn list(&self, tenant: &Tenant, wanted: &NameRequest) -> Vec<String> {
        let Some(services) = self.tenants.get(tenant) else { return Vec::new() };
        let of_service = |service: &str, names: fn(&ServiceNames) -> &BTreeSet<String>| {
            let same = services.values().filter(|names| names.folded == service);
            let distinct: BTreeSet<&String> = same.flat_map(names).collect();
            distinct.into_iter().cloned().collect()
        };
        match wanted {
            NameRequest::Services => services.keys().cloned().collect(),
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
