//! What every request handler shares: configuration, clock, limits, counters, the store.
//!
//! The store answers questions from the start; it takes spans and changes once its log is
//! replayed, and whoever comes before is told so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use prometheus_client::registry::Registry;
use spandrel_storage::{Account, EmbeddedStore, Recovery, SpanStore, Tenant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admission::Inflaters;
use crate::clock::Clock;
use crate::config::ServeConfig;
use crate::doors::OpenDoor;
use crate::metrics::{AccountsCollector, Metrics, StoreCollector};
use crate::opening;
use crate::receivers::JaegerClients;
use crate::refusal::Refusal;
use crate::sampling::Sampling;

/// How many questions are answered at once; each takes a thread.
const QUERIES_MAX: usize = 16;
/// How long a question waits for its turn.
const QUERY_WAIT_MAX: Duration = Duration::from_secs(5);
/// How many exports and backups run at once; each takes a thread for as long as it lasts.
const LONG_WORKS_MAX: usize = 2;

/// The memory budget, cut into accounts. What is left of it is the process's own.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    /// Bytes of spans in memory.
    pub(crate) head: Arc<Account>,
    /// Bytes of what is kept in memory of segments.
    pub(crate) segments: Arc<Account>,
    /// Bytes of requests being received and decoded.
    pub(crate) requests: Arc<Account>,
    /// Bytes of requests that wait for the log.
    pub(crate) queue: Arc<Account>,
}

impl Budget {
    /// Cuts the budget.
    pub(crate) fn of(memory_bytes: u64) -> Self {
        let account = |name, percent| Account::new(name, memory_bytes / 100 * percent);
        Self {
            head: account("head", 55),
            segments: account("segments", 15),
            requests: account("requests", 15),
            queue: account("queue", 10),
        }
    }

    /// All of them.
    pub(crate) fn accounts(&self) -> [&Arc<Account>; 4] {
        [&self.head, &self.segments, &self.requests, &self.queue]
    }
}

/// What request handlers share.
pub(crate) struct App {
    pub(crate) config: ServeConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started_ns: u64,
    /// The doors that are open, the main one first.
    pub(crate) doors: Vec<OpenDoor>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) registry: Registry,
    pub(crate) budget: Budget,
    /// Whether an answer ever named more services than Zipkin caches names for.
    pub(crate) has_many_services: AtomicBool,
    /// Set when the server has begun to close.
    pub(crate) is_closing: AtomicBool,
    pub(crate) store: Arc<EmbeddedStore>,
    queries: Arc<Semaphore>,
    long_works: Arc<Semaphore>,
    /// Turns and room for inflating bodies.
    pub(crate) inflaters: Inflaters,
    /// How much each service is to sample.
    pub(crate) sampling: Sampling,
    /// What Jaeger's clients say that they lost.
    pub(crate) jaeger_clients: JaegerClients,
}

/// What was found, and what of the store could not be looked at.
#[derive(Debug)]
pub(crate) struct Answered<T> {
    pub(crate) value: T,
    /// Why the answer may be incomplete; what it says is right.
    pub(crate) partial: Option<String>,
}

impl<T> Answered<T> {
    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Answered<U> {
        Answered { value: map(self.value), partial: self.partial }
    }
}

impl App {
    /// Starts the store and brings together what handlers share. Blocks for as long as locking
    /// the data folder and reading its manifest take; the log is replayed afterwards.
    pub(crate) fn open(
        config: ServeConfig,
        doors: Vec<OpenDoor>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Arc<Self>> {
        let sampling = Sampling::open(config.sampling_strategies.as_deref())?;
        let budget = Budget::of(config.memory_bytes);
        let store = Arc::new(opening::start_store(&config, &budget, Arc::clone(&clock))?);
        let metrics = Arc::new(Metrics::default());
        let mut registry = Registry::with_prefix("spandrel");
        metrics.register(&mut registry);
        let accounts = AccountsCollector(budget.accounts().map(Arc::clone).into());
        registry.register_collector(Box::new(accounts));
        let scraped = Arc::clone(&store);
        registry.register_collector(Box::new(StoreCollector(Box::new(move || scraped.stats()))));
        Ok(Arc::new(Self {
            started_ns: clock.now_ns(),
            config,
            clock,
            doors,
            metrics,
            registry,
            budget,
            has_many_services: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            store,
            queries: Arc::new(Semaphore::new(QUERIES_MAX)),
            long_works: Arc::new(Semaphore::new(LONG_WORKS_MAX)),
            inflaters: Inflaters::default(),
            sampling,
            jaeger_clients: JaegerClients::default(),
        }))
    }

    /// Where the main door got bound.
    pub(crate) fn main_door(&self) -> SocketAddr {
        self.doors.first().expect("the server does not start without its main door").address
    }

    /// Whether spans and changes are taken.
    pub(crate) fn is_ready(&self) -> bool {
        self.store.recovery() == Recovery::Done
    }

    /// Refuses what only a store takes whose log is replayed.
    pub(crate) fn check_ready(&self) -> Result<(), Refusal> {
        match self.store.recovery() {
            Recovery::Done => Ok(()),
            Recovery::Replaying(_) => {
                Err(Refusal::unavailable("not_ready", "the log is being replayed: try again"))
            }
            Recovery::Failed(reason) => {
                let message = format!("the log can't be replayed: {reason}");
                Err(Refusal::unavailable("not_ready", message))
            }
        }
    }

    /// Whose spans a request reads and writes: one tenant, until there is authentication.
    #[expect(clippy::unused_self, reason = "authentication will be the app's")]
    pub(crate) fn tenant(&self) -> Tenant {
        Tenant::default()
    }

    /// Answers a question on a thread that may block, and says what the answer leaves out.
    pub(crate) async fn query<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&dyn SpanStore, &Tenant) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<Answered<T>, Refusal> {
        self.on_thread(move |store, tenant| {
            let missing_before = store.missing();
            let answered = answer(store, tenant);
            // A replay may end, and damage may be found, while the question is answered.
            let partial = store.missing().or(missing_before);
            match answered {
                Ok(value) => Ok(Answered { value, partial }),
                Err(refusal) => Err(refusal.with_partial(partial)),
            }
        })
        .await
    }

    /// Makes a change of the store on a thread that may block, once the store takes changes.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&EmbeddedStore, &Tenant) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.check_ready()?;
        self.on_thread(change).await
    }

    /// Sets a place aside for an export or a backup, which lasts until the permit is dropped.
    pub(crate) fn begin_long_work(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.long_works).try_acquire_owned().map_err(|_taken| {
            let message = format!("{LONG_WORKS_MAX} exports and backups are under way: try again");
            Refusal::unavailable("long_works", message)
        })
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&EmbeddedStore, &Tenant) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (store, tenant) = (Arc::clone(&self.store), self.tenant());
        let turn = Arc::clone(&self.queries).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(QUERY_WAIT_MAX, turn).await else {
            self.metrics.refused_queries.inc();
            let message = format!("{QUERIES_MAX} questions are being answered: try again");
            return Err(Refusal::unavailable("queries", message));
        };
        let working = tokio::task::spawn_blocking(move || {
            // The asker may hang up; the thread is taken until the work is done.
            let _permit = permit;
            work(&store, &tenant)
        });
        working.await.unwrap_or_else(|panicked| {
            tracing::error!(%panicked, "a question made the server panic");
            let message = "the question made the server panic; its log says where";
            Err(Refusal::new(http::StatusCode::INTERNAL_SERVER_ERROR, "panic", message))
        })
    }
}
