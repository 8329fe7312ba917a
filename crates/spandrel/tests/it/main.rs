//! The client library, from outside: OpenTracing's checks and scenarios, propagation, reporting.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod api_checks;
mod backend;
mod propagation;
mod reporter_faults;
mod reporter_wire;
mod scopes;
mod starting;
mod testbed;
mod testbed_tasks;
