//! A group of columns to a chunk: values that stand dense become lists of rows again.

use std::ops::Range;
use std::slice;
use std::sync::Arc;

use super::group::{GroupColumns, KeyColumn, ValueForm};
use super::loaded_dictionaries::Dictionaries;
use crate::columns::{Chunk, Column, Lists, Request, Resources, Rows, Shapes, TextHeap, Texts};

/// Stands for a shape or a column that the chunk does not have yet.
const UNKNOWN: u32 = u32::MAX;

impl GroupColumns {
    /// Makes a chunk of some rows, all of which came with the given request. It has the keys and
    /// shapes that these rows use. Of the columns, all must have been read with these dictionaries
    /// but for the values of keys that these rows don't have.
    pub(crate) fn to_chunk(
        &self,
        rows: Range<usize>,
        dictionaries: &Dictionaries,
        request: Request,
    ) -> Chunk {
        self.to_chunk_in(Chunk::default(), rows, dictionaries, request)
    }

    /// [`Self::to_chunk`], in the room of a chunk that is not needed any more. A page of memory
    /// that is touched for the first time costs more than decoding what goes in it.
    pub(super) fn to_chunk_in(
        &self,
        mut chunk: Chunk,
        rows: Range<usize>,
        dictionaries: &Dictionaries,
        request: Request,
    ) -> Chunk {
        if rows.is_empty() {
            chunk = Chunk::default();
        }
        let shared = |texts: &Arc<TextHeap>| Texts::Shared(Arc::clone(texts));
        chunk.names = shared(&dictionaries.names);
        chunk.event_names = shared(&dictionaries.event_names);
        chunk.resources = Resources {
            encoded: shared(&dictionaries.resources),
            service: dictionaries.services_of_resources.to_vec(),
            services: shared(&dictionaries.services),
        };
        chunk.scopes = shared(&dictionaries.scopes);
        chunk.addresses = shared(&dictionaries.addresses);
        chunk.requests = vec![request];
        self.fill_rows(rows.clone(), &mut chunk.rows);
        let mut lists = ListMaker::new(self, dictionaries, rows.start);
        lists.make(rows, &mut chunk);
        lists.finish(&mut chunk);
        chunk
    }

    fn fill_rows(&self, rows: Range<usize>, into: &mut Rows) {
        let Rows { trace_high, trace_low, .. } = &mut *into;
        trace_high.clear();
        trace_low.clear();
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
        copy(&mut into.span_id, &self.span_id[rows.clone()]);
        copy(&mut into.parent_id, &self.parent_id[rows.clone()]);
        copy(&mut into.start_ns, &self.start_ns[rows.clone()]);
        copy(&mut into.duration_ns, &self.duration_ns[rows.clone()]);
        copy(&mut into.marks, &self.marks[rows.clone()]);
        copy(&mut into.name, &self.name[rows.clone()]);
        copy(&mut into.resource, &self.resource[rows.clone()]);
        copy(&mut into.scope, &self.scope[rows.clone()]);
        copy(&mut into.address, &self.address[rows.clone()]);
        into.shape.clear();
        copy_ends(&mut into.events_end, &self.events_end, rows.clone());
        copy_ends(&mut into.links_end, &self.links_end, rows.clone());
        into.request.clear();
        into.request.resize(rows.len(), 0);
    }
}

fn copy<T: Copy>(into: &mut Vec<T>, from: &[T]) {
    into.clear();
    into.extend_from_slice(from);
}

/// Copies where things of some rows end, counted from the first of these.
fn copy_ends(into: &mut Vec<u32>, ends: &[u32], rows: Range<usize>) {
    let before = rows.start.checked_sub(1).map_or(0, |before| ends[before]);
    into.clear();
    into.extend(ends[rows].iter().map(|end| end - before));
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
        for lists in [&mut chunk.span_values, &mut chunk.events.values, &mut chunk.links.values] {
            lists.words.clear();
            lists.ends.clear();
        }
        chunk.events.shape.clear();
        chunk.links.shape.clear();
        let Some(last) = rows.end.checked_sub(1) else { return };
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
        let (into, from) = (&mut chunk.events, &group.events);
        copy(&mut into.time_ns, &from.time_ns[events.clone()]);
        copy(&mut into.name, &from.name[events]);
        let (into, from) = (&mut chunk.links, &group.links);
        copy(&mut into.kind, &from.kind[links.clone()]);
        copy(&mut into.trace_high, &from.trace_high[links.clone()]);
        copy(&mut into.trace_low, &from.trace_low[links.clone()]);
        copy(&mut into.span_id, &from.span_id[links]);
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
    let of_events = &group.events.shape[..group.events_end[last] as usize];
    let of_links = &group.links.shape[..group.links_end[last] as usize];
    let mut lists = vec![0_u32; shapes.len()];
    for shape in group.shape[..row].iter().chain(of_events).chain(of_links) {
        lists[*shape as usize] += 1;
    }
    let mut counts = vec![0; group.values.len()];
    for (shape, count) in (0..).zip(lists).filter(|(_, count)| *count > 0) {
        for key in shapes.get(shape) {
            // A key that was not read is one that the wanted rows don't have.
            if let Some(counted) = counts.get_mut(*key as usize) {
                *counted += count;
            }
        }
    }
    counts
}
