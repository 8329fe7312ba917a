//! The tracer: what a program makes its spans with.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use spandrel_model::{Address, SpanId, TraceId};

use crate::builder::Referent;
use crate::builder::SpanBuilder;
use crate::clock::{Clock, Stamp, SystemClock};
use crate::context::SpanContext;
use crate::ids::{self, IdSource, RandomIds};
use crate::process;
use crate::propagation::{self, Composite, ExtractCarrier, Extracted, InjectCarrier, Propagator};
use crate::record::{FinishedSpan, Process};
use crate::reporter::{NullReporter, Reporter, ReporterCounters, Unsent};
use crate::sampler::{ConstSampler, Sampler};
use crate::span::{Span, SpanRef};
use crate::value::{Tag, TagValue};

/// Makes spans for one service. Cheap to clone; all clones are the same tracer.
///
/// # Examples
///
/// ```
/// use spandrel::Tracer;
///
/// let tracer = Tracer::builder("frontend").build();
/// let span = tracer.start_span("get /users");
/// let child = tracer.span("query").child_of(&span).tag("db.type", "sql").start();
/// child.finish();
/// ```
#[derive(Clone)]
pub struct Tracer {
    inner: Option<Arc<Inner>>,
}

pub(crate) struct Inner {
    pub(crate) process: Arc<Process>,
    pub(crate) sampler: Box<dyn Sampler>,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) shared_rpc_span: bool,
    pub(crate) records_unsampled: bool,
    reporter: Box<dyn Reporter>,
    propagator: Box<dyn Propagator>,
    ids: Box<dyn IdSource>,
    has_128_bit_trace_ids: bool,
    on_start: Option<Box<dyn StartObserver>>,
    counters: Counters,
}

/// Hears of every start, for the mock tracer.
pub(crate) trait StartObserver: Send + Sync {
    fn started(&self, span: &SpanRef);
}

#[derive(Debug, Default)]
struct Counters {
    uses_after_finish: AtomicU64,
    baggage_dropped: AtomicU64,
    headers_corrupted: AtomicU64,
}

/// What went wrong quietly, since the tracer was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TracerCounters {
    /// Calls on spans that had finished.
    pub uses_after_finish: u64,
    /// Items of baggage that did not fit.
    pub baggage_dropped: u64,
    /// Incoming headers that could not be read.
    pub headers_corrupted: u64,
}

impl Tracer {
    /// Starts to describe a tracer for the service of this name.
    pub fn builder(service_name: impl Into<String>) -> TracerBuilder {
        TracerBuilder::new(service_name.into())
    }

    /// Makes a tracer that does nothing, at next to no cost: it injects nothing, extracts
    /// nothing, and its spans have no trace.
    #[must_use]
    pub const fn noop() -> Self {
        Self { inner: None }
    }

    /// Whether the tracer does nothing.
    #[must_use]
    pub const fn is_noop(&self) -> bool {
        self.inner.is_none()
    }

