//! Writes the settled traces of the head to a segment.

use std::sync::Arc;

use spandrel_model::Span;

use super::job::{Done, JobError, Workshop};
use super::settle::Settling;
use crate::columns::SpanReader;
use crate::head::FlushPlan;
use crate::manifest::{Manifest, ManifestChange, SegmentClass, SegmentEntry};
use crate::segment::search::SearchObserver;
use crate::segment::{SegmentSummary, Source};

/// After how many traces a job looks whether it is to stop.
pub(super) const TRACES_BETWEEN_CHECKS: usize = 1024;

/// Writes the segment, and then the manifest that names it.
pub(super) fn run(
    workshop: &Workshop,
    view: Arc<Manifest>,
    plan: &FlushPlan,
    segment_id: u64,
) -> Result<Done, JobError> {
    let lows: Vec<u64> = plan.traces().map(|trace| trace.trace_id_low()).collect();
    let spans_of = Box::new(|low| Ok(spans_of(plan, low)));
    let (cache, tenant) = (&workshop.cache, plan.tenant());
    let mut settling = Settling::of_flush(cache, view, (tenant, segment_id), &lows, spans_of)?;
    let mut search = SearchObserver::new();
    let mut writer = workshop.writer(tenant, segment_id, false, (&mut search, &mut settling))?;
    let mut sources: Vec<Source> = plan.chunks().map(|chunk| Source::new(chunk.clone())).collect();
    for (count, trace) in plan.traces().enumerate() {
        if count % TRACES_BETWEEN_CHECKS == 0 {
            workshop.check_cancelled()?;
        }
        writer.push_trace(&mut parts_of(&mut sources, trace.parts()))?;
    }
    let summary = writer.finish()?;
    let unsettled_count = settling.finish()?;
    let entry = entry_of(plan, segment_id, &summary);
    let written_len = entry.len;
    let change = ManifestChange { add: vec![entry], ..ManifestChange::default() };
    workshop.apply(Done { change, written_len, folded_count: 0, unsettled_count })
}

/// The spans of a trace.
fn spans_of(plan: &FlushPlan, trace_id_low: u64) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let mut traces = plan.traces();
    let Some(trace) = traces.find(|trace| trace.trace_id_low() == trace_id_low) else {
        return spans;
    };
    for (place, rows) in trace.parts() {
        let Some(chunk) = plan.chunks().nth(place) else { continue };
        let reader = SpanReader::new(chunk);
        let found = rows.iter().filter_map(|row| reader.span(*row as usize));
        spans.extend(found.map(Span::into_owned));
    }
    spans
}

/// Picks the sources that the parts of a trace are in, which come in their order.
pub(super) fn parts_of<'s, 'r>(
    mut sources: &'s mut [Source],
    parts: impl Iterator<Item = (usize, &'r [u32])>,
) -> Vec<(&'s mut Source, &'r [u32])> {
    let mut picked = Vec::new();
    let mut passed = 0;
    for (place, rows) in parts {
        let rest = std::mem::take(&mut sources);
        let Some((source, rest)) = rest[place - passed..].split_first_mut() else { break };
        picked.push((source, rows));
        (sources, passed) = (rest, place + 1);
    }
    picked
}

fn entry_of(plan: &FlushPlan, id: u64, summary: &SegmentSummary) -> SegmentEntry {
    let (arrival_min_ns, arrival_max_ns) = plan.arrival_ns().unwrap_or_default();
    SegmentEntry {
        id,
        tenant: plan.tenant().clone(),
        class: SegmentClass::Ordinary,
        level: 0,
        len: summary.len,
        footer_len: summary.footer_len,
        footer_checksum: summary.footer_checksum,
        span_count: summary.span_count,
        trace_count: summary.trace_count,
        arrival_min_ns,
        arrival_max_ns,
        start_min_ns: summary.start_min_ns,
        start_max_ns: summary.start_max_ns,
        flushed_through: plan.newest_log_position(),
    }
}
