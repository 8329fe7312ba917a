//! Tests of the corpus from outside.

mod golden;
