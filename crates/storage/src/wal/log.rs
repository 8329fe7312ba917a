//! The writing side of the log: one file at a time, begun, filled, sealed, reused.
//!
//! A file that failed once is never written or synced again: what its end holds is unknown, so
//! it is sealed at its last known length by the header of the next file.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use super::LOG_DIR;
use super::file_header::{FILE_HEADER_LEN, FileHeader, Seal};
use crate::LogPosition;
use crate::disk::{Disk, DiskFile};

/// The writing side of the log.
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    file_len_max: u64,
    spare_files_max: usize,
    salt_seed: u64,
    next_file_id: u64,
    /// Where the file before the current one ends, until there is a record behind that.
    seal: Option<Seal>,
    /// The file that replay found last, until its unused space is given back.
    untrimmed: Option<Seal>,
    current: Option<Current>,
    /// The files that are part of the log, the current one included.
    files: BTreeSet<u64>,
    spares: VecDeque<String>,
    counts: LogCounts,
}

/// The file that records go to.
struct Current {
    file: Box<dyn DiskFile>,
    file_id: u64,
    checksum_seed: u32,
    /// Behind the last record that was written whole and, where that is asked, synced.
    len: u64,
    is_synced: bool,
}

/// What the log did so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogCounts {
    pub(crate) bytes: u64,
    pub(crate) syncs: u64,
    pub(crate) files_begun: u64,
    pub(crate) files_recycled: u64,
}

/// Where a log goes on.
pub(crate) struct LogStart {
    /// The first file id that was never used.
    pub(crate) next_file_id: u64,
    /// Where the newest file with records ends.
    pub(crate) seal: Option<Seal>,
    /// The files of the log.
    pub(crate) files: BTreeSet<u64>,
    /// Names of spare files.
    pub(crate) spares: Vec<String>,
}

/// The limits of a log, and where its salts come from.
pub(crate) struct LogOptions {
    pub(crate) file_len_max: u64,
    pub(crate) spare_files_max: usize,
    pub(crate) salt_seed: u64,
}

impl Log {
    /// Goes on behind what is there. No file is begun before there is something to write.
    pub(crate) fn new(disk: Arc<dyn Disk>, options: &LogOptions, start: LogStart) -> Self {
        Self {
            disk,
            file_len_max: options.file_len_max,
            spare_files_max: options.spare_files_max,
            salt_seed: options.salt_seed,
            next_file_id: start.next_file_id,
            seal: start.seal,
            untrimmed: start.seal,
            current: None,
            files: start.files,
            spares: start.spares.into(),
            counts: LogCounts::default(),
        }
    }

    pub(crate) fn counts(&self) -> LogCounts {
        self.counts
    }

    pub(crate) fn current_file_id(&self) -> Option<u64> {
        self.current.as_ref().map(|current| current.file_id)
    }

    /// The oldest file that is part of the log, or the next one when there is none.
    pub(crate) fn oldest_file_id(&self) -> u64 {
        self.files.first().copied().unwrap_or(self.next_file_id)
    }

    /// A place behind every record that was written, and before every one that will be.
    pub(crate) fn next_position(&self) -> LogPosition {
        match &self.current {
            Some(current) => LogPosition { file_id: current.file_id, offset: current.len },
            None => LogPosition { file_id: self.next_file_id, offset: 0 },
        }
    }

    /// A place behind every record that is in the log, and before every one that will be, also
    /// of a process after this one: it counts on from the files that it finds, and not from
    /// those that could not be begun.
    pub(crate) fn end_position(&self) -> LogPosition {
        match (&self.current, self.seal) {
            (Some(current), _) => LogPosition { file_id: current.file_id, offset: current.len },
            // A sealed file is not written again. What a failed write left at its end is not in
            // the log, and stays out.
            (None, Some(seal)) => LogPosition { file_id: seal.file_id, offset: u64::MAX },
            (None, None) => LogPosition { file_id: 0, offset: 0 },
        }
    }

    /// The space that the log's files take, the spare ones included.
    pub(crate) fn files_len(&self) -> u64 {
        (self.files.len() + self.spares.len()) as u64 * self.file_len_max
    }

