//! Spans that have not finished yet.
//!
//! No call here fails, panics or waits for anything but another call on the same span. What
//! cannot be done (a tag after the finish, a log too many) is left out and counted.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use spandrel_model::{SpanId, TraceId};

use crate::clock::{self, Stamp};
use crate::context::{Extra, Sampling, SpanContext};
use crate::log::{Log, LogRecord};
use crate::pool;
use crate::record::{FinishedSpan, Record};
use crate::scope::{Context, Scope};
use crate::tracer::Tracer;
use crate::value::{Tag, TagValue};
use crate::{failure, tags};

/// A span: one timed piece of work. It finishes when it is dropped, or with [`Span::finish`].
///
/// Made with [`Tracer::span`]. It is owned and `Send`: whoever holds it decides when the work
/// ends. All that can be said about it is in [`SpanRef`], to which it dereferences.
///
/// A span that is dropped while its thread panics is marked as failed.
#[derive(Debug)]
#[must_use = "a span that is not held finishes at once"]
pub struct Span {
    handle: SpanRef,
}

/// A handle to a span: for tags, logs, baggage and children, from any thread.
///
/// It does not keep the span from finishing; after that, what is said through it is left out.
#[derive(Clone)]
pub struct SpanRef {
    live: Option<Arc<Live>>,
}

/// A span while it is open.
pub(crate) struct Live {
    pub(crate) tracer: Tracer,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent_id: Option<SpanId>,
    pub(crate) start: Start,
    sampling: AtomicU8,
    is_finished: AtomicBool,
    has_extra: AtomicBool,
    state: Mutex<State>,
}

/// When a span started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) wall_ns: u64,
    /// `None` when the program gave the start, which only the wall's clock can measure from.
    pub(crate) monotonic_ns: Option<u64>,
}

pub(crate) struct State {
    pub(crate) record: Option<Box<Record>>,
    pub(crate) extra: Option<Arc<Extra>>,
}

impl Live {
    pub(crate) fn new(tracer: Tracer, context: &SpanContext, start: Start, state: State) -> Self {
        Self {
            tracer,
            trace_id: context.trace_id,
            span_id: context.span_id,
            parent_id: context.parent_id,
            start,
            sampling: AtomicU8::new(context.sampling.bits()),
            is_finished: AtomicBool::new(false),
            has_extra: AtomicBool::new(state.extra.is_some()),
            state: Mutex::new(state),
        }
    }

    /// Lets go of what the span held, when no handle is left.
    pub(crate) fn let_go(&mut self) {
        self.tracer = Tracer::noop();
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        *state = State { record: None, extra: None };
    }

    fn sampling(&self) -> Sampling {
        Sampling::from_bits(self.sampling.load(Ordering::Relaxed))
    }

    /// Whether tags and logs are of use: else nothing is even converted.
    fn is_recording(&self) -> bool {
        if self.is_finished.load(Ordering::Relaxed) {
            self.tracer.count_use_after_finish();
            return false;
        }
        self.sampling().is_sampled() || self.tracer.records_unsampled()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn extra(&self) -> Option<Arc<Extra>> {
        let has_extra = self.has_extra.load(Ordering::Acquire);
        if has_extra { self.state().extra.clone() } else { None }
    }

    fn context(&self) -> SpanContext {
        self.context_with(self.extra())
    }

    fn context_with(&self, extra: Option<Arc<Extra>>) -> SpanContext {
        SpanContext {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_id: self.parent_id,
            sampling: self.sampling(),
            is_remote: false,
            is_noop: false,
            extra,
        }
    }

    /// Converts a reading of the clock to the wall's time as this span counts it.
    fn wall_ns(&self, stamp: Stamp) -> u64 {
        match self.start.monotonic_ns {
            Some(start_ns) => {
                let elapsed_ns = stamp.monotonic_ns.saturating_sub(start_ns);
                self.start.wall_ns.saturating_add(elapsed_ns)
            }
            None => stamp.wall_ns,
        }
    }

    /// Finishes the span while others may still hold handles to it.
    fn finish(&self, time: Option<SystemTime>) {
        if !self.is_finished.swap(true, Ordering::AcqRel) && self.is_reported() {
            let record = self.state().record.take();
            let extra = self.extra();
            self.report(record, extra, time);
        }
    }

    /// Finishes the span when nobody else holds it: no lock is needed.
    fn finish_alone(&mut self) {
        if !*self.is_finished.get_mut() && self.is_reported() {
            let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
            let (record, extra) = (state.record.take(), state.extra.take());
            self.report(record, extra, None);
        }
    }

    fn is_open(&self) -> bool {
        !self.is_finished.load(Ordering::Relaxed)
    }

    fn is_reported(&self) -> bool {
        self.sampling().is_sampled() || self.tracer.records_unsampled()
    }

    fn report(
        &self,
        record: Option<Box<Record>>,
        extra: Option<Arc<Extra>>,
        time: Option<SystemTime>,
    ) {
        let Some(mut record) = record else { return };
        let end_ns = match time {
            Some(time) => clock::wall_ns(time),
            None => self.wall_ns(self.tracer.now()),
        };
        record.start_ns = self.start.wall_ns;
        record.duration_ns = end_ns.saturating_sub(self.start.wall_ns);
        record.context = self.context_with(extra);
        self.tracer.report(FinishedSpan(record));
    }

    /// What the tag `sampling.priority` asks for; it is not kept as a tag.
    fn set_priority(&self, value: &TagValue) {
        if let Some(sampling) = sampling_of_priority(value) {
            self.sampling.store(sampling.bits(), Ordering::Relaxed);
        }
    }
}

/// Reads a value of the tag `sampling.priority`.
pub(crate) const fn sampling_of_priority(value: &TagValue) -> Option<Sampling> {
    match value {
        TagValue::Int(..=0) | TagValue::Bool(false) => Some(Sampling::Drop),
        TagValue::Int(_) | TagValue::Bool(true) => Some(Sampling::Debug),
        _ => None,
    }
}

impl SpanRef {
    pub(crate) const fn noop() -> Self {
        Self { live: None }
    }

