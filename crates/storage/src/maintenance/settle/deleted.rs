//! Deleted traces, while the segments that hold them are rewritten: their counts go too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use spandrel_model::Span;
use spandrel_model::trace::facts::Node;

use super::names::Names;
use super::nodes::{PhaseTable, node_of};
use super::trace_settler::{TraceSettler, put_in_order};
use crate::manifest::{Manifest, SegmentClass, SegmentEntry};
use crate::reads::SegmentCache;
use crate::rollup::{Class, Limits, Name, Rollup, SpanKey, minute_of};
use crate::store::ReadError;
use crate::tenant::Tenant;

/// Takes deleted traces out of a rollup.
#[derive(Default)]
pub(in super::super) struct Deleted {
    settler: TraceSettler,
    names: Names,
    phases: PhaseTable,
    nodes: Vec<Node>,
}

/// Where deleted traces are.
pub(in super::super) struct DeletedIn<'w> {
    pub(in super::super) cache: &'w SegmentCache,
    /// Says what is deleted, and keeps segments from being removed.
    pub(in super::super) view: Arc<Manifest>,
    pub(in super::super) tenant: &'w Tenant,
    /// The segments that are rewritten.
    pub(in super::super) rewritten: BTreeSet<u64>,
}

impl Deleted {
    /// Takes the counts of a trace out of the rollup of the segments that are rewritten: its spans
    /// there, and what fewer calls it has without them.
    ///
    /// # Errors
    ///
    /// Fails when a segment can't be read.
    pub(in super::super) fn take_out(
        &mut self,
        place: &DeletedIn<'_>,
        trace_id_low: u64,
        rollup: &mut Rollup,
    ) -> Result<(), ReadError> {
        // What came after a deletion and was deleted again is another trace.
        let mut deletions: BTreeMap<u64, Vec<&SegmentEntry>> = BTreeMap::new();
        for entry in place.view.segments() {
            let counts = entry.tenant == *place.tenant && entry.class == SegmentClass::Ordinary;
            let deletion = place.view.deletion_of(entry, trace_id_low);
            if let Some(deletion) = deletion.filter(|_| counts) {
                deletions.entry(deletion).or_default().push(entry);
            }
        }
        for entries in deletions.into_values() {
            if entries.iter().any(|entry| place.rewritten.contains(&entry.id)) {
                self.take_out_of(place, &entries, trace_id_low, rollup)?;
            }
        }
        Ok(())
    }

    fn take_out_of(
        &mut self,
        place: &DeletedIn<'_>,
        entries: &[&SegmentEntry],
        trace_id_low: u64,
        rollup: &mut Rollup,
    ) -> Result<(), ReadError> {
        let (mut here, mut all, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for found in place.cache.find_trace(entries.iter().copied(), trace_id_low)? {
            let spans = found.spans().unwrap_or_default();
            all.extend(spans.iter().cloned());
            let is_here = place.rewritten.contains(&found.segment_id);
            if is_here { &mut here } else { &mut left }.extend(spans);
        }
        let mut counted = Rollup::new(Limits::SEGMENT);
        for span in &here {
            let key = SpanKey {
                service: name(span.service_name(), &mut counted),
                operation: name(Some(&*span.name).filter(|name| !name.is_empty()), &mut counted),
                class: Class::new(span.kind, span.status.code, span.is_error()),
                minute: minute_of(span.start_ns),
            };
            counted.add_span(key, span.duration_ns);
        }
        self.count_calls(all, &mut counted);
        rollup.subtract(&counted);
        let mut counted = Rollup::new(Limits::SEGMENT);
        self.count_calls(left, &mut counted);
        rollup.merge(&counted);
        Ok(())
    }

    fn count_calls(&mut self, spans: Vec<Span<'static>>, rollup: &mut Rollup) {
        let Self { settler, names, phases, nodes } = self;
        nodes.clear();
        nodes.extend(spans.iter().map(|span| node_of(span, names, phases)));
        put_in_order(nodes);
        if let Some(settled) = settler.settle(nodes, names, phases, || Some(spans)) {
            settled.count_calls(rollup, |code, rollup| names.name_in(code, rollup));
        }
    }
}

fn name(text: Option<&str>, rollup: &mut Rollup) -> Name {
    text.map_or(Name::ABSENT, |text| rollup.name(text))
}
