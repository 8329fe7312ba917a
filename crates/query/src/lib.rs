//! Questions about traces, answered over any [`spandrel_storage::SpanStore`].
//!
//! One algebra inside: every search compiles to a [`Spanset`] expression, which the evaluator
//! runs on whole traces after the store has pruned what it can. This crate knows no HTTP and
//! opens no file.

mod evaluate;
mod expression;
mod search;
mod traces;
mod zipkin;

pub use expression::{Condition, Spanset};
pub use search::{SearchAnswer, TraceSearch, search};
pub use traces::{StoredTrace, dependencies, find_trace};
pub use zipkin::{ZipkinQuery, ZipkinQueryError};
