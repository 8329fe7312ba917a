//! The queue between the program and the reporter's thread, and the account of every span.
//!
//! Putting a span in takes a lock for the time of a few stores; nothing is encoded, allocated
//! much, or waited for under it. What does not fit is dropped and counted.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::pool;
use crate::record::FinishedSpan;
use crate::reporter::{DroppedSpans, ReporterCounters, Unsent};

/// What the queue may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) queue_len_max: usize,
    pub(super) queue_bytes_max: usize,
    pub(super) batch_len_max: usize,
    pub(super) batch_bytes_max: usize,
    pub(super) flush_interval: Duration,
}

pub(super) struct Queue {
    limits: Limits,
    state: Mutex<State>,
    /// Wakes the reporter's thread.
    work: Condvar,
    /// Wakes those who wait for a flush.
    settled: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<FinishedSpan>,
    waiting_bytes: usize,
    /// The batch that is being sent.
    in_flight: usize,
    in_flight_bytes: usize,
    counters: ReporterCounters,
    /// How many spans were let into the queue.
    accepted: u64,
    /// How many of these were sent or dropped; they leave in the order they came.
    settled: u64,
    /// How many were dropped after they had been let in.
    lost: u64,
    /// Up to which count of accepted spans somebody waits.
    flush_target: u64,
    is_closed: bool,
    /// When the thread gives up what is left.
    give_up_at: Option<Instant>,
    is_finished: bool,
}

