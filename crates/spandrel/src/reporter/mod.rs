//! Reporters: where finished spans go.

mod composite;
mod memory;
mod zipkin;

use std::fmt;
use std::time::Duration;

pub use composite::{CompositeReporter, LoggingReporter};
pub use memory::InMemoryReporter;
pub use zipkin::{ReporterError, ZipkinFormat, ZipkinReporter, ZipkinReporterBuilder};

use crate::pool;
use crate::record::FinishedSpan;

/// Takes finished spans. It must not block the program: what it cannot take it drops and counts.
pub trait Reporter: Send + Sync + 'static {
    /// Takes one span, on the thread that finished it.
    fn report(&self, span: FinishedSpan);

    /// Waits until every span reported before the call is sent, or counted as dropped.
    ///
    /// # Errors
    ///
    /// Says what was not sent when `timeout` was over, or was dropped meanwhile.
    fn flush(&self, timeout: Duration) -> Result<(), Unsent> {
        let _ = timeout;
        Ok(())
    }

    /// Flushes and stops: spans reported later are dropped and counted.
    ///
    /// # Errors
    ///
    /// Says what was not sent when `timeout` was over, or was dropped meanwhile.
    fn close(&self, timeout: Duration) -> Result<(), Unsent> {
        self.flush(timeout)
    }

    /// Returns the account of all spans; all zero where the reporter keeps none.
    fn counters(&self) -> ReporterCounters {
        ReporterCounters::default()
    }
}

impl<R: Reporter + ?Sized> Reporter for std::sync::Arc<R> {
    fn report(&self, span: FinishedSpan) {
        (**self).report(span);
    }

    fn flush(&self, timeout: Duration) -> Result<(), Unsent> {
        (**self).flush(timeout)
    }

    fn close(&self, timeout: Duration) -> Result<(), Unsent> {
        (**self).close(timeout)
    }

    fn counters(&self) -> ReporterCounters {
        (**self).counters()
    }
}

/// The account of a reporter's spans. One reading is of one instant, and it adds up:
/// `reported` = `sent` + `dropped` + `queued`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReporterCounters {
    /// Finished spans that the tracer handed over.
    pub reported: u64,
    /// Spans that the backend took.
    pub sent: u64,
    /// Spans that were dropped, by reason.
    pub dropped: DroppedSpans,
    /// Spans that wait or are being sent.
    pub queued: u64,
    /// About how many bytes of memory these take.
    pub queued_bytes: u64,
}

/// Spans that never reached the backend, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedSpans {
    /// As many spans as may wait were waiting.
    pub queue_len: u64,
    /// The waiting spans took as many bytes as they may.
    pub queue_bytes: u64,
    /// One span took more bytes than a batch may.
    pub too_large: u64,
    /// The backend refused them for what they are (4xx).
    pub refused: u64,
    /// The backend did not take them at any attempt.
    pub unreachable: u64,
    /// They came after the close, or were left when its time was over.
    pub closed: u64,
}

impl DroppedSpans {
    /// Returns the sum over all reasons.
    #[must_use]
    pub const fn total(&self) -> u64 {
        let Self { queue_len, queue_bytes, too_large, refused, unreachable, closed } = self;
        *queue_len + *queue_bytes + *too_large + *refused + *unreachable + *closed
    }
}

impl ReporterCounters {
    fn plus(self, other: Self) -> Self {
        Self {
            reported: self.reported + other.reported,
            sent: self.sent + other.sent,
            dropped: DroppedSpans {
                queue_len: self.dropped.queue_len + other.dropped.queue_len,
                queue_bytes: self.dropped.queue_bytes + other.dropped.queue_bytes,
                too_large: self.dropped.too_large + other.dropped.too_large,
                refused: self.dropped.refused + other.dropped.refused,
                unreachable: self.dropped.unreachable + other.dropped.unreachable,
                closed: self.dropped.closed + other.dropped.closed,
            },
            queued: self.queued + other.queued,
            queued_bytes: self.queued_bytes + other.queued_bytes,
        }
    }
}

/// What a reporter had not sent when it was asked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsent {
    /// How many spans still waited when the time was over.
    pub queued: u64,
    /// How many spans were dropped meanwhile.
    pub dropped: u64,
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} spans still queued, {} dropped", self.queued, self.dropped)
    }
}

impl std::error::Error for Unsent {}

/// Drops every span.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullReporter;

impl Reporter for NullReporter {
    fn report(&self, span: FinishedSpan) {
        pool::recycle(span);
    }
}
