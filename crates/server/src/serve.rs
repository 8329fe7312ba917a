//! `spandrel serve`: binds the doors, starts the store, and closes both in the right order.
//!
//! Questions are answered while the log is replayed, and spans are taken after that. The store
//! closes last, so that every request that was let in is answered.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Context as _;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, Uri};
use spandrel_storage::{Durability, Recovery};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::clock::SystemClock;
use crate::config::{ServeConfig, ServeFlags};
use crate::door::{Behind, Closing, DoorLimits};
use crate::doors::{Bound, BoundDoors, OpenDoor};
use crate::guard::guard;
use crate::receivers::{cors, no_such_call, serve_datagrams, serve_scribe};
use crate::refusal::Refusal;
use crate::{demo, opening, sampling, self_trace};

/// Serves until the process is asked to end.
pub(crate) fn run(flags: ServeFlags) -> anyhow::Result<()> {
    init_log();
    let has_demo = flags.demo;
    let config = ServeConfig::load(flags)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads that serve could not be started")?;
    let outcome = runtime.block_on(serve(config, has_demo));
    // A replay that was interrupted goes on in its thread; nobody waits for it.
    runtime.shutdown_background();
    outcome
}

/// Logs to standard error; `RUST_LOG` chooses what (`debug`, `spandrel=trace`).
fn init_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

async fn serve(config: ServeConfig, has_demo: bool) -> anyhow::Result<()> {
    let mut stop = StopSignals::listen()?;
    let running = tokio::select! {
        started = Running::start(config) => started?,
        () = stop.wait() => return Ok(()),
    };
    log_start(&running.app);
    for warning in &running.warnings {
        tracing::warn!("{warning}");
    }
    let is_ready = tokio::select! {
        recovered = running.recovered() => recovered.map(|()| true)?,
        () = stop.wait() => false,
    };
    if is_ready {
        log_ready(&running.app);
        if has_demo {
            tokio::spawn(log_demo(running.app.main_door()));
        }
        stop.wait().await;
    }
    tracing::info!("closing: finishing the requests inside");
    running.close().await?;
    tracing::info!("closed: every acknowledged span is on disk");
    Ok(())
}

/// A server that answers questions, and takes spans once its log is replayed.
pub(crate) struct Running {
    pub(crate) app: Arc<App>,
    /// Which doors stay shut, and why.
    warnings: Vec<String>,
    close_doors: watch::Sender<bool>,
    served: JoinSet<()>,
}

impl Running {
    /// Binds the doors, starts the store, and lets requests in.
    pub(crate) async fn start(config: ServeConfig) -> anyhow::Result<Self> {
        let bound = BoundDoors::bind(&config).await?;
        let open_doors = bound.open_doors();
        let opening = move || App::open(config, open_doors, Arc::new(SystemClock));
        let opening = tokio::task::spawn_blocking(opening);
        let app = opening.await.context("opening the store panicked")??;
        let (close_doors, closing) = watch::channel(false);
        let mut served = JoinSet::new();
        for door in bound.doors {
            served.spawn(serve_door(Arc::clone(&app), door, closing.clone()));
        }
        served.spawn(sampling::watch(Arc::clone(&app), closing));
        Ok(Self { app, warnings: bound.warnings, close_doors, served })
    }

    /// Waits until the log is replayed.
    pub(crate) async fn recovered(&self) -> anyhow::Result<()> {
        let store = Arc::clone(&self.app.store);
        let recovered = tokio::task::spawn_blocking(move || store.wait_recovered());
        let folder = &self.app.config.data_dir;
        recovered
            .await
            .context("waiting for the replay panicked")?
            .with_context(|| format!("the data folder {}", folder.display()))
    }

    /// Lets nobody in any more, answers those inside, and closes the store.
    pub(crate) async fn close(mut self) -> anyhow::Result<()> {
        self.app.is_closing.store(true, Ordering::Relaxed);
        // The receivers are gone only if the doors' tasks died, and then there is nothing to close.
        let _ = self.close_doors.send(true);
        while let Some(ended) = self.served.join_next().await {
            ended.context("a door's task panicked")?;
        }
        let store = Arc::clone(&self.app.store);
        if let Recovery::Replaying(_) = store.recovery() {
            // Nothing was taken yet, and closing would wait for the end of the replay: the
            // process ends with it under way, and the next start begins it anew.
            std::mem::forget(store);
            return Ok(());
        }
        tokio::task::spawn_blocking(move || store.close())
            .await
            .context("closing the store panicked")?
            .context("the store could not be closed cleanly")
    }
}

