//! What the embedded store is told at its opening, and what it tells of itself.
//!
//! Nothing here reads a configuration file or prints a figure: the server does both.

use std::collections::BTreeMap;
use std::sync::Arc;

use spandrel_model::Span;

use crate::budget::Account;
use crate::maintenance::{CompactionPolicy, Retention};
use crate::segment::GROUP_ROW_COUNT_MAX;
use crate::store::Origin;

/// The most bytes of one log file, unless set: rotation makes a file of at most this length.
pub const FILE_LEN_MAX: u64 = 64 << 20;

/// How the embedded store is to behave.
#[derive(Clone, Debug)]
pub struct Options {
    /// When an append counts as durable.
    pub durability: Durability,
    /// The most bytes of one log file; a request that does not fit in one is refused.
    pub file_len_max: u64,
    /// The most bytes that are written and made durable as one group. A request longer than
    /// this is a group of its own.
    pub group_len_max: usize,
    /// The most requests in one group.
    pub group_count_max: usize,
    /// The most retired log files that are kept for reuse.
    pub spare_files_max: usize,
    /// Pays for the spans in memory. Its limit is what the head may hold.
    pub head: Arc<Account>,
    /// Pays for the requests that wait for the log. Its limit is the queue's, in bytes.
    pub queue: Arc<Account>,
    /// Pays for what is kept in memory of segments: footers and dictionaries.
    pub segments: Arc<Account>,
    /// From how many bytes on the log makes the head flush, so that a replay stays short.
    pub log_len_max: u64,
    /// How long spans stay in the head at most while nothing else makes it flush, in nanoseconds.
    pub flush_age_max_ns: u64,
    /// How many rows a group of a segment has at most.
    pub group_row_count_max: usize,
    /// When segments are merged.
    pub compaction: CompactionPolicy,
    /// What is kept at most.
    pub retention: Retention,
}

impl Options {
    /// Makes the options of a store that syncs before it acknowledges, with the usual limits.
    #[must_use]
    pub fn new(head: Arc<Account>, queue: Arc<Account>, segments: Arc<Account>) -> Self {
        Self {
            durability: Durability::Fsync,
            file_len_max: FILE_LEN_MAX,
            group_len_max: 4 << 20,
            group_count_max: 4096,
            spare_files_max: 2,
            head,
            queue,
            segments,
            log_len_max: 1 << 30,
            flush_age_max_ns: 10 * 60 * 1_000_000_000,
            group_row_count_max: GROUP_ROW_COUNT_MAX,
            compaction: CompactionPolicy::default(),
            retention: Retention::default(),
        }
    }
}

/// When an append counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Once it is on stable storage: it survives the loss of power.
    #[default]
    Fsync,
    /// Once the operating system has it: it survives the end of this process. The loss of power
    /// loses at most what was acknowledged in the last `interval_ms` and during one sync.
    Interval {
        /// The longest time between two syncs while there is something to sync.
        interval_ms: u64,
    },
}

/// Decodes what the log kept, so that storage knows no wire format.
pub trait RecordDecoder: Send + Sync {
    /// Decodes one received body exactly as it was decoded when it was accepted: under
    /// `origin`'s format, encoding and limits, whatever the configuration is by now. Each span
    /// is lent to `sink` while it is there.
    ///
    /// # Errors
    ///
    /// Says why not. What was given to `sink` before is then not used; the record is put in
    /// quarantine.
    fn decode(
        &self,
        origin: &Origin,
        body: &[u8],
        sink: &mut dyn FnMut(&Span<'_>),
    ) -> Result<(), String>;
}

/// How far the replay of the log has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files read.
    pub files_done: u64,
    /// Files to read.
    pub files: u64,
    /// Bytes read.
    pub bytes_done: u64,
    /// Bytes to read, unused space at the end of files included.
    pub bytes: u64,
    /// Spans found so far.
    pub spans: u64,
}

/// What the replay of the log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Files read.
    pub files: u64,
    /// Records replayed.
    pub records: u64,
    /// Spans replayed.
    pub spans: u64,
    /// Damaged stretches that were skipped. Each is at least one record lost to the disk, unless
    /// it stands in the last file that was written before a crash: then it may be a part of the
    /// last write, which was never acknowledged.
    pub skipped: u64,
    /// Bytes in those.
    pub skipped_bytes: u64,
    /// Bytes cut from the end of the last file: a write that was never acknowledged.
    pub torn_bytes: u64,
    /// Files of which both headers are damaged, so that nothing in them can be trusted.
    pub unreadable_files: u64,
    /// Records whose spans are no longer as many as were accepted. They are served.
    pub miscounted: u64,
    /// Records that could not be decoded, now or at an earlier start, by the name of the file
    /// in the data folder that keeps their bytes.
    pub quarantined: Vec<String>,
}