    pub(crate) fn of(live: Arc<Live>) -> Self {
        Self { live: Some(live) }
    }

    pub(crate) fn live(&self) -> Option<&Arc<Live>> {
        self.live.as_ref()
    }

    /// Returns the span's identity as it is now: setting baggage makes a new one.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        self.live.as_ref().map_or_else(SpanContext::noop, |live| live.context())
    }

    /// Returns the id of the trace.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.live.as_ref().map_or_else(|| SpanContext::noop().trace_id, |live| live.trace_id)
    }

    /// Returns the id of the span.
    #[must_use]
    pub fn span_id(&self) -> SpanId {
        self.live.as_ref().map_or_else(|| SpanContext::noop().span_id, |live| live.span_id)
    }

    /// Returns the tracer that made the span.
    #[must_use]
    pub fn tracer(&self) -> Tracer {
        self.live.as_ref().map_or_else(Tracer::noop, |live| live.tracer.clone())
    }

    /// Whether tags and logs are recorded: the span is sampled and has not finished.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.live.as_ref().is_some_and(|live| {
            !live.is_finished.load(Ordering::Relaxed)
                && (live.sampling().is_sampled() || live.tracer.records_unsampled())
        })
    }

    /// Whether the span has finished.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.is_finished.load(Ordering::Relaxed))
    }

    /// Sets a tag, over an older one of the same key. The tag `sampling.priority` is taken as a
    /// request: above zero keeps the trace from here on, zero drops it.
    pub fn set_tag(&self, key: impl Into<Cow<'static, str>>, value: impl Into<TagValue>) -> &Self {
        let Some(live) = &self.live else { return self };
        if live.is_recording() {
            let tag = Tag::new(key, value);
            if tag.key == tags::SAMPLING_PRIORITY {
                live.set_priority(&tag.value);
            } else if let Some(record) = &mut live.state().record {
                record.set_tag(tag);
            }
        }
        self
    }

    /// Changes the operation's name.
    pub fn set_operation_name(&self, name: impl Into<Cow<'static, str>>) -> &Self {
        if let Some(live) = self.live.as_ref().filter(|live| live.is_recording())
            && let Some(record) = &mut live.state().record
        {
            record.operation_name = name.into();
        }
        self
    }

    /// Logs what happened, now unless the log says when.
    pub fn log(&self, log: impl Into<Log>) -> &Self {
        let Some(live) = &self.live else { return self };
        if live.is_recording() {
            let (time, fields) = log.into().into_parts();
            let time_ns = match time {
                Some(time) => clock::wall_ns(time),
                None => live.wall_ns(live.tracer.now()),
            };
            if let Some(record) = &mut live.state().record {
                record.push_log(LogRecord { time_ns, fields });
            }
        }
        self
    }

    /// Records that the work failed: sets the tag `error`, and logs the error's type, its
    /// message and the chain of its sources.
    ///
    /// # Examples
    ///
    /// ```
    /// use spandrel::mock::MockTracer;
    ///
    /// let tracer = MockTracer::new();
    /// let span = tracer.start_span("parse");
    /// if let Err(error) = "x".parse::<u32>() {
    ///     span.set_error(&error);
    /// }
    /// span.finish();
    /// assert!(tracer.finished_spans()[0].is_error());
    /// ```
    pub fn set_error<E: Error + ?Sized>(&self, error: &E) -> &Self {
        if self.is_recording() {
            self.set_tag(tags::ERROR, true).log(failure::log_of(error));
        }
        self
    }

    /// Sets an item of baggage, which rides to all later children, here and in other processes.
    /// One that does not fit (see [`Baggage::set`](crate::Baggage::set)) is left out and counted.
    #[expect(clippy::must_use_candidate, reason = "returns itself for chaining, as set_tag does")]
    pub fn set_baggage_item(&self, key: &str, value: &str) -> &Self {
        let Some(live) = &self.live else { return self };
        let mut state = live.state();
        let mut extra = state.extra.as_deref().cloned().unwrap_or_default();
        if extra.baggage.set(key, value) {
            state.extra = extra.into_shared();
            live.has_extra.store(true, Ordering::Release);
        } else {
            live.tracer.count_baggage_dropped();
        }
        self
    }

    /// Returns an item of the baggage.
    #[must_use]
    pub fn baggage_item(&self, key: &str) -> Option<String> {
        self.context().baggage_item(key).map(str::to_owned)
    }

    /// Makes the span the active one of this thread until the guard is dropped. That does not
    /// finish the span.
    ///
    /// In async code use [`InSpan::in_span`](crate::InSpan::in_span) instead: a guard that lives
    /// across an await would stay on the wrong thread, and the compiler refuses to send it.
    pub fn activate(&self) -> Scope {
        Context::of(self.clone()).activate()
    }
}