/// Why spans that were let in are dropped after all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Refused,
    Unreachable,
    Closed,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default(), work: Condvar::new(), settled: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a span in, or drops it.
    pub(super) fn push(&self, span: FinishedSpan) {
        let byte_len = span.0.byte_len();
        let mut state = self.lock();
        state.counters.reported += 1;
        if let Some(count) = state.refusal(byte_len, &self.limits) {
            *count += 1;
            // The span is let go after the lock is given back.
            drop(state);
            pool::recycle(span);
            return;
        }
        state.accepted += 1;
        state.waiting_bytes += byte_len;
        state.waiting.push_back(span);
        let is_batch = state.waiting.len() == self.limits.batch_len_max;
        drop(state);
        if is_batch {
            self.work.notify_one();
        }
    }

    /// Waits for the next batch: a full one, or what there is when the interval is over or
    /// somebody flushes. `None` when the queue is closed and empty, or has been given up.
    pub(super) fn next_batch(&self) -> Option<Vec<FinishedSpan>> {
        let mut state = self.lock();
        let mut interval_end = clock::instant_now() + self.limits.flush_interval;
        loop {
            let now = clock::instant_now();
            if state.is_closed && (state.waiting.is_empty() || state.is_given_up(now)) {
                state.give_up();
                state.is_finished = true;
                self.settled.notify_all();
                return None;
            }
            let is_due = state.waiting.len() >= self.limits.batch_len_max
                || state.flush_target > state.settled
                || state.is_closed
                || now >= interval_end;
            if is_due && !state.waiting.is_empty() {
                return Some(state.take_batch(&self.limits));
            }
            if now >= interval_end {
                interval_end = now + self.limits.flush_interval;
            }
            let pause = interval_end.saturating_duration_since(now);
            let waited = self.work.wait_timeout(state, pause);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Accounts for the batch in flight.
    pub(super) fn settle(&self, outcome: Result<(), Loss>) {
        let mut state = self.lock();
        let len = std::mem::take(&mut state.in_flight) as u64;
        state.in_flight_bytes = 0;
        state.settled += len;
        match outcome {
            Ok(()) => state.counters.sent += len,
            Err(loss) => state.count_loss(loss, len),
        }
        drop(state);
        self.settled.notify_all();
    }

    /// Waits before the next attempt. Returns false when there is no time left for one.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let until = clock::instant_now() + pause;
        let mut state = self.lock();
        loop {
            let now = clock::instant_now();
            if state.is_given_up(now) {
                return false;
            }
            let wake_at = state.give_up_at.map_or(until, |give_up_at| give_up_at.min(until));
            let left = wake_at.saturating_duration_since(now);
            if left.is_zero() {
                return true;
            }
            let waited = self.work.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn flush(&self, timeout: Duration) -> Result<(), Unsent> {
        let deadline = clock::instant_now() + timeout;
        let mut state = self.lock();
        let (target, lost_before) = (state.accepted, state.lost);
        state.flush_target = state.flush_target.max(target);
        self.work.notify_one();
        while state.settled < target && !state.is_finished {
            let left = deadline.saturating_duration_since(clock::instant_now());
            if left.is_zero() {
                break;
            }
            let waited = self.settled.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let queued = target.saturating_sub(state.settled);
        let dropped = state.lost - lost_before;
        if queued == 0 && dropped == 0 { Ok(()) } else { Err(Unsent { queued, dropped }) }
    }

    /// Lets no more spans in, and has the thread end: when the queue is empty, or when the time
    /// is over. A later call can only shorten the time.
    pub(super) fn close(&self, timeout: Duration) {
        let give_up_at = clock::instant_now() + timeout;
        let mut state = self.lock();
        state.is_closed = true;
        state.give_up_at = Some(state.give_up_at.map_or(give_up_at, |at| at.min(give_up_at)));
        drop(state);
        self.work.notify_one();
    }

    /// Drops what still waits when the time of a close is over, whatever the thread is at.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        if state.is_given_up(clock::instant_now()) {
            state.give_up();
        }
    }

    pub(super) fn counters(&self) -> ReporterCounters {
        let state = self.lock();
        ReporterCounters {
            queued: state.len() as u64,
            queued_bytes: state.bytes() as u64,
            ..state.counters
        }
    }
}

impl State {
    fn len(&self) -> usize {
        self.waiting.len() + self.in_flight
    }

    fn bytes(&self) -> usize {
        self.waiting_bytes + self.in_flight_bytes
    }

    /// Returns the count of what stands against taking a span in, if anything does.
    fn refusal(&mut self, byte_len: usize, limits: &Limits) -> Option<&mut u64> {
        let (len, bytes) = (self.len(), self.bytes());
        let dropped = &mut self.counters.dropped;
        if self.is_closed {
            Some(&mut dropped.closed)
        } else if byte_len > limits.batch_bytes_max {
            Some(&mut dropped.too_large)
        } else if len >= limits.queue_len_max {
            Some(&mut dropped.queue_len)
        } else if bytes + byte_len > limits.queue_bytes_max {
            Some(&mut dropped.queue_bytes)
        } else {
            None
        }
    }

    fn is_given_up(&self, now: Instant) -> bool {
        self.give_up_at.is_some_and(|give_up_at| now >= give_up_at)
    }

    fn take_batch(&mut self, limits: &Limits) -> Vec<FinishedSpan> {
        let mut batch = Vec::new();
        while let Some(span) = self.waiting.front() {
            let byte_len = span.0.byte_len();
            let is_full = batch.len() >= limits.batch_len_max
                || self.in_flight_bytes + byte_len > limits.batch_bytes_max;
            if is_full && !batch.is_empty() {
                break;
            }
            self.in_flight_bytes += byte_len;
            batch.extend(self.waiting.pop_front());
        }
        self.waiting_bytes = self.waiting_bytes.saturating_sub(self.in_flight_bytes);
        self.in_flight = batch.len();
        batch
    }

    fn count_loss(&mut self, loss: Loss, len: u64) {
        let DroppedSpans { refused, unreachable, closed, .. } = &mut self.counters.dropped;
        let count = match loss {
            Loss::Refused => refused,
            Loss::Unreachable => unreachable,
            Loss::Closed => closed,
        };
        *count += len;
        self.lost += len;
    }

    /// Drops what waits.
    fn give_up(&mut self) {
        let len = self.waiting.len() as u64;
        self.waiting = VecDeque::new();
        self.waiting_bytes = 0;
        self.settled += len;
        self.count_loss(Loss::Closed, len);
    }
}