/// Lets through a door what comes to it, until the server closes.
async fn serve_door(app: Arc<App>, door: Bound, closing: Closing) {
    match door {
        Bound::Http(door, routes) => {
            let behind = Behind {
                router: router(&app, routes(), door.address),
                metrics: Arc::clone(&app.metrics),
                limits: DoorLimits::USUAL,
            };
            door.serve(behind, closing).await;
        }
        Bound::Datagrams(door, format) => serve_datagrams(app, door, format, closing).await,
        Bound::Scribe(door) => serve_scribe(app, door, closing).await,
    }
}

/// What is behind a door of HTTP, with what all of them have.
fn router(app: &Arc<App>, routes: Router<Arc<App>>, address: SocketAddr) -> Router {
    let routes = if app.config.self_trace {
        routes.layer(self_trace::layer(Arc::clone(&app.store), Arc::clone(&app.clock)))
    } else {
        routes
    };
    routes
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        // Bodies have a limit and a budget of their own, in `admission`.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(Arc::clone(app), cors))
        .layer(middleware::from_fn_with_state(address, guard))
        .with_state(Arc::clone(app))
}

async fn no_such_path(uri: Uri, headers: HeaderMap) -> Response {
    let shown: String = uri.path().chars().take(64).collect();
    if let Some(answer) = no_such_call(&headers, &shown) {
        return answer;
    }
    Refusal::not_found(format!("nothing is at {shown}")).into_text()
}

async fn no_such_method(method: Method) -> Response {
    let message = format!("{method} does nothing here");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", message).into_text()
}

/// One line that says where it listens, where it keeps spans, and what it promises.
fn log_start(app: &App) {
    let config = &app.config;
    let text = |door: &OpenDoor| format!("{} {}", door.name, door.address);
    let other_doors: Vec<_> = app.doors.iter().skip(1).map(text).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        main = %format_args!("http://{}", app.main_door()),
        doors = %other_doors.join(", "),
        data_dir = %config.data_dir.display(),
        durability = %durability_text(config.durability),
        memory_mib = config.memory_bytes >> 20,
        authentication = "none",
        "spandrel is open"
    );
    for OpenDoor { name, address } in &app.doors {
        if !address.ip().is_loopback() {
            tracing::warn!(
                door = name,
                %address,
                "this door is open to other machines and there is no authentication yet: whoever reaches it can use it"
            );
        }
    }
}

/// Says that spans are taken from now on, what there is already, and what of it can't be read.
fn log_ready(app: &App) {
    let stats = app.store.stats();
    opening::log_damage(&stats);
    tracing::info!(
        main = %format_args!("http://{}", app.main_door()),
        segments = stats.segments,
        spans = stats.segment_spans + stats.head_spans,
        "spandrel is ready"
    );
}

/// Runs the demo and says where its trace is; a demo that fails takes nothing else with it.
async fn log_demo(main_door: SocketAddr) {
    let url = format!("http://{main_door}");
    match demo::tell(&url).await {
        Ok(trace_id) => tracing::info!(trace = %format_args!("{url}/traces/{trace_id}"), "demo"),
        Err(error) => tracing::warn!(error = %format_args!("{error:#}"), "the demo failed"),
    }
}

/// What an acknowledgement promises, with the window of what it does not.
pub(crate) fn durability_text(durability: Durability) -> String {
    match durability {
        Durability::Fsync => "fsync".to_owned(),
        Durability::Interval { interval_ms } => {
            format!("interval:{interval_ms}ms (a power cut may lose the last {interval_ms} ms)")
        }
    }
}

/// The signals that ask the process to end.
pub(crate) struct StopSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignals {
    /// From now on these signals don't end the process; they end [`StopSignals::wait`].
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals can't be received");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits for one of them.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