    /// Returns the place behind the last record, in a file with room for `len` bytes; begins a
    /// file when there is none.
    ///
    /// # Errors
    ///
    /// Fails when a new file can't be begun. The next call tries again with another.
    pub(crate) fn place_for(&mut self, len: u64) -> io::Result<Place> {
        if self.current.as_ref().is_some_and(|current| current.len + len > self.file_len_max) {
            // What the full file holds must not wait for a sync that never comes.
            self.sync()?;
            self.seal_current();
        }
        if self.current.is_none() {
            self.current = Some(self.begin_file()?);
        }
        let current = self.current.as_ref().expect("a file was begun just now");
        Ok(Place {
            file_id: current.file_id,
            checksum_seed: current.checksum_seed,
            offset: current.len,
            room: self.file_len_max - current.len,
        })
    }

    /// Writes encoded records at the last place returned, and syncs them if `is_synced`.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses. None of the records is then in the log, and the
    /// file is sealed before them.
    pub(crate) fn append(&mut self, records: &[u8], is_synced: bool) -> io::Result<()> {
        let Some(current) = &mut self.current else {
            return Err(io::Error::other("no log file is open"));
        };
        let outcome = current.write(records, is_synced);
        match outcome {
            Ok(()) => {
                self.counts.bytes += records.len() as u64;
                self.counts.syncs += u64::from(is_synced);
            }
            Err(_) => {
                if !is_synced {
                    // It was the write that failed: what was acknowledged before it, and waits
                    // for its sync, must not wait for ever.
                    let _ = self.sync();
                }
                self.seal_current();
            }
        }
        outcome
    }

    /// Whether something was written since the last sync.
    pub(crate) fn is_sync_wanted(&self) -> bool {
        self.current.as_ref().is_some_and(|current| !current.is_synced)
    }

