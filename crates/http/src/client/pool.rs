//! Hands out connections: idle ones first, and no more to one host than it may have.
//!
//! It makes none. Whoever gets a [`Vacancy`] makes the connection and keeps the place.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::connection::Connection;
use super::counters::Counters;
use crate::client_trace::{ClientTrace as _, NotReused};
use crate::{Error, clock};

/// How many hosts are remembered before those without work are forgotten.
const HOSTS_LEN_MAX: usize = 1_024;

/// What the pool may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolLimits {
    pub(super) connections_per_host_max: usize,
    pub(super) waiting_per_host_max: usize,
    pub(super) idle_len_max: usize,
    pub(super) idle_timeout: Duration,
}

pub(super) struct Pool {
    limits: PoolLimits,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
    idle_len: AtomicUsize,
    has_reaper: AtomicBool,
    counters: Arc<Counters>,
}

/// The connections to one host and port.
///
/// Whoever holds a permit takes an idle connection before making one; so a connection is made
/// only when none is idle, and permits bound all connections, idle ones included.
struct Host {
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
    waiting_len: AtomicUsize,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// What the pool has for a request.
pub(super) enum Checkout {
    /// A connection that served before, and how long it was idle unless it was handed over.
    Reused(Lease, Option<Duration>),
    /// Nothing but leave to make a connection.
    Vacant(Vacancy),
}

/// The right to one of a host's connections.
pub(super) struct Vacancy {
    pool: Arc<Pool>,
    host: Arc<Host>,
    _permit: OwnedSemaphorePermit,
}

/// A connection in use. Dropping it closes the connection.
pub(super) struct Lease {
    pub(super) connection: Connection,
    place: Vacancy,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    pub(super) fn new(limits: PoolLimits, counters: Arc<Counters>) -> Self {
        Self {
            limits,
            hosts: Mutex::default(),
            idle_len: AtomicUsize::new(0),
            has_reaper: AtomicBool::new(false),
            counters,
        }
    }

    /// Returns an idle connection or a vacancy, waiting for its turn where the host has as many
    /// connections as it may. Those who wait are served in order.
    pub(super) async fn checkout(
        self: &Arc<Self>,
        key: &str,
        host_port: &str,
    ) -> Result<Checkout, Error> {
        let host = self.host(key);
        let (permit, has_waited) = match Arc::clone(&host.permits).try_acquire_owned() {
            Ok(permit) => (permit, false),
            Err(_) => (self.wait(&host, host_port).await?, true),
        };
        let idle = self.take_idle(&host);
        let place = Vacancy { pool: Arc::clone(self), host, _permit: permit };
        Ok(match idle {
            None => Checkout::Vacant(place),
            Some(Idle { connection, since }) => {
                self.counters.connections_reused.add();
                // One that a request waited for was handed over; it was never idle.
                let idle_time = (!has_waited).then(|| clock::now().duration_since(since));
                Checkout::Reused(Lease { connection, place }, idle_time)
            }
        })
    }

    async fn wait(&self, host: &Host, host_port: &str) -> Result<OwnedSemaphorePermit, Error> {
        let limit = self.limits.waiting_per_host_max;
        let waiting = Waiting::join(&host.waiting_len);
        if waiting.len > limit {
            self.counters.requests_refused.add();
            return Err(Error::PoolFull { host_port: host_port.to_owned(), limit });
        }
        self.counters.requests_waited.add();
        let permit = Arc::clone(&host.permits).acquire_owned().await;
        Ok(permit.expect("the semaphore is never closed"))
    }

    fn host(&self, key: &str) -> Arc<Host> {
        let mut hosts = locked(&self.hosts);
        if let Some(host) = hosts.get(key) {
            return Arc::clone(host);
        }
        if hosts.len() >= HOSTS_LEN_MAX {
            hosts.retain(|_, host| Arc::strong_count(host) > 1 || self.retire(host));
        }
        let host = Arc::new(Host {
            permits: Arc::new(Semaphore::new(self.limits.connections_per_host_max)),
            idle: Mutex::default(),
            waiting_len: AtomicUsize::new(0),
        });
        hosts.insert(key.to_owned(), Arc::clone(&host));
        host
    }

