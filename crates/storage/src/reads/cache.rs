//! Segments whose footers are in memory, and those that are damaged.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;

use crate::budget::{Account, Reservation};
use crate::counters::Counter;
use crate::manifest::SegmentEntry;
use crate::segment::{ByteRange, Dictionaries, Segment, SegmentDecoder, SegmentError};
use crate::segment_store::{RangeRead, SegmentStore, read_ranges_blocking};
use crate::store::ReadError;

use super::search_parts::SearchParts;

/// How many decoders are kept for the next question.
const DECODERS_MAX: usize = 4;

/// A segment whose footer was read.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    /// What the manifest says of it.
    pub(crate) entry: SegmentEntry,
    /// Its object.
    pub(crate) path: Arc<str>,
    /// What its footer says.
    pub(crate) segment: Segment,
    dictionaries: OnceLock<Arc<Dictionaries>>,
    search_parts: OnceLock<Arc<SearchParts>>,
    /// Pays for footer and dictionaries while they are kept; `None` when there was no room and
    /// they go with the question.
    held: Mutex<Option<Reservation>>,
}

/// A segment, and what its codes stand for.
pub(crate) type WithDictionaries = (Arc<OpenSegment>, Arc<Dictionaries>);

/// The segments that are open, as many as an account pays for.
pub(crate) struct SegmentCache {
    store: Arc<dyn SegmentStore>,
    account: Arc<Account>,
    open: Mutex<Open>,
    /// Decoders that are free, at most [`DECODERS_MAX`].
    decoders: Mutex<Vec<SegmentDecoder>>,
    quarantined: Mutex<BTreeMap<u64, String>>,
    misses: Counter,
    evicted: Counter,
}

#[derive(Default)]
struct Open {
    segments: HashMap<u64, Kept>,
    uses: u64,
}

struct Kept {
    segment: Arc<OpenSegment>,
    /// The use at which it was last wanted.
    last_use: u64,
}

impl SegmentCache {
    /// Makes an empty one. `account` pays for what it keeps.
    pub(crate) fn new(store: Arc<dyn SegmentStore>, account: Arc<Account>) -> Self {
        Self {
            store,
            account,
            open: Mutex::default(),
            decoders: Mutex::default(),
            quarantined: Mutex::default(),
            misses: Counter::default(),
            evicted: Counter::default(),
        }
    }

    /// Lends a decoder, whose buffers are used again.
    pub(crate) fn with_decoder<R>(&self, work: impl FnOnce(&mut SegmentDecoder) -> R) -> R {
        let free = lock(&self.decoders).pop();
        let mut decoder = free.unwrap_or_default();
        let done = work(&mut decoder);
        let mut decoders = lock(&self.decoders);
        if decoders.len() < DECODERS_MAX {
            decoders.push(decoder);
        }
        done
    }

    /// Where the segments are.
    pub(crate) fn store(&self) -> &Arc<dyn SegmentStore> {
        &self.store
    }

    /// The segments that can't be read, each with the reason.
    pub(crate) fn quarantined(&self) -> BTreeMap<u64, String> {
        lock(&self.quarantined).clone()
    }

    /// The numbers of the segments that can't be read.
    pub(crate) fn quarantined_ids(&self) -> BTreeSet<u64> {
        lock(&self.quarantined).keys().copied().collect()
    }

