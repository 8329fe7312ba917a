//! A disk in memory that does to its files what a real one may, as a seed decides.
//!
//! What was written and not synced is, when the power fails, kept, lost, or torn by sectors, each
//! write for itself, so that writes change their order too. Names in a folder that was not synced
//! are kept or lost likewise, though the changes of one file keep their order, and so do renames to
//! one name. A failed sync drops what it did not write, as Linux does, and a later sync knows
//! nothing of that. Any call can be made to fail, reads included, or be the last before the power
//! fails. A disk with a capacity is full beyond it.

mod state;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spandrel_storage::{Capacity, Disk, DiskFile, DiskLock, ListedFile, LockError, ReadFile};

use state::{Change, State};

/// A simulated disk. Its clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// It fails with this; a write may be done in part, a change of names may be done.
    Error(io::ErrorKind),
    /// The power fails in the middle of it. It and every later call fail until
    /// [`SimDisk::restart`].
    PowerLoss,
}

impl SimDisk {
    /// Makes an empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(seed))) }
    }

    /// Makes these calls fail, counted from the next one as zero, and no others from now on.
    pub fn plan(&self, failures: impl IntoIterator<Item = (u64, Failure)>) {
        let mut state = self.state();
        let calls = state.calls;
        state.failures = failures.into_iter().map(|(call, f)| (calls + call, f)).collect();
    }

    /// Makes a sync do nothing but say that it did: a disk that lies.
    pub fn forget_syncs(&self) {
        self.state().is_honest = false;
    }

    /// Makes a folder's sync that fails drop the names that it did not store, as that of a file
    /// drops its writes: they are seen until the power fails, and no later sync stores them.
    pub fn forget_names_at_failed_syncs(&self) {
        self.state().is_forgetting_names = true;
    }

    /// Makes what grows the files beyond this many bytes together fail for want of space. A file
    /// that was removed takes none, even while somebody reads it.
    pub fn set_capacity(&self, len: Option<u64>) {
        self.state().capacity = len;
    }

    /// How many calls were made.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// How many syncs of files failed since the machine started: what they forgot is still read,
    /// and goes with the power, and no later sync tells.
    #[must_use]
    pub fn failed_syncs(&self) -> u64 {
        self.state().failed_syncs
    }

    /// Whether the power failed.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    /// Cuts the power unless it failed already, and starts the machine again: what was not
    /// synced is kept, lost or torn. Nothing fails from then on.
    pub fn restart(&self) {
        self.state().restart();
    }

    /// A checksum of all calls so far and of all that the disk holds.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.state().fingerprint()
    }

    /// The files by path, as they would be read.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.state().files()
    }

    /// Puts a file in place, durably, without a call.
    pub fn put(&self, path: &str, contents: Vec<u8>) {
        self.state().put(path, contents);
    }

    /// A disk of its own with the same files, all durable.
    #[must_use]
    pub fn copy(&self, seed: u64) -> Self {
        let copy = Self::new(seed);
        for (path, contents) in self.files() {
            copy.put(&path, contents);
        }
        copy
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere is already lost; its disk tells no more.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.state().call("create_dir", path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<ListedFile>> {
        let mut state = self.state();
        state.call("list", path)?;
        Ok(state.list(path))
    }

    fn list_dirs(&self, path: &str) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.call("list_dirs", path)?;
        Ok(state.list_dirs(path))
    }

    fn read(&self, path: &str, len_max: u64) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        state.call("read", path)?;
        let mut contents = state.contents(path)?.to_vec();
        contents.truncate(usize::try_from(len_max).unwrap_or(usize::MAX));
        Ok(contents)
    }

    fn create(&self, path: &str, len: u64) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let outcome = state.call("create", path).and_then(|()| state.check_room(len));
        let inode = state.create(path, len, outcome.is_ok());
        outcome.map(|()| self.file(inode, state.boots))
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.call("open", path)?;
        let inode = state.inode(path)?;
        Ok(self.file(inode, state.boots))
    }

    fn open_read(&self, path: &str) -> io::Result<Arc<dyn ReadFile>> {
        let mut state = self.state();
        state.call("open_read", path)?;
        let inode = state.inode(path)?;
        let len = state.contents(path)?.len();
        Ok(Arc::new(SimReadFile { disk: self.clone(), inode, boot: state.boots, len }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let outcome = state.call("rename", from);
        let inode = state.inode(from)?;
        let change = Change::Rename { from: from.to_owned(), to: to.to_owned(), inode };
        state.change_names(change, outcome.is_ok());
        outcome
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        let outcome = state.call("remove", path);
        let inode = state.inode(path)?;
        state.change_names(Change::Remove { path: path.to_owned(), inode }, outcome.is_ok());
        outcome
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        let outcome = state.call("sync_dir", path);
        state.sync_names(path, outcome.is_ok());
        outcome
    }

    fn capacity(&self) -> io::Result<Capacity> {
        let mut state = self.state();
        state.call("capacity", "")?;
        Ok(state.room())
    }

    fn lock(&self, path: &str) -> Result<DiskLock, LockError> {
        let mut state = self.state();
        state.call("lock", path)?;
        if state.locked_at.is_some() {
            return Err(LockError::Held { pid: None });
        }
        state.locked_at = Some(state.boots);
        Ok(Box::new(SimLock { disk: self.clone(), boot: state.boots }))
    }

    fn boot_id(&self) -> u64 {
        self.state().boots
    }
}

impl SimDisk {
    fn file(&self, inode: usize, boot: u64) -> Box<dyn DiskFile> {
        Box::new(SimFile { disk: self.clone(), inode, boot })
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
    boot: u64,
}

impl SimFile {
    fn call(&self, name: &str) -> (MutexGuard<'_, State>, io::Result<()>) {
        let mut state = self.disk.state();
        assert_eq!(state.boots, self.boot, "a file was used after the machine's restart");
        let outcome = state.call(name, &self.inode.to_string());
        (state, outcome)
    }
}

impl DiskFile for SimFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut state, outcome) = self.call("write");
        let offset = usize::try_from(offset).expect("a simulated file is small");
        let outcome = outcome.and_then(|()| state.check_growth(self.inode, offset + bytes.len()));
        state.write(self.inode, offset, bytes, outcome.is_ok());
        outcome
    }

    fn sync(&mut self) -> io::Result<()> {
        let (mut state, outcome) = self.call("sync");
        state.sync(self.inode, outcome.is_ok());
        outcome
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let (mut state, outcome) = self.call("set_len");
        let len = usize::try_from(len).expect("a simulated file is small");
        let outcome = outcome.and_then(|()| state.check_growth(self.inode, len));
        if outcome.is_ok() {
            state.set_len(self.inode, len);
        }
        outcome
    }
}

struct SimReadFile {
    disk: SimDisk,
    inode: usize,
    boot: u64,
    len: usize,
}

impl ReadFile for SimReadFile {
    fn byte_len(&self) -> u64 {
        self.len as u64
    }

    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut state = self.disk.state();
        assert_eq!(state.boots, self.boot, "a file was used after the machine's restart");
        state.call("read_at", &self.inode.to_string())?;
        let range = usize::try_from(offset).ok().and_then(|at| Some(at..at.checked_add(len)?));
        let range = range.filter(|range| range.end <= self.len);
        let bytes = range.and_then(|range| state.inode_contents(self.inode).get(range));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

struct SimLock {
    disk: SimDisk,
    boot: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.locked_at == Some(self.boot) {
            state.locked_at = None;
        }
    }
}
