//! The clocks: the only place of this crate that asks the system for the time.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the offset between the two system clocks is measured again.
const ANCHOR_INTERVAL_NS: u64 = 1_000_000_000;

/// One reading of a clock: the wall's time and a time that never goes back.
///
/// Spans start at a wall time and last a monotonic time, so that a corrected wall clock moves
/// later spans but stretches none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Nanoseconds since 1970.
    pub wall_ns: u64,
    /// Nanoseconds since a moment of the clock's own choice; never less than before.
    pub monotonic_ns: u64,
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Reads the clock. Called twice a span, from every thread.
    fn now(&self) -> Stamp;
}

/// The system's clock: one monotonic reading, and an offset to the wall's time that is measured
/// again every second, so that a corrected or suspended wall clock is followed.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
    wall_offset_ns: AtomicI64,
    anchored_ns: AtomicU64,
}

impl SystemClock {
    /// Makes the clock.
    #[must_use]
    pub fn new() -> Self {
        let clock = Self {
            origin: instant_now(),
            wall_offset_ns: AtomicI64::new(0),
            anchored_ns: AtomicU64::new(0),
        };
        clock.anchor(0);
        clock
    }

    #[cold]
    fn anchor(&self, monotonic_ns: u64) {
        let wall_ns = i64::try_from(wall_now_ns()).unwrap_or(i64::MAX);
        let monotonic = i64::try_from(monotonic_ns).unwrap_or(i64::MAX);
        self.wall_offset_ns.store(wall_ns.saturating_sub(monotonic), Ordering::Relaxed);
        self.anchored_ns.store(monotonic_ns, Ordering::Relaxed);
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Stamp {
        let elapsed = instant_now().saturating_duration_since(self.origin);
        let monotonic_ns = as_ns(elapsed);
        let age_ns = monotonic_ns.saturating_sub(self.anchored_ns.load(Ordering::Relaxed));
        if age_ns > ANCHOR_INTERVAL_NS {
            self.anchor(monotonic_ns);
        }
        let offset_ns = self.wall_offset_ns.load(Ordering::Relaxed);
        Stamp { wall_ns: monotonic_ns.saturating_add_signed(offset_ns), monotonic_ns }
    }
}

/// A clock that a test sets by hand.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use spandrel::{Clock, ManualClock};
///
/// let clock = Arc::new(ManualClock::at(1_000));
/// clock.advance(Duration::from_nanos(5));
/// assert_eq!(clock.now().wall_ns, 1_005);
/// ```
#[derive(Debug, Default)]
pub struct ManualClock {
    now_ns: AtomicU64,
}

impl ManualClock {
    /// Makes a clock that stands at `wall_ns` nanoseconds since 1970.
    #[must_use]
    pub const fn at(wall_ns: u64) -> Self {
        Self { now_ns: AtomicU64::new(wall_ns) }
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.now_ns.fetch_add(as_ns(by), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Stamp {
        let now_ns = self.now_ns.load(Ordering::Relaxed);
        Stamp { wall_ns: now_ns, monotonic_ns: now_ns }
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Stamp {
        (**self).now()
    }
}

/// Converts a wall time to nanoseconds since 1970; earlier times are zero.
pub(crate) fn wall_ns(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, as_ns)
}

pub(crate) fn as_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn instant_now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn wall_now_ns() -> u64 {
    wall_ns(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_agrees_with_the_wall_and_never_goes_back() {
        let clock = SystemClock::new();
        let first = clock.now();
        let second = clock.now();
        assert!(second.monotonic_ns >= first.monotonic_ns);
        assert!(wall_now_ns().abs_diff(second.wall_ns) < 5_000_000_000);
    }

    #[test]
    fn times_before_1970_are_zero() {
        assert_eq!(wall_ns(UNIX_EPOCH - Duration::from_secs(1)), 0);
        assert_eq!(wall_ns(UNIX_EPOCH + Duration::from_nanos(7)), 7);
    }
}
