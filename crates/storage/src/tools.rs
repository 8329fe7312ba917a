//! Long work on a whole store: checking it, copying it, reading all of it.
//!
//! Each tells how far it has come, and changes nothing in the store that it looks at.

mod backup;
mod breakdown;
mod verify;

pub use backup::{BackupError, BackupReport, backup_manifest_path};
pub use breakdown::SegmentPart;
pub use verify::{VerifyReport, verify};

/// How far a long piece of work has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkDone {
    /// How much is done, in bytes.
    pub done_len: u64,
    /// How much there is to do, in bytes.
    pub total_len: u64,
}

/// Hears how far a piece of work has come.
pub type TellWork<'a> = &'a mut dyn FnMut(WorkDone);
