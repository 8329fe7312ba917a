//! The readers of what settling wrote, for fuzzing: the only way in from outside of the crate.

use super::facts::{Bases, FactRows};
use super::sections::read_rollup;
use super::wholes::Wholes;
use crate::encoding::Decoder;
use crate::rollup::{Limits, Rollup};

/// How many names there are for facts to tell of.
const NAME_COUNT: usize = 1 << 10;

/// Reads bytes as a section of a rollup, as the rollup in it, as a section of whole traces, and as
/// a part of facts of so many traces. Whatever the bytes are, it neither panics nor takes more
/// memory than the limits of the format allow.
///
/// # Panics
///
/// Panics when a rollup that was read is not the same once it was written again.
pub fn read_hostile_rollup(bytes: &[u8], trace_count: u16) {
    let mut decoder = Decoder::new();
    // What is wrong with them is of no interest here.
    _ = Wholes::decode(bytes, &mut decoder);
    let (count, ends) = (usize::from(trace_count), (NAME_COUNT, NAME_COUNT));
    _ = FactRows::decode_part(bytes, count, &Bases::default(), ends, &mut decoder);
    let rollups = [read_rollup(bytes).ok(), Rollup::decode(bytes, Limits::SEGMENT).ok()];
    for rollup in rollups.into_iter().flatten() {
        let written = encoded(&rollup);
        let read = Rollup::decode(&written, Limits::MERGED).expect("what was written is read");
        assert_eq!(encoded(&read), written, "a rollup changed");
        let mut twice = Rollup::new(Limits::SEGMENT);
        twice.merge(&rollup);
        twice.merge_minutes(&rollup, |minute| minute % 2 == 0);
        twice.subtract(&rollup);
    }
}

fn encoded(rollup: &Rollup) -> Vec<u8> {
    let mut bytes = Vec::new();
    rollup.encode(&mut bytes);
    bytes
}
