//! The disk of the operating system, for the eyes of the owner alone.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::hash::{Hash, Hasher};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Capacity, Disk, DiskFile, DiskLock, ListedFile, LockError, ReadFile};

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// A folder of the operating system.
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    /// Takes a folder, and makes it durably when it is missing.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let disk = Self { root: root.into() };
        create_durably(&disk.root)?;
        Ok(disk)
    }

    fn path(&self, path: &str) -> PathBuf {
        // Joining an empty path would append a slash, which reads oddly in error messages.
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    /// Lists what passes in a folder, sorted by name.
    fn entries(
        &self,
        path: &str,
        is_wanted: impl Fn(&Metadata) -> bool,
    ) -> io::Result<Vec<(String, Metadata)>> {
        let entries = match fs::read_dir(self.path(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut wanted = Vec::new();
        for entry in entries {
            let entry = entry?;
            let metadata = entry.metadata()?;
            // A name that is no UTF-8 is none of ours.
            if let (true, Ok(name)) = (is_wanted(&metadata), entry.file_name().into_string()) {
                wanted.push((name, metadata));
            }
        }
        wanted.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(wanted)
    }
}

/// Makes a folder and those above it that are missing, and syncs the folder that holds each.
fn create_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_durably(parent)?;
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

impl Disk for RealDisk {
    fn create_dir(&self, path: &str) -> io::Result<()> {
        create_durably(&self.path(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<ListedFile>> {
        let is_file = |metadata: &Metadata| metadata.is_file();
        let file = |(name, metadata): (String, Metadata)| ListedFile { name, len: metadata.len() };
        Ok(self.entries(path, is_file)?.into_iter().map(file).collect())
    }

    fn list_dirs(&self, path: &str) -> io::Result<Vec<String>> {
        let folders = self.entries(path, Metadata::is_dir)?;
        Ok(folders.into_iter().map(|(name, _)| name).collect())
    }

    fn read(&self, path: &str, len_max: u64) -> io::Result<Vec<u8>> {
        let file = File::open(self.path(path))?;
        let len = file.metadata()?.len().min(len_max);
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
        file.take(len_max).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, path: &str, len: u64) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(self.path(path))?;
        set_aside(&file, len)?;
        Ok(Box::new(RealFile(file)))
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(OpenOptions::new().write(true).open(self.path(path))?)))
    }

    fn open_read(&self, path: &str) -> io::Result<Arc<dyn ReadFile>> {
        let file = File::open(self.path(path))?;
        let len = file.metadata()?.len();
        Ok(Arc::new(RealReadFile { file, len }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.path(path))
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        File::open(self.path(path))?.sync_all()
    }

    fn capacity(&self) -> io::Result<Capacity> {
        let room = rustix::fs::statvfs(&self.root)?;
        let len = |blocks: u64| blocks.saturating_mul(room.f_frsize);
        // What is set aside for the system's owner (`f_bfree`) is not ours to write.
        Ok(Capacity { free_len: len(room.f_bavail), total_len: len(room.f_blocks) })
    }

    fn lock(&self, path: &str) -> Result<DiskLock, LockError> {
        let path = self.path(path);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
        let file = options.open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                return Err(LockError::Held { pid });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let pid = format!("{}\n", std::process::id());
        // Who holds the lock is good to know and no more: a full disk must not prevent it.
        let _ = file.set_len(0).and_then(|()| file.write_all_at(pid.as_bytes(), 0));
        Ok(Box::new(file))
    }

    fn boot_id(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        // Where there is no such file every start looks like the same one, which errs on the
        // side of blaming a record for what the power did.
        fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default().hash(&mut hasher);
        hasher.finish()
    }
}

/// Sets space aside, so that a write inside the length can't fail for want of it and a sync has
/// no length to write down.
#[cfg(target_os = "linux")]
fn set_aside(file: &File, len: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    if len == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::empty(), 0, len) {
        // Some file systems can't; the file is then as long, but its space is not set aside.
        Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(len),
        outcome => Ok(outcome?),
    }
}

#[cfg(not(target_os = "linux"))]
fn set_aside(file: &File, len: u64) -> io::Result<()> {
    file.set_len(len)
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

struct RealReadFile {
    file: File,
    len: u64,
}

impl ReadFile for RealReadFile {
    fn byte_len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let is_inside = offset.checked_add(len as u64).is_some_and(|end| end <= self.len);
        if !is_inside {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = offset + bytes.len() as u64;
            // Reads into memory that was not written before: zeroing it costs as much as the read.
            match rustix::io::pread(&self.file, rustix::buffer::spare_capacity(&mut bytes), at) {
                // Somebody cut the file after it was opened.
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // An allocator may give more than was asked for, and the read then fills it.
        bytes.truncate(len);
        Ok(bytes)
    }
}
