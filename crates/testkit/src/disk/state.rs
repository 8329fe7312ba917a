//! What a simulated disk holds: each file as it is read, as it is stored, and what lies between.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use spandrel_storage::{Capacity, ListedFile};

use super::Failure;
use crate::seeded::Seeded;

/// What a disk writes whole or not at all.
const SECTOR_LEN: usize = 512;

/// The whole disk.
pub(super) struct State {
    numbers: Seeded,
    history: DefaultHasher,
    pub(super) calls: u64,
    pub(super) failures: BTreeSet<(u64, Failure)>,
    pub(super) is_honest: bool,
    /// Whether a folder's sync that fails forgets the names that it did not store.
    pub(super) is_forgetting_names: bool,
    pub(super) is_dead: bool,
    /// How many bytes the files may have together, when that is limited.
    pub(super) capacity: Option<u64>,
    /// Whether a call came after the one in which the power failed: it has no effect at all.
    is_over: bool,
    pub(super) boots: u64,
    /// How many syncs of files failed since the machine started.
    pub(super) failed_syncs: u64,
    /// In which boot the lock was taken, while it is.
    pub(super) locked_at: Option<u64>,
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    stored_names: BTreeMap<String, usize>,
    unsynced_names: Vec<Change>,
}

/// One file, whatever its name.
#[derive(Default)]
struct Inode {
    contents: Vec<u8>,
    stored: Vec<u8>,
    unsynced: Vec<Write>,
}

/// One change of a file.
enum Write {
    Bytes { offset: usize, bytes: Vec<u8> },
    Len(usize),
}

