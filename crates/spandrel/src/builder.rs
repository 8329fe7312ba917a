//! How a span starts: its name, what it refers to, and its first tags.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use spandrel_model::SpanKind;

use crate::clock::{self, Stamp};
use crate::context::{Extra, Reference, ReferenceKind, Sampling, SpanContext};
use crate::pool;
use crate::propagation::Extracted;
use crate::record::{FinishedSpan, REFERENCES_LEN_MAX, Record, kind_name, kind_of};
use crate::sampler::SamplingRequest;
use crate::scope::{self, Context};
use crate::span::{EnteredSpan, Live, Span, SpanRef, Start, State, sampling_of_priority};
use crate::tags;
use crate::tracer::{Inner, Tracer};
use crate::value::{Tag, TagValue};

/// What a new span can refer to: a [`Span`], [`SpanRef`], [`SpanContext`], [`Context`] or
/// [`Extracted`], or an `Option` of one.
pub trait Referent: sealed::Sealed {}

impl<R: sealed::Sealed + ?Sized> Referent for R {}

mod sealed {
    use super::{Context, Extracted, Span, SpanContext, SpanRef};
    use crate::span::EnteredSpan;

    pub trait Sealed {
        fn span_context(&self) -> Option<SpanContext>;

        /// What was said about a trace without naming a span of it.
        fn hints(&self) -> Option<&Extracted> {
            None
        }
    }

    impl Sealed for SpanContext {
        fn span_context(&self) -> Option<SpanContext> {
            Some(self.clone())
        }
    }

    impl Sealed for SpanRef {
        fn span_context(&self) -> Option<SpanContext> {
            Some(self.context())
        }
    }

    impl Sealed for Span {
        fn span_context(&self) -> Option<SpanContext> {
            Some(self.context())
        }
    }

    impl Sealed for EnteredSpan {
        fn span_context(&self) -> Option<SpanContext> {
            Some(self.context())
        }
    }

    impl Sealed for Context {
        fn span_context(&self) -> Option<SpanContext> {
            self.span().map(SpanRef::context)
        }
    }

    impl Sealed for Extracted {
        fn span_context(&self) -> Option<SpanContext> {
            self.context.clone()
        }

        fn hints(&self) -> Option<&Extracted> {
            Some(self)
        }
    }

    impl<R: Sealed> Sealed for Option<R> {
        fn span_context(&self) -> Option<SpanContext> {
            self.as_ref()?.span_context()
        }

        fn hints(&self) -> Option<&Extracted> {
            self.as_ref()?.hints()
        }
    }

    impl<R: Sealed + ?Sized> Sealed for &R {
        fn span_context(&self) -> Option<SpanContext> {
            (**self).span_context()
        }

        fn hints(&self) -> Option<&Extracted> {
            (**self).hints()
        }
    }
}

/// A span that is about to start. Made with [`Tracer::span`].
///
/// Without any reference the span becomes a child of the thread's active span; without that,
/// the first of a new trace. A call of [`child_of`](Self::child_of) or
/// [`follows_from`](Self::follows_from) switches this off, also when it names nothing.
#[must_use = "a span starts with start()"]
pub struct SpanBuilder<'t> {
    tracer: &'t Tracer,
    operation_name: Cow<'static, str>,
    references: Vec<Reference>,
    parent: Option<Reference>,
    hints: Option<Box<Extracted>>,
    /// Where the tags are, once there are any: taken from the spares, and given back when the
    /// span turns out not to be sampled.
    record: Option<Box<Record>>,
    priority: Option<Sampling>,
    start_time: Option<SystemTime>,
    ignores_active_span: bool,
}

impl<'t> SpanBuilder<'t> {
    pub(crate) const fn new(tracer: &'t Tracer, operation_name: Cow<'static, str>) -> Self {
        Self {
            tracer,
            operation_name,
            references: Vec::new(),
            parent: None,
            hints: None,
            record: None,
            priority: None,
            start_time: None,
            ignores_active_span: false,
        }
    }

