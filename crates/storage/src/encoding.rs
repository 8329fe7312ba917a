//! Columns to bytes and back: the parts that a segment is made of.
//!
//! Pure functions: nothing here opens a file, takes a checksum or asks a clock. The layout of each
//! part is told byte by byte in `docs/format-encodings.md`.
//!
//! What is decoded is hostile, whatever the checksum around it says: decoding never panics, and
//! never allocates more than the count and the length that its caller allows (times a small
//! constant for what is kept to work with). What a column holds after an error is nothing to rely
//! on. How many values a part has is not in the part; the caller knows it from the row group, and
//! checks it before it asks.

pub mod bits;
pub mod dictionary;
pub mod filter;
pub mod hash;
pub mod ints;
pub mod texts;

pub(crate) mod block;
mod compression;
mod damaged;
pub(crate) mod input;
mod numbers;
mod planes;
mod template;
mod word;

pub use compression::{Decoder, Encoder};
pub use damaged::{Damaged, Fault};
pub use word::Word;
