//! Distributed tracing for Rust: OpenTracing's API, every propagation format, and reports to any
//! server that takes Zipkin's spans.
//!
//! A *trace* is what happened because of one request, in all the programs that it went through. A
//! trace is made of *spans*: timed pieces of work, each of one program, each but the first caused
//! by another. This crate makes spans, hands them from function to function and from program to
//! program, and reports them.
//!
//! No call on a span fails, panics, or waits for the network. What cannot be kept is dropped and
//! counted.
//!
//! # A first span
//!
//! A [`Tracer`] makes the spans of one service. A [`Span`] starts when it is made and finishes
//! when it is dropped, so the work that it times is the scope that it lives in.
//!
//! ```
//! use spandrel::{Tracer, reporter::InMemoryReporter};
//!
//! let spans = InMemoryReporter::new();
//! let tracer = Tracer::builder("shop").reporter(spans.clone()).build();
//! {
//!     let span = tracer.start_span("checkout");
//!     span.set_tag("items", 3).log("payment started");
//! }
//! assert_eq!(spans.spans()[0].operation_name(), "checkout");
//! ```
//!
//! *Tags* describe the whole span, *logs* one instant of it. Both have the standard names of
//! OpenTracing's conventions, in [`tags`] and [`fields`]. A failure is recorded with
//! [`set_error`](SpanRef::set_error).
//!
//! # To a server
//!
//! A [`ZipkinReporter`](reporter::ZipkinReporter) sends spans from a thread of its own. Before
//! the program ends, [`Tracer::close`] sends what still waits.
//!
//! ```no_run
//! use std::time::Duration;
//! use spandrel::{ProbabilisticSampler, Tracer, reporter::ZipkinReporter};
//!
//! let reporter = ZipkinReporter::builder("http://localhost:9411").build()?;
//! let tracer = Tracer::builder("shop")
//!     .sampler(ProbabilisticSampler::new(0.1))
//!     .reporter(reporter)
//!     .build();
//! tracer.start_span("checkout").finish();
//! tracer.close(Duration::from_secs(5))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Sampler`] decides once for each trace whether it is kept; the decision goes with the trace
//! to every program. [`Tracer::reporter_counters`] says at any instant what became of every span.
//!
//! # A span caused by another
//!
//! A new span refers to the one that caused it: as its child, where the older one depends on it,
//! or as one that follows from it, where it does not.
//!
//! ```
//! # let tracer = spandrel::mock::MockTracer::new();
//! let checkout = tracer.start_span("checkout");
//! let charge = tracer.span("charge").child_of(&checkout).tag("card", "visa").start();
//! charge.finish();
//! let mail = tracer.span("send receipt").follows_from(&checkout).start();
//! assert_eq!(mail.trace_id(), checkout.trace_id());
//! ```
//!
//! The older span reaches the place where the newer one starts in one of two ways.
//!
//! **Explicitly**, as in Go: functions take a [`Context`] and pass it on.
//!
//! ```
//! use spandrel::{Context, Tracer};
//!
//! fn checkout(tracer: &Tracer, context: &Context) {
//!     let (_span, context) = tracer.start_span_from_context(context, "checkout");
//!     charge(&context);
//! }
//!
//! fn charge(context: &Context) {
//!     let _span = context.start_span("charge");
//! }
//! # checkout(&Tracer::noop(), &Context::new());
//! ```
//!
//! **Implicitly**: a span is made the active one of its thread, and spans that name no other
//! parent become its children. A [`Scope`] keeps it active in a block, [`InSpan`] in a future, and
//! [`Context::wrap`] in a closure for another thread.
//!
//! ```
//! use spandrel::{Context, InSpan, active_span};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # let tracer = spandrel::mock::MockTracer::new();
//! {
//!     let _checkout = tracer.span("checkout").enter();
//!     tracer.start_span("charge").finish();
//!     active_span().unwrap().set_tag("items", 3);
//! }
//! let load = tracer.start_span("load");
//! async {
//!     tracer.start_span("query").finish();
//!     tokio::spawn(async { /* continues the trace */ }.in_context(Context::current()));
//! }
//! .in_span(load)
//! .await;
//! let names: Vec<_> =
//!     tracer.finished_spans().iter().map(|span| span.operation_name().to_owned()).collect();
//! assert_eq!(names, ["charge", "checkout", "query", "load"]);
//! # }
//! ```
//!
//! # Across programs
//!
//! What identifies a span to others is its [`SpanContext`]: ids, the sampling decision, and
//! *baggage*, which is text that rides along to every later span. The sender injects it in the
//! headers of a request, the receiver extracts it. Whatever the headers hold, a span starts from
//! it: the next one of that trace, or the first of a new one.
//!
//! ```
//! use std::collections::HashMap;
//! use spandrel::SpanKind;
//!
//! # let (client, server) = (spandrel::Tracer::builder("shop").build(), spandrel::Tracer::builder("bank").build());
//! let call = client.span("HTTP POST").kind(SpanKind::Client).start();
//! call.set_baggage_item("tenant", "acme");
//! let mut headers = HashMap::new();
//! client.inject(&call, &mut headers);
//!
//! let inbound = server.extract(&headers);
//! let serve = server.span("HTTP POST").child_of(&inbound).kind(SpanKind::Server).start();
//! assert_eq!(serve.trace_id(), call.trace_id());
//! assert_eq!(serve.baggage_item("tenant").as_deref(), Some("acme"));
//! ```
//!
//! Unless told otherwise, a tracer writes W3C's `traceparent`, `tracestate` and `baggage`, and
//! reads these, Zipkin's B3 in both forms, and Jaeger's `uber-trace-id`. The module
//! [`propagation`] has them one by one, and [`Composite`](propagation::Composite) joins them
//! anew: `Tracer::builder("shop").propagator(Jaeger)` talks to programs with Jaeger's clients.
//!
//! # In tests
//!
//! A [`MockTracer`](mock::MockTracer) keeps what it made, for assertions. Clocks, ids and samplers
//! are given to the [`TracerBuilder`], so a test can repeat itself to the bit.
//!
//! # Features
//!
//! | feature | what |
//! | --- | --- |
//! | `http` | `http::HeaderMap` is a carrier |
//!
//! # For those who know OpenTracing in Go
//!
//! | Go | here |
//! | --- | --- |
//! | `tracer.StartSpan(name, ChildOf(ctx))` | `tracer.span(name).child_of(&ctx).start()` |
//! | `StartSpanFromContext(ctx, name)` | `tracer.start_span_from_context(&ctx, name)` |
//! | `ContextWithSpan(ctx, span)` | `ctx.with_span(&span)` |
//! | `span.LogFields(...)`, `span.LogKV(...)` | `span.log([(key, value), ...])`, `span.log(Log::event(...))` |
//! | `span.SetBaggageItem(k, v)` | `span.set_baggage_item(k, v)` |
//! | `tracer.Inject(ctx, HTTPHeaders, carrier)` | `tracer.inject(&span, &mut headers)` |
//! | `SetGlobalTracer(tracer)` | `global::set_tracer(tracer)` |
//! | `defer span.Finish()` | nothing: the span is dropped |

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
