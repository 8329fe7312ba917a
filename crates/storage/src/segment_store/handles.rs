//! The files that are open for reading: as many as the limit says, the last used ones.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::counters::Counter;
use crate::disk::{Disk, ReadFile};

/// How many files are kept open, by path.
pub(super) struct Handles {
    len_max: usize,
    open: Mutex<Open>,
    opened: Counter,
    evicted: Counter,
}

#[derive(Default)]
struct Open {
    uses: u64,
    /// How often a path was to be closed.
    forgotten: u64,
    files: HashMap<String, Handle>,
}

struct Handle {
    file: Arc<dyn ReadFile>,
    last_use: u64,
}

/// What became of the files that were opened for reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandleCounts {
    /// Files that are open now.
    pub open: u64,
    /// Files opened.
    pub opened: u64,
    /// Files closed because too many were open.
    pub evicted: u64,
}

impl Handles {
    pub(super) fn new(len_max: usize) -> Self {
        let (opened, evicted) = (Counter::default(), Counter::default());
        Self { len_max: len_max.max(1), open: Mutex::default(), opened, evicted }
    }

    /// Returns the open file of a path, and opens it when it is not.
    pub(super) fn get(&self, disk: &dyn Disk, path: &str) -> io::Result<Arc<dyn ReadFile>> {
        let forgotten = {
            let mut open = self.open();
            if let Some(file) = open.touch(path) {
                return Ok(file);
            }
            open.forgotten
        };
        // Two readers may open the same file here at once; the second handle replaces the first.
        let file = disk.open_read(path)?;
        self.opened.add(1);
        let mut open = self.open();
        if open.forgotten != forgotten {
            // The file may be one that was removed meanwhile; kept open, it would keep its space.
            return Ok(file);
        }
        if open.files.len() >= self.len_max && !open.files.contains_key(path) {
            open.evict_oldest();
            self.evicted.add(1);
        }
        open.insert(path, Arc::clone(&file));
        Ok(file)
    }

    /// Closes the file of a path as soon as nobody reads it.
    pub(super) fn forget(&self, path: &str) {
        let mut open = self.open();
        open.forgotten += 1;
        open.files.remove(path);
    }

    pub(super) fn counts(&self) -> HandleCounts {
        let open = self.open().files.len() as u64;
        HandleCounts { open, opened: self.opened.get(), evicted: self.evicted.get() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Every change is one entry of a map: a panic in between leaves nothing half done.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn touch(&mut self, path: &str) -> Option<Arc<dyn ReadFile>> {
        self.uses += 1;
        let handle = self.files.get_mut(path)?;
        handle.last_use = self.uses;
        Some(Arc::clone(&handle.file))
    }

    fn insert(&mut self, path: &str, file: Arc<dyn ReadFile>) {
        self.files.insert(path.to_owned(), Handle { file, last_use: self.uses });
    }

    /// A few hundred handles are looked through faster than a file is opened.
    fn evict_oldest(&mut self) {
        let oldest = self.files.iter().min_by_key(|(_, handle)| handle.last_use);
        if let Some(path) = oldest.map(|(path, _)| path.clone()) {
            self.files.remove(&path);
        }
    }
}