/// One change of a folder.
#[derive(Clone)]
pub(super) enum Change {
    Create { path: String, inode: usize },
    Rename { from: String, to: String, inode: usize },
    Remove { path: String, inode: usize },
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            numbers: Seeded::new(seed),
            history: DefaultHasher::new(),
            calls: 0,
            failures: BTreeSet::new(),
            is_honest: true,
            is_forgetting_names: false,
            is_dead: false,
            capacity: None,
            is_over: false,
            boots: 0,
            failed_syncs: 0,
            locked_at: None,
            inodes: Vec::new(),
            names: BTreeMap::new(),
            stored_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
        }
    }

    /// Counts a call, and says whether it fails.
    pub(super) fn call(&mut self, name: &str, path: &str) -> io::Result<()> {
        (name, path).hash(&mut self.history);
        let call = self.calls;
        self.calls += 1;
        self.is_over = self.is_dead;
        let planned = self.failures.iter().find(|(at, _)| *at == call).map(|(_, failure)| *failure);
        if planned == Some(Failure::PowerLoss) {
            self.is_dead = true;
        }
        match planned {
            _ if self.is_dead => Err(io::Error::other("the power failed")),
            Some(Failure::Error(kind)) => Err(kind.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn list(&self, folder: &str) -> Vec<ListedFile> {
        let listed = self.names.iter().filter(|(path, _)| folder_of(path) == folder);
        let file = |(path, inode): (&String, &usize)| ListedFile {
            name: path.rsplit('/').next().unwrap_or(path).to_owned(),
            len: self.inodes[*inode].contents.len() as u64,
        };
        listed.map(file).collect()
    }

    pub(super) fn list_dirs(&self, folder: &str) -> Vec<String> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let inside = self.names.keys().filter_map(|path| path.strip_prefix(&prefix));
        let folders = inside.filter_map(|path| Some(path.split_once('/')?.0.to_owned()));
        folders.collect::<BTreeSet<_>>().into_iter().collect()
    }

    pub(super) fn room(&self) -> Capacity {
        let lens = self.names.values().map(|inode| self.inodes[*inode].contents.len() as u64);
        let total_len = self.capacity.unwrap_or(u64::MAX);
        Capacity { free_len: total_len.saturating_sub(lens.sum()), total_len }
    }

    /// Fails when a limited disk has no room for `len` bytes more.
    pub(super) fn check_room(&self, len: u64) -> io::Result<()> {
        let is_room = self.capacity.is_none() || len <= self.room().free_len;
        if is_room { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    /// How long a file may become.
    fn end_max(&self, inode: usize) -> usize {
        let free_len = usize::try_from(self.room().free_len).unwrap_or(usize::MAX);
        self.inodes[inode].contents.len().saturating_add(free_len)
    }

    /// Fails when a limited disk has no room for a file to be this long.
    pub(super) fn check_growth(&self, inode: usize, len: usize) -> io::Result<()> {
        self.check_room(len.saturating_sub(self.inodes[inode].contents.len()) as u64)
    }

    pub(super) fn inode_contents(&self, inode: usize) -> &[u8] {
        &self.inodes[inode].contents
    }

    pub(super) fn inode(&self, path: &str) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn contents(&self, path: &str) -> io::Result<&[u8]> {
        Ok(&self.inodes[self.inode(path)?].contents)
    }

    pub(super) fn create(&mut self, path: &str, len: u64, is_done: bool) -> usize {
        let inode = self.inodes.len();
        self.inodes.push(Inode::default());
        if is_done {
            self.set_len(inode, usize::try_from(len).expect("a simulated file is small"));
        }
        self.change_names(Change::Create { path: path.to_owned(), inode }, is_done);
        inode
    }

    /// Changes a folder; a change that failed may be done all the same.
    pub(super) fn change_names(&mut self, change: Change, is_done: bool) {
        if is_done || (!self.is_over && self.numbers.one_in(2)) {
            change.apply(&mut self.names);
            self.unsynced_names.push(change);
        }
    }

    pub(super) fn sync_names(&mut self, folder: &str, is_done: bool) {
        if !self.is_honest || self.is_over {
            return;
        }
        let changes = std::mem::take(&mut self.unsynced_names);
        let is_stored = |change: &Change, numbers: &mut Seeded| {
            change.folder() == folder && (is_done || numbers.one_in(2))
        };
        self.unsynced_names = self.store_names(changes, is_stored);
        if !is_done && self.is_forgetting_names {
            self.unsynced_names.retain(|change| change.folder() != folder);
        }
    }

    /// Stores the changes that pass, and returns the others. Changes of one file keep their
    /// order, as every journal keeps it, and so do renames to one name: behind one that does not
    /// pass none does.
    fn store_names(
        &mut self,
        changes: Vec<Change>,
        is_stored: impl Fn(&Change, &mut Seeded) -> bool,
    ) -> Vec<Change> {
        let mut held_up = BTreeSet::new();
        let mut names_held_up = BTreeSet::new();
        let mut rest = Vec::new();
        for change in changes {
            let is_held_up = held_up.contains(&change.inode())
                || change.new_name().is_some_and(|name| names_held_up.contains(name));
            if !is_held_up && is_stored(&change, &mut self.numbers) {
                change.apply(&mut self.stored_names);
            } else {
                held_up.insert(change.inode());
                names_held_up.extend(change.new_name().map(str::to_owned));
                rest.push(change);
            }
        }
        rest
    }

    /// Writes; a write that failed may be done in part.
    pub(super) fn write(&mut self, inode: usize, offset: usize, bytes: &[u8], is_done: bool) {
        if self.is_over {
            return;
        }
        bytes.hash(&mut self.history);
        let len = if is_done {
            bytes.len()
        } else {
            let part = self.numbers.below(bytes.len() as u64 + 1) as usize;
            part.min(self.end_max(inode).saturating_sub(offset))
        };
        let write = Write::Bytes { offset, bytes: bytes[..len].to_vec() };
        self.inodes[inode].change(write);
    }

    pub(super) fn set_len(&mut self, inode: usize, len: usize) {
        self.inodes[inode].change(Write::Len(len));
    }

    /// Stores what was written; a sync that failed stores some and forgets the rest.
    pub(super) fn sync(&mut self, inode: usize, is_done: bool) {
        if !self.is_honest || self.is_dead {
            return;
        }
        self.failed_syncs += u64::from(!is_done);
        let inode = &mut self.inodes[inode];
        for write in std::mem::take(&mut inode.unsynced) {
            if is_done || self.numbers.one_in(2) {
                write.apply(&mut inode.stored);
            }
        }
    }

    pub(super) fn restart(&mut self) {
        let changes = std::mem::take(&mut self.unsynced_names);
        self.store_names(changes, |_, numbers| numbers.one_in(2));
        self.names = self.stored_names.clone();
        for inode in &mut self.inodes {
            for write in std::mem::take(&mut inode.unsynced) {
                write.apply_perhaps(&mut inode.stored, &mut self.numbers);
            }
            inode.contents = inode.stored.clone();
        }
        self.failures.clear();
        self.is_dead = false;
        self.is_over = false;
        self.locked_at = None;
        self.failed_syncs = 0;
        self.boots += 1;
    }

    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let file =
            |(path, inode): (&String, &usize)| (path.clone(), self.inodes[*inode].contents.clone());
        self.names.iter().map(file).collect()
    }

    pub(super) fn put(&mut self, path: &str, contents: Vec<u8>) {
        let inode = self.inodes.len();
        self.inodes.push(Inode { stored: contents.clone(), contents, unsynced: Vec::new() });
        self.names.insert(path.to_owned(), inode);
        self.stored_names.insert(path.to_owned(), inode);
    }

    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = self.history.clone();
        (self.calls, self.files()).hash(&mut hasher);
        hasher.finish()
    }
}

impl Inode {
    fn change(&mut self, write: Write) {
        write.apply(&mut self.contents);
        self.unsynced.push(write);
    }
}

impl Write {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Len(len) => file.resize(*len, 0),
            Self::Bytes { offset, bytes } => put_bytes(file, *offset, bytes),
        }
    }

    /// Applies it wholly, not at all, or only some of its sectors.
    fn apply_perhaps(&self, file: &mut Vec<u8>, numbers: &mut Seeded) {
        match (numbers.below(3), self) {
            (0, _) => {}
            (1, Self::Bytes { offset, bytes }) => {
                let mut at = 0;
                while at < bytes.len() {
                    let sector_end = SECTOR_LEN - (offset + at) % SECTOR_LEN;
                    let len = sector_end.min(bytes.len() - at);
                    if numbers.one_in(2) {
                        put_bytes(file, offset + at, &bytes[at..at + len]);
                    }
                    at += len;
                }
            }
            _ => self.apply(file),
        }
    }
}

fn put_bytes(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Create { path, inode } => _ = names.insert(path.clone(), *inode),
            Self::Rename { from, to, inode } => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
            Self::Remove { path, .. } => _ = names.remove(path),
        }
    }

    fn inode(&self) -> usize {
        let (Self::Create { inode, .. } | Self::Remove { inode, .. } | Self::Rename { inode, .. }) =
            self;
        *inode
    }

    /// The name that a rename gives.
    fn new_name(&self) -> Option<&str> {
        match self {
            Self::Rename { to, .. } => Some(to),
            Self::Create { .. } | Self::Remove { .. } => None,
        }
    }

    fn folder(&self) -> &str {
        let (Self::Create { path, .. } | Self::Remove { path, .. } | Self::Rename { to: path, .. }) =
            self;
        folder_of(path)
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
