//! Distributed tracing for Rust.

pub mod fields;
pub mod global;
pub mod mock;
pub mod propagation;
pub mod reporter;
pub mod tags;

mod baggage;
mod builder;
mod clock;
mod context;
mod failure;
mod future;
mod ids;
mod log;
mod logger;
mod pool;
mod process;
mod record;
mod sampler;
mod scope;
mod span;
mod tracer;
mod value;

pub use baggage::{BAGGAGE_BYTES_MAX, BAGGAGE_LEN_MAX, Baggage};
pub use builder::{Referent, SpanBuilder};
pub use clock::{Clock, ManualClock, Stamp, SystemClock};
pub use context::{Reference, ReferenceKind, Sampling, SpanContext};
pub use future::{InSpan, SpanFuture};
pub use ids::{CountingIds, IdSource, RandomIds, SeededIds};
pub use log::{Log, LogRecord};
pub use logger::{Logger, NullLogger, StdLogger};
pub use record::{
    FinishedSpan, LOGS_LEN_MAX, Process, REFERENCES_LEN_MAX, TAGS_LEN_MAX, VALUE_BYTES_MAX,
};
pub use sampler::{
    ConstSampler, ProbabilisticSampler, RateLimitingSampler, Sampler, SamplingDecision,
    SamplingRequest,
};
pub use scope::{Context, Scope, active_span};
pub use span::{EnteredSpan, Span, SpanRef};
pub use spandrel_model::{Address, SpanId, SpanKind, TraceId};
pub use tracer::{Tracer, TracerBuilder, TracerCounters};
pub use value::{Field, Tag, TagValue, Text};