    /// Makes the span a child of another. The first call names the parent.
    pub fn child_of(self, other: &(impl Referent + ?Sized)) -> Self {
        self.refer(ReferenceKind::ChildOf, other)
    }

    /// Says that another span caused this one and does not wait for it. It names the parent
    /// where no [`child_of`](Self::child_of) does.
    pub fn follows_from(self, other: &(impl Referent + ?Sized)) -> Self {
        self.refer(ReferenceKind::FollowsFrom, other)
    }

    fn refer(mut self, kind: ReferenceKind, other: &(impl Referent + ?Sized)) -> Self {
        self.ignores_active_span = true;
        if let Some(hints) = other.hints().filter(|hints| hints.context.is_none()) {
            self.hints.get_or_insert_with(|| Box::new(hints.clone()));
        }
        let Some(context) = other.span_context().filter(|context| !context.is_noop) else {
            return self;
        };
        let reference = Reference { kind, context };
        match &self.parent {
            None => self.parent = Some(reference),
            Some(parent) if is_better_parent(kind, parent.kind) => {
                let earlier = self.parent.replace(reference);
                self.references.extend(earlier);
            }
            Some(_) if self.references.len() < REFERENCES_LEN_MAX => {
                self.references.push(reference);
            }
            Some(_) => {}
        }
        self
    }

    /// Does not make the span a child of the thread's active span.
    pub const fn ignore_active_span(mut self) -> Self {
        self.ignores_active_span = true;
        self
    }

    /// Says which side of a call the span is.
    pub fn kind(self, kind: SpanKind) -> Self {
        self.tag(tags::SPAN_KIND, TagValue::from_static(kind_name(kind)))
    }

    /// Sets a tag.
    pub fn tag(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<TagValue>) -> Self {
        if self.tracer.is_noop() {
            return self;
        }
        let tag = Tag::new(key, value);
        if tag.key == tags::SAMPLING_PRIORITY {
            self.priority = sampling_of_priority(&tag.value).or(self.priority);
        } else {
            self.record.get_or_insert_with(pool::take_record).set_tag(tag);
        }
        self
    }

    /// Says when the span started, where that is not now.
    pub const fn start_time(mut self, time: SystemTime) -> Self {
        self.start_time = Some(time);
        self
    }

    /// Starts the span and makes it the active one of this thread until the guard is dropped.
    pub fn enter(self) -> EnteredSpan {
        self.start().enter()
    }

    /// Starts the span.
    pub fn start(mut self) -> Span {
        let Some(inner) = self.tracer.inner() else { return Span::noop() };
        if !self.ignores_active_span {
            self.parent = active_parent();
        }
        let tracer = self.tracer.clone();
        let is_shared = self.joins_the_client_half(inner);
        let mut context = self.identify(inner, is_shared);
        self.decide(&mut context);
        // Of a span that is dropped upstream nobody asks the time.
        let is_undecided = context.sampling == Sampling::Undecided;
        let is_timed = is_undecided || context.is_sampled() || inner.records_unsampled;
        let stamp = if is_timed { inner.clock.now() } else { Stamp::default() };
        if is_undecided {
            self.ask_sampler(inner, &mut context, stamp.monotonic_ns);
        }
        let start = match self.start_time {
            Some(time) => Start { wall_ns: clock::wall_ns(time), monotonic_ns: None },
            None => Start { wall_ns: stamp.wall_ns, monotonic_ns: Some(stamp.monotonic_ns) },
        };
        let extra = context.extra.clone();
        let record = if context.is_sampled() || inner.records_unsampled {
            Some(self.into_record(inner, is_shared))
        } else {
            if let Some(record) = self.record {
                pool::recycle(FinishedSpan(record));
            }
            None
        };
        let live = Live::new(tracer, &context, start, State { record, extra });
        let handle = SpanRef::of(pool::share(live));
        inner.started(&handle);
        Span::of(handle)
    }

