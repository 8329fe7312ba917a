//! A disk that keeps nothing, for measuring all that is not the disk.

use std::io;
use std::sync::Arc;

use spandrel_storage::{Capacity, Disk, DiskFile, DiskLock, ListedFile, LockError, ReadFile};

/// A disk that takes everything and keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDisk;

impl Disk for NoDisk {
    fn create_dir(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, _: &str) -> io::Result<Vec<ListedFile>> {
        Ok(Vec::new())
    }

    fn list_dirs(&self, _: &str) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn read(&self, _: &str, _: u64) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn create(&self, _: &str, _: u64) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(Self))
    }

    fn open(&self, _: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(Self))
    }

    fn open_read(&self, _: &str) -> io::Result<Arc<dyn ReadFile>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn capacity(&self) -> io::Result<Capacity> {
        Ok(Capacity { free_len: u64::MAX, total_len: u64::MAX })
    }

    fn lock(&self, _: &str) -> Result<DiskLock, LockError> {
        Ok(Box::new(()))
    }

    fn boot_id(&self) -> u64 {
        0
    }
}

impl DiskFile for NoDisk {
    fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}
