//! What identifies a span to others: its ids, the sampling decision and the baggage.

use std::fmt;
use std::sync::Arc;

use spandrel_model::{SpanId, TraceId};

use crate::baggage::Baggage;

/// Whether a trace is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sampling {
    /// Nobody has decided: the next tracer's sampler will.
    #[default]
    Undecided,
    /// Its spans are not reported.
    Drop,
    /// Its spans are reported.
    Keep,
    /// Its spans are reported, and nobody downstream may drop them.
    Debug,
}

impl Sampling {
    /// Whether spans are reported under this decision.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        matches!(self, Self::Keep | Self::Debug)
    }

    pub(crate) const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Undecided,
            1 => Self::Drop,
            2 => Self::Keep,
            _ => Self::Debug,
        }
    }

    pub(crate) const fn bits(self) -> u8 {
        match self {
            Self::Undecided => 0,
            Self::Drop => 1,
            Self::Keep => 2,
            Self::Debug => 3,
        }
    }
}

/// The immutable identity of a span: what a child or another process needs to continue its trace.
///
/// Cheap to clone, `Send`, and of use after the span has finished. Its ids are never zero.
///
/// # Examples
///
/// ```
/// use spandrel::mock::MockTracer;
///
/// let tracer = MockTracer::new();
/// let span = tracer.start_span("get");
/// let context = span.context().with_baggage_item("user", "42");
/// span.finish();
///
/// let after = tracer.span("audit").follows_from(&context).start();
/// assert_eq!(after.trace_id(), context.trace_id());
/// assert_eq!(after.baggage_item("user").as_deref(), Some("42"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SpanContext {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent_id: Option<SpanId>,
    pub(crate) sampling: Sampling,
    pub(crate) is_remote: bool,
    pub(crate) is_noop: bool,
    pub(crate) extra: Option<Arc<Extra>>,
}

/// What most contexts do not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extra {
    pub(crate) baggage: Baggage,
    pub(crate) trace_state: String,
}

static NO_BAGGAGE: Baggage = Baggage::none();

impl SpanContext {
    /// Makes the context of a span that another process reported, for propagators of one's own:
    /// remote, and sampled as `sampling` says.
    #[must_use]
    pub const fn remote(trace_id: TraceId, span_id: SpanId, sampling: Sampling) -> Self {
        Self {
            trace_id,
            span_id,
            parent_id: None,
            sampling,
            is_remote: true,
            is_noop: false,
            extra: None,
        }
    }

    /// The context of every span of a noop tracer.
    pub(crate) fn noop() -> Self {
        let ids = TraceId::new(u128::MAX).zip(SpanId::new(u64::MAX));
        let (trace_id, span_id) = ids.expect("the largest numbers are not zero");
        Self {
            sampling: Sampling::Drop,
            is_remote: false,
            is_noop: true,
            ..Self::remote(trace_id, span_id, Sampling::Drop)
        }
    }

    /// Returns the id of the trace.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Returns the id of the span.
    #[must_use]
    pub const fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// Returns the id of the span's parent, where it is known.
    #[must_use]
    pub const fn parent_id(&self) -> Option<SpanId> {
        self.parent_id
    }

    /// Returns what was decided about keeping the trace.
    #[must_use]
    pub const fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// Whether the spans of the trace are reported.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.sampling.is_sampled()
    }

    /// Whether the span lives in another process.
    #[must_use]
    pub const fn is_remote(&self) -> bool {
        self.is_remote
    }

    /// Whether it comes from a noop tracer, which makes no traces: it is never injected, and a
    /// span that refers to it starts a trace of its own.
    #[must_use]
    pub const fn is_noop(&self) -> bool {
        self.is_noop
    }

    /// Returns the baggage.
    #[must_use]
    pub fn baggage(&self) -> &Baggage {
        self.extra.as_ref().map_or(&NO_BAGGAGE, |extra| &extra.baggage)
    }

    /// Returns the value of one item of the baggage.
    #[must_use]
    pub fn baggage_item(&self, key: &str) -> Option<&str> {
        self.baggage().get(key)
    }

    /// Returns W3C's trace state, empty where there is none.
    #[must_use]
    pub fn trace_state(&self) -> &str {
        self.extra.as_ref().map_or("", |extra| &extra.trace_state)
    }

    /// Returns a copy with another parent id.
    #[must_use]
    pub fn with_parent_id(mut self, parent_id: Option<SpanId>) -> Self {
        self.parent_id = parent_id;
        self
    }

    /// Returns a copy with another sampling decision.
    #[must_use]
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Returns a copy with one more item of baggage, or the same where it would not fit.
    #[must_use]
    pub fn with_baggage_item(mut self, key: &str, value: &str) -> Self {
        let mut extra = self.extra.map(Arc::unwrap_or_clone).unwrap_or_default();
        extra.baggage.set(key, value);
        self.extra = extra.into_shared();
        self
    }

    /// Returns a copy with this baggage.
    #[must_use]
    pub fn with_baggage(mut self, baggage: Baggage) -> Self {
        let extra = self.extra.map(Arc::unwrap_or_clone).unwrap_or_default();
        self.extra = Extra { baggage, ..extra }.into_shared();
        self
    }

    /// Returns a copy with this W3C trace state, which is passed on as it is.
    #[must_use]
    pub fn with_trace_state(mut self, trace_state: String) -> Self {
        let extra = self.extra.map(Arc::unwrap_or_clone).unwrap_or_default();
        self.extra = Extra { trace_state, ..extra }.into_shared();
        self
    }
}

impl Extra {
    pub(crate) fn into_shared(self) -> Option<Arc<Self>> {
        let is_empty = self.baggage.is_empty() && self.trace_state.is_empty();
        (!is_empty).then(|| Arc::new(self))
    }
}

impl fmt::Debug for SpanContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanContext")
            .field("trace_id", &self.trace_id)
            .field("span_id", &self.span_id)
            .field("parent_id", &self.parent_id)
            .field("sampling", &self.sampling)
            .field("is_remote", &self.is_remote)
            .field("baggage", self.baggage())
            .field("trace_state", &self.trace_state())
            .finish_non_exhaustive()
    }
}

/// How a span is related to an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReferenceKind {
    /// The earlier span depends on this one in some way, often by waiting for it.
    ChildOf,
    /// The earlier span caused this one and does not depend on it.
    FollowsFrom,
}

/// A reference of a span to an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// How the two are related.
    pub kind: ReferenceKind,
    /// The earlier span.
    pub context: SpanContext,
}
