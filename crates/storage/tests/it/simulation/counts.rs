//! What the store counts of its settled spans, against the spans themselves.

use spandrel_model::Span;
use spandrel_storage::{Engine, Tenant};

use super::accounts::{TRACE_ID_MAX, tenants};
use super::report::Report;
use crate::calls::{counted_calls, expected_calls};

/// Checks the counts of spans, and those of calls where the traces are there as a whole: in
/// segments, none deleted or expired. There must be no pinned copies: nobody counts their spans.
pub(super) fn check<T>(engine: &Engine<T>, report: &mut Report) -> Result<(), String> {
    check_spans(engine)?;
    let stats = engine.stats();
    if stats.head_spans + stats.tombstones + stats.expired_segments + report.expired == 0 {
        check_calls(engine)?;
        report.calls_checked += 1;
    }
    Ok(())
}

/// Checks that the rollups count as many spans as there are in segments by the catalog: those of
/// deleted traces count until their space is given back.
fn check_spans<T>(engine: &Engine<T>) -> Result<(), String> {
    let mut counted = 0;
    for tenant in tenants() {
        // A planned failure may prevent it.
        let Ok(rollup) = engine.rollup(&tenant, ..) else { return Ok(()) };
        counted += rollup.spans().map(|row| row.count).sum::<i64>();
    }
    let stats = engine.stats();
    if u64::try_from(counted) == Ok(stats.segment_spans) {
        return Ok(());
    }
    Err(format!("rollups count {counted} spans: {stats:?}"))
}

/// Checks that the rollups count the calls of the traces as they are.
fn check_calls<T>(engine: &Engine<T>) -> Result<(), String> {
    for tenant in tenants() {
        let Ok(rollup) = engine.rollup(&tenant, ..) else { return Ok(()) };
        let Ok(traces) = traces(engine, &tenant) else { return Ok(()) };
        let (counted, due) = (counted_calls(&rollup), expected_calls(&traces));
        if counted != due {
            return Err(format!("rollups count the calls {counted:?} where {due:?} are due"));
        }
    }
    Ok(())
}

fn traces<T>(
    engine: &Engine<T>,
    tenant: &Tenant,
) -> Result<Vec<Vec<Span<'static>>>, spandrel_storage::ReadError> {
    let trace = |low| {
        let spans = engine.trace(tenant, low)?;
        Ok(spans.iter().map(|span| (**span).clone()).collect())
    };
    (1..=TRACE_ID_MAX).map(trace).collect()
}
