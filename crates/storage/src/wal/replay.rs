//! The reading side of the log: what every start does first.
//!
//! Replay changes nothing in a log file. It removes what was never part of the log, and puts
//! copies of records that can't be decoded in quarantine.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::file_header::{FILE_HEADER_LEN, FORMAT_VERSION, FileHeader, HeaderError, Seal};
use super::log::{FILE_SUFFIX, FRESH_SUFFIX, LogStart, SPARE_SUFFIX, file_name, path};
use super::note::{DEATHS_MAX, ReplayNote};
use super::quarantine::{self, Quarantine};
use super::reader::{Reader, Stretch};
use super::record::decode_head;
use super::{LOG_DIR, QUARANTINE_DIR};
use crate::batch::SpanBatch;
use crate::columns::Request;
use crate::disk::{Disk, ListedFile};
use crate::options::{OpenError, Progress, RecordDecoder, ReplayReport};
use crate::store::Origin;
use crate::tenant::Tenant;

/// Receives the spans of one record, and what it was.
pub(crate) type ReplaySink<'a> = &'a mut dyn FnMut(&Tenant, &SpanBatch, Request);

/// What replay returns: what it found, and where the log goes on.
pub(crate) struct Replayed {
    pub(crate) report: ReplayReport,
    pub(crate) start: LogStart,
}

/// One replay.
pub(crate) struct Replay<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) decoder: &'a dyn RecordDecoder,
    pub(crate) file_len_max: u64,
    pub(crate) spare_files_max: usize,
    pub(crate) progress: &'a mut dyn FnMut(&Progress),
    pub(crate) sink: ReplaySink<'a>,
}

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) file_id: u64,
    pub(super) offset: u64,
}

/// The files of the log's folder, told apart.
#[derive(Default)]
struct Inventory {
    logs: BTreeMap<u64, ListedFile>,
    spares: Vec<(u64, ListedFile)>,
    fresh: Vec<(u64, ListedFile)>,
}

/// Reads the whole log, oldest record first, and makes what it found durable.
///
/// # Errors
///
/// Fails when a file can't be read or is of a newer version; a later attempt starts afresh.
pub(crate) fn replay(replay: Replay<'_>) -> Result<Replayed, OpenError> {
    let disk = replay.disk;
    disk.create_dir(LOG_DIR).map_err(at(LOG_DIR))?;
    let inventory = Inventory::take(disk)?;
    let spares = inventory.tidy(disk, replay.file_len_max, replay.spare_files_max)?;
    let next_file_id = inventory.next_file_id();
    let mut run = Run::new(replay, &inventory);
    let end = run.read_files(&inventory);
    // An attempt that failed came to its end as well: it was no record that ended the process.
    let finished = run.note.finish().map_err(at("replay"));
    let end = end?;
    finished?;
    // A process that ended without a sync left records that its successor finds, shows and
    // seals: they must not vanish with the power after that. Records that it could not sync are
    // believed here as well; it acknowledged none of them.
    if let Some(end) = end {
        let name = path(&file_name(end.file_id));
        disk.open(&name).and_then(|mut file| file.sync()).map_err(at(&name))?;
    }
    disk.sync_dir(LOG_DIR).map_err(at(LOG_DIR))?;
    let files = inventory.logs.keys().copied().collect();
    Ok(Replayed { report: run.report, start: LogStart { next_file_id, seal: end, files, spares } })
}

/// Fails when a log file is of a newer version, before anything is changed.
///
/// # Errors
///
/// Fails as well when a header can't be read.
pub(crate) fn check_versions(disk: &dyn Disk) -> Result<(), OpenError> {
    for (file_id, listed) in Inventory::take(disk)?.logs {
        read_header(disk, file_id, &path(&listed.name))?;
    }
    Ok(())
}

fn at(path: &str) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Disk { path: path.to_owned(), source }
}

