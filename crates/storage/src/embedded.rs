//! The embedded store: a thread that drives the engine, two that run its jobs, and the queue in
//! front of them.
//!
//! Everything that decides is in [`Engine`]; here are only the waiting and the clock.

use std::fmt;
use std::ops::{ControlFlow, RangeBounds};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::{Clock, random_seed};
use crate::disk::Disk;
use crate::engine::{Charged, Engine, Opening, Recovery, Shared};
use crate::maintenance::{Job, JobDone};
use crate::manifest::ManifestChange;
use crate::options::{OpenError, Options, Progress, RecordDecoder, StoreStats};
use crate::predicate::SpanFilter;
use crate::reads::{Selected, TraceRow};
use crate::rollup::Rollup;
use crate::segment_store::SegmentStore;
use crate::store::{
    AppendError, Batch, ChangeFailed, Completion, FoundTrace, NameRequest, ReadError, ScanRequest,
    SpanStore, StoredSpan,
};
use crate::tenant::Tenant;

/// What the driving thread is told. Requests are bounded by the bytes of [`Options::queue`],
/// which each reserves before it is sent; jobs by the engine, which begins two at most; the rest
/// by the callers who wait for it.
enum Message {
    Append(Box<Charged>, Completion),
    Done(JobDone),
    Delete(Tenant, u64, Sender<Result<(), ChangeFailed>>),
    Adopt(ManifestChange, Sender<()>),
    Flush(Sender<()>),
    Close,
}

/// Hears how far the replay of the log has come.
pub type TellProgress = Box<dyn FnMut(&Progress) + Send>;

/// A span store in this process, on a folder that it alone has.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    inbox: RwLock<Option<Sender<Message>>>,
    driver: Mutex<Option<JoinHandle<Result<(), AppendError>>>>,
}

impl EmbeddedStore {
    /// Opens a store as [`Self::start`] does, and waits until its log is replayed.
    ///
    /// # Errors
    ///
    /// Returns why the store can't be opened; nothing is then changed that matters.
    pub fn open(
        options: Options,
        disk: Arc<dyn Disk>,
        decoder: Arc<dyn RecordDecoder>,
    ) -> Result<Self, OpenError> {
        let store = Self::start(options, disk, decoder, Box::new(|_| {}))?;
        store.wait_recovered()?;
        Ok(store)
    }

    /// Locks the folder of `disk`, reads its manifest, and starts the threads that replay the
    /// log, write and maintain. Questions are answered at once, by what is found so far;
    /// requests are refused as [`AppendError::Recovering`] until the replay is done. `progress`
    /// hears of it at the start and after each file, on another thread.
    ///
    /// # Errors
    ///
    /// Returns why the store can't be opened; nothing is then changed that matters.
    pub fn start(
        options: Options,
        disk: Arc<dyn Disk>,
        decoder: Arc<dyn RecordDecoder>,
        progress: TellProgress,
    ) -> Result<Self, OpenError> {
        Self::run(Opening::begin(options, random_seed(), disk)?, decoder, progress)
    }

    /// Opens a store as [`Self::open`] does, with segments and manifest in a store of their own.
    ///
    /// # Errors
    ///
    /// Returns why the store can't be opened; nothing is then changed that matters.
    pub fn open_on(
        options: Options,
        disk: Arc<dyn Disk>,
        segments: Arc<dyn SegmentStore>,
        decoder: Arc<dyn RecordDecoder>,
    ) -> Result<Self, OpenError> {
        let opening = Opening::begin_on(options, random_seed(), disk, segments)?;
        let store = Self::run(opening, decoder, Box::new(|_| {}))?;
        store.wait_recovered()?;
        Ok(store)
    }

    fn run(
        opening: Opening,
        decoder: Arc<dyn RecordDecoder>,
        mut progress: TellProgress,
    ) -> Result<Self, OpenError> {
        let shared = Arc::clone(opening.shared());
        let (inbox, queue) = channel();
        let workers = Workers::start(&inbox)?;
        let driver = spawn("spandrel-log", move || {
            let engine = opening.replay(&*decoder, &mut *progress);
            let engine = engine.map_err(|error| AppendError::Disk { reason: error.to_string() })?;
            drive(engine, &queue, workers, Clock::start())
        })?;
        let (inbox, driver) = (RwLock::new(Some(inbox)), Mutex::new(Some(driver)));
        Ok(Self { shared, inbox, driver })
    }