    /// Makes all that was appended durable.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses: what was appended since the last success may be
    /// lost at a loss of power. The file is sealed behind it and never synced again.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        let Some(current) = self.current.as_mut().filter(|current| !current.is_synced) else {
            return Ok(());
        };
        let outcome = current.file.sync();
        match outcome {
            Ok(()) => {
                current.is_synced = true;
                self.counts.syncs += 1;
            }
            Err(_) => self.seal_current(),
        }
        outcome
    }

    /// Syncs and gives back the space that the last file did not need. Nothing is lost when
    /// that fails, so its outcome is the sync's.
    ///
    /// # Errors
    ///
    /// Fails as [`Self::sync`] does.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.sync()?;
        if let Some(mut current) = self.current.take() {
            self.seal = Some(Seal { file_id: current.file_id, len: current.len });
            let _ = current.file.set_len(current.len);
        }
        Ok(())
    }

    /// Takes the files before `file_id` out of the log, all of whose records are kept elsewhere,
    /// durably, and keeps their space for reuse. They go oldest first, since each holds its
    /// predecessor's seal, and never the newest: from its number the next ones are counted.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses; the files that are left are tried again by the
    /// next call.
    pub(crate) fn retire_before(&mut self, file_id: u64) -> io::Result<()> {
        let Some(newest) = self.files.last().copied() else { return Ok(()) };
        let end = newest.min(file_id);
        if self.files.first().is_none_or(|oldest| *oldest >= end) {
            return Ok(());
        }
        let listed = self.disk.list(LOG_DIR)?;
        while let Some(oldest) = self.files.first().copied().filter(|oldest| *oldest < end) {
            let name = file_name(oldest);
            let found = listed.iter().find(|file| file.name == name);
            // A file that is gone was taken out by a call that failed after that.
            let spare = match found {
                Some(found) => self.retire(oldest, found.len == self.file_len_max)?,
                None => None,
            };
            // Each is gone durably before the next goes, or a loss of power could leave the
            // older one behind without its seal; and before its space is used again, or its old
            // name could come back on another file's bytes.
            self.disk.sync_dir(LOG_DIR)?;
            self.files.remove(&oldest);
            self.spares.extend(spare);
        }
        Ok(())
    }

    /// Takes one file out; returns the name of the spare file that it became, if it did.
    fn retire(&self, file_id: u64, is_whole: bool) -> io::Result<Option<String>> {
        let name = file_name(file_id);
        if is_whole && self.spares.len() < self.spare_files_max {
            let spare = spare_name(file_id);
            self.disk.rename(&path(&name), &path(&spare))?;
            return Ok(Some(spare));
        }
        self.disk.remove(&path(&name))?;
        Ok(None)
    }

    fn seal_current(&mut self) {
        if let Some(current) = self.current.take() {
            self.seal = Some(Seal { file_id: current.file_id, len: current.len });
        }
    }

    /// Begins the next file: header first, durable, and only then its name.
    fn begin_file(&mut self) -> io::Result<Current> {
        let file_id = self.next_file_id;
        // A number is never tried twice: a failed attempt may have left a file behind.
        self.next_file_id += 1;
        let salt = mix(self.salt_seed ^ mix(file_id));
        let header = FileHeader { file_id, salt, seal: self.seal };
        let bytes = header.encode();
        let (mut file, unnamed, is_recycled) = self.unnamed_file(file_id)?;
        file.write_at(0, &bytes)?;
        file.sync()?;
        self.disk.rename(&path(&unnamed), &path(&file_name(file_id)))?;
        self.files.insert(file_id);
        self.disk.sync_dir(LOG_DIR)?;
        if let Some(found) = self.untrimmed.take() {
            self.trim(found);
        }
        self.counts.bytes += bytes.len() as u64;
        self.counts.syncs += 1;
        self.counts.files_begun += 1;
        self.counts.files_recycled += u64::from(is_recycled);
        let checksum_seed = header.checksum_seed();
        let len = FILE_HEADER_LEN as u64;
        Ok(Current { file, file_id, checksum_seed, len, is_synced: true })
    }

    /// Gives back the space that a crash left set aside behind the last record of a file. Where
    /// that record ends stands durably in the header of the next file by now, so that nothing is
    /// lost whether or not this succeeds.
    fn trim(&self, found: Seal) {
        if let Ok(mut file) = self.disk.open(&path(&file_name(found.file_id))) {
            let _ = file.set_len(found.len);
        }
    }

    /// Opens a spare file, or makes one under a name that no replay looks at.
    fn unnamed_file(&mut self, file_id: u64) -> io::Result<(Box<dyn DiskFile>, String, bool)> {
        if let Some(spare) = self.spares.pop_front() {
            // A spare that fails is dropped from the list; the next start removes its file.
            return Ok((self.disk.open(&path(&spare))?, spare, true));
        }
        let fresh = fresh_name(file_id);
        match self.disk.create(&path(&fresh), self.file_len_max) {
            Ok(file) => Ok((file, fresh, false)),
            Err(error) => {
                // A disk that is full must not be left fuller by an attempt.
                let _ = self.disk.remove(&path(&fresh));
                Err(error)
            }
        }
    }
}

impl Current {
    fn write(&mut self, records: &[u8], is_synced: bool) -> io::Result<()> {
        self.file.write_at(self.len, records)?;
        if is_synced {
            self.file.sync()?;
        }
        self.is_synced = is_synced;
        self.len += records.len() as u64;
        Ok(())
    }
}

/// The longest record that fits in a file of this length.
pub(crate) fn record_len_max(file_len_max: u64) -> u64 {
    file_len_max.saturating_sub(FILE_HEADER_LEN as u64)
}

/// Where the next records go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file_id: u64,
    /// Where the checksums of the file start from.
    pub(crate) checksum_seed: u32,
    /// The offset in the file.
    pub(crate) offset: u64,
    /// How many bytes fit.
    pub(crate) room: u64,
}

/// Spreads the bits of a number (the finalizer of `SplitMix64`).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

pub(super) fn path(name: &str) -> String {
    format!("{LOG_DIR}/{name}")
}

/// The name of a file that is part of the log.
pub(super) fn file_name(file_id: u64) -> String {
    format!("{file_id:016x}{FILE_SUFFIX}")
}

/// The name of a file that was retired.
pub(super) fn spare_name(file_id: u64) -> String {
    format!("{file_id:016x}{SPARE_SUFFIX}")
}

/// The name of a file that is not begun yet.
pub(super) fn fresh_name(file_id: u64) -> String {
    format!("{file_id:016x}{FRESH_SUFFIX}")
}

pub(super) const FILE_SUFFIX: &str = ".wal";
pub(super) const SPARE_SUFFIX: &str = ".spare";
pub(super) const FRESH_SUFFIX: &str = ".fresh";