impl Drop for SpanRef {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            pool::unshare(live, |_| ());
        }
    }
}

impl fmt::Debug for SpanRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SpanRef").field(&self.context()).finish()
    }
}

impl Span {
    pub(crate) const fn of(handle: SpanRef) -> Self {
        Self { handle }
    }

    /// Makes a span of no tracer, which does nothing.
    pub const fn noop() -> Self {
        Self { handle: SpanRef::noop() }
    }

    /// Returns a handle, for whoever speaks about the span without ending it.
    #[must_use]
    pub fn handle(&self) -> SpanRef {
        self.handle.clone()
    }

    /// Makes the span the active one of this thread, until the guard is dropped, which finishes
    /// the span too.
    pub fn enter(self) -> EnteredSpan {
        EnteredSpan { scope: Some(self.activate()), span: self }
    }

    /// Finishes the span now.
    pub fn finish(self) {
        drop(self);
    }

    /// Finishes the span as of another time than now.
    pub fn finish_at(self, time: SystemTime) {
        if let Some(live) = self.handle.live() {
            live.finish(Some(time));
        }
    }
}

impl Deref for Span {
    type Target = SpanRef;

    fn deref(&self) -> &SpanRef {
        &self.handle
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if std::thread::panicking() && self.handle.live().is_some_and(|live| live.is_open()) {
            self.handle.set_tag(tags::ERROR, true).log(failure::log_of_panic());
        }
        if let Some(live) = self.handle.live.take()
            && let Some(shared) = pool::unshare(live, Live::finish_alone)
        {
            shared.finish(None);
        }
    }
}

/// A span that is active on this thread, and finishes when this guard is dropped.
///
/// Made with [`Span::enter`] or [`SpanBuilder::enter`](crate::SpanBuilder::enter).
#[derive(Debug)]
#[must_use = "a span that is not held finishes at once"]
pub struct EnteredSpan {
    scope: Option<Scope>,
    span: Span,
}

impl EnteredSpan {
    /// Ends the activity on this thread and returns the span, which goes on.
    pub fn exit(mut self) -> Span {
        self.scope = None;
        std::mem::replace(&mut self.span, Span::noop())
    }
}

impl Deref for EnteredSpan {
    type Target = SpanRef;

    fn deref(&self) -> &SpanRef {
        &self.span
    }
}

impl Drop for EnteredSpan {
    fn drop(&mut self) {
        self.scope = None;
    }
}
