//! Bytes to spans and spans to bytes, one folder per family of wire formats.
//!
//! Decoders borrow from their input and push each span into a [`SpanSink`]; encoders append to
//! a buffer. This crate opens no socket, reads no clock and knows no async runtime.

mod error;
pub mod jaeger;
mod json;
mod json_writer;
pub mod otlp;
mod protobuf;
mod sink;
mod thrift;
pub mod zipkin;

pub use error::DecodeError;
pub use sink::SpanSink;