/// What the embedded store counts, as of one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Requests acknowledged.
    pub appended_batches: u64,
    /// Spans in those.
    pub appended_spans: u64,
    /// Bytes of those, as received.
    pub appended_bytes: u64,
    /// Groups written.
    pub groups: u64,
    /// Bytes written to the log, headers included.
    pub log_bytes: u64,
    /// Syncs of log files that succeeded, one for each new file's header included.
    pub syncs: u64,
    /// Log files begun, those made of spare ones included.
    pub files_begun: u64,
    /// Log files that were begun on a spare one.
    pub files_recycled: u64,
    /// Requests refused because the head was full.
    pub refused_head_full: u64,
    /// Requests refused because the queue to the log was full.
    pub refused_queue_full: u64,
    /// Requests refused because the disk failed.
    pub refused_disk: u64,
    /// Requests refused because they don't fit in a log file.
    pub refused_too_large: u64,
    /// Requests refused because the store was closing.
    pub refused_closing: u64,
    /// Failed writes, syncs and file operations.
    pub disk_failures: u64,
    /// Requests that wait for the log, in bytes.
    pub queue_bytes: u64,
    /// Memory that the head holds, in bytes.
    pub head_bytes: u64,
    /// Spans in the head.
    pub head_spans: u64,
    /// Traces in the head.
    pub head_traces: u64,
    /// Requests refused because the disk has too little room.
    pub refused_disk_full: u64,
    /// Requests refused because the log was being replayed.
    pub refused_recovering: u64,
    /// Segments that count.
    pub segments: u64,
    /// Bytes in those.
    pub segment_bytes: u64,
    /// Spans in those.
    pub segment_spans: u64,
    /// Bytes of segments written, merged ones included.
    pub segment_bytes_written: u64,
    /// Segments written from the head.
    pub flushes: u64,
    /// Spans in those.
    pub flushed_spans: u64,
    /// Bytes of those.
    pub flushed_bytes: u64,
    /// Merges and rewrites of segments.
    pub compactions: u64,
    /// Spans that those left out because an equal one is there.
    pub folded_spans: u64,
    /// Traces that were flushed and are too large to be settled, or too contradictory for their
    /// size: their calls are not counted.
    pub unsettled_traces: u64,
    /// Spans that the merge under way has written, and those that it has to write.
    pub compacting_spans: (u64, u64),
    /// Whether a flush, a merge or a rewrite is under way, or will begin without being asked for.
    /// A flush that is only not due yet does not count.
    pub is_maintaining: bool,
    /// Segments removed because they were kept long enough.
    pub expired_segments: u64,
    /// Deletions of traces whose space is not given back yet.
    pub tombstones: u64,
    /// Footers of segments read.
    pub footers_read: u64,
    /// Segments let go of by the memory, to make room for others.
    pub segments_evicted: u64,
    /// Segments that can't be read, each with the reason.
    pub quarantined_segments: BTreeMap<u64, String>,
    /// Flushes, merges and rewrites that failed.
    pub job_failures: u64,
    /// Why the last of those failed.
    pub job_trouble: Option<String>,
    /// Why the last group failed, until one succeeds.
    pub trouble: Option<String>,
    /// What the replay found at the opening.
    pub replay: ReplayReport,
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has the data folder; its operator's choice which one may.
    #[error("the data folder is in use by {}", holder_name(*.holder_pid))]
    Locked {
        /// The process, when the lock file names it.
        holder_pid: Option<u32>,
    },
    /// A log file was written by a newer version of this program. Start that one.
    #[error("{file} has format version {version}, newer than {version_max}, the newest known here")]
    NewerFormat {
        /// The file, in the data folder.
        file: String,
        /// Its version.
        version: u32,
        /// The newest version that this program reads.
        version_max: u32,
    },
    /// A file without which nothing can be told is damaged. A backup helps.
    #[error("{file}: {reason}")]
    Damaged {
        /// The file, in the data folder.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The log could not be replayed. What was acknowledged is still in it.
    #[error("the log could not be replayed: {reason}")]
    Replay {
        /// Why not.
        reason: String,
    },
    /// The disk refused; nothing was changed that a later attempt depends on.
    #[error("{path}: {source}")]
    Disk {
        /// The file or folder, in the data folder.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
}

fn holder_name(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
