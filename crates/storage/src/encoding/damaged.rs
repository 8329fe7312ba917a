//! Why a part of a segment could not be decoded.

use thiserror::Error;

/// A part holds what no encoder writes.
///
/// The caller knows which part of which file it read, and says so around this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{fault}, at byte {offset} of the part")]
pub struct Damaged {
    /// What is wrong.
    pub fault: Fault,
    /// Where in the part the wrong bytes begin.
    pub offset: usize,
}

/// What is wrong with a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The part ends inside a value.
    #[error("{missing} bytes are missing")]
    Truncated {
        /// How many more bytes the value needs.
        missing: usize,
    },
    /// The part goes on behind its last value.
    #[error("{extra} bytes are left over")]
    LeftOver {
        /// How many bytes nothing asks for.
        extra: usize,
    },
    /// The part is encoded in a way that this version does not know.
    #[error("method {method} of {what} is unknown")]
    UnknownMethod {
        /// What is encoded so.
        what: &'static str,
        /// The byte that names the method.
        method: u8,
    },
    /// A length is larger than its reader allows.
    #[error("{what} of {len} is over the limit of {len_max}")]
    TooLong {
        /// What has the length.
        what: &'static str,
        /// The length that is announced.
        len: u64,
        /// The most that is allowed.
        len_max: u64,
    },
    /// There are more or fewer of something than there have to be.
    #[error("{found} {what} where {expected} are due")]
    Miscounted {
        /// What was counted.
        what: &'static str,
        /// How many there have to be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// Compressed bytes do not decompress.
    #[error("{what} does not decompress")]
    Compression {
        /// What was compressed.
        what: &'static str,
    },
    /// A template of texts is not well-formed.
    #[error("a template is malformed")]
    Template,
}
