//! The rollup of a segment on disk: two sections.
//!
//! One counts in the minutes in which the segment has spans. The other, which few segments have,
//! counts in other minutes: what late spans changed of calls that older segments count. Readers
//! that ask for some minutes pass the first by where the manifest says that they can.

use std::ops::RangeInclusive;

use crate::encoding::{Damaged, Decoder, Encoder, block};
use crate::rollup::{Limits, Rollup, RollupError};
use crate::segment::SectionId;

/// What is counted in the segment's own minutes.
pub(crate) const ROLLUP_SECTION: SectionId = SectionId(SectionId::OBSERVED_MIN + 128);

/// What is counted in other minutes.
pub(crate) const STRAYS_SECTION: SectionId = SectionId(SectionId::OBSERVED_MIN + 129);

/// How long a rollup is at most, before it is compressed.
const ROLLUP_LEN_MAX: usize = 64 << 20;

/// The level that one-time texts are compressed with.
const LEVEL: i32 = 3;

/// Why a section is no rollup.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RollupFault {
    /// It can't be decompressed.
    #[error(transparent)]
    Encoding(#[from] Damaged),
    /// What was compressed is none.
    #[error(transparent)]
    Rollup(#[from] RollupError),
}

/// Appends the sections of a rollup, of a segment that has spans in these minutes. One that says
/// nothing is left out, as is one that no reader would take.
pub(super) fn write(
    rollup: &Rollup,
    minutes: Option<RangeInclusive<u32>>,
    sections: &mut Vec<(SectionId, Vec<u8>)>,
) {
    let is_own = |minute: u32| {
        minute == crate::rollup::NO_MINUTE
            || minutes.as_ref().is_some_and(|minutes| minutes.contains(&minute))
    };
    let mut own = Rollup::new(Limits::MERGED);
    own.merge_minutes(rollup, is_own);
    let mut strays = Rollup::new(Limits::MERGED);
    strays.merge_minutes(rollup, |minute| !is_own(minute));
    let mut encoder = Encoder::new();
    for (id, part) in [(ROLLUP_SECTION, own), (STRAYS_SECTION, strays)] {
        let (mut bytes, mut out) = (Vec::new(), Vec::new());
        if !part.is_empty() {
            part.encode(&mut bytes);
            block::encode(&bytes, LEVEL, &mut encoder, &mut out);
            sections.push((id, out));
        }
    }
}

/// Reads a rollup from a section whose checksum is right.
pub(crate) fn read_rollup(section: &[u8]) -> Result<Rollup, RollupFault> {
    let (mut decoder, mut bytes) = (Decoder::new(), Vec::new());
    let input = crate::encoding::input::Input::new(section);
    block::decode(input, ROLLUP_LEN_MAX, &mut decoder, &mut bytes)?;
    Ok(Rollup::decode(&bytes, Limits::MERGED)?)
}
