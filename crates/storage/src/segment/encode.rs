//! A group of columns to its parts.

use super::directory::PartEntry;
use super::group::{GroupColumns, KeyColumn, NO_ROW, ValueForm};
use super::part_id::{self as id, key_part};
use super::trace_table::{self, MIXED_HIGH};
use crate::columns::{ColumnKey, ValueKind};
use crate::encoding::ints::{self, Kind};
use crate::encoding::texts::Texts;
use crate::encoding::{Encoder, Word, texts};

/// A parent that is told by its id: it is in another group, unknown, or the span itself.
pub(super) const PARENT_ELSEWHERE: u32 = 1;

/// Turns groups into bytes; the room is used again for the next group.
#[derive(Debug, Default)]
pub(super) struct GroupEncoder {
    pub(super) encoder: Encoder,
    /// The parts, back to back.
    pub(super) bytes: Vec<u8>,
    /// What the directory says of them.
    pub(super) parts: Vec<PartEntry>,
    narrow: Vec<u32>,
    wide: Vec<u64>,
}

impl GroupEncoder {
    /// Encodes a group.
    pub(super) fn encode(&mut self, group: &mut GroupColumns, keys: &[ColumnKey]) {
        self.bytes.clear();
        self.parts.clear();
        let start = self.bytes.len();
        trace_table::encode(&group.traces, &mut self.encoder, &mut self.bytes);
        self.end_part(id::TRACES, start);
        if group.traces.flags.iter().any(|flags| flags & MIXED_HIGH != 0) {
            self.raw(id::TRACE_HIGH, &group.trace_high);
        }
        self.raw(id::SPAN_ID, &group.span_id);
        self.parents(group);
        self.starts(group);
        self.ints(id::DURATION, &group.duration_ns, Kind::Number);
        self.narrow.clear();
        self.narrow.extend(group.marks.iter().map(|marks| u32::from(marks.0)));
        self.narrow_part(id::MARKS);
        for (id, codes) in [
            (id::NAME, &group.name),
            (id::RESOURCE, &group.resource),
            (id::SCOPE, &group.scope),
            (id::ADDRESS, &group.address),
            (id::SHAPE, &group.shape),
        ] {
            self.ints(id, codes, Kind::Code);
        }
        if group.event_count > 0 {
            self.events(group);
        }
        if group.link_count > 0 {
            self.links(group);
        }
        for ((column, key), code) in group.values.iter_mut().zip(keys).zip(0..) {
            self.values(column, key.kind, code);
        }
    }

    fn end_part(&mut self, id: u32, start: usize) {
        let part = &self.bytes[start..];
        let (len, checksum) = (part.len() as u32, crc32c::crc32c(part));
        self.parts.push(PartEntry { id, len, checksum });
    }

    fn ints<W: Word>(&mut self, id: u32, values: &[W], kind: Kind) {
        let start = self.bytes.len();
        ints::encode(values, kind, &mut self.encoder, &mut self.bytes);
        self.end_part(id, start);
    }

    fn narrow_part(&mut self, id: u32) {
        let values = std::mem::take(&mut self.narrow);
        self.ints(id, &values, Kind::Code);
        self.narrow = values;
    }

    fn wide_part(&mut self, id: u32, kind: Kind) {
        let values = std::mem::take(&mut self.wide);
        self.ints(id, &values, kind);
        self.wide = values;
    }

    /// Random numbers, which nothing makes smaller.
    fn raw(&mut self, id: u32, values: &[u64]) {
        let start = self.bytes.len();
        self.bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.end_part(id, start);
    }

    fn parents(&mut self, group: &GroupColumns) {
        self.narrow.clear();
        self.wide.clear();
        for ((parent_id, parent), row) in group.parent_id.iter().zip(&group.parent_row).zip(0..) {
            let code = match (*parent_id, *parent) {
                (0, _) => 0,
                (id, NO_ROW) => {
                    self.wide.push(id);
                    PARENT_ELSEWHERE
                }
                (_, parent) => zigzag_32(i64::from(row) - i64::from(parent)) + PARENT_ELSEWHERE,
            };
            self.narrow.push(code);
        }
        self.narrow_part(id::PARENT);
        if !self.wide.is_empty() {
            let ids = std::mem::take(&mut self.wide);
            self.raw(id::PARENT_ELSEWHERE, &ids);
            self.wide = ids;
        }
    }

