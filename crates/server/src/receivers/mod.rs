//! The doors' inner side for senders of spans: one file per family of protocols.
//!
//! A receiver reads, decodes and hands over to the store; it answers only when the store has.

mod archive;
mod decode;
mod format;
mod intake;
mod zipkin;

pub(crate) use archive::routes as archive_routes;
pub(crate) use decode::{Lent, StoredRequests};
pub(crate) use zipkin::routes as zipkin_routes;
