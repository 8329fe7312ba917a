//! Makes traces: the same ones for the same seed, on any machine, in any order.
//!
//! A [`Corpus`] is a [`Profile`], a seed and [`Damage`]. Trace `i` is a function of these and of
//! nothing else ([`Corpus::trace`]), so a span that comes back from a store is checked by making
//! it again. [`Corpus::requests`] sends the traces as their services would: batches of one
//! instance, spans of many traces mixed, some late, some twice. [`otlp`] writes a batch as bytes.
//!
//! This crate does no I/O, reads no clock, and asks nobody for chance. Floating point is used by
//! [`Profile::Lab`] alone, see there.
//!
//! # Examples
//!
//! ```
//! use spandrel_corpus::{Corpus, Profile};
//!
//! let corpus = Corpus::of(Profile::Shop, 7);
//! let again = Corpus::of(Profile::Shop, 7);
//! assert_eq!(corpus.trace(1_000_000), again.trace(1_000_000));
//! ```

mod corpus;
mod damage;
mod draft;
mod fixed;
mod flow;
mod lab;
mod profile;
mod random;
mod requests;
mod world;

pub mod otlp;

pub use corpus::Corpus;
pub use damage::Damage;
pub use profile::{Profile, ProfileError};
pub use requests::{Request, Requests};
