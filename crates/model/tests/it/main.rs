//! What is true of one trace, checked from outside: against what Zipkin computed, against drawn
//! waterfalls, against random spans, and against traces made to hurt.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod article;
mod draw;
mod facts;
mod golden;
mod hostile;
mod links;
mod merge;
mod phases;
mod properties;
mod skew;
mod tree;