    /// How many footers were read, and how many were let go of to make room.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.misses.get(), self.evicted.get())
    }

    /// Sets a segment apart: it is not read again.
    pub(crate) fn quarantine(&self, id: u64, reason: &dyn std::fmt::Display) {
        lock(&self.quarantined).entry(id).or_insert_with(|| reason.to_string());
        self.forget(id);
    }

    /// Lets go of a segment that no longer counts.
    pub(crate) fn forget(&self, id: u64) {
        lock(&self.open).segments.remove(&id);
    }

    /// Opens segments, those that are not open yet with one batch of reads. A damaged one is set
    /// apart and left out.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub(crate) fn open<'e>(
        &self,
        entries: impl IntoIterator<Item = &'e SegmentEntry>,
    ) -> Result<Vec<Arc<OpenSegment>>, ReadError> {
        let (mut found, missing) = self.find(entries);
        if missing.is_empty() {
            return Ok(found);
        }
        let footers = missing.iter().map(|entry| {
            // No entry of a manifest has a footer that is longer than its segment.
            let none = ByteRange { offset: 0, len: 0 };
            let range = Segment::footer_range(entry.len, entry.footer_len).unwrap_or(none);
            range_read(&entry.path().into(), range)
        });
        let footers = read_ranges_blocking(&*self.store, footers.collect());
        for (entry, footer) in missing.into_iter().zip(footers) {
            self.misses.add(1);
            match self.parse(entry, footer) {
                Ok(segment) => found.push(self.keep(segment)),
                Err(Trouble::Damaged(reason)) => self.quarantine(entry.id, &reason),
                Err(Trouble::Disk(error)) => return Err(disk(&error)),
            }
        }
        found.sort_by_key(|segment| segment.entry.id);
        Ok(found)
    }

    /// Splits entries in segments that are open and entries that are to be opened.
    fn find<'e>(
        &self,
        entries: impl IntoIterator<Item = &'e SegmentEntry>,
    ) -> (Vec<Arc<OpenSegment>>, Vec<&'e SegmentEntry>) {
        let quarantined = self.quarantined_ids();
        let mut open = lock(&self.open);
        open.uses += 1;
        let uses = open.uses;
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for entry in entries {
            if quarantined.contains(&entry.id) {
                continue;
            }
            match open.segments.get_mut(&entry.id) {
                Some(kept) => {
                    kept.last_use = uses;
                    found.push(Arc::clone(&kept.segment));
                }
                None => missing.push(entry),
            }
        }
        (found, missing)
    }

    fn parse(
        &self,
        entry: &SegmentEntry,
        footer: io::Result<Bytes>,
    ) -> Result<OpenSegment, Trouble> {
        let path: Arc<str> = entry.path().into();
        let footer = footer.map_err(Trouble::of_read)?;
        let checksum = crc32c::crc32c(&footer);
        if checksum != entry.footer_checksum {
            let due = entry.footer_checksum;
            let reason = format!("{path}: the footer's checksum is {checksum:08x}, not {due:08x}");
            return Err(Trouble::Damaged(reason));
        }
        let segment = Segment::parse(Arc::clone(&path), entry.len, &footer)?;
        let held = self.make_room(segment.byte_len() as u64);
        let (dictionaries, search_parts) = (OnceLock::new(), OnceLock::new());
        Ok(OpenSegment {
            entry: entry.clone(),
            path,
            segment,
            dictionaries,
            search_parts,
            held: Mutex::new(held),
        })
    }

    fn keep(&self, segment: OpenSegment) -> Arc<OpenSegment> {
        let segment = Arc::new(segment);
        if lock(&segment.held).is_some() {
            let mut open = lock(&self.open);
            let kept = Kept { segment: Arc::clone(&segment), last_use: open.uses };
            open.segments.insert(segment.entry.id, kept);
        }
        segment
    }

    /// Loads the dictionaries of segments that have none yet, with one batch of reads. The
    /// segments whose dictionaries are damaged are set apart and left out.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub(crate) fn with_dictionaries(
        &self,
        segments: Vec<Arc<OpenSegment>>,
    ) -> Result<Vec<WithDictionaries>, ReadError> {
        let missing: Vec<_> =
            segments.iter().filter(|segment| segment.dictionaries.get().is_none()).collect();
        let reads = missing.iter().map(|segment| segment.dictionaries_read()).collect();
        let read = read_ranges_blocking(&*self.store, reads);
        for (segment, bytes) in missing.into_iter().zip(read) {
            self.take_dictionaries(segment, bytes)?;
        }
        let with = |segment: Arc<OpenSegment>| {
            let dictionaries = Arc::clone(segment.dictionaries.get()?);
            Some((segment, dictionaries))
        };
        Ok(segments.into_iter().filter_map(with).collect())
    }

    /// Takes what was read of [`OpenSegment::dictionaries_read`].
    ///
    /// # Errors
    ///
    /// Fails when it could not be read.
    pub(crate) fn take_dictionaries(
        &self,
        segment: &OpenSegment,
        read: io::Result<Bytes>,
    ) -> Result<(), ReadError> {
        let parsed = read.map_err(Trouble::of_read).and_then(|bytes| {
            let parse = |decoder: &mut _| segment.segment.parse_dictionaries(&bytes, decoder);
            Ok(self.with_decoder(parse)?)
        });
        match parsed {
            Ok(dictionaries) => {
                let len = dictionaries.byte_len() as u64;
                // Another question may have loaded them meanwhile; they are the same.
                if segment.dictionaries.set(Arc::new(dictionaries)).is_ok() {
                    self.pay_for(segment, len);
                }
                Ok(())
            }
            Err(Trouble::Damaged(reason)) => {
                self.quarantine(segment.entry.id, &reason);
                Ok(())
            }
            Err(Trouble::Disk(error)) => Err(disk(&error)),
        }
    }

    /// Keeps what searches need of a segment.
    pub(super) fn keep_search_parts(&self, segment: &OpenSegment, parts: SearchParts, len: u64) {
        if segment.search_parts.set(Arc::new(parts)).is_ok() {
            self.pay_for(segment, len);
        }
    }

    /// Pays for more of a segment; where there is no room for all of it, it goes with the
    /// question that it was loaded for.
    fn pay_for(&self, segment: &OpenSegment, len: u64) {
        let more = self.make_room(len);
        let mut held = lock(&segment.held);
        match (held.as_mut(), more) {
            (Some(held), Some(more)) => held.absorb(more),
            _ => self.forget(segment.entry.id),
        }
    }

    /// Reserves memory, and lets go of what was not wanted for longest until there is room;
    /// `None` when there is none even then.
    fn make_room(&self, len: u64) -> Option<Reservation> {
        loop {
            if self.account.used() + len <= self.account.limit()
                && let Ok(held) = self.account.reserve(len)
            {
                return Some(held);
            }
            let mut open = lock(&self.open);
            let oldest = open.segments.iter().min_by_key(|(id, kept)| (kept.last_use, **id));
            let oldest = *oldest?.0;
            open.segments.remove(&oldest);
            self.evicted.add(1);
        }
    }
}

