//! Why a segment could not be read or written.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::encoding;

/// Bytes of a segment are not what a writer of this version or an older one made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {part}, at {offset}: {fault}")]
pub(crate) struct SegmentError {
    /// The object.
    pub(crate) name: Arc<str>,
    /// Which part of it.
    pub(crate) part: PartName,
    /// Where in the object it is wrong, as nearly as that is known.
    pub(crate) offset: u64,
    /// What is wrong.
    pub(crate) fault: Fault,
}

/// A part of a segment, by the name that people know it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartName {
    /// The first bytes.
    Header,
    /// The last bytes: directory and trailer.
    Footer,
    /// A page of the trace index.
    IndexPage(u32),
    /// A section of the whole segment, by its id.
    Section(u32),
    /// A part of a group, by the group and the part's id.
    GroupPart(u32, u32),
    /// A part of the scan region, by the group and the part's id.
    ScanPart(u32, u32),
}

/// What is wrong with a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Fault {
    /// A newer program wrote it. Start that one.
    #[error("format version {version} is newer than {version_max}, the newest known here")]
    Newer {
        /// Its version.
        version: u32,
        /// The newest version that this program reads.
        version_max: u32,
    },
    /// It was changed since it was written, or is a part of something else.
    #[error("its checksum is {found:08x} where {expected:08x} is due")]
    Checksum {
        /// What was written down when it was written.
        expected: u32,
        /// What it is.
        found: u32,
    },
    /// It is longer or shorter than it has to be.
    #[error("it has {found} bytes where {expected} are due")]
    Length {
        /// How many it has to have.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// It holds what no writer encodes.
    #[error(transparent)]
    Encoding(#[from] encoding::Fault),
    /// It does not fit together with itself or with another part.
    #[error("{what}")]
    Inconsistent {
        /// What does not fit.
        what: &'static str,
    },
    /// What it takes to read it was not given.
    #[error("{what} is missing")]
    Missing {
        /// What.
        what: &'static str,
    },
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("header"),
            Self::Footer => f.write_str("footer"),
            Self::IndexPage(page) => write!(f, "page {page} of the trace index"),
            Self::Section(id) => write!(f, "section {id}"),
            Self::GroupPart(group, id) => write!(f, "part {id} of group {group}"),
            Self::ScanPart(group, id) => write!(f, "scan part {id} of group {group}"),
        }
    }
}

/// Why a segment could not be written. Its upload can only be dropped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The store refused.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// Whoever merges traces gave them in another order than the segment's.
    #[error("trace {trace_id_low:016x} was given behind one that stands after it")]
    OutOfOrder {
        /// The trace.
        trace_id_low: u64,
    },
    /// A list got longer than the format can say; no input comes near that.
    #[error("{what} of {len} is over the limit of {len_max}")]
    TooLarge {
        /// Which list.
        what: &'static str,
        /// How long.
        len: u64,
        /// How long it may be.
        len_max: u64,
    },
}

/// A part while it is read: errors about it name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartAt<'a> {
    /// The object.
    pub(super) name: &'a Arc<str>,
    /// Which part.
    pub(super) part: PartName,
    /// Where it starts in the object.
    pub(super) offset: u64,
}

impl PartAt<'_> {
    /// An error about all of it.
    pub(super) fn fault(&self, fault: Fault) -> SegmentError {
        SegmentError { name: Arc::clone(self.name), part: self.part, offset: self.offset, fault }
    }

    /// An error about what does not fit together.
    pub(super) fn inconsistent(&self, what: &'static str) -> SegmentError {
        self.fault(Fault::Inconsistent { what })
    }

    /// An error about one place in it.
    pub(super) fn damaged(&self, damaged: encoding::Damaged) -> SegmentError {
        let offset = self.offset + damaged.offset as u64;
        SegmentError { offset, ..self.fault(Fault::Encoding(damaged.fault)) }
    }

    /// Compares a checksum.
    pub(super) fn check(&self, bytes: &[u8], expected: u32) -> Result<(), SegmentError> {
        let found = crc32c::crc32c(bytes);
        if found == expected {
            return Ok(());
        }
        Err(self.fault(Fault::Checksum { expected, found }))
    }
}
