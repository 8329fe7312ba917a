//! The account of one request's spans: what came is stored, rejected or dropped, and nothing else.

use std::mem;
use std::sync::Arc;

use crate::metrics::{IntakeLabels, LostLabels, Metrics};
use crate::receivers::span_limits::Cuts;
use crate::refusal::Refusal;

/// Counts what becomes of the spans of one request.
///
/// Those that nobody decided on when it is dropped, because whoever sent them has hung up in
/// between, count as dropped.
#[derive(Debug)]
pub(super) struct Tally {
    metrics: Arc<Metrics>,
    labels: IntakeLabels,
    open_spans: u64,
    is_settled: bool,
}

impl Tally {
    /// Starts with a request that came.
    pub(super) fn begin(metrics: Arc<Metrics>, labels: IntakeLabels) -> Self {
        metrics.received_requests.get_or_create(&labels).inc();
        Self { metrics, labels, open_spans: 0, is_settled: false }
    }

    pub(super) fn body_read(&self, len: usize) {
        self.metrics.received_bytes.get_or_create(&self.labels).inc_by(len as u64);
    }

    /// Counts spans that were found in the request.
    pub(super) fn received(&mut self, spans: u64) {
        self.open_spans += spans;
        self.metrics.received_spans.get_or_create(&self.labels).inc_by(spans);
    }

    /// Counts spans, received before, that are refused alone.
    pub(super) fn reject(&mut self, spans: u64, reason: &'static str) {
        if spans == 0 {
            return;
        }
        self.open_spans -= spans;
        self.metrics.rejected_spans.get_or_create(&self.lost(reason)).inc_by(spans);
    }

    /// Counts parts of spans that were cut or left out.
    pub(super) fn cut(&self, cuts: Cuts) {
        let Cuts { long_names, long_keys, long_values } = cuts;
        for (parts, reason) in
            [(long_names, "long_name"), (long_keys, "long_key"), (long_values, "long_value")]
        {
            if parts > 0 {
                self.metrics.cut_parts.get_or_create(&self.lost(reason)).inc_by(parts);
            }
        }
    }

    /// All spans that are left are on disk.
    pub(super) fn store(mut self) {
        self.is_settled = true;
        let spans = mem::take(&mut self.open_spans);
        self.metrics.stored_requests.get_or_create(&self.labels).inc();
        if spans > 0 {
            self.metrics.stored_spans.get_or_create(&self.labels).inc_by(spans);
        }
    }

    /// The request is refused, with all spans that are left.
    pub(super) fn refuse(mut self, refusal: &Refusal) {
        self.settle(refusal.reason, refusal.is_retryable());
    }

    /// The request is dropped unread, because there is no room for it at the moment.
    pub(super) fn drop_for(mut self, reason: &'static str) {
        self.settle(reason, true);
    }

    fn settle(&mut self, reason: &'static str, is_retryable: bool) {
        self.is_settled = true;
        let lost = self.lost(reason);
        self.metrics.refused_requests.get_or_create(&lost).inc();
        let spans = mem::take(&mut self.open_spans);
        if spans == 0 {
            return;
        }
        let (rejected, dropped) = (&self.metrics.rejected_spans, &self.metrics.dropped_spans);
        let family = if is_retryable { dropped } else { rejected };
        family.get_or_create(&lost).inc_by(spans);
    }

    fn lost(&self, reason: &'static str) -> LostLabels {
        LostLabels { door: self.labels.door, format: self.labels.format, reason }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if !self.is_settled {
            self.settle("hung_up", true);
        }
    }
}
