//! How long those who come through a door may take, and how many there may be.

use std::time::Duration;

/// The limits of one door. Tests make some of them short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DoorLimits {
    /// How many connections are open at once; one more is closed at once.
    pub(crate) connections_max: u32,
    /// How many requests one HTTP/2 connection may have open at once.
    pub(crate) streams_max: u32,
    /// The most bytes that the head of a request may have.
    pub(crate) header_len_max: usize,
    /// How long a new connection may take until its first request is there: silence, half a
    /// preface of HTTP/2, and a head that comes letter by letter all count.
    pub(crate) first_request_timeout: Duration,
    /// How long the head of a later request may take from its first byte on.
    pub(crate) header_timeout: Duration,
    /// How long a connection without a request stays open.
    pub(crate) idle_timeout: Duration,
    /// How long an answer may wait for its reader to take any of it: a pager that nobody looks at.
    pub(crate) stall_timeout: Duration,
    /// How long requests may take to end when the server closes.
    pub(crate) drain_timeout: Duration,
}

impl DoorLimits {
    /// What every door has.
    pub(crate) const USUAL: Self = Self {
        connections_max: 4_096,
        streams_max: 256,
        header_len_max: 64 << 10,
        first_request_timeout: Duration::from_secs(10),
        header_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(60),
        stall_timeout: Duration::from_secs(600),
        drain_timeout: Duration::from_secs(10),
    };
}
