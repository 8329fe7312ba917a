//! The store's tests from outside, one binary for all.
#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod catalog;
mod damage;
mod embedded;
mod encoding;
mod failing_calls;
mod ledger;
mod log_simulation;
mod memory;
mod quarantine;
mod recycling;
mod segment_store;
mod segments;
mod simulation;
mod suite;
