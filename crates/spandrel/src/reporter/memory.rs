//! A reporter for tests: it keeps the spans.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Reporter;
use crate::record::FinishedSpan;

/// Keeps finished spans in memory, without a limit. Clones share what they keep.
///
/// # Examples
///
/// ```
/// use spandrel::Tracer;
/// use spandrel::reporter::InMemoryReporter;
///
/// let reporter = InMemoryReporter::new();
/// let tracer = Tracer::builder("test").reporter(reporter.clone()).build();
/// tracer.start_span("get").finish();
/// assert_eq!(reporter.spans()[0].operation_name(), "get");
/// ```
#[derive(Clone, Debug, Default)]
pub struct InMemoryReporter {
    spans: Arc<Mutex<Vec<FinishedSpan>>>,
}

impl InMemoryReporter {
    /// Makes one that holds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns copies of the spans, in the order they finished.
    #[must_use]
    pub fn spans(&self) -> Vec<FinishedSpan> {
        self.lock().clone()
    }

    /// Takes the spans out.
    #[must_use]
    pub fn take(&self) -> Vec<FinishedSpan> {
        std::mem::take(&mut *self.lock())
    }

    /// How many spans there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are no spans.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<FinishedSpan>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for InMemoryReporter {
    fn report(&self, span: FinishedSpan) {
        self.lock().push(span);
    }
}
