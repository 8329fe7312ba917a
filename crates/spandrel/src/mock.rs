//! A tracer for tests, after OpenTracing's MockTracer.
//!
//! Its ids count up from 43, it keeps all its spans, and it propagates under headers of its own
//! (`mockpfx-ids-traceid` and so on).

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use spandrel_model::{SpanId, TraceId};

use crate::baggage::Baggage;
use crate::context::{Sampling, SpanContext};
use crate::ids::CountingIds;
use crate::propagation::{ExtractCarrier, Extracted, InjectCarrier, Propagator};
use crate::record::FinishedSpan;
use crate::reporter::InMemoryReporter;
use crate::sampler::{Sampler, SamplingDecision, SamplingRequest};
use crate::span::SpanRef;
use crate::tracer::{StartObserver, Tracer, TracerBuilder};

const TRACE_ID: &str = "mockpfx-ids-traceid";
const SPAN_ID: &str = "mockpfx-ids-spanid";
const SAMPLED: &str = "mockpfx-ids-sampled";
const BAGGAGE_PREFIX: &str = "mockpfx-baggage-";

/// The first id of a mock tracer.
const FIRST_ID: u64 = 43;

/// A tracer that keeps what it made, for assertions. It dereferences to [`Tracer`].
///
/// # Examples
///
/// ```
/// use spandrel::mock::MockTracer;
///
/// let tracer = MockTracer::new();
/// let parent = tracer.start_span("parent");
/// tracer.span("child").child_of(&parent).tag("answer", 42).start().finish();
///
/// let finished = tracer.finished_spans();
/// assert_eq!(finished[0].operation_name(), "child");
/// assert_eq!(finished[0].tag("answer"), Some(&42.into()));
/// assert_eq!(tracer.unfinished_spans().len(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct MockTracer {
    tracer: Tracer,
    reporter: InMemoryReporter,
    started: Started,
}

#[derive(Clone, Debug, Default)]
struct Started(Arc<Mutex<Vec<SpanRef>>>);

impl StartObserver for Started {
    fn started(&self, span: &SpanRef) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(span.clone());
    }
}

/// Keeps every trace, without a word on the spans.
struct KeepAll;

impl Sampler for KeepAll {
    fn sample(&self, _request: &SamplingRequest<'_>) -> SamplingDecision {
        SamplingDecision::new(true)
    }
}

impl MockTracer {
    /// Makes a mock tracer of a service called `mock`.
    #[must_use]
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// Makes a mock tracer that differs in what `configure` sets. It keeps its spans whatever
    /// the reporter.
    #[must_use]
    pub fn with(configure: impl FnOnce(TracerBuilder) -> TracerBuilder) -> Self {
        let (reporter, started) = (InMemoryReporter::new(), Started::default());
        let builder = Tracer::builder("mock")
            .ids(CountingIds::from(FIRST_ID))
            .trace_id_128_bit(false)
            .describe_process(false)
            .sampler(KeepAll)
            .propagator(MockPropagator);
        let builder = configure(builder).reporter(reporter.clone()).observed(started.clone());
        Self { tracer: builder.build(), reporter, started }
    }

    /// Returns the tracer itself, for code that owns one.
    #[must_use]
    pub fn tracer(&self) -> Tracer {
        self.tracer.clone()
    }

    /// Returns the finished spans, in the order they finished.
    #[must_use]
    pub fn finished_spans(&self) -> Vec<FinishedSpan> {
        self.reporter.spans()
    }

    /// Returns the spans that have not finished, in the order they started.
    #[must_use]
    pub fn unfinished_spans(&self) -> Vec<SpanRef> {
        let mut started = self.started.0.lock().unwrap_or_else(PoisonError::into_inner);
        started.retain(|span| !span.is_finished());
        started.clone()
    }

    /// Forgets all spans.
    pub fn reset(&self) {
        self.started.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
        drop(self.reporter.take());
    }
}

impl Default for MockTracer {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for MockTracer {
    type Target = Tracer;

    fn deref(&self) -> &Tracer {
        &self.tracer
    }
}

/// The mock tracer's propagation: ids in decimal, under headers of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct MockPropagator;

impl Propagator for MockPropagator {
    fn inject(&self, context: &SpanContext, carrier: &mut dyn InjectCarrier) {
        carrier.set(TRACE_ID, &context.trace_id().get().to_string());
        carrier.set(SPAN_ID, &context.span_id().get().to_string());
        carrier.set(SAMPLED, if context.is_sampled() { "true" } else { "false" });
        for (key, value) in context.baggage().iter() {
            carrier.set(&format!("{BAGGAGE_PREFIX}{key}"), value);
        }
    }

    fn extract(&self, carrier: &dyn ExtractCarrier) -> Extracted {
        let (mut trace_id, mut span_id, mut is_sampled) = (None, None, false);
        let mut baggage = Baggage::default();
        carrier.entries(&mut |key, value| {
            let key = key.to_ascii_lowercase();
            match (key.as_str(), key.strip_prefix(BAGGAGE_PREFIX)) {
                (TRACE_ID, _) => trace_id = value.parse().ok().and_then(TraceId::new),
                (SPAN_ID, _) => span_id = value.parse().ok().and_then(SpanId::new),
                (SAMPLED, _) => is_sampled = value == "true",
                (_, Some(key)) => {
                    baggage.set(key, value);
                }
                _ => {}
            }
        });
        let sampling = if is_sampled { Sampling::Keep } else { Sampling::Drop };
        match trace_id.zip(span_id) {
            Some((trace_id, span_id)) => {
                SpanContext::remote(trace_id, span_id, sampling).with_baggage(baggage).into()
            }
            None => Extracted { baggage, ..Extracted::default() },
        }
    }
}