    /// Closes all idle connections of a host that is about to be forgotten.
    fn retire(&self, host: &Host) -> bool {
        self.retire_where(host, |_| true);
        false
    }

    /// Takes the connection that was idle last: it is the least likely to be closed by now.
    fn take_idle(&self, host: &Host) -> Option<Idle> {
        let oldest = clock::now().checked_sub(self.limits.idle_timeout);
        loop {
            let idle = locked(&host.idle).pop()?;
            self.idle_len.fetch_sub(1, Ordering::Relaxed);
            let is_fresh = oldest.is_none_or(|oldest| idle.since > oldest);
            if is_fresh && !idle.connection.is_closed() {
                return Some(idle);
            }
            self.counters.connections_retired.add();
        }
    }

    fn retire_where(&self, host: &Host, is_retired: impl Fn(&Idle) -> bool) {
        let retired: Vec<Idle> =
            locked(&host.idle).extract_if(.., |idle| is_retired(idle)).collect();
        self.idle_len.fetch_sub(retired.len(), Ordering::Relaxed);
        for _ in &retired {
            self.counters.connections_retired.add();
        }
    }

    /// Closes idle connections in time, also when no request comes any more.
    fn start_reaper(self: &Arc<Self>) {
        if self.has_reaper.swap(true, Ordering::AcqRel) {
            return;
        }
        match Handle::try_current() {
            Ok(runtime) => {
                drop(runtime.spawn(reap(Arc::downgrade(self), self.limits.idle_timeout)))
            }
            Err(_) => self.has_reaper.store(false, Ordering::Release),
        }
    }

    /// Retires what is too old, and returns whether anything is left to watch.
    fn reap_once(&self) -> bool {
        let oldest = clock::now().checked_sub(self.limits.idle_timeout);
        let hosts: Vec<Arc<Host>> = locked(&self.hosts).values().cloned().collect();
        for host in hosts {
            self.retire_where(&host, |idle| {
                idle.connection.is_closed() || oldest.is_some_and(|oldest| idle.since <= oldest)
            });
        }
        self.idle_len.load(Ordering::Relaxed) > 0
    }
}

async fn reap(pool: Weak<Pool>, idle_timeout: Duration) {
    loop {
        tokio::time::sleep(idle_timeout).await;
        let Some(pool) = pool.upgrade() else { return };
        if !pool.reap_once() {
            pool.has_reaper.store(false, Ordering::Release);
            // One may have come between the look and the word.
            if pool.idle_len.load(Ordering::Relaxed) > 0 {
                pool.start_reaper();
            }
            return;
        }
    }
}

/// Counts one who waits, until it is dropped.
struct Waiting<'a> {
    queue_len: &'a AtomicUsize,
    len: usize,
}

impl<'a> Waiting<'a> {
    fn join(queue_len: &'a AtomicUsize) -> Self {
        let len = queue_len.fetch_add(1, Ordering::Relaxed) + 1;
        Self { queue_len, len }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.queue_len.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Vacancy {
    /// Fills the place with a connection that was just made.
    pub(super) fn fill(self, connection: Connection) -> Lease {
        self.pool.counters.connections_opened.add();
        Lease { connection, place: self }
    }
}

impl Lease {
    /// Gives the connection back, which must be ready for another request, and tells its attempt
    /// before anybody else can have it.
    pub(super) fn put_idle(self) {
        let Self { connection, place } = self;
        let pool = Arc::clone(&place.pool);
        if pool.idle_len.fetch_add(1, Ordering::Relaxed) >= pool.limits.idle_len_max {
            pool.idle_len.fetch_sub(1, Ordering::Relaxed);
            pool.counters.connections_retired.add();
            connection.release(Some(NotReused::TooManyIdle));
            return;
        }
        connection.release(None);
        locked(&place.host.idle).push(Idle { connection, since: clock::now() });
        // Only now, with the connection in its place, whoever waits may look.
        drop(place);
        pool.start_reaper();
    }

    /// Closes the connection, and tells its attempt why.
    pub(super) fn close(self, reason: NotReused) {
        self.connection.release(Some(reason));
    }
}

impl Connection {
    /// Ends the connection's service to its attempt.
    fn release(&self, refused: Option<NotReused>) {
        if let Some(attempt) = self.slot.take() {
            attempt.put_idle_conn(refused);
        }
    }
}
