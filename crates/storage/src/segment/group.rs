//! A group of traces as columns: what a part of a segment holds, before it is encoded and after
//! it is decoded.
//!
//! What every span has is one list entry a row. Values are *dense*: the values of one key stand
//! behind each other, and a row's shape tells whether it has one. All codes are the segment's,
//! the same in all of its groups.

use std::ops::Range;

use super::trace_table::TraceTable;
use crate::columns::{Marks, TextHeap, ValueKind};

/// Stands for no row.
pub(crate) const NO_ROW: u32 = u32::MAX;

/// The rows of a group, in the order of the segment: those of one trace behind each other.
///
/// A group that was read has the columns that its [`Projection`](super::Projection) asked for;
/// the other lists are empty.
#[derive(Debug, Default)]
pub(crate) struct GroupColumns {
    /// How many rows it has, whichever columns were read.
    pub(crate) row_count: usize,
    /// How many events they have.
    pub(crate) event_count: usize,
    /// How many links they have.
    pub(crate) link_count: usize,
    /// Whether the last trace goes on in the group to come. Only a writer knows.
    pub(crate) goes_on: bool,
    /// The traces, or parts of traces, that the rows make up.
    pub(crate) traces: TraceTable,
    /// The high half of each row's trace id; empty where every row has that of its trace.
    pub(crate) trace_high: Vec<u64>,
    /// Span ids.
    pub(crate) span_id: Vec<u64>,
    /// Ids of parents, 0 for none. Needs span ids when it is read.
    pub(crate) parent_id: Vec<u64>,
    /// Where in this group the parent stands, or [`NO_ROW`].
    pub(crate) parent_row: Vec<u32>,
    /// 0 where [`Marks::HAS_START`] is not set. Needs parents and marks when it is read.
    pub(crate) start_ns: Vec<u64>,
    /// 0 where [`Marks::HAS_DURATION`] is not set.
    pub(crate) duration_ns: Vec<u64>,
    pub(crate) marks: Vec<Marks>,
    /// Codes of span names.
    pub(crate) name: Vec<u32>,
    /// Codes of resources.
    pub(crate) resource: Vec<u32>,
    /// Codes of scopes.
    pub(crate) scope: Vec<u32>,
    /// Codes of addresses.
    pub(crate) address: Vec<u32>,
    /// The shape of each row's values.
    pub(crate) shape: Vec<u32>,
    /// Where each row's events end.
    pub(crate) events_end: Vec<u32>,
    /// Where each row's links end.
    pub(crate) links_end: Vec<u32>,
    pub(crate) events: EventColumns,
    pub(crate) links: LinkColumns,
    /// The values of each key, by the key's code.
    pub(crate) values: Vec<KeyColumn>,
}

/// Events, those of one row behind each other.
#[derive(Debug, Default)]
pub(crate) struct EventColumns {
    /// When. Needs the starts of rows when it is read.
    pub(crate) time_ns: Vec<u64>,
    /// Codes of event names.
    pub(crate) name: Vec<u32>,
    pub(crate) shape: Vec<u32>,
}

/// Links, those of one row behind each other.
#[derive(Debug, Default)]
pub(crate) struct LinkColumns {
    /// As [`link_kind_code`](crate::columns::link_kind_code) tells.
    pub(crate) kind: Vec<u8>,
    pub(crate) trace_high: Vec<u64>,
    pub(crate) trace_low: Vec<u64>,
    pub(crate) span_id: Vec<u64>,
    pub(crate) shape: Vec<u32>,
}

/// The values of one key in a group, in the order of rows; of one row first those in its own
/// list, then those in the lists of its events, then of its links.
///
/// A key that is an attribute's has values in lists of one sort only; three fields, the count of
/// dropped attributes, the trace state and the trace flags, have them in others too. A list may hold a key
/// several times.
#[derive(Debug, Default)]
pub(crate) struct KeyColumn {
    /// Which of the lists below is used.
    pub(crate) form: ValueForm,
    /// How many values there are.
    pub(crate) count: usize,
    /// Numbers, as the words of [`ValueKind`].
    pub(crate) numbers: Vec<u64>,
    /// Codes of the key's dictionary.
    pub(crate) codes: Vec<u32>,
    /// The values themselves: the text of the nth value has the place n.
    pub(crate) texts: TextHeap,
}

/// How the values of a key are held in one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ValueForm {
    /// There are none, or they were not asked for.
    #[default]
    Absent,
    /// They say nothing: [`ValueKind::Empty`].
    Empty,
    /// As numbers.
    Numbers,
    /// As codes of the segment's dictionary of the key.
    Codes,
    /// As texts, repeated ones too.
    Texts,
}

impl GroupColumns {
    /// The rows of a trace.
    pub(crate) fn rows_of(&self, trace: usize) -> Range<usize> {
        self.traces.rows_of(trace)
    }

    /// The events of a row.
    pub(crate) fn events_of(&self, row: usize) -> Range<usize> {
        range_of(&self.events_end, row)
    }

    /// The links of a row.
    pub(crate) fn links_of(&self, row: usize) -> Range<usize> {
        range_of(&self.links_end, row)
    }

    /// The high half of a row's trace id; `trace` is the row's trace.
    pub(crate) fn trace_high_of(&self, row: usize, trace: usize) -> u64 {
        self.trace_high.get(row).copied().unwrap_or_else(|| self.traces.high[trace])
    }

    /// Makes it empty, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        (self.row_count, self.event_count, self.link_count) = (0, 0, 0);
        self.goes_on = false;
        self.traces.clear();
        for list in [
            &mut self.trace_high,
            &mut self.span_id,
            &mut self.parent_id,
            &mut self.start_ns,
            &mut self.duration_ns,
            &mut self.events.time_ns,
            &mut self.links.trace_high,
            &mut self.links.trace_low,
            &mut self.links.span_id,
        ] {
            list.clear();
        }
        for list in [
            &mut self.parent_row,
            &mut self.name,
            &mut self.resource,
            &mut self.scope,
            &mut self.address,
            &mut self.shape,
            &mut self.events_end,
            &mut self.links_end,
            &mut self.events.name,
            &mut self.events.shape,
            &mut self.links.shape,
        ] {
            list.clear();
        }
        self.marks.clear();
        self.links.kind.clear();
        self.values.iter_mut().for_each(KeyColumn::clear);
    }
}

impl KeyColumn {
    /// Makes it empty, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.form = ValueForm::Absent;
        self.count = 0;
        self.numbers.clear();
        self.codes.clear();
        self.texts.clear();
    }

    /// The form of a kind's values, where texts have a dictionary or not.
    pub(crate) fn form_of(kind: ValueKind, has_dictionary: bool) -> ValueForm {
        match kind {
            ValueKind::Empty => ValueForm::Empty,
            ValueKind::Bool | ValueKind::Int | ValueKind::Double => ValueForm::Numbers,
            _ if has_dictionary => ValueForm::Codes,
            _ => ValueForm::Texts,
        }
    }
}

/// The nth stretch of a list, where `ends` tells where each ends.
pub(super) fn range_of(ends: &[u32], place: usize) -> Range<usize> {
    let start = place.checked_sub(1).map_or(0, |before| ends[before]);
    start as usize..ends[place] as usize
}
