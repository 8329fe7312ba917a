//! Rows of a group to nodes: what the settler takes.

use std::collections::HashMap;

use spandrel_model::trace::facts::{Codes, NO_CODE, Node, Phases, Step};
use spandrel_model::{Address, Span, SpanId};

use super::names::Names;
use crate::columns::{
    ColumnKey, Field, Marks, NO_SERVICE, Owner, Shapes, TextHeap, ValueKind, read_address,
};
use crate::segment::{Dictionaries, GroupColumns, Projection, SegmentTexts, ValueForm};

/// What the codes of a segment stand for, as far as nodes need it.
#[derive(Clone, Copy)]
pub(super) struct NodeTexts<'t> {
    keys: &'t [ColumnKey],
    remotes: Remotes<'t>,
    shapes: &'t Shapes,
    names: &'t TextHeap,
    event_names: &'t TextHeap,
    services_of_resources: &'t [u32],
    services: &'t TextHeap,
    addresses: &'t TextHeap,
}

/// The dictionaries of keys.
#[derive(Clone, Copy)]
enum Remotes<'t> {
    Written(&'t [TextHeap]),
    Read(&'t Dictionaries),
}

impl<'t> NodeTexts<'t> {
    /// Those of a segment that is being written.
    pub(super) fn written(texts: &SegmentTexts<'t>) -> Self {
        Self {
            keys: texts.keys,
            remotes: Remotes::Written(texts.values),
            shapes: texts.shapes,
            names: texts.names,
            event_names: texts.event_names,
            services_of_resources: texts.services_of_resources,
            services: texts.services,
            addresses: texts.addresses,
        }
    }

    /// Those of a segment that is read.
    pub(super) fn read(texts: &'t Dictionaries) -> Self {
        Self {
            keys: &texts.keys,
            remotes: Remotes::Read(texts),
            shapes: &texts.shapes,
            names: &texts.names,
            event_names: &texts.event_names,
            services_of_resources: &texts.services_of_resources,
            services: &texts.services,
            addresses: &texts.addresses,
        }
    }

    fn remotes_of(&self, key: u32) -> Option<&'t TextHeap> {
        match self.remotes {
            Remotes::Written(values) => values.get(key as usize),
            Remotes::Read(texts) => texts.values.get(key as usize)?.as_deref(),
        }
    }
}

/// The network phases that nodes point at, equal ones once: spans that were received twice are
/// equal nodes then.
#[derive(Debug, Default)]
pub(super) struct PhaseTable {
    pub(super) list: Vec<Phases>,
    places: HashMap<Phases, u32>,
}

impl PhaseTable {
    fn place(&mut self, phases: Phases) -> u32 {
        *self.places.entry(phases).or_insert_with(|| {
            self.list.push(phases);
            self.list.len() as u32 - 1
        })
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.places.clear();
    }
}

/// What the codes of one segment are in [`Names`]. It grows with the segment's dictionaries.
#[derive(Debug, Default)]
pub(super) struct CodeMap {
    services: Vec<u32>,
    names: Vec<u32>,
    remotes: Vec<u32>,
    addresses: Vec<Address>,
    steps: Vec<Option<Step>>,
    /// How many spans' lists of each shape have a remote service.
    remote_counts: Vec<u8>,
    keys_seen: usize,
    remote_key: Option<u32>,
    step_buffer: Vec<(u64, Step)>,
    /// The way back: one more than the segment's code, by that in [`Names`], or 0.
    services_back: Vec<u32>,
    names_back: Vec<u32>,
}

impl CodeMap {
    /// The columns that nodes are made of.
    pub(super) fn projection(texts: &Dictionaries) -> Projection {
        let key = texts.keys.iter().position(is_remote_service);
        Projection {
            columns: Projection::TRACES
                | Projection::SPAN_ID
                | Projection::PARENT
                | Projection::START
                | Projection::DURATION
                | Projection::MARKS
                | Projection::NAME
                | Projection::RESOURCE
                | Projection::ADDRESS
                | Projection::EVENTS,
            keys: key.map(|key| key as u32).into_iter().collect(),
            has_all_keys: false,
        }
    }

    /// Takes in what the dictionaries have more of than the last time.
    pub(super) fn learn(&mut self, texts: &NodeTexts<'_>, names: &mut Names) {
        let seen = (self.services.len(), self.names.len());
        extend(&mut self.services, texts.services, |text| names.code_of(text));
        extend(&mut self.names, texts.names, |text| names.code_of_operation(text));
        go_back(&mut self.services_back, &self.services, seen.0);
        go_back(&mut self.names_back, &self.names, seen.1);
        extend(&mut self.addresses, texts.addresses, |text| read_address(text).unwrap_or_default());
        extend(&mut self.steps, texts.event_names, |text| {
            std::str::from_utf8(text).ok().and_then(Step::named)
        });
        if self.remote_key.is_none() {
            let unseen = texts.keys.iter().enumerate().skip(self.keys_seen);
            let found = unseen.filter(|(_, key)| is_remote_service(key)).map(|(key, _)| key);
            self.remote_key = found.map(|key| key as u32).next();
            self.keys_seen = texts.keys.len();
        }
        let remotes = self.remote_key.and_then(|key| texts.remotes_of(key));
        if let Some(remotes) = remotes {
            extend(&mut self.remotes, remotes, |text| names.code_of(text));
        }
        // A shape that was there before the key does not have it.
        for shape in self.remote_counts.len()..texts.shapes.len() {
            let of_shape = texts.shapes.get(shape as u32).iter();
            let count = of_shape.filter(|key| Some(**key) == self.remote_key).count();
            self.remote_counts.push(count.min(u8::MAX.into()) as u8);
        }
    }

