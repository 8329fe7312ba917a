//! Pinned traces: copies in segments of their own, which no retention takes.

use std::sync::Arc;

use super::job::{Done, JobError, Workshop};
use super::settle::Settling;
use crate::columns::{ChunkBuilder, Request};
use crate::manifest::{ManifestChange, SegmentClass, SegmentEntry};
use crate::segment::Source;
use crate::segment::search::SearchObserver;
use crate::store::StoredSpan;
use crate::tenant::Tenant;

/// Copies the spans of a trace to a segment of their own, in place of an earlier copy.
///
/// The segment's number is to be older than the look at the spans: a deletion that comes between
/// hides the copy too.
pub(crate) fn pin(
    workshop: &Workshop,
    tenant: &Tenant,
    trace_id_low: u64,
    id: u64,
    spans: &[StoredSpan],
) -> Result<ManifestChange, JobError> {
    let mut builder = ChunkBuilder::new(workshop.seed);
    builder.begin_request(Request { arrival_ns: 0, log_file_id: 0, log_offset: 0 });
    let rows: Vec<u32> = spans.iter().map(|span| builder.push(span) as u32).collect();
    let mut settling = Settling::of_copies(&workshop.cache, tenant)?;
    let mut search = SearchObserver::new();
    let mut writer = workshop.writer(tenant, id, true, (&mut search, &mut settling))?;
    writer.push_trace(&mut [(&mut Source::new(Arc::new(builder.finish())), &rows)])?;
    let summary = writer.finish()?;
    let entry = SegmentEntry {
        id,
        tenant: tenant.clone(),
        class: SegmentClass::Pinned,
        level: 0,
        len: summary.len,
        footer_len: summary.footer_len,
        footer_checksum: summary.footer_checksum,
        span_count: summary.span_count,
        trace_count: summary.trace_count,
        arrival_min_ns: 0,
        arrival_max_ns: 0,
        start_min_ns: summary.start_min_ns,
        start_max_ns: summary.start_max_ns,
        flushed_through: None,
    };
    let remove = pinned(workshop, tenant, trace_id_low)?;
    let change = ManifestChange { add: vec![entry], remove, ..ManifestChange::default() };
    Ok(workshop.apply(Done { change, ..Done::default() })?.change)
}

/// Takes the copy of a trace away, if there is one.
pub(crate) fn unpin(
    workshop: &Workshop,
    tenant: &Tenant,
    trace_id_low: u64,
) -> Result<ManifestChange, JobError> {
    let remove = pinned(workshop, tenant, trace_id_low)?;
    let change = ManifestChange { remove, ..ManifestChange::default() };
    if change.remove.is_empty() {
        return Ok(change);
    }
    Ok(workshop.apply(Done { change, ..Done::default() })?.change)
}

/// The segments that hold the copy of a trace; each holds one trace.
fn pinned(workshop: &Workshop, tenant: &Tenant, trace_id_low: u64) -> Result<Vec<u64>, JobError> {
    let manifest = workshop.catalog.current();
    let is_pinned =
        |entry: &&SegmentEntry| entry.class == SegmentClass::Pinned && entry.tenant == *tenant;
    let entries = manifest.segments().iter().filter(is_pinned);
    let found = workshop.cache.find_trace(entries, trace_id_low)?;
    Ok(found.into_iter().map(|rows| rows.segment_id).collect())
}
