//! The embedded store: a thread that drives the engine, and the queue in front of it.
//!
//! Everything that decides is in [`Engine`]; here are only the waiting and the clock.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::{Clock, random_seed};
use crate::disk::Disk;
use crate::engine::{Charged, Engine, Shared};
use crate::options::{OpenError, Options, Progress, RecordDecoder, StoreStats};
use crate::store::{
    AppendError, Batch, Completion, FoundTrace, NameRequest, ReadError, ScanRequest, SpanStore,
    StoredSpan,
};
use crate::tenant::Tenant;

/// The queue's sending side. The queue is bounded by the bytes of [`Options::queue`], which each
/// request reserves before it is sent.
type Inbox = Sender<(Charged, Completion)>;

/// A span store in this process, on a folder that it alone has.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    inbox: RwLock<Option<Inbox>>,
    writer: Mutex<Option<JoinHandle<Result<(), AppendError>>>>,
}

impl EmbeddedStore {
    /// Locks the folder of `disk`, replays its log, and starts the thread that writes.
    ///
    /// Blocks until the replay is done; `progress` hears of it at the start and after each file.
    ///
    /// # Errors
    ///
    /// Returns why the store can't be opened; nothing is then changed that matters.
    pub fn open(
        options: Options,
        disk: Arc<dyn Disk>,
        decoder: &dyn RecordDecoder,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Self, OpenError> {
        let engine = Engine::open(options, random_seed(), disk, decoder, progress)?;
        let shared = Arc::clone(engine.shared());
        let (inbox, queue) = channel();
        let writer = std::thread::Builder::new()
            .name("spandrel-log".to_owned())
            .spawn(move || drive(engine, &queue, Clock::start()))
            .map_err(|source| OpenError::Disk { path: "the log's thread".to_owned(), source })?;
        Ok(Self { shared, inbox: RwLock::new(Some(inbox)), writer: Mutex::new(Some(writer)) })
    }

    /// Returns what the store counts.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.shared.stats()
    }

    /// Refuses what comes from now on, finishes what came before, makes it durable, and returns
    /// when the folder is free. Questions are answered still. A second call does nothing.
    ///
    /// # Errors
    ///
    /// Fails when the last sync does; only under [`crate::Durability::Interval`] is anything
    /// lost then.
    pub fn close(&self) -> Result<(), AppendError> {
        drop(self.inbox.write().unwrap_or_else(PoisonError::into_inner).take());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match writer.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => {
                Err(AppendError::Disk { reason: "the log's thread panicked".to_owned() })
            }
        }
    }
}

/// Drives the engine until the queue is closed and empty.
fn drive(
    mut engine: Engine<Completion>,
    queue: &Receiver<(Charged, Completion)>,
    clock: Clock,
) -> Result<(), AppendError> {
    let settle = &mut |done: Completion, outcome| done(outcome);
    loop {
        let received = match engine.due_ns() {
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due_ns) => {
                let wait = Duration::from_nanos(due_ns.saturating_sub(clock.now_ns()));
                queue.recv_timeout(wait)
            }
        };
        match received {
            Ok((request, done)) => engine.append(request, done),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return engine.close(clock.now_ns(), settle),
        }
        // All that came during the last sync goes in the next group.
        while !engine.is_group_full()
            && let Ok((request, done)) = queue.try_recv()
        {
            engine.append(request, done);
        }
        engine.commit(clock.now_ns(), settle);
        engine.tick(clock.now_ns());
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
                if let Err(unsent) = inbox.send((request, done)) {
                    unsent.0.1(Err(self.shared.refuse_closing()));
                }
            }
        }
    }

    fn trace(&self, tenant: &Tenant, trace_id_low: u64) -> Result<Vec<StoredSpan>, ReadError> {
        Ok(self.shared.head.trace(tenant, trace_id_low))
    }

    fn scan(
        &self,
        tenant: &Tenant,
        request: &ScanRequest,
        visit: &mut dyn FnMut(FoundTrace) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.shared.head.scan(tenant, request, visit);
        Ok(())
    }

    fn names(&self, tenant: &Tenant, wanted: &NameRequest) -> Result<Vec<String>, ReadError> {
        Ok(self.shared.head.names(tenant, wanted))
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
