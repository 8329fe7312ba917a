//! The columns that hold many values a span: attributes as maps, events and links as lists.

use std::mem;
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder as _, StringBuilder, TimestampMicrosecondBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::{Array as _, ArrayRef, ListArray, MapArray, StructArray};
use arrow_buffer::{OffsetBuffer, OffsetBufferBuilder};
use arrow_schema::{Field, Fields};
use spandrel_model::{Attribute, Event, Link, LinkKind};

use super::columns::{TIME_ZONE, append_printed, microseconds, text_len};

/// What the numbers of one event take.
const EVENT_BYTES: usize = 24;

/// A column of `MAP<text, text>`: each key once, with its last value, in the order of the keys.
///
/// Senders repeat keys, and readers disagree about maps that do. The order makes equal sets of
/// keys equal sequences, which compress.
#[derive(Debug, Default)]
pub(super) struct MapColumn {
    keys: StringBuilder,
    values: StringBuilder,
    lengths: Lengths,
    /// Places in the attributes at hand, kept for its memory.
    order: Vec<usize>,
}

/// A column of events.
#[derive(Debug, Default)]
pub(super) struct EventColumn {
    time: TimestampMicrosecondBuilder,
    time_ns: UInt64Builder,
    name: StringBuilder,
    attributes: MapColumn,
    dropped_attributes: UInt32Builder,
    lengths: Lengths,
}

/// A column of links.
#[derive(Debug, Default)]
pub(super) struct LinkColumn {
    kind: StringBuilder,
    trace_id: StringBuilder,
    span_id: StringBuilder,
    trace_state: StringBuilder,
    attributes: MapColumn,
    dropped_attributes: UInt32Builder,
    trace_flags: UInt32Builder,
    lengths: Lengths,
}

/// How many entries each row has.
#[derive(Debug)]
struct Lengths(OffsetBufferBuilder<i32>);

impl MapColumn {
    pub(super) fn append(&mut self, attributes: &[Attribute<'_>]) {
        self.order.clear();
        self.order.extend(0..attributes.len());
        let key = |place: usize| &attributes[place].key;
        self.order.sort_unstable_by(|a, b| key(*a).cmp(key(*b)).then(a.cmp(b)));
        let len_before = self.keys.len();
        for (at, &place) in self.order.iter().enumerate() {
            let is_last = self.order.get(at + 1).is_none_or(|&next| key(next) != key(place));
            if is_last {
                self.keys.append_value(key(place));
                self.values.append_value(attributes[place].value.to_text());
            }
        }
        self.lengths.push(self.keys.len() - len_before);
    }

    pub(super) fn bytes_len(&self) -> usize {
        text_len(&self.keys) + text_len(&self.values)
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let entries = rows(vec![
            ("key", Arc::new(self.keys.finish()) as ArrayRef),
            ("value", Arc::new(self.values.finish())),
        ]);
        let field = Field::new("key_value", entries.data_type().clone(), false);
        let offsets = self.lengths.take_offsets();
        Arc::new(MapArray::new(Arc::new(field), offsets, entries, None, false))
    }
}

impl EventColumn {
    pub(super) fn append(&mut self, events: &[Event<'_>]) {
        for event in events {
            self.time.append_value(microseconds(event.time_ns));
            self.time_ns.append_value(event.time_ns);
            self.name.append_value(&event.name);
            self.attributes.append(&event.attributes);
            self.dropped_attributes.append_value(event.dropped_attributes);
        }
        self.lengths.push(events.len());
    }

    pub(super) fn bytes_len(&self) -> usize {
        text_len(&self.name) + self.attributes.bytes_len() + self.time.len() * EVENT_BYTES
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let events = rows(vec![
            ("time", Arc::new(self.time.finish().with_timezone(TIME_ZONE)) as ArrayRef),
            ("time_ns", Arc::new(self.time_ns.finish())),
            ("name", Arc::new(self.name.finish())),
            ("attributes", self.attributes.finish()),
            ("dropped_attributes", Arc::new(self.dropped_attributes.finish())),
        ]);
        list(self.lengths.take_offsets(), events)
    }
}

impl LinkColumn {
    pub(super) fn append(&mut self, links: &[Link<'_>]) {
        for link in links {
            self.kind.append_value(link_kind_name(link.kind));
            append_printed(&mut self.trace_id, link.trace_id);
            append_printed(&mut self.span_id, link.span_id);
            self.trace_state.append_value(&link.trace_state);
            self.attributes.append(&link.attributes);
            self.dropped_attributes.append_value(link.dropped_attributes);
            self.trace_flags.append_value(link.trace_flags);
        }
        self.lengths.push(links.len());
    }

    pub(super) fn bytes_len(&self) -> usize {
        let ids = text_len(&self.trace_id) + text_len(&self.span_id);
        ids + text_len(&self.kind) + text_len(&self.trace_state) + self.attributes.bytes_len()
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let links = rows(vec![
            ("kind", Arc::new(self.kind.finish()) as ArrayRef),
            ("trace_id", Arc::new(self.trace_id.finish())),
            ("span_id", Arc::new(self.span_id.finish())),
            ("trace_state", Arc::new(self.trace_state.finish())),
            ("attributes", self.attributes.finish()),
            ("dropped_attributes", Arc::new(self.dropped_attributes.finish())),
            ("trace_flags", Arc::new(self.trace_flags.finish())),
        ]);
        list(self.lengths.take_offsets(), links)
    }
}

impl Lengths {
    fn push(&mut self, len: usize) {
        self.0.push_length(len);
    }

    fn take_offsets(&mut self) -> OffsetBuffer<i32> {
        mem::take(self).0.finish()
    }
}

impl Default for Lengths {
    fn default() -> Self {
        Self(OffsetBufferBuilder::new(0))
    }
}

fn link_kind_name(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Related => "related",
        LinkKind::ChildOf => "child_of",
        LinkKind::FollowsFrom => "follows_from",
    }
}

/// Columns side by side, of one length and without nulls: each got a value with every `append`.
fn rows(columns: Vec<(&str, ArrayRef)>) -> StructArray {
    let fields: Fields = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), false))
        .collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    StructArray::new(fields, columns, None)
}

fn list(offsets: OffsetBuffer<i32>, elements: StructArray) -> ArrayRef {
    let field = Field::new("element", elements.data_type().clone(), false);
    Arc::new(ListArray::new(Arc::new(field), offsets, Arc::new(elements), None))
}
