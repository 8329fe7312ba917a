//! The article's trace: by its library functions in this process, and by two real processes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod processes;
mod tree;
