//! The version that each section and part begins with.

use crate::encoding::input::Input;
use crate::encoding::{Damaged, Fault};

/// The version that is written, and the newest that is read.
pub(super) const VERSION: u8 = 1;

/// Starts to read a part, and refuses one of a newer version.
pub(super) fn read<'a>(part: &'a [u8], what: &'static str) -> Result<Input<'a>, Damaged> {
    let mut input = Input::new(part);
    let start = input;
    match input.byte()? {
        VERSION => Ok(input),
        method => Err(start.damaged(Fault::UnknownMethod { what, method })),
    }
}

/// An error about a list that is shorter or longer than another says.
pub(super) fn miscounted(
    at: Input<'_>,
    what: &'static str,
    expected: usize,
    found: usize,
) -> Damaged {
    at.damaged(Fault::Miscounted { what, expected: expected as u64, found: found as u64 })
}
