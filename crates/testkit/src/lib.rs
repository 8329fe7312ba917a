//! For tests alone: a simulated disk with a seed, a store that is slow, and spans made from
//! numbers.
//!
//! Nothing here ships, and nothing here is random beyond its seed.

mod disk;
mod no_disk;
mod seeded;
mod slow_store;
mod spans;

pub use disk::{Failure, SimDisk};
pub use no_disk::NoDisk;
pub use seeded::Seeded;
pub use slow_store::{ReadCounts, SlowStore};
pub use spans::{SeedDecoder, body_of, seeded_batch, seeded_span};
