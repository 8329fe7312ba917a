//! Spans that are decided and not yet written out.
//!
//! A stream of requests holds many spans back, and a whole span is more than a kilobyte. So a
//! span waits as a draft: what damage may change, and what its content is drawn from. It is
//! written out when it is sent.

use spandrel_model::{Span, SpanId, TraceId};

use crate::flow::Seed;

/// The flags of every span: sampled, and that is told whether the parent is remote (OTLP 1.3).
pub(crate) const FLAGS: u32 = 0x101;

/// [`FLAGS`] of a span whose parent is in another process.
pub(crate) const FLAGS_REMOTE_PARENT: u32 = 0x301;

/// One span in the making.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent_id: Option<SpanId>,
    pub(crate) start_ns: Option<u64>,
    pub(crate) duration_ns: Option<u64>,
    /// The number of the resource that sends it.
    pub(crate) emitter: u32,
    /// When it is sent, in nanoseconds since 1970.
    pub(crate) sent_ns: u64,
    pub(crate) body: Body,
}

/// What else there is to a span.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// It is written out already, but for what the draft says.
    Span(Box<Span<'static>>),
    /// It can be drawn.
    Seed(Seed),
}
