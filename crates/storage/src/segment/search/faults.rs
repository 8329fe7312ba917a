//! The spans that failed, one by one: what is looked for most often, and rare.
//!
//! A fault is a span that is an error, or whose status in a protocol is 500 or above. With its
//! service, name, kind, status and exact duration at hand, a search for slow server errors of a
//! service reads no column at all.

use super::summary::{put, take};
use super::version::{self, miscounted};
use crate::columns::Marks;
use crate::encoding::ints::Kind;
use crate::encoding::{Damaged, Decoder, Encoder};

/// The attributes that say how a request ended, old and new.
pub(super) const STATUS_KEYS: [&str; 2] = ["http.status_code", "http.response.status_code"];

/// From here on a status is a fault.
pub(super) const STATUS_MIN: f64 = 500.0;

/// A group with a larger share of faults than one in so many lists none: there its columns are
/// as quick, and the list would no longer be small.
pub(super) const FAULT_SHARE: usize = 8;

/// What is known of faults, one bit or few each. The bits are a part of the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FaultMarks(pub(super) u8);

impl FaultMarks {
    /// The kind, by [`Marks`].
    const KIND_MASK: u8 = 0b111;
    /// The span is an error.
    pub(super) const ERROR: u8 = 1 << 3;
    /// It has a duration.
    pub(super) const HAS_DURATION: u8 = 1 << 4;
    /// The first of [`STATUS_KEYS`] has a status that is a fault. The second's bit follows.
    pub(super) const STATUS: u8 = 1 << 5;
    /// The status is not told: it is no whole number, is written unusually, or there are two.
    pub(super) const ODD: u8 = 1 << 7;

    pub(super) fn new(marks: Marks, bits: u8) -> Self {
        let has = |mark: u16, bit: u8| if marks.has(mark) { bit } else { 0 };
        let error = has(Marks::ERROR, Self::ERROR) | has(Marks::HAS_DURATION, Self::HAS_DURATION);
        Self(marks.0 as u8 & Self::KIND_MASK | error | bits)
    }

    pub(super) fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// The marks of the span, as far as they are told.
    pub(super) fn kind(self) -> Option<spandrel_model::SpanKind> {
        Marks(u16::from(self.0 & Self::KIND_MASK)).kind()
    }
}

/// The faults of a segment, in the order of its rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Faults {
    /// Where each group's faults end.
    pub(super) ends: Vec<u32>,
    /// Whether a group's faults are listed, as 0 or 1.
    pub(super) is_listed: Vec<u8>,
    /// The row in the group.
    pub(super) row: Vec<u32>,
    pub(super) marks: Vec<u8>,
    /// The service's code plus one, or 0.
    pub(super) service: Vec<u32>,
    /// The name's code.
    pub(super) name: Vec<u32>,
    /// The status, 0 for none or one that is not told.
    pub(super) status: Vec<u16>,
    pub(super) duration_ns: Vec<u64>,
}

/// A span that failed, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    /// Which group.
    pub(crate) group: u32,
    /// Which of its rows.
    pub(crate) row: u32,
}

impl Faults {
    /// Whether all faults of a group are listed.
    pub(crate) fn is_listed(&self, group: usize) -> bool {
        self.is_listed.get(group).is_some_and(|is_listed| *is_listed != 0)
    }

    /// Where a group's faults are.
    pub(super) fn of_group(&self, group: usize) -> std::ops::Range<usize> {
        let end = |group: usize| self.ends.get(group).copied().unwrap_or(0) as usize;
        group.checked_sub(1).map_or(0, end)..end(group)
    }

    /// Appends them.
    pub(super) fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>) {
        out.push(version::VERSION);
        put(&self.ends, Kind::Number, encoder, out);
        put(&self.is_listed, Kind::Code, encoder, out);
        put(&self.row, Kind::Number, encoder, out);
        put(&self.marks, Kind::Code, encoder, out);
        put(&self.service, Kind::Code, encoder, out);
        put(&self.name, Kind::Code, encoder, out);
        put(&self.status, Kind::Code, encoder, out);
        put(&self.duration_ns, Kind::Number, encoder, out);
    }

    /// Reads what [`Self::encode`] wrote. `row_counts` has the rows of each group of the segment.
    ///
    /// # Errors
    ///
    /// Fails when the section is damaged, or is another segment's.
    pub(crate) fn parse(
        section: &[u8],
        row_counts: impl ExactSizeIterator<Item = u32>,
        decoder: &mut Decoder,
    ) -> Result<Self, Damaged> {
        let mut input = version::read(section, "a list of faults")?;
        let start = input;
        let mut faults = Self::default();
        let groups = Some(row_counts.len());
        take(&mut input, groups, decoder, &mut faults.ends)?;
        take(&mut input, groups, decoder, &mut faults.is_listed)?;
        let count = faults.ends.last().copied().unwrap_or(0) as usize;
        if !faults.ends.is_sorted() {
            return Err(miscounted(start, "faults", count, 0));
        }
        take(&mut input, Some(count), decoder, &mut faults.row)?;
        take(&mut input, Some(count), decoder, &mut faults.marks)?;
        take(&mut input, Some(count), decoder, &mut faults.service)?;
        take(&mut input, Some(count), decoder, &mut faults.name)?;
        take(&mut input, Some(count), decoder, &mut faults.status)?;
        take(&mut input, Some(count), decoder, &mut faults.duration_ns)?;
        input.finish()?;
        for (group, row_count) in row_counts.enumerate() {
            let rows = &faults.row[faults.of_group(group)];
            if let Some(last) = rows.last().filter(|last| **last >= row_count || !rows.is_sorted())
            {
                return Err(miscounted(
                    start,
                    "rows of a group",
                    row_count as usize,
                    *last as usize,
                ));
            }
        }
        Ok(faults)
    }
}
