//! A segment store in a local folder: files, renames and syncs.
//!
//! An object is written under a name that does not count and renamed when it is whole. So is the
//! manifest, and a rename replaces the old one at once. Which of two renames a crash left behind
//! is decided by the folder's sync: before it succeeds, either may be found. A sync that failed
//! proves nothing when it succeeds later, so a manifest in doubt is written anew. What a process
//! before this one had in doubt is not known here: its last rename is synced, and believed.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::handles::{HandleCounts, Handles};
use super::read_plan::{PlannedRead, plan};
use super::{
    ListedObject, ManifestVersion, RangeRead, RangesRead, SegmentStore, SegmentUpload, SwapError,
};
use crate::disk::{Capacity, Disk, DiskFile, ReadFile};

/// The folder of the segments: a folder for each tenant.
pub(crate) const SEGMENTS_DIR: &str = "segments";

const MANIFEST_PATH: &str = "manifest";

/// A manifest that is not yet the manifest.
const NEW_MANIFEST_PATH: &str = "manifest.new";

/// What the name of an object has behind it while it is written.
const PART_SUFFIX: &str = ".part";

/// The longest manifest that is read or written.
const MANIFEST_LEN_MAX: u64 = 256 << 20;

/// How many files are kept open for reading, unless set: a quarter of what a process may usually
/// open.
const OPEN_FILES_MAX: usize = 256;

/// Segments and the manifest in a folder of a [`Disk`], which this process alone writes.
pub struct LocalSegmentStore {
    disk: Arc<dyn Disk>,
    handles: Handles,
    /// Folders that are there durably.
    folders: Mutex<BTreeSet<String>>,
    swaps: Mutex<Swaps>,
}

/// The state of the manifest's swapping, held by whoever reads or swaps it.
#[derive(Default)]
struct Swaps {
    /// Whether a swap failed at or after its rename: what the folder shows is then not
    /// necessarily what a loss of power leaves, and a later sync's success does not prove it.
    is_doubtful: bool,
}