    /// Appends the nodes of all rows.
    pub(super) fn make(
        &mut self,
        group: &GroupColumns,
        texts: &NodeTexts<'_>,
        (names, phases): (&mut Names, &mut PhaseTable),
        nodes: &mut Vec<Node>,
    ) {
        self.learn(texts, names);
        nodes.reserve(group.row_count);
        let mut next_remote = 0;
        for row in 0..group.row_count {
            let remote_count = self.remote_count(group.shape.get(row).copied());
            let remote_service = match remote_count {
                0 => NO_CODE,
                _ => self.remote_at(group, next_remote, names),
            };
            next_remote += remote_count;
            let phases = match group.event_count {
                0 => NO_CODE,
                _ => self.phases_of(group, row).map_or(NO_CODE, |found| phases.place(found)),
            };
            let marks = group.marks[row];
            nodes.push(Node {
                span_id: SpanId::new(group.span_id[row]).unwrap_or(DAMAGED_ID),
                parent_id: SpanId::new(group.parent_id[row]),
                start_ns: marks.has(Marks::HAS_START).then(|| group.start_ns[row]),
                duration_ns: marks.has(Marks::HAS_DURATION).then(|| group.duration_ns[row]),
                local: self.addresses[group.address[row] as usize],
                service: match texts.services_of_resources[group.resource[row] as usize] {
                    NO_SERVICE => NO_CODE,
                    service => self.services[service as usize],
                },
                remote_service,
                operation: self.names[group.name[row] as usize],
                phases,
                kind: marks.kind(),
                is_error: marks.has(Marks::ERROR),
                is_shared: marks.has(Marks::SHARED),
            });
        }
    }

    /// One more than the segment's code of a service; 0 for none.
    pub(super) fn service_back(&self, code: u32) -> u32 {
        self.services_back.get(code as usize).copied().unwrap_or(0)
    }

    /// The same of a span's name.
    pub(super) fn name_back(&self, code: u32) -> u32 {
        self.names_back.get(code as usize).copied().unwrap_or(0)
    }

    fn remote_count(&self, shape: Option<u32>) -> usize {
        let count = shape.and_then(|shape| self.remote_counts.get(shape as usize));
        count.copied().unwrap_or(0).into()
    }

    fn remote_at(&self, group: &GroupColumns, place: usize, names: &mut Names) -> u32 {
        let Some(column) = self.remote_key.and_then(|key| group.values.get(key as usize)) else {
            return NO_CODE;
        };
        match column.form {
            ValueForm::Codes => self.remotes[column.codes[place] as usize],
            ValueForm::Texts => names.code_of(column.texts.get(place as u32)),
            _ => NO_CODE,
        }
    }

    fn phases_of(&mut self, group: &GroupColumns, row: usize) -> Option<Phases> {
        self.step_buffer.clear();
        for event in group.events_of(row) {
            if let Some(step) = self.steps[group.events.name[event] as usize] {
                self.step_buffer.push((group.events.time_ns[event], step));
            }
        }
        Phases::measure(&mut self.step_buffer)
    }
}

/// Stands for an id that no segment is written with.
const DAMAGED_ID: SpanId = SpanId::new(u64::MAX).expect("it is not zero");

fn is_remote_service(key: &ColumnKey) -> bool {
    key.is(Owner::Field(Field::RemoteService), "", ValueKind::String)
}

fn extend<T>(known: &mut Vec<T>, heap: &TextHeap, mut of: impl FnMut(&[u8]) -> T) {
    for place in known.len()..heap.len() {
        known.push(of(heap.get(place as u32)));
    }
}

/// Notes the places of codes from the `first` on.
fn go_back(back: &mut Vec<u32>, codes: &[u32], first: usize) {
    for (place, code) in codes.iter().enumerate().skip(first).filter(|(_, code)| **code != NO_CODE)
    {
        let code = *code as usize;
        if back.len() <= code {
            back.resize(code + 1, 0);
        }
        back[code] = place as u32 + 1;
    }
}

/// The node of a whole span.
pub(super) fn node_of(span: &Span<'_>, names: &mut Names, phases: &mut PhaseTable) -> Node {
    let events = span.events.iter().map(|event| (&*event.name, event.time_ns));
    let found = Phases::of_events(events, &mut Vec::new());
    let codes = Codes {
        service: span.service_name().map_or(NO_CODE, |name| names.code(name)),
        remote_service: span.remote_service_name().map_or(NO_CODE, |name| names.code(name)),
        operation: names.code_of_operation(span.name.as_bytes()),
        phases: found.map_or(NO_CODE, |found| phases.place(found)),
    };
    Node::of(span, codes)
}
