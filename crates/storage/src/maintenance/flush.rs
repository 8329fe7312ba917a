//! Writes the settled traces of the head to a segment.

use super::job::{Done, JobError, Workshop};
use crate::head::FlushPlan;
use crate::manifest::{ManifestChange, SegmentClass, SegmentEntry};
use crate::segment::search::SearchObserver;
use crate::segment::{SegmentSummary, Source};

/// After how many traces a job looks whether it is to stop.
pub(super) const TRACES_BETWEEN_CHECKS: usize = 1024;

/// Writes the segment, and then the manifest that names it.
pub(super) fn run(
    workshop: &Workshop,
    plan: &FlushPlan,
    segment_id: u64,
) -> Result<Done, JobError> {
    let mut search = SearchObserver::new();
    let mut writer = workshop.writer(plan.tenant(), segment_id, false, &mut search)?;
    let mut sources: Vec<Source> = plan.chunks().map(|chunk| Source::new(chunk.clone())).collect();
    for (count, trace) in plan.traces().enumerate() {
        if count % TRACES_BETWEEN_CHECKS == 0 {
            workshop.check_cancelled()?;
        }
        writer.push_trace(&mut parts_of(&mut sources, trace.parts()))?;
    }
    let summary = writer.finish()?;
    let entry = entry_of(plan, segment_id, &summary);
    let written_len = entry.len;
    let change = ManifestChange { add: vec![entry], ..ManifestChange::default() };
    workshop.apply(Done { change, written_len, folded_count: 0 })
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
