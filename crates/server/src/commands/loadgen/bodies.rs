//! Bodies that are ready to be sent: made by a thread of their own, held up to a limit.
//!
//! All that fits under the limit is made before the clock starts. What does not is made while
//! others are sent, and the processor time of that is told apart from sending.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use bytes::Bytes;
use tokio::sync::Notify;

use super::flags::LoadgenFlags;
use crate::commands::measure::clock::thread_cpu_ns;

/// A request's body.
#[derive(Clone, Debug)]
pub(super) struct Body {
    /// Which request of the corpus it is.
    pub(super) number: u64,
    pub(super) spans: u32,
    /// How many spans the requests before it have.
    pub(super) spans_before: u64,
    /// How many traces of the corpus were begun when it was made.
    pub(super) traces: u64,
    pub(super) bytes: Bytes,
}

/// The bodies that are ready.
#[derive(Debug)]
pub(super) struct Pool {
    state: Mutex<State>,
    /// The pool got full or complete, or has room again.
    changed: Condvar,
    /// There is a body, or there will be none.
    ready: Notify,
    bytes_max: u64,
    making_cpu_ns: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    bodies: VecDeque<Body>,
    bytes: u64,
    /// Whether it has once been full.
    was_full: bool,
    /// Whether nothing more will come.
    is_complete: bool,
    /// Why making ended early.
    failure: Option<anyhow::Error>,
    /// How often somebody had to wait for a body.
    waits: u64,
}

/// Starts the thread that makes them.
pub(super) fn start(pool: &Arc<Pool>, flags: &LoadgenFlags) -> anyhow::Result<JoinHandle<()>> {
    let (pool, corpus) = (Arc::clone(pool), flags.corpus.clone());
    let (protocol, encoding) = (flags.protocol, flags.encoding);
    let make = move || {
        let mut requests = corpus.requests();
        let (mut number, mut spans_before) = (0, 0);
        while let Some(request) = requests.next() {
            let bytes = match protocol.body(&request, encoding) {
                Ok(bytes) => bytes,
                Err(error) => return pool.complete(Some(error)),
            };
            let spans = request.spans.len() as u32;
            let traces = requests.traces_made();
            pool.making_cpu_ns.store(thread_cpu_ns(), Ordering::Relaxed);
            if !pool.put(Body { number, spans, spans_before, traces, bytes }) {
                return;
            }
            number += 1;
            spans_before += u64::from(spans);
        }
        pool.complete(None);
    };
    let started = thread::Builder::new().name("loadgen-make".to_owned()).spawn(make);
    started.context("the thread that makes bodies could not be started")
}

impl Pool {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            ready: Notify::new(),
            bytes_max,
            making_cpu_ns: AtomicU64::new(0),
        }
    }

    /// Waits until all is made or nothing more fits.
    pub(super) fn wait_filled(&self) {
        let mut state = self.state();
        while !state.was_full && !state.is_complete {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the next body; `None` when there is no more.
    pub(super) async fn take(&self) -> Option<Body> {
        loop {
            // From here on no word that something is ready is missed.
            let ready = self.ready.notified();
            {
                let mut state = self.state();
                if let Some(body) = state.bodies.pop_front() {
                    state.bytes -= body.bytes.len() as u64;
                    drop(state);
                    self.changed.notify_all();
                    return Some(body);
                }
                if state.is_complete {
                    return None;
                }
                state.waits += 1;
            }
            ready.await;
        }
    }

    /// How often somebody had to wait for a body: more than a few times, and it was the making
    /// that was measured.
    pub(super) fn waits(&self) -> u64 {
        self.state().waits
    }

    /// Why not all bodies could be made.
    pub(super) fn failure(&self) -> Option<anyhow::Error> {
        self.state().failure.take()
    }

    /// Processor time of making so far.
    pub(super) fn making_cpu_ns(&self) -> u64 {
        self.making_cpu_ns.load(Ordering::Relaxed)
    }

    /// Ends the making, and drops what is ready.
    pub(super) fn stop(&self) {
        self.state().bodies.clear();
        self.complete(None);
    }

    /// Waits for room, and puts a body there; false when nobody wants it any more.
    fn put(&self, body: Body) -> bool {
        let len = body.bytes.len() as u64;
        let mut state = self.state();
        while !state.is_complete && !state.bodies.is_empty() && state.bytes + len > self.bytes_max {
            if !state.was_full {
                state.was_full = true;
                self.changed.notify_all();
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_complete {
            return false;
        }
        state.bytes += len;
        state.bodies.push_back(body);
        drop(state);
        self.ready.notify_waiters();
        true
    }

    fn complete(&self, failure: Option<anyhow::Error>) {
        let mut state = self.state();
        state.is_complete = true;
        state.failure = failure.or_else(|| state.failure.take());
        drop(state);
        self.changed.notify_all();
        self.ready.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
