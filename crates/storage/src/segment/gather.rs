//! Fills a group: takes rows from chunks, and puts the segment's codes in the place of theirs.

use super::dictionaries::DictionaryWriter;
use super::group::{GroupColumns, KeyColumn, NO_ROW, ValueForm};
use super::limits::{GROUP_TEXT_LEN, GROUP_VALUE_COUNT};
use super::order::{TraceOrder, TraceRow};
use super::source::{ColumnCodes, Source, SourceCodes};
use super::trace_table::{CONTINUES, HAS_START, MIXED_HIGH};
use crate::columns::{Chunk, Marks, NO_SERVICE, TextHeap};

/// A group that rows are added to.
#[derive(Debug)]
pub(super) struct Gatherer {
    pub(super) columns: GroupColumns,
    /// How many rows a group has at most.
    row_count_max: usize,
    /// What the texts come to that stand in the group itself.
    pub(super) text_len: usize,
    value_count: usize,
    services: Vec<u32>,
}

/// The sources of a trace's rows.
type Parts<'p, 's, 'r> = &'p mut [(&'s mut Source, &'r [u32])];

impl Gatherer {
    /// Makes an empty one, for groups of so many rows at most.
    pub(super) fn new(row_count_max: usize) -> Self {
        Self {
            columns: GroupColumns::default(),
            row_count_max,
            text_len: 0,
            value_count: 0,
            services: Vec::new(),
        }
    }

    /// Whether the rows so far hold so much that the group should end.
    pub(super) fn is_full(&self) -> bool {
        self.text_len >= GROUP_TEXT_LEN || self.value_count >= GROUP_VALUE_COUNT
    }

    /// Makes it empty, and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.columns.clear();
        (self.text_len, self.value_count) = (0, 0);
    }

    /// Adds rows of a trace from the `first`th on, as many as there is room for. Returns how many
    /// it took, one at least.
    pub(super) fn push_trace(
        &mut self,
        order: &TraceOrder,
        first: usize,
        parts: Parts<'_, '_, '_>,
        dictionaries: &mut DictionaryWriter,
    ) -> usize {
        let base = self.columns.row_count;
        let mut taken = 0;
        for (row, parent) in order.rows[first..].iter().zip(&order.parents[first..]) {
            if taken > 0 && (base + taken >= self.row_count_max || self.is_full()) {
                break;
            }
            let Source { chunk, codes } = &mut *parts[row.source as usize].0;
            let parent = *parent as usize;
            let is_here = parent != NO_ROW as usize && parent >= first;
            self.columns.parent_row.push(if is_here {
                (base + parent - first) as u32
            } else {
                NO_ROW
            });
            self.push_row(chunk, codes, row, dictionaries);
            taken += 1;
        }
        // A parent behind the cut is in another group.
        let end = (base + taken) as u32;
        for parent in &mut self.columns.parent_row[base..] {
            *parent = if *parent < end { *parent } else { NO_ROW };
        }
        self.columns.row_count += taken;
        let first_row = &order.rows[first];
        let chunk = parts[first_row.source as usize].0.chunk();
        self.columns.traces.low.push(chunk.rows.trace_low[first_row.row as usize]);
        self.end_trace(base, first > 0, dictionaries);
        taken
    }

    fn push_row(
        &mut self,
        chunk: &Chunk,
        codes: &mut SourceCodes,
        at: &TraceRow,
        dictionaries: &mut DictionaryWriter,
    ) {
        let (rows, row) = (&chunk.rows, at.row as usize);
        let columns = &mut self.columns;
        columns.trace_high.push(rows.trace_high[row]);
        columns.span_id.push(at.span_id);
        columns.parent_id.push(at.parent_id);
        columns.start_ns.push(at.start_ns);
        columns.duration_ns.push(rows.duration_ns[row]);
        columns.marks.push(rows.marks[row]);
        columns.name.push(codes.name(chunk, rows.name[row], &mut dictionaries.names));
        columns.resource.push(codes.resource(chunk, rows.resource[row], dictionaries));
        columns.scope.push(codes.scope(chunk, rows.scope[row], &mut dictionaries.scopes));
        let addresses = &mut dictionaries.addresses;
        columns.address.push(codes.address(chunk, rows.address[row], addresses));
        let list = (rows.shape[row], chunk.span_values.get(row));
        let shape = self.push_values(chunk, codes, list, dictionaries);
        self.columns.shape.push(shape);
        for event in chunk.events_of(row) {
            self.push_event(chunk, codes, event, dictionaries);
        }
        for link in chunk.links_of(row) {
            self.push_link(chunk, codes, link, dictionaries);
        }
        self.columns.events_end.push(self.columns.event_count as u32);
        self.columns.links_end.push(self.columns.link_count as u32);
    }

    fn push_event(
        &mut self,
        chunk: &Chunk,
        codes: &mut SourceCodes,
        at: usize,
        dictionaries: &mut DictionaryWriter,
    ) {
        let events = &chunk.events;
        let list = (events.shape[at], events.values.get(at));
        let shape = self.push_values(chunk, codes, list, dictionaries);
        let name = codes.event_name(chunk, events.name[at], &mut dictionaries.event_names);
        let columns = &mut self.columns.events;
        columns.time_ns.push(events.time_ns[at]);
        columns.name.push(name);
        columns.shape.push(shape);
        self.columns.event_count += 1;
        self.value_count += 1;
    }

    fn push_link(
        &mut self,
        chunk: &Chunk,
        codes: &mut SourceCodes,
        at: usize,
        dictionaries: &mut DictionaryWriter,
    ) {
        let links = &chunk.links;
        let list = (links.shape[at], links.values.get(at));
        let shape = self.push_values(chunk, codes, list, dictionaries);
        let columns = &mut self.columns.links;
        columns.kind.push(links.kind[at]);
        columns.trace_high.push(links.trace_high[at]);
        columns.trace_low.push(links.trace_low[at]);
        columns.span_id.push(links.span_id[at]);
        columns.shape.push(shape);
        self.columns.link_count += 1;
        self.value_count += 1;
    }

    /// Adds the values of a list, and returns the segment's code of its shape.
    fn push_values(
        &mut self,
        chunk: &Chunk,
        codes: &mut SourceCodes,
        (shape, words): (u32, &[u64]),
        dictionaries: &mut DictionaryWriter,
    ) -> u32 {
        let shape_code = codes.shape(chunk, shape, dictionaries);
        let values = &mut self.columns.values;
        if values.len() < dictionaries.keys.len() {
            values.resize_with(dictionaries.keys.len(), KeyColumn::default);
        }
        self.value_count += words.len();
        for (place, word) in chunk.shapes.get(shape).iter().zip(words) {
            let codes = &mut codes.columns[*place as usize];
            let column = &mut values[codes.key as usize];
            column.count += 1;
            match column.form {
                ValueForm::Numbers => column.numbers.push(*word),
                ValueForm::Codes if codes.values.is_known(*word as u32) => {
                    column.codes.push(codes.values.known(*word as u32));
                }
                ValueForm::Empty => {}
                _ => {
                    let texts = chunk.columns[*place as usize].texts.heap();
                    let from = (&mut *codes, texts, *word);
                    self.text_len += push_value(column, from, dictionaries);
                }
            }
        }
        shape_code
    }

    /// Adds the trace's own row, once those from `base` on are its spans.
    fn end_trace(&mut self, base: usize, continues: bool, dictionaries: &DictionaryWriter) {
        let columns = &mut self.columns;
        let marks = &columns.marks[base..];
        let starts = &columns.start_ns[base..];
        let started = || {
            let of_row = starts.iter().zip(marks).zip(&columns.duration_ns[base..]);
            of_row.filter(|((_, marks), _)| marks.has(Marks::HAS_START))
        };
        let high = columns.trace_high[base];
        let is_mixed = columns.trace_high[base..].iter().any(|other| *other != high);
        let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let flags = bit(continues, CONTINUES)
            | bit(is_mixed, MIXED_HIGH)
            | bit(started().next().is_some(), HAS_START);
        let end = |((start, _), duration): ((&u64, &Marks), &u64)| start.saturating_add(*duration);
        let start = started().map(|((start, _), _)| *start).min().unwrap_or(0);
        let latest = started().map(|((start, _), _)| *start).max().unwrap_or(0);
        let error_count = marks.iter().filter(|marks| marks.has(Marks::ERROR)).count();
        let root = columns.parent_id[base..].iter().position(|parent| *parent == 0);

        self.services.clear();
        let mut last = NO_SERVICE;
        for resource in &columns.resource[base..] {
            let service = dictionaries.services_of_resources[*resource as usize];
            if service != last && service != NO_SERVICE {
                self.services.push(service);
                last = service;
            }
        }
        self.services.sort_unstable();
        self.services.dedup();

        let traces = &mut columns.traces;
        traces.high.push(high);
        traces.rows_end.push(columns.row_count as u32);
        traces.start_ns.push(start);
        traces.end_ns.push(started().map(end).max().unwrap_or(0));
        traces.latest_start_ns.push(latest);
        traces.error_count.push(error_count as u32);
        traces.root.push(root.map_or(NO_ROW, |row| row as u32));
        traces.services.extend_from_slice(&self.services);
        traces.services_end.push(traces.services.len() as u32);
        traces.flags.push(flags);
    }
}