    /// Describes a span that is about to start.
    pub fn span(&self, operation_name: impl Into<Cow<'static, str>>) -> SpanBuilder<'_> {
        SpanBuilder::new(self, operation_name.into())
    }

    /// Starts a span: a child of the thread's active one, or the first of a new trace.
    pub fn start_span(&self, operation_name: impl Into<Cow<'static, str>>) -> Span {
        if self.is_noop() {
            return Span::noop();
        }
        self.span(operation_name).start()
    }

    /// Writes the identity of a span to the headers of an outgoing request or message.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use spandrel::Tracer;
    ///
    /// let tracer = Tracer::builder("frontend").build();
    /// let span = tracer.start_span("get");
    /// let mut headers = HashMap::new();
    /// tracer.inject(&span, &mut headers);
    ///
    /// let inbound = tracer.extract(&headers);
    /// assert_eq!(inbound.span_context().map(|context| context.span_id()), Some(span.span_id()));
    /// ```
    pub fn inject(&self, span: &(impl Referent + ?Sized), carrier: &mut dyn InjectCarrier) {
        if let Some((inner, context)) = self.injectable(span) {
            inner.propagator.inject(&context, carrier);
        }
    }

    /// Reads the headers of an incoming request or message. What cannot be read is absent.
    #[must_use]
    pub fn extract(&self, carrier: &dyn ExtractCarrier) -> Extracted {
        self.inner.as_ref().map_or_else(Extracted::default, |inner| {
            inner.checked(inner.propagator.extract(carrier))
        })
    }

    /// Returns the identity of a span as one blob, empty for a noop span.
    #[must_use]
    pub fn inject_binary(&self, span: &(impl Referent + ?Sized)) -> Vec<u8> {
        let injectable = self.injectable(span);
        injectable.map_or_else(Vec::new, |(_, context)| propagation::to_binary(&context))
    }

    /// Reads what [`Tracer::inject_binary`] wrote. What cannot be read is absent.
    #[must_use]
    pub fn extract_binary(&self, blob: &[u8]) -> Extracted {
        self.inner
            .as_ref()
            .map_or_else(Extracted::default, |inner| inner.checked(propagation::from_binary(blob)))
    }

    fn injectable(&self, span: &(impl Referent + ?Sized)) -> Option<(&Inner, SpanContext)> {
        let context = span.span_context().filter(|context| !context.is_noop)?;
        Some((self.inner.as_deref()?, context))
    }

    /// Waits until every span that has finished by now is sent, or counted as dropped.
    ///
    /// # Errors
    ///
    /// Says what was not sent when `timeout` was over, or was dropped meanwhile.
    pub fn flush(&self, timeout: Duration) -> Result<(), Unsent> {
        self.inner.as_ref().map_or(Ok(()), |inner| inner.reporter.flush(timeout))
    }

    /// Flushes, and ends the reporter's work: spans that finish later are dropped and counted.
    ///
    /// # Errors
    ///
    /// Says what was not sent when `timeout` was over, or was dropped meanwhile.
    pub fn close(&self, timeout: Duration) -> Result<(), Unsent> {
        self.inner.as_ref().map_or(Ok(()), |inner| inner.reporter.close(timeout))
    }

    /// Returns what went wrong quietly.
    #[must_use]
    pub fn counters(&self) -> TracerCounters {
        let Some(Inner { counters, .. }) = self.inner.as_deref() else {
            return TracerCounters::default();
        };
        TracerCounters {
            uses_after_finish: counters.uses_after_finish.load(Ordering::Relaxed),
            baggage_dropped: counters.baggage_dropped.load(Ordering::Relaxed),
            headers_corrupted: counters.headers_corrupted.load(Ordering::Relaxed),
        }
    }

    /// Returns the account of the spans that were handed to the reporter.
    #[must_use]
    pub fn reporter_counters(&self) -> ReporterCounters {
        let inner = self.inner.as_ref();
        inner.map_or_else(ReporterCounters::default, |inner| inner.reporter.counters())
    }

    /// Returns the description of the program; `None` for a noop tracer.
    #[must_use]
    pub fn process(&self) -> Option<&Process> {
        self.inner.as_ref().map(|inner| &*inner.process)
    }

    pub(crate) fn inner(&self) -> Option<&Inner> {
        self.inner.as_deref()
    }

    pub(crate) fn now(&self) -> Stamp {
        let now = self.inner.as_ref().map(|inner| inner.clock.now());
        now.unwrap_or_default()
    }

    pub(crate) fn records_unsampled(&self) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.records_unsampled)
    }

    pub(crate) fn report(&self, span: FinishedSpan) {
        if let Some(inner) = &self.inner {
            inner.reporter.report(span);
        }
    }

    pub(crate) fn count_use_after_finish(&self) {
        if let Some(inner) = &self.inner {
            inner.counters.uses_after_finish.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_baggage_dropped(&self) {
        if let Some(inner) = &self.inner {
            inner.counters.baggage_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Inner {
    pub(crate) fn next_trace_id(&self) -> (TraceId, SpanId) {
        ids::next_trace_id(&*self.ids, self.has_128_bit_trace_ids)
    }

    pub(crate) fn next_span_id(&self) -> SpanId {
        ids::next_span_id(&*self.ids)
    }

    pub(crate) fn started(&self, span: &SpanRef) {
        if let Some(observer) = &self.on_start {
            observer.started(span);
        }
    }

    fn checked(&self, extracted: Extracted) -> Extracted {
        if extracted.error.is_some() {
            self.counters.headers_corrupted.fetch_add(1, Ordering::Relaxed);
        }
        extracted
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service_name = self.process().map(|process| &process.service_name);
        f.debug_struct("Tracer").field("service_name", &service_name).finish_non_exhaustive()
    }
}

/// Describes a tracer. Made with [`Tracer::builder`].
///
/// Unless told otherwise it keeps every trace, reports nowhere, propagates as
/// [`Composite::default`] says, makes random ids and asks the system's clock.
#[must_use = "a tracer is made with build()"]
pub struct TracerBuilder {
    process: Process,
    sampler: Box<dyn Sampler>,
    reporter: Box<dyn Reporter>,
    propagator: Box<dyn Propagator>,
    clock: Box<dyn Clock>,
    ids: Box<dyn IdSource>,
    shared_rpc_span: bool,
    has_128_bit_trace_ids: bool,
    records_unsampled: bool,
    describes_process: bool,
    on_start: Option<Box<dyn StartObserver>>,
}

impl TracerBuilder {
    fn new(service_name: String) -> Self {
        Self {
            process: Process { service_name, ..Process::default() },
            sampler: Box::new(ConstSampler::new(true)),
            reporter: Box::new(NullReporter),
            propagator: Box::new(Composite::default()),
            clock: Box::new(SystemClock::new()),
            ids: Box::new(RandomIds),
            shared_rpc_span: false,
            has_128_bit_trace_ids: true,
            records_unsampled: false,
            describes_process: true,
            on_start: None,
        }
    }

    /// Sets which traces are kept.
    pub fn sampler(mut self, sampler: impl Sampler) -> Self {
        self.sampler = Box::new(sampler);
        self
    }

    /// Sets where finished spans go.
    pub fn reporter(mut self, reporter: impl Reporter) -> Self {
        self.reporter = Box::new(reporter);
        self
    }

    /// Sets the format of propagation, or several as a [`Composite`].
    pub fn propagator(mut self, propagator: impl Propagator) -> Self {
        self.propagator = Box::new(propagator);
        self
    }

    /// Sets the clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Sets where new ids come from.
    pub fn ids(mut self, ids: impl IdSource) -> Self {
        self.ids = Box::new(ids);
        self
    }

    /// Adds a tag that describes the program.
    pub fn process_tag(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<TagValue>,
    ) -> Self {
        self.process.tags.push(Tag::new(key, value));
        self
    }

    /// Whether the tags `spandrel.version` and `hostname`, and the address, are found out where
    /// they are not set. Unless set, they are.
    pub const fn describe_process(mut self, is_described: bool) -> Self {
        self.describes_process = is_described;
        self
    }

    /// Sets the address at which the program can be reached.
    pub const fn address(mut self, address: Address) -> Self {
        self.process.address = address;
        self
    }

    /// Whether a server's span takes over the id of the client's, as Zipkin's own clients do and
    /// Jaeger's `ZipkinSharedRPCSpan` does. Off unless set.
    pub const fn shared_rpc_span(mut self, is_shared: bool) -> Self {
        self.shared_rpc_span = is_shared;
        self
    }

    /// Whether new traces get ids of 128 bits (unless set, yes) or of 64.
    pub const fn trace_id_128_bit(mut self, is_128_bit: bool) -> Self {
        self.has_128_bit_trace_ids = is_128_bit;
        self
    }

    pub(crate) fn observed(mut self, observer: impl StartObserver + 'static) -> Self {
        self.on_start = Some(Box::new(observer));
        self.records_unsampled = true;
        self
    }

    /// Makes the tracer.
    #[must_use]
    pub fn build(mut self) -> Tracer {
        if self.describes_process {
            process::describe(&mut self.process);
        }
        let inner = Arc::new(Inner {
            process: Arc::new(self.process),
            sampler: self.sampler,
            clock: self.clock,
            shared_rpc_span: self.shared_rpc_span,
            records_unsampled: self.records_unsampled,
            reporter: self.reporter,
            propagator: self.propagator,
            ids: self.ids,
            has_128_bit_trace_ids: self.has_128_bit_trace_ids,
            on_start: self.on_start,
            counters: Counters::default(),
        });
        Tracer { inner: Some(inner) }
    }
}

impl fmt::Debug for TracerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracerBuilder").field("process", &self.process).finish_non_exhaustive()
    }
}
