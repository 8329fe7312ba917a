//! The write-ahead log: received requests as they came, in numbered files.
//!
//! The byte layout is in `docs/format.md`. The log knows neither what a body means nor who
//! waits for it; it never evicts, and never writes to a file that failed once.

mod file_header;
mod fuzz;
mod log;
mod note;
mod quarantine;
mod reader;
mod record;
mod replay;

pub(crate) use record::{encode_record, record_len};

pub use fuzz::with_log_checksums;
pub(crate) use log::{Log, LogOptions, record_len_max};
pub(crate) use replay::{Replay, check_versions, replay};

/// The folder of the log's files.
pub(crate) const LOG_DIR: &str = "wal";

/// The folder of records that could not be decoded, by tenant.
pub(crate) const QUARANTINE_DIR: &str = "quarantine";
