//! Records that can't be decoded: their bytes are kept apart, and later starts pass them over.
//!
//! To have one decoded again, remove its file and start the store.

use std::collections::BTreeMap;
use std::io;

use super::QUARANTINE_DIR;
use super::replay::Position;
use crate::disk::Disk;
use crate::tenant::Tenant;

const SUFFIX: &str = ".record";

/// The quarantine folder.
pub(super) struct Quarantine<'a> {
    disk: &'a dyn Disk,
    listed: BTreeMap<Tenant, Vec<String>>,
}

impl<'a> Quarantine<'a> {
    pub(super) fn new(disk: &'a dyn Disk) -> Self {
        Self { disk, listed: BTreeMap::new() }
    }

    /// Whether the record at this place was put in quarantine at an earlier start.
    pub(super) fn holds(&mut self, tenant: &Tenant, position: Position) -> io::Result<bool> {
        if !self.listed.contains_key(tenant) {
            let files = self.disk.list(&folder(tenant))?;
            let names = files.into_iter().map(|file| file.name).collect();
            self.listed.insert(tenant.clone(), names);
        }
        let name = name(position);
        Ok(self.listed.get(tenant).is_some_and(|names| names.contains(&name)))
    }

    /// Keeps a record's body, durably.
    pub(super) fn keep(&self, tenant: &Tenant, position: Position, body: &[u8]) -> io::Result<()> {
        let folder = folder(tenant);
        self.disk.create_dir(&folder)?;
        let fresh = format!("{folder}/fresh");
        let mut file = self.disk.create(&fresh, body.len() as u64)?;
        file.write_at(0, body)?;
        file.sync()?;
        self.disk.rename(&fresh, &path(tenant, position))?;
        self.disk.sync_dir(&folder)
    }
}

/// The path of a record's copy in the data folder.
pub(super) fn path(tenant: &Tenant, position: Position) -> String {
    format!("{}/{}", folder(tenant), name(position))
}

fn folder(tenant: &Tenant) -> String {
    format!("{QUARANTINE_DIR}/{tenant}")
}

fn name(position: Position) -> String {
    format!("{:016x}-{:08x}{SUFFIX}", position.file_id, position.offset)
}