    /// How far the replay of the log has come.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        self.shared.recovery_state()
    }

    /// Waits for the end of the replay.
    ///
    /// # Errors
    ///
    /// Says why the log could not be replayed. What was acknowledged is still in it.
    pub fn wait_recovered(&self) -> Result<(), OpenError> {
        self.shared.wait_recovered().map_err(|reason| OpenError::Replay { reason })
    }

    /// Returns what the store counts.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.shared.stats()
    }

    /// What answers leave out at the moment, if anything; the rest is right.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        self.shared.missing()
    }

    /// Writes what memory holds to segments, settled or not, and returns when that is done.
    pub fn flush(&self) {
        self.ask(Message::Flush);
    }

    /// Deletes what is there of a trace: it is not found any more once this returns, and not
    /// after a crash either. Its space is given back when its segments are rewritten.
    ///
    /// # Errors
    ///
    /// Fails when the deletion can't be made durable.
    pub fn delete_trace(&self, tenant: &Tenant, trace_id_low: u64) -> Result<(), ChangeFailed> {
        let delete = |reply| Message::Delete(tenant.clone(), trace_id_low, reply);
        self.ask(delete)
            .unwrap_or_else(|| Err(ChangeFailed { reason: "the store is closing".to_owned() }))
    }

    /// Keeps a trace whatever the retention: its spans of now are copied to a segment of their
    /// own. Returns how many they are; a trace that is pinned already is copied anew.
    ///
    /// # Errors
    ///
    /// Fails when the trace can't be read or the copy can't be written.
    pub fn pin_trace(&self, tenant: &Tenant, trace_id_low: u64) -> Result<usize, ChangeFailed> {
        let outcome = self.shared.pin_trace(tenant, trace_id_low);
        let change = outcome.as_ref().map(|(_, change)| change.clone());
        // After a failure too: the engine is to look what became of it.
        self.ask(|reply| Message::Adopt(change.unwrap_or_default(), reply));
        outcome.map(|(span_count, _)| span_count)
    }

    /// Leaves a trace to the retention again. Returns whether it was pinned.
    ///
    /// # Errors
    ///
    /// Fails when that can't be made durable.
    pub fn unpin_trace(&self, tenant: &Tenant, trace_id_low: u64) -> Result<bool, ChangeFailed> {
        let outcome = self.shared.unpin_trace(tenant, trace_id_low);
        let change = outcome.clone().unwrap_or_default();
        self.ask(|reply| Message::Adopt(change, reply));
        outcome.map(|change| !change.remove.is_empty())
    }

    /// What is known of some traces without their spans, in the order asked for: of those that
    /// settled, and as far as they did. Spans still in memory are not in it.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub fn trace_rows(&self, tenant: &Tenant, lows: &[u64]) -> Result<Vec<TraceRow>, ReadError> {
        self.shared.trace_rows(tenant, lows)
    }

    /// What spans and calls there were in a window of time, in nanoseconds since 1970: counts and
    /// durations by minute. The minutes in which the window begins and ends are counted whole.
    /// What has no start is counted in a window without a beginning.
    ///
    /// Counted are the spans in segments: those that have settled, not those still in memory. A
    /// span that came twice counts twice until a merge folds it; calls are those of the whole
    /// traces as they are now, and count once whatever came late or twice. A deleted trace counts
    /// until its space is given back, and then no more. What has expired counts no more at once;
    /// the calls of a trace of which only a part has expired are what that part left of the sum,
    /// and may be less than none.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub fn rollup(
        &self,
        tenant: &Tenant,
        window: impl RangeBounds<u64>,
    ) -> Result<Rollup, ReadError> {
        self.shared.rollup(tenant, &window)
    }

    /// Refuses what comes from now on, finishes what came before, makes it durable, and returns
    /// when the folder is free. Questions are answered still. A second call does nothing.
    ///
    /// # Errors
    ///
    /// Fails when the last sync does; only under [`crate::Durability::Interval`] is anything
    /// lost then.
    pub fn close(&self) -> Result<(), AppendError> {
        self.shared.workshop.is_cancelled.store(true, Ordering::Relaxed);
        if let Some(inbox) = self.inbox.write().unwrap_or_else(PoisonError::into_inner).take() {
            // A thread that has ended took all that came before.
            let _ = inbox.send(Message::Close);
        }
        let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner).take();
        match driver.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => {
                Err(AppendError::Disk { reason: "the log's thread panicked".to_owned() })
            }
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Visits every trace of a tenant, the one with the latest start first, until the visitor
    /// breaks. Traces that come meanwhile are not visited.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub fn for_each_trace(
        &self,
        tenant: &Tenant,
        visit: &mut dyn FnMut(FoundTrace) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.shared.scan(tenant, &ScanRequest::default(), visit)
    }

    /// Counts the spans in segments that meet a filter, from columns alone: what a search costs
    /// before it reads whole traces.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub fn select(&self, tenant: &Tenant, filter: &SpanFilter) -> Result<Selected, ReadError> {
        self.shared.select(tenant, filter)
    }

    /// Sends a message and waits for its answer; `None` when the store closes instead.
    fn ask<R>(&self, message: impl FnOnce(Sender<R>) -> Message) -> Option<R> {
        let (reply, answer) = channel();
        let inbox = self.inbox.read().unwrap_or_else(PoisonError::into_inner).clone();
        inbox?.send(message(reply)).ok()?;
        answer.recv().ok()
    }
}

