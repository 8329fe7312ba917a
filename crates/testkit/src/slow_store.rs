//! A segment store whose reads take their time, and which counts how often somebody had to wait.
//!
//! Answers come in rounds: all reads that wait are answered together. A read that is asked for
//! because of an answer is in a later round than that answer, whatever the timing; so the rounds
//! of a lookup are what it takes from a store far away, in units of that store's latency.

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use spandrel_storage::{
    Capacity, ListedObject, ManifestVersion, RangeRead, RangesRead, SegmentStore, SegmentUpload,
    SwapError,
};

/// A store whose reads wait for their round. Everything else is the inner store's and immediate.
pub struct SlowStore {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What was read, in the life of a [`SlowStore`] or between two counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Calls of `read_ranges`.
    pub calls: u64,
    /// Rounds in which they were answered.
    pub rounds: u64,
    /// Ranges in them.
    pub ranges: u64,
    /// Bytes that were wanted.
    pub bytes: u64,
}

struct Shared {
    inner: Arc<dyn SegmentStore>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    held: Vec<(Vec<RangeRead>, RangesRead)>,
    counts: ReadCounts,
    is_closed: bool,
}

impl SlowStore {
    /// Makes a store that holds every answer until [`Self::answer`]. For code that does not block.
    #[must_use]
    pub fn held(inner: Arc<dyn SegmentStore>) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self { shared: Arc::new(Shared { inner, state, changed }), thread: None }
    }

    /// Makes a store whose thread answers, each time so long after the first read that waits.
    ///
    /// The rounds of a caller that waits for each of its calls are exactly its calls. For several
    /// that call at once they are as many as expected only if the latency is long enough for all
    /// of them to call.
    #[must_use]
    pub fn answering(inner: Arc<dyn SegmentStore>, latency: Duration) -> Self {
        let mut store = Self::held(inner);
        let shared = Arc::clone(&store.shared);
        store.thread = Some(std::thread::spawn(move || shared.answer_until_closed(latency)));
        store
    }

    /// Answers all reads that wait, as one round; returns how many there were.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn answer(&self) -> usize {
        self.shared.answer()
    }

    /// Answers round after round until nothing waits; returns how many rounds it took.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn answer_all(&self) -> u64 {
        (0..).take_while(|_| self.answer() > 0).count() as u64
    }

    /// Returns what was read since the last call of this.
    #[must_use]
    pub fn take_counts(&self) -> ReadCounts {
        std::mem::take(&mut self.shared.state().counts)
    }
}

impl Shared {
    fn answer(&self) -> usize {
        let mut state = self.state();
        let held = std::mem::take(&mut state.held);
        state.counts.rounds += u64::from(!held.is_empty());
        // What an answer makes its receiver ask for is held for the next round.
        drop(state);
        let count = held.len();
        for (wanted, done) in held {
            self.inner.read_ranges(wanted, done);
        }
        count
    }

    fn answer_until_closed(&self, latency: Duration) {
        loop {
            let is_idle = |state: &mut State| state.held.is_empty() && !state.is_closed;
            let state = self.changed.wait_while(self.state(), is_idle);
            let state = state.unwrap_or_else(PoisonError::into_inner);
            let is_open = |state: &mut State| !state.is_closed;
            let waited = self.changed.wait_timeout_while(state, latency, is_open);
            let is_closed = waited.unwrap_or_else(PoisonError::into_inner).0.is_closed;
            self.answer();
            if is_closed {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SegmentStore for SlowStore {
    fn create(&self, path: &str) -> io::Result<Box<dyn SegmentUpload>> {
        self.shared.inner.create(path)
    }

    fn list(&self) -> io::Result<Vec<ListedObject>> {
        self.shared.inner.list()
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.shared.inner.remove(path)
    }

    fn capacity(&self) -> io::Result<Capacity> {
        self.shared.inner.capacity()
    }

    fn read_ranges(&self, wanted: Vec<RangeRead>, done: RangesRead) {
        let mut state = self.shared.state();
        state.counts.calls += 1;
        state.counts.ranges += wanted.len() as u64;
        state.counts.bytes += wanted.iter().map(|range| range.len as u64).sum::<u64>();
        state.held.push((wanted, done));
        drop(state);
        self.shared.changed.notify_all();
    }

    fn manifest(&self) -> io::Result<Option<(ManifestVersion, Vec<u8>)>> {
        self.shared.inner.manifest()
    }

    fn swap_manifest(
        &self,
        expected: Option<&ManifestVersion>,
        manifest: &[u8],
    ) -> Result<ManifestVersion, SwapError> {
        self.shared.inner.swap_manifest(expected, manifest)
    }
}

impl Drop for SlowStore {
    fn drop(&mut self) {
        self.shared.state().is_closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic in an answer has failed its test already.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for SlowStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state();
        f.debug_struct("SlowStore").field("counts", &state.counts).finish_non_exhaustive()
    }
}