impl LocalSegmentStore {
    /// Takes a folder, in which nothing is made before there is something to write.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            handles: Handles::new(OPEN_FILES_MAX),
            folders: Mutex::default(),
            swaps: Mutex::default(),
        }
    }

    /// Sets how many files are kept open for reading.
    #[must_use]
    pub fn with_open_files_max(self, open_files_max: usize) -> Self {
        Self { handles: Handles::new(open_files_max), ..self }
    }

    /// Returns what became of the files that were opened for reading.
    #[must_use]
    pub fn handle_counts(&self) -> HandleCounts {
        self.handles.counts()
    }

    /// Makes the folder of an object, durably. One that a process before this one made may not be
    /// durable, so each is synced once.
    fn make_folder(&self, path: &str) -> io::Result<()> {
        let folder = folder_of(path);
        if self.folders().contains(folder) {
            return Ok(());
        }
        self.disk.create_dir(folder)?;
        let above = folder.match_indices('/').map(|(end, _)| &folder[..end]);
        for above in above.chain([""]) {
            self.disk.sync_dir(above)?;
        }
        self.folders().insert(folder.to_owned());
        Ok(())
    }

    fn folders(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the ranges of one object, which are sorted by their offset.
    fn read_object(&self, ranges: &[(usize, &RangeRead)], answers: &mut [io::Result<Bytes>]) {
        let Some((_, first)) = ranges.first() else { return };
        let file = match self.handles.get(&*self.disk, &first.path) {
            Ok(file) => file,
            Err(error) => {
                for (index, range) in ranges {
                    answers[*index] = Err(at(&range.path, &error));
                }
                return;
            }
        };
        let is_inside = |range: &RangeRead| range.end().is_some_and(|end| end <= file.byte_len());
        for (index, range) in ranges.iter().filter(|(_, range)| !is_inside(range)) {
            answers[*index] = Err(beyond_end(range, file.byte_len()));
        }
        let inside: Vec<_> = ranges.iter().copied().filter(|(_, r)| is_inside(r)).collect();
        let mut rest = inside.as_slice();
        for read in plan(inside.iter().map(|(_, range)| *range)) {
            let (answered, others) = rest.split_at(read.count);
            read_together(&*file, &read, answered, answers);
            rest = others;
        }
    }

    /// Reads the manifest as the folder shows it.
    fn visible_manifest(&self) -> io::Result<Option<(ManifestVersion, Vec<u8>)>> {
        let bytes = match self.disk.read(MANIFEST_PATH, MANIFEST_LEN_MAX + 1) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        check_manifest_len(&bytes)?;
        Ok(Some((version_of(&bytes), bytes)))
    }

    /// Writes a manifest beside the one that is there, and renames it over that.
    fn write_manifest(&self, swaps: &mut Swaps, manifest: &[u8]) -> io::Result<()> {
        // A crash in the middle of a rename can leave one file with both names, and to truncate
        // it would be to truncate the manifest. A new name is a new file.
        remove_if_there(&*self.disk, NEW_MANIFEST_PATH)?;
        let written = self.disk.create(NEW_MANIFEST_PATH, 0).and_then(|mut file| {
            file.write_at(0, manifest)?;
            file.sync()
        });
        if let Err(error) = written {
            // A disk that is full must not be left fuller by an attempt.
            let _ = self.disk.remove(NEW_MANIFEST_PATH);
            return Err(error);
        }
        swaps.is_doubtful = true;
        self.disk.rename(NEW_MANIFEST_PATH, MANIFEST_PATH)?;
        self.disk.sync_dir("")?;
        swaps.is_doubtful = false;
        Ok(())
    }

    fn swaps(&self) -> MutexGuard<'_, Swaps> {
        // The doubt is noted before what may fail, so a panic leaves it noted.
        self.swaps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SegmentStore for LocalSegmentStore {
    fn create(&self, path: &str) -> io::Result<Box<dyn SegmentUpload>> {
        self.make_folder(path).map_err(|error| at(folder_of(path), &error))?;
        let part = format!("{path}{PART_SUFFIX}");
        let file = self.disk.create(&part, 0).map_err(|error| at(&part, &error))?;
        self.handles.forget(path);
        let disk = Arc::clone(&self.disk);
        let path = path.to_owned();
        Ok(Box::new(LocalUpload {
            disk,
            file,
            path,
            part,
            len: 0,
            is_failed: false,
            is_kept: false,
        }))
    }

    fn list(&self) -> io::Result<Vec<ListedObject>> {
        let mut objects = Vec::new();
        for folder in self.disk.list_dirs(SEGMENTS_DIR)? {
            let folder = format!("{SEGMENTS_DIR}/{folder}");
            for file in self.disk.list(&folder)? {
                let is_whole = !file.name.ends_with(PART_SUFFIX);
                let path = format!("{folder}/{}", file.name);
                objects.push(ListedObject { path, len: file.len, is_whole });
            }
        }
        objects.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(objects)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        // A file that is open keeps its space.
        self.handles.forget(path);
        remove_if_there(&*self.disk, path).map_err(|error| at(path, &error))
    }

    fn capacity(&self) -> io::Result<Capacity> {
        self.disk.capacity()
    }

    /// Answers inside the call.
    fn read_ranges(&self, wanted: Vec<RangeRead>, done: RangesRead) {
        let mut sorted: Vec<_> = wanted.iter().enumerate().collect();
        sorted.sort_by_key(|(_, range)| *range);
        let unread = || Ok(Bytes::new());
        let mut answers: Vec<_> = std::iter::repeat_with(unread).take(wanted.len()).collect();
        for ranges in sorted.chunk_by(|(_, a), (_, b)| a.path == b.path) {
            self.read_object(ranges, &mut answers);
        }
        done(answers);
    }

    fn manifest(&self) -> io::Result<Option<(ManifestVersion, Vec<u8>)>> {
        let mut swaps = self.swaps();
        // A process before this one may have ended between its rename and its sync.
        self.disk.sync_dir("").map_err(|error| at(MANIFEST_PATH, &error))?;
        let found = self.visible_manifest().map_err(|error| at(MANIFEST_PATH, &error))?;
        if swaps.is_doubtful {
            if let Some((_, bytes)) = &found {
                let written = self.write_manifest(&mut swaps, bytes);
                written.map_err(|error| at(NEW_MANIFEST_PATH, &error))?;
            }
            swaps.is_doubtful = false;
        }
        Ok(found)
    }

    fn swap_manifest(
        &self,
        expected: Option<&ManifestVersion>,
        manifest: &[u8],
    ) -> Result<ManifestVersion, SwapError> {
        check_manifest_len(manifest)?;
        let mut swaps = self.swaps();
        let found = self.visible_manifest().map_err(|error| at(MANIFEST_PATH, &error))?;
        if found.as_ref().map(|(version, _)| version) != expected {
            return Err(SwapError::Conflict);
        }
        let written = self.write_manifest(&mut swaps, manifest);
        written.map_err(|error| at(NEW_MANIFEST_PATH, &error))?;
        Ok(version_of(manifest))
    }
}

impl fmt::Debug for LocalSegmentStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSegmentStore")
            .field("handles", &self.handle_counts())
            .finish_non_exhaustive()
    }
}