impl Inventory {
    fn take(disk: &dyn Disk) -> Result<Self, OpenError> {
        let mut inventory = Self::default();
        for file in disk.list(LOG_DIR).map_err(at(LOG_DIR))? {
            let name = file.name.clone();
            let Some((digits, suffix)) = name.split_at_checked(16) else { continue };
            let Ok(file_id) = u64::from_str_radix(digits, 16) else { continue };
            match suffix {
                FILE_SUFFIX => _ = inventory.logs.insert(file_id, file),
                SPARE_SUFFIX => inventory.spares.push((file_id, file)),
                FRESH_SUFFIX => inventory.fresh.push((file_id, file)),
                _ => {}
            }
        }
        Ok(inventory)
    }

    /// Removes what is of no use; returns the names of the spare files that are.
    fn tidy(&self, disk: &dyn Disk, len: u64, count_max: usize) -> Result<Vec<String>, OpenError> {
        let mut kept = Vec::new();
        for (_, file) in self.spares.iter().chain(&self.fresh) {
            let is_spare = file.name.ends_with(SPARE_SUFFIX);
            if is_spare && file.len == len && kept.len() < count_max {
                kept.push(file.name.clone());
            } else {
                disk.remove(&path(&file.name)).map_err(at(&path(&file.name)))?;
            }
        }
        Ok(kept)
    }

    fn next_file_id(&self) -> u64 {
        let others = self.spares.iter().chain(&self.fresh).map(|(file_id, _)| *file_id);
        others.chain(self.logs.keys().copied()).max().map_or(1, |newest| newest.saturating_add(1))
    }
}

/// A replay under way.
struct Run<'a> {
    disk: &'a dyn Disk,
    decoder: &'a dyn RecordDecoder,
    tell: &'a mut dyn FnMut(&Progress),
    sink: ReplaySink<'a>,
    /// The spans of one record, in room that is used again.
    spans: SpanBatch,
    note: ReplayNote<'a>,
    quarantine: Quarantine<'a>,
    progress: Progress,
    report: ReplayReport,
}

impl<'a> Run<'a> {
    fn new(replay: Replay<'a>, inventory: &Inventory) -> Self {
        let progress = Progress {
            files: inventory.logs.len() as u64,
            bytes: inventory.logs.values().map(|file| file.len).sum(),
            ..Progress::default()
        };
        Self {
            disk: replay.disk,
            decoder: replay.decoder,
            tell: replay.progress,
            sink: replay.sink,
            spans: SpanBatch::new(),
            note: ReplayNote::open(replay.disk),
            quarantine: Quarantine::new(replay.disk),
            progress,
            report: ReplayReport::default(),
        }
    }

    /// Reads the files, oldest first; returns where the last one ends.
    fn read_files(&mut self, inventory: &Inventory) -> Result<Option<Seal>, OpenError> {
        (self.tell)(&self.progress);
        let mut headers = BTreeMap::new();
        for (file_id, listed) in &inventory.logs {
            headers.insert(*file_id, read_header(self.disk, *file_id, &path(&listed.name))?);
        }
        // Where a file ends, its successor says.
        let older = |header: &FileHeader| header.seal.filter(|seal| seal.file_id < header.file_id);
        let seals = headers.values().flatten().filter_map(older);
        let ends: BTreeMap<u64, u64> = seals.map(|seal| (seal.file_id, seal.len)).collect();
        let mut last = None;
        for (file_id, listed) in &inventory.logs {
            let name = path(&listed.name);
            let file = self.disk.read(&name, listed.len).map_err(at(&name))?;
            let end = ends.get(file_id).copied();
            let len = match headers[file_id] {
                Some(header) => self.read_file(&header, &file, end)?,
                None => {
                    self.report.unreadable_files += 1;
                    file.len() as u64
                }
            };
            last = Some(Seal { file_id: *file_id, len });
            self.report.files += 1;
            self.progress.files_done += 1;
            self.progress.bytes_done += listed.len;
            self.progress.spans = self.report.spans;
            (self.tell)(&self.progress);
        }
        Ok(last)
    }

