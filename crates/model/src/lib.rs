//! The nouns of distributed tracing, and what is true of one trace.
//!
//! A [`Span`] is what one service recorded about one piece of work; it carries [`Attribute`]s,
//! [`Event`]s and [`Link`]s, and names the [`Resource`] that emitted it. The model is
//! OpenTelemetry's, widened by what Zipkin, OpenTracing and X-Trace say and it does not: shared
//! spans, endpoints, reference types, many parents.
//!
//! This crate does no I/O, reads no clock, and knows no wire format.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod endpoint;
mod id;
mod resource;
mod span;
pub mod trace;
mod value;

pub use endpoint::{Address, Endpoint};
pub use id::{IdError, SpanId, TraceId};
pub use resource::{Resource, Scope};
pub use span::{DroppedCounts, Event, Link, LinkKind, Span, SpanKind, Status, StatusCode};
pub use value::{Attribute, Value, find};
