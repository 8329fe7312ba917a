//! What the client counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a client has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientCounters {
    /// Connections made.
    pub connections_opened: u64,
    /// Times that a request was served by a connection that had served before.
    pub connections_reused: u64,
    /// Idle connections that were closed: too old, too many, or closed by the other side.
    pub connections_retired: u64,
    /// Requests that had to wait for a connection.
    pub requests_waited: u64,
    /// Requests that were refused because too many waited.
    pub requests_refused: u64,
    /// Requests that were sent again because the reused connection turned out to be closed.
    pub requests_resent: u64,
    /// Events that came when their span had finished, and were left out.
    pub events_late: u64,
}

/// The same, while it is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(super) connections_opened: Counter,
    pub(super) connections_reused: Counter,
    pub(super) connections_retired: Counter,
    pub(super) requests_waited: Counter,
    pub(super) requests_refused: Counter,
    pub(super) requests_resent: Counter,
    pub(super) events_late: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn read(&self) -> ClientCounters {
        ClientCounters {
            connections_opened: self.connections_opened.get(),
            connections_reused: self.connections_reused.get(),
            connections_retired: self.connections_retired.get(),
            requests_waited: self.requests_waited.get(),
            requests_refused: self.requests_refused.get(),
            requests_resent: self.requests_resent.get(),
            events_late: self.events_late.get(),
        }
    }
}
