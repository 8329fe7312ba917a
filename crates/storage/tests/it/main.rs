//! The store's tests from outside, one binary for all.

mod embedded;
