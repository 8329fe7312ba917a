//! The store's tests from outside, one binary for all.
#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]
#![expect(clippy::print_stdout, reason = "simulations print their counts")]

mod calls;
mod catalog;
mod damage;
mod damaged_store;
mod deletions;
mod embedded;
mod encoding;
mod failing_calls;
mod idle;
mod ledger;
mod log_simulation;
mod memory;
mod quarantine;
mod recycling;
mod rollups;
mod rounds;
mod segment_store;
mod segments;
mod simulation;
mod suite;
