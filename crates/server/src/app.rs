//! What every request handler shares: configuration, clock, limits, counters, the store.
//!
//! The store comes last: until replay is done there is none, and whoever asks for it is told so.

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::registry::Registry;
use spandrel_storage::{Account, EmbeddedStore, SpanStore, Tenant};
use tokio::sync::Semaphore;

use crate::admission::Inflaters;
use crate::clock::Clock;
use crate::config::ServeConfig;
use crate::metrics::{AccountsCollector, Metrics, StoreCollector};
use crate::refusal::Refusal;

/// How much of the memory budget holds stored spans; the rest is requests and the process.
const HEAD_PERCENT: u64 = 70;
/// How much of the memory budget holds requests that are being received.
const REQUESTS_PERCENT: u64 = 15;
/// How much of the memory budget holds requests that wait for the log.
const QUEUE_PERCENT: u64 = 10;
/// How many questions are answered at once; each takes a thread.
const QUERIES_MAX: usize = 16;
/// How long a question waits for its turn.
const QUERY_WAIT_MAX: Duration = Duration::from_secs(5);

/// What request handlers share.
pub(crate) struct App {
    pub(crate) config: ServeConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started_ns: u64,
    /// Where the main door got bound.
    pub(crate) main_door: SocketAddr,
    pub(crate) metrics: Metrics,
    pub(crate) registry: Registry,
    /// Bytes of requests being received and decoded.
    pub(crate) requests: Arc<Account>,
    /// Bytes of requests that wait for the log.
    pub(crate) queue: Arc<Account>,
    /// Bytes of spans in memory.
    pub(crate) head: Arc<Account>,
    /// Whether an answer ever named more services than Zipkin caches names for.
    pub(crate) has_many_services: AtomicBool,
    /// Set when the server has begun to close.
    pub(crate) is_closing: AtomicBool,
    store: Arc<OnceLock<Arc<EmbeddedStore>>>,
    queries: Semaphore,
    /// Turns and room for inflating bodies.
    pub(crate) inflaters: Inflaters,
}

impl App {
    pub(crate) fn new(
        config: ServeConfig,
        main_door: SocketAddr,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let share = |percent: u64| config.memory_bytes / 100 * percent;
        let head = Account::new("head", share(HEAD_PERCENT));
        let requests = Account::new("requests", share(REQUESTS_PERCENT));
        let queue = Account::new("queue", share(QUEUE_PERCENT));
        let store: Arc<OnceLock<Arc<EmbeddedStore>>> = Arc::default();
        let metrics = Metrics::default();
        let mut registry = Registry::with_prefix("spandrel");
        metrics.register(&mut registry);
        let accounts = AccountsCollector([&head, &requests, &queue].map(Arc::clone).into());
        registry.register_collector(Box::new(accounts));
        let scraped = Arc::clone(&store);
        let read_stats = move || scraped.get().map(|store| store.stats());
        registry.register_collector(Box::new(StoreCollector(Box::new(read_stats))));
        Arc::new(Self {
            started_ns: clock.now_ns(),
            config,
            clock,
            main_door,
            metrics,
            registry,
            requests,
            queue,
            head,
            has_many_services: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            store,
            queries: Semaphore::new(QUERIES_MAX),
            inflaters: Inflaters::default(),
        })
    }

    /// Hands over the opened store: from now on there are answers.
    pub(crate) fn set_store(&self, store: Arc<EmbeddedStore>) {
        // A second store is a caller's mistake; the first one, with its spans, stays.
        let _ = self.store.set(store);
    }

    /// Where the store will be.
    pub(crate) fn store_slot(&self) -> Arc<OnceLock<Arc<EmbeddedStore>>> {
        Arc::clone(&self.store)
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.store.get().is_some()
    }

    /// Returns the store, or why there is none yet.
    pub(crate) fn store(&self) -> Result<Arc<EmbeddedStore>, Refusal> {
        match self.store.get() {
            Some(store) => Ok(Arc::clone(store)),
            None => Err(Refusal::unavailable("not_ready", "the log is being replayed: try again")),
        }
    }

    /// Whose spans a request reads and writes: one tenant, until there is authentication.
    #[expect(clippy::unused_self, reason = "authentication will be the app's")]
    pub(crate) fn tenant(&self) -> Tenant {
        Tenant::default()
    }

    /// Answers a question on a thread that may block.
    pub(crate) async fn query<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&dyn SpanStore, &Tenant) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (store, tenant) = (self.store()?, self.tenant());
        let turn = tokio::time::timeout(QUERY_WAIT_MAX, self.queries.acquire()).await;
        let Ok(Ok(_permit)) = turn else {
            self.metrics.refused_queries.inc();
            let message = format!("{QUERIES_MAX} questions are being answered: try again");
            return Err(Refusal::unavailable("queries", message));
        };
        match tokio::task::spawn_blocking(move || answer(&*store, &tenant)).await {
            Ok(answer) => answer,
            Err(panicked) => {
                tracing::error!(%panicked, "a question made the server panic");
                let message = "the question made the server panic; its log says where";
                Err(Refusal::new(http::StatusCode::INTERNAL_SERVER_ERROR, "panic", message))
            }
        }
    }
}
