//! The codec's tests against recorded, golden and hostile bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod captures;
mod fold;
mod golden;
mod hostile;
mod jaeger;
mod otlp;
mod render;
mod round_trip;
mod testdata;
