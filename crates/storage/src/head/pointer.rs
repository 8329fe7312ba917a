//! Where a row of the head stands.

use crate::columns::CHUNK_ROW_COUNT_MAX;

/// How many bits tell the row; the others tell the chunk.
const ROW_BITS: u32 = 16;

const _: () = assert!(CHUNK_ROW_COUNT_MAX <= 1 << ROW_BITS, "a row's number must fit");

/// The number of a chunk and a row in it. Of two rows of one tenant, the one that arrived later
/// has the greater pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowPointer(u64);

impl RowPointer {
    /// Stands for no row.
    pub(super) const NONE: Self = Self(u64::MAX);

    pub(super) fn new(chunk: u64, row: usize) -> Self {
        debug_assert!(row < 1 << ROW_BITS && chunk < u64::MAX >> ROW_BITS, "{chunk}, {row}");
        Self(chunk << ROW_BITS | row as u64)
    }

    /// The number of the chunk.
    pub(super) fn chunk(self) -> u64 {
        self.0 >> ROW_BITS
    }

    /// The row in it.
    pub(super) fn row(self) -> usize {
        (self.0 & ((1 << ROW_BITS) - 1)) as usize
    }
}
