//! The doors' inner side for readers of traces, one file or folder per API.
//!
//! An API parses parameters, asks the query engine, and prints; it decides nothing about spans.

mod answer;
mod operations;
mod parameters;
mod spandrel;
mod stream;
mod zipkin;

pub(crate) use answer::mark_partial;
pub(crate) use operations::routes as operations_routes;
pub(crate) use parameters::Parameters;
pub(crate) use spandrel::routes as spandrel_routes;
pub(crate) use zipkin::routes as zipkin_routes;
