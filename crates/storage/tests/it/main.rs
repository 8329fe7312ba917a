//! The store's tests from outside, one binary for all.

mod damage;
mod embedded;
mod failing_calls;
mod ledger;
mod quarantine;
mod simulation;
mod suite;