    fn starts(&mut self, group: &GroupColumns) {
        self.wide.clear();
        for trace in 0..group.traces.len() {
            let trace_start = group.traces.start_ns[trace];
            for row in group.rows_of(trace) {
                let start = group.start_ns[row];
                let base = start_base(group, row, trace_start);
                // A span without a start has the same zero as one that starts with its trace.
                self.wide.push(start.saturating_sub(base));
            }
        }
        self.wide_part(id::START, Kind::Number);
    }

    fn events(&mut self, group: &GroupColumns) {
        self.counts(id::EVENT_COUNT, &group.events_end);
        self.wide.clear();
        for (row, start) in group.start_ns.iter().enumerate() {
            let times = &group.events.time_ns[group.events_of(row)];
            self.wide.extend(times.iter().map(|time| zigzag(time.wrapping_sub(*start))));
        }
        self.wide_part(id::EVENT_TIME, Kind::Number);
        self.ints(id::EVENT_NAME, &group.events.name, Kind::Code);
        self.ints(id::EVENT_SHAPE, &group.events.shape, Kind::Code);
    }

    fn links(&mut self, group: &GroupColumns) {
        let links = &group.links;
        self.counts(id::LINK_COUNT, &group.links_end);
        self.ints(id::LINK_KIND, &links.kind, Kind::Code);
        self.ints(id::LINK_TRACE_HIGH, &links.trace_high, Kind::Code);
        self.ints(id::LINK_TRACE_LOW, &links.trace_low, Kind::Code);
        self.ints(id::LINK_SPAN_ID, &links.span_id, Kind::Code);
        self.ints(id::LINK_SHAPE, &links.shape, Kind::Code);
    }

    fn counts(&mut self, id: u32, ends: &[u32]) {
        self.ints(id, &trace_table::counts(ends), Kind::Code);
    }

    fn values(&mut self, column: &mut KeyColumn, kind: ValueKind, code: u32) {
        let id = key_part(code, column.form);
        match column.form {
            ValueForm::Absent | ValueForm::Empty => {}
            ValueForm::Numbers => self.ints(id, &column.numbers, kind_of(kind)),
            ValueForm::Codes => self.ints(id, &column.codes, Kind::Code),
            ValueForm::Texts => {
                let start = self.bytes.len();
                let (heap, ends) = std::mem::take(&mut column.texts).into_parts();
                let list = Texts::from_parts(heap, ends).expect("a list's parts fit together");
                texts::encode(&list, &mut self.encoder, &mut self.bytes);
                let (heap, ends) = list.into_parts();
                column.texts = crate::columns::TextHeap::from_parts(heap, ends)
                    .expect("a list's parts fit together");
                self.end_part(id, start);
            }
        }
    }
}

/// What the start of a row is told from: its parent's, if that stands before it and has one,
/// else the trace's. Rows are in the order of their starts, so the difference is not negative.
pub(super) fn start_base(group: &GroupColumns, row: usize, trace_start: u64) -> u64 {
    let parent = group.parent_row[row] as usize;
    if parent < row { group.start_ns[parent].max(trace_start) } else { trace_start }
}

fn kind_of(kind: ValueKind) -> Kind {
    match kind {
        ValueKind::Int => Kind::Number,
        ValueKind::Double => Kind::Double,
        _ => Kind::Code,
    }
}

/// Puts small numbers of either sign near zero.
pub(super) fn zigzag(number: u64) -> u64 {
    let signed = number.cast_signed();
    ((signed << 1) ^ (signed >> 63)).cast_unsigned()
}

/// The way back from [`zigzag`].
pub(super) fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

fn zigzag_32(number: i64) -> u32 {
    zigzag(number.cast_unsigned()) as u32
}