    /// Replays the records of one file up to its end, where that is known; returns the length of
    /// what is whole.
    fn read_file(
        &mut self,
        header: &FileHeader,
        file: &[u8],
        end: Option<u64>,
    ) -> Result<u64, OpenError> {
        let cut = end.and_then(|end| usize::try_from(end).ok()).and_then(|end| file.get(..end));
        let mut reader = Reader::new(cut.unwrap_or(file), header.checksum_seed(), FILE_HEADER_LEN);
        loop {
            match reader.next() {
                Stretch::Record { offset, head, body } => {
                    let position = Position { file_id: header.file_id, offset };
                    self.replay_record(position, head, body)?;
                }
                Stretch::Damaged { len, .. } => self.skip(len),
                Stretch::Tail { offset } => {
                    match end {
                        Some(end) if end > offset => self.skip(end - offset),
                        Some(_) => {}
                        None => self.report.torn_bytes += nonzero_len(file, offset),
                    }
                    return Ok(offset);
                }
            }
        }
    }

    fn skip(&mut self, len: u64) {
        self.report.skipped += 1;
        self.report.skipped_bytes += len;
    }

    fn replay_record(
        &mut self,
        position: Position,
        head: &[u8],
        body: &[u8],
    ) -> Result<(), OpenError> {
        let Some((tenant, origin)) = decode_head(head) else {
            self.skip((head.len() + body.len()) as u64);
            return Ok(());
        };
        let copy = quarantine::path(&tenant, position);
        if self.quarantine.holds(&tenant, position).map_err(at(QUARANTINE_DIR))? {
            self.report.quarantined.push(copy);
            return Ok(());
        }
        if self.note.deaths_at(position) < DEATHS_MAX {
            self.note.begin(position);
            if self.decode(&origin, body) {
                let span_count = self.spans.len() as u64;
                self.report.records += 1;
                self.report.spans += span_count;
                self.report.miscounted += u64::from(span_count != u64::from(origin.accepted));
                let (log_file_id, log_offset) = (position.file_id, position.offset);
                let arrival_ns = origin.arrival_ns;
                (self.sink)(&tenant, &self.spans, Request { arrival_ns, log_file_id, log_offset });
                return Ok(());
            }
        }
        self.quarantine.keep(&tenant, position, body).map_err(at(&copy))?;
        self.report.quarantined.push(copy);
        Ok(())
    }

    /// Decodes a record; false when it is refused or the decoder panics.
    fn decode(&mut self, origin: &Origin, body: &[u8]) -> bool {
        let Self { decoder, spans, .. } = self;
        spans.clear();
        let decode = || decoder.decode(origin, body, &mut |span| spans.push(span));
        // What a panic left half done is in `spans`, which is then not read.
        matches!(catch_unwind(AssertUnwindSafe(decode)), Ok(Ok(())))
    }
}

/// How many bytes there are behind `offset` up to the last one that is not zero.
fn nonzero_len(file: &[u8], offset: u64) -> u64 {
    let tail = usize::try_from(offset).ok().and_then(|offset| file.get(offset..));
    let last = tail.and_then(|tail| tail.iter().rposition(|byte| *byte != 0));
    last.map_or(0, |last| last as u64 + 1)
}

/// Reads a file's header; `None` when it is damaged or another file's.
fn read_header(disk: &dyn Disk, file_id: u64, name: &str) -> Result<Option<FileHeader>, OpenError> {
    let bytes = disk.read(name, FILE_HEADER_LEN as u64).map_err(at(name))?;
    match FileHeader::decode(&bytes) {
        Ok(header) => Ok((header.file_id == file_id).then_some(header)),
        Err(HeaderError::Damaged) => Ok(None),
        Err(HeaderError::Newer(version)) => {
            let file = name.to_owned();
            Err(OpenError::NewerFormat { file, version, version_max: FORMAT_VERSION })
        }
    }
}