    /// Whether the span takes over the id of the client's half, as Zipkin's own clients do.
    fn joins_the_client_half(&self, inner: &Inner) -> bool {
        let is_remote_child = self.parent.as_ref().is_some_and(|parent| {
            parent.kind == ReferenceKind::ChildOf && parent.context.is_remote
        });
        let is_server = || {
            let tags = self.record.iter().flat_map(|record| &record.tags);
            let kind = tags.into_iter().find(|tag| tag.key == tags::SPAN_KIND);
            kind.and_then(|tag| kind_of(tag.value.as_str()?)) == Some(SpanKind::Server)
        };
        inner.shared_rpc_span && is_remote_child && is_server()
    }

    fn identify(&self, inner: &Inner, is_shared: bool) -> SpanContext {
        let Some(Reference { context: parent, .. }) = &self.parent else {
            let (trace_id, span_id) = inner.next_trace_id();
            let baggage = self.hints.as_ref().map(|hints| hints.baggage.clone());
            let extra =
                baggage.and_then(|baggage| Extra { baggage, ..Extra::default() }.into_shared());
            let root = SpanContext::remote(trace_id, span_id, Sampling::Undecided);
            return SpanContext { is_remote: false, extra, ..root };
        };
        let mut context = parent.clone();
        context.is_remote = false;
        if !is_shared {
            context.span_id = inner.next_span_id();
            context.parent_id = Some(parent.span_id);
        }
        context
    }

    /// Decides about sampling as far as upstream did, or the program asks for.
    fn decide(&mut self, context: &mut SpanContext) {
        if let Some(hints) = self.hints.take()
            && context.sampling == Sampling::Undecided
        {
            context.sampling = hints.sampling;
            if let Some(debug_id) = &hints.debug_id {
                let record = self.record.get_or_insert_with(pool::take_record);
                record.set_tag(Tag::new("jaeger-debug-id", debug_id));
            }
        }
        context.sampling = self.priority.unwrap_or(context.sampling);
    }

    /// Decides about sampling where nobody has; a trace that is kept says why.
    fn ask_sampler(&mut self, inner: &Inner, context: &mut SpanContext, monotonic_ns: u64) {
        let name = self.operation_name.as_ref();
        let request = SamplingRequest::new(context.trace_id, name, monotonic_ns);
        let decision = inner.sampler.sample(&request);
        context.sampling = if decision.is_sampled { Sampling::Keep } else { Sampling::Drop };
        if let Some((sampler_type, param)) = decision.reason.filter(|_| decision.is_sampled) {
            let record = self.record.get_or_insert_with(pool::take_record);
            record.set_tag(Tag::new(tags::SAMPLER_TYPE, TagValue::from_static(sampler_type)));
            record.set_tag(Tag::new(tags::SAMPLER_PARAM, param));
            // The reason stands before what the program said.
            record.tags.rotate_right(2);
        }
    }

    fn into_record(self, inner: &Inner, is_shared: bool) -> Box<Record> {
        let mut record = self.record.unwrap_or_else(pool::take_record);
        record.is_shared = is_shared;
        record.is_first_in_process =
            self.parent.as_ref().is_none_or(|parent| parent.context.is_remote);
        record.operation_name = self.operation_name;
        // A spare record is most often of the same tracer: then counting references is saved.
        if !record.process.as_ref().is_some_and(|process| Arc::ptr_eq(process, &inner.process)) {
            record.process = Some(Arc::clone(&inner.process));
        }
        record.references.extend(self.parent);
        record.references.extend(self.references);
        record
    }
}

/// The first ChildOf is the parent, and where there is none, the first FollowsFrom.
fn is_better_parent(kind: ReferenceKind, than: ReferenceKind) -> bool {
    kind == ReferenceKind::ChildOf && than == ReferenceKind::FollowsFrom
}

fn active_parent() -> Option<Reference> {
    let context = scope::active_context()?;
    (!context.is_noop).then_some(Reference { kind: ReferenceKind::ChildOf, context })
}

impl std::fmt::Debug for SpanBuilder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpanBuilder")
            .field("operation_name", &self.operation_name)
            .field("parent", &self.parent)
            .finish_non_exhaustive()
    }
}
