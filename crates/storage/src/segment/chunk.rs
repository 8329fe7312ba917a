//! A group of columns to a chunk: values that stand dense become lists of rows again.

use std::ops::Range;
use std::slice;
use std::sync::Arc;

use super::group::{GroupColumns, KeyColumn, ValueForm};
use super::reader::Dictionaries;
use crate::columns::{
    Chunk, Column, Events, Links, Lists, Request, Resources, Rows, Shapes, TextHeap, Texts,
};

/// Stands for a shape or a column that the chunk does not have yet.
const UNKNOWN: u32 = u32::MAX;

impl GroupColumns {
    /// Makes a chunk of some rows, all of which came with the given request. It has the keys and
    /// shapes that these rows use. All columns must have been read, with these dictionaries.
    pub(crate) fn to_chunk(
        &self,
        rows: Range<usize>,
        dictionaries: &Dictionaries,
        request: Request,
    ) -> Chunk {
        let shared = |texts: &Arc<TextHeap>| Texts::Shared(Arc::clone(texts));
        let mut chunk = Chunk {
            names: shared(&dictionaries.names),
            event_names: shared(&dictionaries.event_names),
            resources: Resources {
                encoded: shared(&dictionaries.resources),
                service: dictionaries.services_of_resources.to_vec(),
                services: shared(&dictionaries.services),
            },
            scopes: shared(&dictionaries.scopes),
            addresses: shared(&dictionaries.addresses),
            requests: vec![request],
            ..Chunk::default()
        };
        chunk.rows = self.chunk_rows(rows.clone());
        let mut lists = ListMaker::new(self, dictionaries, rows.start);
        lists.make(rows, &mut chunk);
        lists.finish(&mut chunk);
        chunk
    }

    fn chunk_rows(&self, rows: Range<usize>) -> Rows {
        let count = rows.len();
        let (mut trace_high, mut trace_low) =
            (Vec::with_capacity(count), Vec::with_capacity(count));
        let behind = self.traces.rows_end.partition_point(|end| *end as usize <= rows.start);
        for trace in behind..self.traces.len() {
            let of_trace = self.rows_of(trace);
            let here = of_trace.start.max(rows.start)..of_trace.end.min(rows.end);
            if here.is_empty() {
                break;
            }
            trace_low.resize(trace_low.len() + here.len(), self.traces.low[trace]);
            trace_high.extend(here.map(|row| self.trace_high_of(row, trace)));
        }
        let from = |ends: &[u32]| -> Vec<u32> {
            let before = rows.start.checked_sub(1).map_or(0, |before| ends[before]);
            ends[rows.clone()].iter().map(|end| end - before).collect()
        };
        Rows {
            trace_high,
            trace_low,
            span_id: self.span_id[rows.clone()].to_vec(),
            parent_id: self.parent_id[rows.clone()].to_vec(),
            start_ns: self.start_ns[rows.clone()].to_vec(),
            duration_ns: self.duration_ns[rows.clone()].to_vec(),
            marks: self.marks[rows.clone()].to_vec(),
            name: self.name[rows.clone()].to_vec(),
            resource: self.resource[rows.clone()].to_vec(),
            scope: self.scope[rows.clone()].to_vec(),
            address: self.address[rows.clone()].to_vec(),
            shape: Vec::with_capacity(count),
            events_end: from(&self.events_end),
            links_end: from(&self.links_end),
            request: vec![0; count],
        }
    }
}

/// Deals the values of keys out to lists, in order.
struct ListMaker<'g> {
    group: &'g GroupColumns,
    dictionaries: &'g Dictionaries,
    /// What is left of the values of each key.
    left: Vec<Values<'g>>,
    /// The chunk's place of each key, and of each shape.
    columns: Vec<u32>,
    shapes: Vec<u32>,
    /// The keys of the chunk by their place, each with the first of its values there.
    keys: Vec<(u32, u32)>,
    local: Shapes,
}

/// Values of one key that were not dealt out yet.
#[derive(Clone, Debug)]
enum Values<'g> {
    Empty,
    Numbers(slice::Iter<'g, u64>),
    Codes(slice::Iter<'g, u32>),
    /// The place of the next text, and that of the chunk's first.
    Texts(u32, u32),
}

impl<'g> Values<'g> {
    /// The values of a column from a place on.
    fn of(column: &'g KeyColumn, first: u32) -> Self {
        let from = first as usize;
        match column.form {
            ValueForm::Absent | ValueForm::Empty => Self::Empty,
            ValueForm::Numbers => Self::Numbers(column.numbers[from..].iter()),
            ValueForm::Codes => Self::Codes(column.codes[from..].iter()),
            ValueForm::Texts => Self::Texts(first, first),
        }
    }

    /// The word of the next value.
    #[inline]
    fn next(&mut self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Numbers(left) => left.next().copied().unwrap_or_default(),
            Self::Codes(left) => left.next().copied().unwrap_or_default().into(),
            Self::Texts(next, first) => {
                *next += 1;
                (*next - 1 - *first).into()
            }
        }
    }
}

