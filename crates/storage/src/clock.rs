//! The one place that asks the system for the time and for chance.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Counts nanoseconds from its making, which never goes back, and knows the time of day.
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

    /// Nanoseconds since 1970. Spans are stamped by the same clock of the system, so that a step
    /// of it, or a sleep of the machine, is seen by both.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the others ask")]
    #[expect(clippy::unused_self, reason = "whoever has no clock does not ask for the time")]
    pub(crate) fn wall_ns(self) -> u64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Returns a number that nobody outside can know: hash maps are seeded from the same source.
pub(crate) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
