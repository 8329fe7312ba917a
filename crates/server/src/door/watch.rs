//! Ends connections that hold a place and do nothing with it.
//!
//! The libraries that speak HTTP have no deadline for half a preface, for a connection between
//! two requests, or for a reader who stops reading; this has, by looking once in a while.

use std::sync::Arc;
use std::time::Duration;

use super::activity::{Activity, Seen};
use super::limits::DoorLimits;

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// No request came, or its head did not end.
    Head,
    /// Nothing was asked for long.
    Idle,
    /// Nobody took the answer.
    Stalled,
}

impl Overdue {
    /// The name of the reason, as the metrics count it.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Head => "slow_head",
            Self::Idle => "idle",
            Self::Stalled => "stalled",
        }
    }
}

/// What is waited for, and how long already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    FirstRequest,
    Head,
    Request,
    Reader,
    Answer,
}

impl Waiting {
    fn of(seen: &Seen) -> Self {
        match seen {
            // The last of an answer may wait for its reader after the request has ended here.
            Seen { is_write_blocked: true, .. } => Self::Reader,
            Seen { open_requests: 1.., .. } => Self::Answer,
            Seen { begun_requests: 0, .. } => Self::FirstRequest,
            Seen { is_in_head: true, .. } => Self::Head,
            _ => Self::Request,
        }
    }

    /// How long it may last, and what it is then; an answer may take as long as it takes.
    fn limit(self, limits: &DoorLimits) -> Option<(Duration, Overdue)> {
        match self {
            Self::FirstRequest => Some((limits.first_request_timeout, Overdue::Head)),
            Self::Head => Some((limits.header_timeout, Overdue::Head)),
            Self::Request => Some((limits.idle_timeout, Overdue::Idle)),
            Self::Reader => Some((limits.stall_timeout, Overdue::Stalled)),
            Self::Answer => None,
        }
    }
}

/// Returns when a connection is overdue, and why. Looks often enough to be late by a quarter of
/// the shortest limit at the most.
pub(super) async fn overdue(activity: Arc<Activity>, limits: DoorLimits) -> Overdue {
    let shortest = limits.first_request_timeout.min(limits.header_timeout);
    let step = shortest.min(limits.idle_timeout).min(limits.stall_timeout) / 4;
    let mut waited = Duration::ZERO;
    let mut before = activity.seen();
    loop {
        tokio::time::sleep(step).await;
        let seen = activity.seen();
        let waiting = Waiting::of(&seen);
        let is_same = waiting == Waiting::of(&before)
            && seen.begun_requests == before.begun_requests
            && seen.written_bytes == before.written_bytes;
        waited = if is_same { waited + step } else { Duration::ZERO };
        if let Some((limit, why)) = waiting.limit(&limits)
            && waited >= limit
        {
            return why;
        }
        before = seen;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: DoorLimits = DoorLimits {
        first_request_timeout: Duration::from_millis(10),
        header_timeout: Duration::from_millis(20),
        idle_timeout: Duration::from_millis(60),
        stall_timeout: Duration::from_millis(60),
        ..DoorLimits::USUAL
    };

    #[tokio::test]
    async fn a_connection_without_a_request_is_overdue_and_one_at_work_is_not() {
        let activity = Arc::new(Activity::default());
        assert_eq!(overdue(Arc::clone(&activity), LIMITS).await, Overdue::Head);

        let request = activity.begin_request(true);
        let at_work = overdue(Arc::clone(&activity), LIMITS);
        assert!(tokio::time::timeout(Duration::from_millis(200), at_work).await.is_err());
        drop(request);
        assert_eq!(overdue(activity, LIMITS).await, Overdue::Idle);
    }
}
