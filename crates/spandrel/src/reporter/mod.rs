//! Reporters: where finished spans go.

mod memory;

use std::fmt;
use std::time::Duration;

pub use memory::InMemoryReporter;

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
    fn report(&self, _span: FinishedSpan) {}
}