/// Adds a value that is the first of its key in the group, or whose code is not known, or that is
/// kept as text. Returns how much longer the texts got.
fn push_value(
    column: &mut KeyColumn,
    (codes, texts, word): (&mut ColumnCodes, &TextHeap, u64),
    dictionaries: &mut DictionaryWriter,
) -> usize {
    if column.form == ValueForm::Absent {
        let has_dictionary = dictionaries.has_dictionary(codes.key);
        column.form = KeyColumn::form_of(codes.kind, has_dictionary);
    }
    let place = word as u32;
    match column.form {
        ValueForm::Numbers => column.numbers.push(word),
        ValueForm::Codes => {
            let code = codes.values.get(place, texts.len()).or_else(|| {
                let code = dictionaries.value(codes.key, texts.get(place), column.count)?;
                codes.values.set(place, code);
                Some(code)
            });
            let Some(code) = code else {
                let len = spell_out(column, codes.key, dictionaries);
                return len + push_text(column, texts.get(place));
            };
            column.codes.push(code);
        }
        ValueForm::Texts => return push_text(column, texts.get(place)),
        ValueForm::Absent | ValueForm::Empty => {}
    }
    0
}

fn push_text(column: &mut KeyColumn, text: &[u8]) -> usize {
    column.form = ValueForm::Texts;
    column.texts.push(text);
    text.len()
}

/// Puts the texts of a group's values in the place of their codes, because the dictionary does
/// not pay; returns what they come to.
#[cold]
fn spell_out(column: &mut KeyColumn, key: u32, dictionaries: &mut DictionaryWriter) -> usize {
    let texts = &dictionaries.values[key as usize];
    for code in &column.codes {
        column.texts.push(texts.get(*code));
    }
    column.codes.clear();
    dictionaries.make_plain(key);
    column.texts.parts().0.len()
}
