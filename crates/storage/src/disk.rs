//! The file layer: all that the store asks of a disk, small enough to be simulated whole.
//!
//! Paths are relative to the data folder, with `/` between the parts. A disk does what it is
//! asked and nothing on its own: no buffering, no retry, no caching.

mod real;

use std::io;
use std::sync::Arc;

pub use real::RealDisk;

/// A folder on some disk.
pub trait Disk: Send + Sync {
    /// Makes a folder and what is missing above it, durable once this returns.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses.
    fn create_dir(&self, path: &str) -> io::Result<()>;

    /// Lists the files of a folder, sorted by name; a folder that is missing has none.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses.
    fn list(&self, path: &str) -> io::Result<Vec<ListedFile>>;

    /// Lists the folders in a folder, sorted by name; a folder that is missing has none.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses.
    fn list_dirs(&self, path: &str) -> io::Result<Vec<String>>;

    /// Reads a file from its start: `len_max` bytes of it, or all if it has fewer.
    ///
    /// # Errors
    ///
    /// Fails when the file is missing or the operating system refuses.
    fn read(&self, path: &str, len_max: u64) -> io::Result<Vec<u8>>;

    /// Makes a file of `len` bytes, all zero and with their space set aside; truncates one that
    /// is there.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses, above all for want of space.
    fn create(&self, path: &str, len: u64) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file that is there, to write in it.
    ///
    /// # Errors
    ///
    /// Fails when the file is missing or the operating system refuses.
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file that is there, to read from it at any place, as long as the handle lives and
    /// whatever becomes of the file's name.
    ///
    /// # Errors
    ///
    /// Fails when the file is missing or the operating system refuses.
    fn open_read(&self, path: &str) -> io::Result<Arc<dyn ReadFile>>;

    /// Gives a file another name in the same folder, replacing what had that name.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses; which names are durable is then unknown.
    fn sync_dir(&self, path: &str) -> io::Result<()>;

    /// Tells how much room the disk has.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses.
    fn capacity(&self) -> io::Result<Capacity>;

    /// Locks a file against every other holder, in this process and in others, until the
    /// returned guard is dropped or the process ends.
    ///
    /// # Errors
    ///
    /// Says who holds it, or why it can't be had.
    fn lock(&self, path: &str) -> Result<DiskLock, LockError>;

    /// Names the machine's current start: a number that is another one after the power failed.
    fn boot_id(&self) -> u64;
}

/// A file that is open for writing.
pub trait DiskFile: Send {
    /// Writes at an offset. After an error any part of it may be written.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written durable.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses. What was written since the last success is then
    /// in an unknown state, and a later success says nothing about it.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to a length, or extends it by zeros.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses.
    fn set_len(&mut self, len: u64) -> io::Result<()>;
}

/// A file that is open for reading, by any number of readers at once.
pub trait ReadFile: Send + Sync {
    /// Its length in bytes when it was opened.
    fn byte_len(&self) -> u64;

    /// Reads exactly `len` bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// Fails with [`io::ErrorKind::UnexpectedEof`], before any memory is taken, when the file was
    /// shorter at its opening, and whenever the operating system refuses.
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>>;
}

/// How much room a disk has, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// What this process may still write.
    pub free_len: u64,
    /// Used and free together.
    pub total_len: u64,
}

/// One file of [`Disk::list`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Its name, without the folder.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
}

/// Holds a lock while it lives.
pub type DiskLock = Box<dyn std::any::Any + Send + Sync>;

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("the lock is held")]
    Held {
        /// The process, when the file names it.
        pid: Option<u32>,
    },
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] io::Error),
}