/// A file that is not an object yet.
struct LocalUpload {
    disk: Arc<dyn Disk>,
    file: Box<dyn DiskFile>,
    path: String,
    part: String,
    len: u64,
    /// Whether a write failed: what the file holds is then unknown.
    is_failed: bool,
    /// Whether the file may have the object's name.
    is_kept: bool,
}

impl SegmentUpload for LocalUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        self.is_failed = true;
        self.file.write_at(self.len, bytes).map_err(|error| at(&self.part, &error))?;
        self.len += bytes.len() as u64;
        self.is_failed = false;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.check()?;
        self.file.sync().map_err(|error| at(&self.part, &error))?;
        self.disk.rename(&self.part, &self.path).map_err(|error| at(&self.part, &error))?;
        self.is_kept = true;
        self.disk.sync_dir(folder_of(&self.path)).map_err(|error| at(&self.path, &error))
    }
}

impl LocalUpload {
    fn check(&self) -> io::Result<()> {
        if self.is_failed {
            let error = io::Error::other("an earlier write failed");
            return Err(at(&self.part, &error));
        }
        Ok(())
    }
}

impl Drop for LocalUpload {
    fn drop(&mut self) {
        if !self.is_kept {
            // What can't be removed now is listed as not whole.
            let _ = self.disk.remove(&self.part);
        }
    }
}

/// Reads what several ranges want at once, and gives each its share.
fn read_together(
    file: &dyn ReadFile,
    read: &PlannedRead,
    ranges: &[(usize, &RangeRead)],
    answers: &mut [io::Result<Bytes>],
) {
    let bytes = file.read_at(read.offset, read.len).map(Bytes::from);
    for (index, range) in ranges {
        answers[*index] = match &bytes {
            Ok(bytes) => {
                let start = usize::try_from(range.offset - read.offset);
                let start = start.expect("a range starts inside its read");
                Ok(bytes.slice(start..start + range.len))
            }
            Err(error) => Err(at(&range.path, error)),
        };
    }
}

/// Tells two manifests apart by what is in them. Nobody else writes the folder, so this guards
/// against mistakes and not against a forger.
fn version_of(manifest: &[u8]) -> ManifestVersion {
    ManifestVersion::new(format!("{:08x}-{:x}", crc32c::crc32c(manifest), manifest.len()))
}

fn check_manifest_len(manifest: &[u8]) -> io::Result<()> {
    let len = manifest.len() as u64;
    if len > MANIFEST_LEN_MAX {
        let message = format!("a manifest of {len} bytes is over the limit of {MANIFEST_LEN_MAX}");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(())
}

fn remove_if_there(disk: &dyn Disk, path: &str) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The same error, with the file's name before it.
fn at(path: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{path}: {error}"))
}

fn beyond_end(range: &RangeRead, file_len: u64) -> io::Error {
    let RangeRead { path, offset, len } = range;
    let message =
        format!("{path}: {len} bytes at {offset} were wanted, and the file has {file_len} bytes");
    io::Error::new(io::ErrorKind::UnexpectedEof, message)
}
