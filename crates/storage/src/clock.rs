//! The one place that asks the system for the time and for chance.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Instant;

/// Counts nanoseconds from its making; never goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the others ask")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now_ns(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Returns a number that nobody outside can know: hash maps are seeded from the same source.
pub(crate) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
