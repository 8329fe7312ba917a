//! Connects to the first of a host's addresses that answers, after RFC 8305.
//!
//! Families take turns, an attempt that hangs is joined by the next after 250 ms, and one that
//! fails is followed by the next at once. The name is looked up as a whole before, not one
//! family at a time: `getaddrinfo` already waits for both.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::attempt::Attempt;
use crate::client_trace::ClientTrace as _;

/// How long one attempt is left alone before the next one starts (RFC 8305, section 8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How many addresses of one host are tried.
const ADDRESSES_LEN_MAX: usize = 16;

const NETWORK: &str = "tcp";

type Outcome = (SocketAddr, io::Result<TcpStream>);

/// Connects to one of the addresses.
///
/// The error is that of the attempt that ended last, with its address.
pub(super) async fn connect(
    addresses: &[IpAddr],
    port: u16,
    attempt: &Attempt,
) -> Result<TcpStream, (SocketAddr, io::Error)> {
    let mut queue = in_turns(addresses, port);
    let mut race = Race { attempt, open: Vec::new(), tasks: JoinSet::new() };
    let mut last = (SocketAddr::from(([0, 0, 0, 0], port)), no_address());
    loop {
        match (queue.pop_front(), race.open.is_empty()) {
            // Nobody to race against: no task is needed.
            (Some(address), true) if queue.is_empty() => {
                race.announce(address);
                let result = TcpStream::connect(address).await;
                race.conclude(address, &result);
                return result.map_err(|error| (address, error));
            }
            (Some(address), _) => race.start(address),
            (None, true) => return Err(last),
            (None, false) => {}
        }
        match race.next(!queue.is_empty()).await {
            Some((_, Ok(stream))) => return Ok(stream),
            Some((address, Err(error))) => last = (address, error),
            None => {}
        }
    }
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the name has no address")
}

/// The attempts that are under way. Dropping it ends them, so that each start has its end.
struct Race<'a> {
    attempt: &'a Attempt,
    open: Vec<SocketAddr>,
    tasks: JoinSet<Outcome>,
}

impl Race<'_> {
    fn announce(&mut self, address: SocketAddr) {
        self.attempt.connect_start(NETWORK, address);
        self.open.push(address);
    }

    fn start(&mut self, address: SocketAddr) {
        self.announce(address);
        self.tasks.spawn(async move { (address, TcpStream::connect(address).await) });
    }

    /// Waits for an attempt to end, or, where there are more addresses, for the time of the next.
    async fn next(&mut self, has_more: bool) -> Option<Outcome> {
        let joined = if has_more {
            tokio::time::timeout(ATTEMPT_DELAY, self.tasks.join_next()).await.ok()?
        } else {
            self.tasks.join_next().await
        };
        let Some(Ok((address, result))) = joined else {
            // No task is aborted before the race is over, and none of them panics.
            self.open.clear();
            return None;
        };
        self.conclude(address, &result);
        Some((address, result))
    }

    fn conclude(&mut self, address: SocketAddr, result: &io::Result<TcpStream>) {
        self.open.retain(|open| *open != address);
        self.attempt.connect_done(NETWORK, address, result.as_ref().err());
    }
}

impl Drop for Race<'_> {
    fn drop(&mut self) {
        for address in self.open.drain(..) {
            let error = io::Error::new(io::ErrorKind::Interrupted, "called off");
            self.attempt.connect_done(NETWORK, address, Some(&error));
        }
    }
}

/// Orders the addresses so that the families take turns, the first one's first.
fn in_turns(addresses: &[IpAddr], port: u16) -> VecDeque<SocketAddr> {
    let is_v6_first = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (mut first, mut second): (VecDeque<IpAddr>, VecDeque<IpAddr>) =
        addresses.iter().partition(|address| address.is_ipv6() == is_v6_first);
    let mut queue = VecDeque::with_capacity(addresses.len());
    while !(first.is_empty() && second.is_empty()) {
        queue.extend(first.pop_front());
        queue.extend(second.pop_front());
    }
    queue.truncate(ADDRESSES_LEN_MAX);
    queue.into_iter().map(|address| SocketAddr::new(address, port)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_the_resolver_chooses_the_first() {
        let addresses: Vec<IpAddr> =
            ["::1", "::2", "::3", "10.0.0.1"].iter().map(|text| text.parse().unwrap()).collect();
        let turns: Vec<String> = in_turns(&addresses, 80).iter().map(ToString::to_string).collect();
        assert_eq!(turns, ["[::1]:80", "10.0.0.1:80", "[::2]:80", "[::3]:80"]);
    }

    #[test]
    fn a_host_of_very_many_addresses_is_not_tried_forever() {
        let addresses = vec![IpAddr::from([127, 0, 0, 1]); 500];
        assert_eq!(in_turns(&addresses, 80).len(), ADDRESSES_LEN_MAX);
    }
}