/// The threads that run jobs: one for flushes, one for all others. They end with their channel.
struct Workers {
    flush: SyncSender<Job>,
    other: SyncSender<Job>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    fn start(inbox: &Sender<Message>) -> Result<Self, OpenError> {
        let (flush, flushes) = sync_channel(1);
        let (other, others) = sync_channel(1);
        let mut threads = Vec::new();
        for (name, jobs) in [("spandrel-flush", flushes), ("spandrel-merge", others)] {
            let inbox = inbox.clone();
            threads.push(spawn(name, move || run_jobs(&jobs, &inbox))?);
        }
        Ok(Self { flush, other, threads })
    }

    fn run(&self, job: Job) {
        let worker = if job.is_flush() { &self.flush } else { &self.other };
        // The engine begins a job of a kind when the last one is finished: there is a place.
        let _ = worker.send(job);
    }

    /// Waits for the jobs under way; their outcome matters to nobody.
    fn end(self) {
        drop((self.flush, self.other));
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

fn run_jobs(jobs: &Receiver<Job>, inbox: &Sender<Message>) {
    while let Ok(job) = jobs.recv() {
        if inbox.send(Message::Done(job.run())).is_err() {
            return;
        }
    }
}

fn spawn<R: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> R + Send + 'static,
) -> Result<JoinHandle<R>, OpenError> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map_err(|source| OpenError::Disk { path: format!("the thread {name}"), source })
}

/// Drives the engine until it is told to close.
fn drive(
    mut engine: Engine<Completion>,
    queue: &Receiver<Message>,
    workers: Workers,
    clock: Clock,
) -> Result<(), AppendError> {
    let settle = &mut |done: Completion, outcome| done(outcome);
    let mut flushes = Vec::new();
    loop {
        let mut message = match wait_for(&engine, queue, clock) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Message::Close),
        };
        // All that came during the last sync goes in the next group.
        while let Some(taken) = message {
            match taken {
                Message::Append(request, done) => engine.append(*request, done),
                Message::Done(done) => engine.finish_job(done, clock.wall_ns()),
                Message::Delete(tenant, trace_id_low, reply) => {
                    engine.commit(clock.now_ns(), settle);
                    let outcome = engine.delete_trace(&tenant, trace_id_low);
                    let outcome = outcome.map_err(|error| ChangeFailed::new(&error));
                    let _ = reply.send(outcome);
                }
                Message::Adopt(change, reply) => {
                    engine.adopt(&change);
                    let _ = reply.send(());
                }
                Message::Flush(reply) => {
                    engine.commit(clock.now_ns(), settle);
                    engine.want_flush();
                    flushes.push(reply);
                }
                Message::Close => {
                    let outcome = engine.close(clock.now_ns(), settle);
                    workers.end();
                    return outcome;
                }
            }
            message = if engine.is_group_full() { None } else { queue.try_recv().ok() };
        }
        engine.commit(clock.now_ns(), settle);
        engine.tick(clock.now_ns());
        while let Some(job) = engine.next_job(clock.wall_ns()) {
            workers.run(job);
        }
        if !engine.is_flush_wanted() {
            flushes.drain(..).for_each(|reply| _ = reply.send(()));
        }
    }
}

/// Waits for a message, or until the engine has something to do.
fn wait_for(
    engine: &Engine<Completion>,
    queue: &Receiver<Message>,
    clock: Clock,
) -> Result<Message, RecvTimeoutError> {
    let sync_ns = engine.due_ns().map(|due_ns| due_ns.saturating_sub(clock.now_ns()));
    let upkeep_ns = engine.upkeep_due_ns().map(|due_ns| due_ns.saturating_sub(clock.wall_ns()));
    match [sync_ns, upkeep_ns].into_iter().flatten().min() {
        None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        Some(wait_ns) => queue.recv_timeout(Duration::from_nanos(wait_ns)),
    }
}

impl SpanStore for EmbeddedStore {
    fn append(&self, batch: Batch, done: Completion) {
        let inbox = self.inbox.read().unwrap_or_else(PoisonError::into_inner);
        let Some(inbox) = inbox.as_ref() else {
            return done(Err(self.shared.refuse_closing()));
        };
        match self.shared.charge(batch) {
            Err(error) => done(Err(error)),
            Ok(request) => {
                // The thread ends early only if a completion panicked in it.
                if let Err(unsent) = inbox.send(Message::Append(Box::new(request), done))
                    && let Message::Append(_, done) = unsent.0
                {
                    done(Err(self.shared.refuse_closing()));
                }
            }
        }
    }

    fn trace(&self, tenant: &Tenant, trace_id_low: u64) -> Result<Vec<StoredSpan>, ReadError> {
        self.shared.trace(tenant, trace_id_low)
    }

    fn scan(
        &self,
        tenant: &Tenant,
        request: &ScanRequest,
        visit: &mut dyn FnMut(FoundTrace) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.shared.scan(tenant, request, visit)
    }

    fn names(&self, tenant: &Tenant, wanted: &NameRequest) -> Result<Vec<String>, ReadError> {
        self.shared.names(tenant, wanted)
    }

    fn missing(&self) -> Option<String> {
        self.shared.missing()
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        // Whoever wants to know the outcome closes the store before dropping it.
        let _ = self.close();
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
