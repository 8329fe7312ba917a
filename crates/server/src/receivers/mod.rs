//! The doors' inner side for senders of spans: one file per family of protocols.
//!
//! A receiver reads, decodes and hands over to the store; it answers only when the store has.

mod decode;
mod zipkin;

pub(crate) use decode::{Lent, StoredRequests};
pub(crate) use zipkin::routes as zipkin_routes;
