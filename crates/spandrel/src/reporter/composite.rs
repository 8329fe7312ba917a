//! Reporters that pass spans on: to several reporters, or to a logger.

use std::fmt;
use std::time::Duration;

use super::{Reporter, ReporterCounters, Unsent};
use crate::clock;
use crate::logger::Logger;
use crate::record::FinishedSpan;

/// Gives every span to several reporters.
#[derive(Default)]
pub struct CompositeReporter {
    reporters: Vec<Box<dyn Reporter>>,
}

impl CompositeReporter {
    /// Makes one of no reporters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a reporter.
    #[must_use]
    pub fn with(mut self, reporter: impl Reporter) -> Self {
        self.reporters.push(Box::new(reporter));
        self
    }

    fn each(
        &self,
        timeout: Duration,
        end: impl Fn(&dyn Reporter, Duration) -> Result<(), Unsent>,
    ) -> Result<(), Unsent> {
        let deadline = clock::instant_now() + timeout;
        let mut sum = Unsent::default();
        for reporter in &self.reporters {
            let left = deadline.saturating_duration_since(clock::instant_now());
            if let Err(Unsent { queued, dropped }) = end(&**reporter, left) {
                sum.queued += queued;
                sum.dropped += dropped;
            }
        }
        if sum == Unsent::default() { Ok(()) } else { Err(sum) }
    }
}

impl Reporter for CompositeReporter {
    fn report(&self, span: FinishedSpan) {
        if let Some((last, others)) = self.reporters.split_last() {
            for reporter in others {
                reporter.report(span.clone());
            }
            last.report(span);
        }
    }

    fn flush(&self, timeout: Duration) -> Result<(), Unsent> {
        self.each(timeout, |reporter, left| reporter.flush(left))
    }

    fn close(&self, timeout: Duration) -> Result<(), Unsent> {
        self.each(timeout, |reporter, left| reporter.close(left))
    }

    fn counters(&self) -> ReporterCounters {
        let all = self.reporters.iter().map(|reporter| reporter.counters());
        all.fold(ReporterCounters::default(), ReporterCounters::plus)
    }
}

impl fmt::Debug for CompositeReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompositeReporter").field("len", &self.reporters.len()).finish()
    }
}

/// Tells a logger of every span.
#[derive(Debug)]
pub struct LoggingReporter<L> {
    logger: L,
}

impl<L: Logger> LoggingReporter<L> {
    /// Makes one that tells `logger`.
    pub const fn new(logger: L) -> Self {
        Self { logger }
    }
}

impl<L: Logger> Reporter for LoggingReporter<L> {
    fn report(&self, span: FinishedSpan) {
        let (trace_id, span_id) = (span.trace_id(), span.span_id());
        let name = span.operation_name();
        self.logger.info(&format!("reporting span {trace_id}:{span_id} {name:?}"));
    }
}