impl<'g> ListMaker<'g> {
    /// Makes one that deals from a row on.
    fn new(group: &'g GroupColumns, dictionaries: &'g Dictionaries, row: usize) -> Self {
        let first = values_before(group, &dictionaries.shapes, row);
        let first_of = |key: usize| first.get(key).copied().unwrap_or(0);
        let columns = group.values.iter().enumerate();
        Self {
            group,
            dictionaries,
            left: columns.map(|(key, column)| Values::of(column, first_of(key))).collect(),
            columns: vec![UNKNOWN; dictionaries.keys.len()],
            shapes: vec![UNKNOWN; dictionaries.shapes.len()],
            keys: Vec::new(),
            local: Shapes::default(),
        }
    }

    fn make(&mut self, rows: Range<usize>, chunk: &mut Chunk) {
        let group = self.group;
        let Some(last) = rows.end.checked_sub(1) else { return };
        let value_count = rows.len() * 16;
        chunk.span_values =
            Lists { words: Vec::with_capacity(value_count), ends: Vec::with_capacity(rows.len()) };
        let events = group.events_of(rows.start).start..group.events_of(last).end;
        let links = group.links_of(rows.start).start..group.links_of(last).end;
        for row in rows {
            let shape = self.list(group.shape[row], &mut chunk.span_values);
            chunk.rows.shape.push(shape);
            for event in group.events_of(row) {
                let shape = self.list(group.events.shape[event], &mut chunk.events.values);
                chunk.events.shape.push(shape);
            }
            for link in group.links_of(row) {
                let shape = self.list(group.links.shape[link], &mut chunk.links.values);
                chunk.links.shape.push(shape);
            }
        }
        if !events.is_empty() {
            let Events { time_ns, name, .. } = &mut chunk.events;
            time_ns.extend_from_slice(&group.events.time_ns[events.clone()]);
            name.extend_from_slice(&group.events.name[events]);
        }
        if !links.is_empty() {
            let (into, from) = (&mut chunk.links, &group.links);
            let Links { kind, trace_high, trace_low, span_id, .. } = into;
            kind.extend_from_slice(&from.kind[links.clone()]);
            trace_high.extend_from_slice(&from.trace_high[links.clone()]);
            trace_low.extend_from_slice(&from.trace_low[links.clone()]);
            span_id.extend_from_slice(&from.span_id[links]);
        }
    }

    /// Appends the list that is next, and returns the chunk's place of its shape.
    #[inline]
    fn list(&mut self, shape: u32, lists: &mut Lists) -> u32 {
        let place = match self.shapes[shape as usize] {
            UNKNOWN => self.add_shape(shape),
            known => known,
        };
        let left = &mut self.left;
        let keys = self.dictionaries.shapes.get(shape);
        lists.words.extend(keys.iter().map(|key| left[*key as usize].next()));
        lists.ends.push(lists.words.len() as u32);
        place
    }

    #[cold]
    fn add_shape(&mut self, shape: u32) -> u32 {
        let mut columns = Vec::new();
        for key in self.dictionaries.shapes.get(shape) {
            let column = &mut self.columns[*key as usize];
            if *column == UNKNOWN {
                *column = self.keys.len() as u32;
                let first = match self.left[*key as usize] {
                    Values::Texts(first, _) => first,
                    _ => 0,
                };
                self.keys.push((*key, first));
            }
            columns.push(*column);
        }
        let local = self.local.push(&columns);
        self.shapes[shape as usize] = local;
        local
    }

    fn finish(self, chunk: &mut Chunk) {
        let Self { group, dictionaries, left, keys, local, .. } = self;
        chunk.shapes = local;
        let column = |(key, first): (u32, u32)| {
            let key = key as usize;
            let texts = match (group.values[key].form, &left[key]) {
                (ValueForm::Codes, _) => {
                    dictionaries.values[key].as_ref().map(|texts| Texts::Shared(Arc::clone(texts)))
                }
                (ValueForm::Texts, Values::Texts(next, _)) => {
                    let places = first as usize..*next as usize;
                    Some(Texts::Own(group.values[key].texts.slice(places)))
                }
                _ => None,
            };
            Column { key: dictionaries.keys[key].clone(), texts: texts.unwrap_or_default() }
        };
        chunk.columns = keys.into_iter().map(column).collect();
    }
}

/// How many values each key has in the rows before one; empty where there are none.
fn values_before(group: &GroupColumns, shapes: &Shapes, row: usize) -> Vec<u32> {
    let Some(last) = row.checked_sub(1) else { return Vec::new() };
    let mut counts = vec![0; group.values.len()];
    let of_events = &group.events.shape[..group.events_end[last] as usize];
    let of_links = &group.links.shape[..group.links_end[last] as usize];
    for shape in group.shape[..row].iter().chain(of_events).chain(of_links) {
        for key in shapes.get(*shape) {
            counts[*key as usize] += 1;
        }
    }
    counts
}