impl OpenSegment {
    /// Its dictionaries, if they were loaded.
    pub(crate) fn dictionaries(&self) -> Option<&Arc<Dictionaries>> {
        self.dictionaries.get()
    }

    /// What searches need of it, if that was loaded.
    pub(crate) fn search_parts(&self) -> Option<&Arc<SearchParts>> {
        self.search_parts.get()
    }

    /// Where its dictionaries are.
    pub(crate) fn dictionaries_read(&self) -> RangeRead {
        self.read(self.segment.dictionaries_range())
    }

    /// A stretch of its object, to read.
    pub(crate) fn read(&self, range: ByteRange) -> RangeRead {
        range_read(&self.path, range)
    }
}

impl std::fmt::Debug for SegmentCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentCache")
            .field("quarantined", &self.quarantined())
            .finish_non_exhaustive()
    }
}

/// Why a part of a segment is not to be had.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It is not what was written; reading it again won't help.
    Damaged(String),
    /// The store refused; another time it may not.
    Disk(io::Error),
}

impl Trouble {
    /// Tells an object that is missing or too short from a store that refuses.
    pub(crate) fn of_read(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Disk(error),
        }
    }
}

impl From<SegmentError> for Trouble {
    fn from(error: SegmentError) -> Self {
        Self::Damaged(error.to_string())
    }
}

pub(crate) fn disk(error: &io::Error) -> ReadError {
    ReadError::Disk { reason: error.to_string() }
}

fn range_read(path: &Arc<str>, range: ByteRange) -> RangeRead {
    RangeRead { path: Arc::clone(path), offset: range.offset, len: range.len }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one call into a collection: a panic in between leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
