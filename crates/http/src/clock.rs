//! The clock: the only place of this crate that asks for the time.
//!
//! It is tokio's clock, so that a test that pauses tokio's time pauses the pool's too.

use tokio::time::Instant;

/// Reads the clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}
