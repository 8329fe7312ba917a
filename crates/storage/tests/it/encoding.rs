//! The column encodings: round trips, hostile bytes, golden parts.

mod filter;
mod golden;
mod hash;
mod hostile;
mod round_trip;
mod samples;
