//! Reports spans to Zipkin's doors, from a thread of its own.
//!
//! The thread starts with the reporter and ends with [`Reporter::close`], or when the last
//! handle of the reporter is gone. It never touches the program's threads: they only put spans
//! into a bounded queue.

mod fold;
mod http;
mod json;
mod queue;
mod thrift;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HttpClient, HttpError, Target};
use queue::{Limits, Loss, Queue};

use super::{Reporter, ReporterCounters, Unsent};
use crate::logger::{Logger, NullLogger};
use crate::pool;
use crate::record::FinishedSpan;

/// How long the thread goes on when the last handle is gone without a close.
const LINGER: Duration = Duration::from_secs(5);

/// How long a backend may ask to be left alone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// The first pause between two attempts; each further one is twice as long.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);

/// A format of Zipkin's, and the path of its door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ZipkinFormat {
    /// v1 in thrift, to `/api/v1/spans`: what Jaeger's clients send.
    V1Thrift,
    /// v2 in JSON, to `/api/v2/spans`. It knows only tags of text.
    V2Json,
}

impl ZipkinFormat {
    const fn path(self) -> &'static str {
        match self {
            Self::V1Thrift => "/api/v1/spans",
            Self::V2Json => "/api/v2/spans",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::V1Thrift => "application/x-thrift",
            Self::V2Json => "application/json",
        }
    }

    /// Encodes a list of spans.
    #[must_use]
    pub fn encode(self, spans: &[FinishedSpan]) -> Vec<u8> {
        let mut body = Vec::new();
        match self {
            Self::V1Thrift => thrift::write_list(spans, &mut body),
            Self::V2Json => json::write_list(spans, &mut body),
        }
        body
    }
}

/// Sends finished spans to a server that takes Zipkin's formats over HTTP.
///
/// Clones are handles to the same reporter. A batch that the server does not take for reasons
/// of its own (no connection, 5xx, 408, 429) is sent again a few times; since an answer may get
/// lost, it may arrive twice.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use spandrel::{StdLogger, Tracer, reporter::ZipkinReporter};
///
/// let reporter = ZipkinReporter::builder("http://localhost:9411/api/v1/spans")
///     .batch_len_max(1)
///     .logger(StdLogger)
///     .build()?;
/// let tracer = Tracer::builder("client").reporter(reporter).build();
/// tracer.start_span("ask").finish();
/// tracer.close(Duration::from_secs(5))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ZipkinReporter {
    handle: Arc<Handle>,
}

/// Ends the thread when the last handle is gone.
struct Handle {
    queue: Arc<Queue>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.close(LINGER);
    }
}

impl ZipkinReporter {
    /// Starts to describe a reporter to the server at this URL, such as
    /// `http://localhost:9411/api/v1/spans`. Without a path it is that of the format.
    pub fn builder(url: impl Into<String>) -> ZipkinReporterBuilder {
        ZipkinReporterBuilder::new(url.into())
    }
}

impl Reporter for ZipkinReporter {
    fn report(&self, span: FinishedSpan) {
        self.handle.queue.push(span);
    }

    fn flush(&self, timeout: Duration) -> Result<(), Unsent> {
        self.handle.queue.flush(timeout)
    }

    fn close(&self, timeout: Duration) -> Result<(), Unsent> {
        let queue = &self.handle.queue;
        queue.close(timeout);
        let flushed = queue.flush(timeout);
        queue.abandon();
        flushed
    }

    fn counters(&self) -> ReporterCounters {
        self.handle.queue.counters()
    }
}

impl fmt::Debug for ZipkinReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipkinReporter").field("counters", &self.counters()).finish()
    }
}

/// Describes a [`ZipkinReporter`].
#[must_use = "a reporter is made with build()"]
pub struct ZipkinReporterBuilder {
    url: String,
    format: Option<ZipkinFormat>,
    limits: Limits,
    timeout: Duration,
    attempts_max: u32,
    logger: Box<dyn Logger>,
}

impl ZipkinReporterBuilder {
    fn new(url: String) -> Self {
        let limits = Limits {
            queue_len_max: 16_384,
            queue_bytes_max: 32 << 20,
            batch_len_max: 100,
            batch_bytes_max: 1 << 20,
            flush_interval: Duration::from_secs(1),
        };
        Self {
            url,
            format: None,
            limits,
            timeout: Duration::from_secs(5),
            attempts_max: 4,
            logger: Box::new(NullLogger),
        }
    }

    /// Sets the format. Unless set, it is v2 where the URL ends in `/api/v2/spans`, else v1.
    pub const fn format(mut self, format: ZipkinFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets how many spans go in one request; unless set, 100.
    pub fn batch_len_max(mut self, len: usize) -> Self {
        self.limits.batch_len_max = len.max(1);
        self
    }

    /// Sets how long a span waits for its batch to fill; unless set, a second.
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.limits.flush_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets how many spans wait at most, the batch in flight included; unless set, 16,384.
    pub const fn queue_len_max(mut self, len: usize) -> Self {
        self.limits.queue_len_max = len;
        self
    }

    /// Sets how many bytes of memory the waiting spans take at most; unless set, 32 MiB.
    pub const fn queue_bytes_max(mut self, len: usize) -> Self {
        self.limits.queue_bytes_max = len;
        self
    }

    /// Sets how long a request may take, from the connection to the answer's last byte; unless
    /// set, 5 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.max(Duration::from_millis(1));
        self
    }

    /// Sets how often a batch is sent at most; unless set, 4 times.
    pub fn attempts_max(mut self, attempts: u32) -> Self {
        self.attempts_max = attempts.max(1);
        self
    }

    /// Sets who hears of what goes wrong.
    pub fn logger(mut self, logger: impl Logger) -> Self {
        self.logger = Box::new(logger);
        self
    }

    /// Makes the reporter and starts its thread.
    ///
    /// # Errors
    ///
    /// Fails where the URL is none of plain HTTP, or the system has no thread to give.
    pub fn build(self) -> Result<ZipkinReporter, ReporterError> {
        let mut target = Target::parse(&self.url).ok_or(ReporterError::Url(self.url))?;
        let is_v2 = target.path.ends_with(ZipkinFormat::V2Json.path());
        let inferred = if is_v2 { ZipkinFormat::V2Json } else { ZipkinFormat::V1Thrift };
        let format = self.format.unwrap_or(inferred);
        if target.path.is_empty() || target.path == "/" {
            format.path().clone_into(&mut target.path);
        }
        let queue = Arc::new(Queue::new(self.limits));
        let worker = Worker {
            queue: Arc::clone(&queue),
            client: HttpClient::new(target, self.timeout, format.content_type()),
            format,
            attempts_max: self.attempts_max,
            logger: self.logger,
            drops_logged: 0,
        };
        let thread = std::thread::Builder::new().name("spandrel-reporter".to_owned());
        thread.spawn(move || worker.run()).map_err(ReporterError::Thread)?;
        Ok(ZipkinReporter { handle: Arc::new(Handle { queue }) })
    }
}

impl fmt::Debug for ZipkinReporterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipkinReporterBuilder")
            .field("url", &self.url)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Why a reporter could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReporterError {
    /// The text is no URL of plain HTTP.
    Url(String),
    /// The system gave no thread.
    Thread(std::io::Error),
}

impl fmt::Display for ReporterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => {
                write!(f, "not a URL of plain HTTP, such as http://localhost:9411: {url:?}")
            }
            Self::Thread(error) => write!(f, "no thread for the reporter: {error}"),
        }
    }
}

impl std::error::Error for ReporterError {}

/// What the reporter's thread does.
struct Worker {
    queue: Arc<Queue>,
    client: HttpClient,
    format: ZipkinFormat,
    attempts_max: u32,
    logger: Box<dyn Logger>,
    /// How many spans dropped at the queue's door have been told of.
    drops_logged: u64,
}

impl Worker {
    fn run(mut self) {
        while let Some(batch) = self.queue.next_batch() {
            let outcome = self.deliver(&batch);
            // The spans are let go before they are counted, so that the limit on memory holds.
            let len = batch.len();
            batch.into_iter().for_each(pool::recycle);
            self.queue.settle(outcome);
            match outcome {
                Ok(()) => self.logger.info(&format!("reported {len} spans")),
                Err(loss) => self.logger.error(&format!("dropped {len} spans: {loss:?}")),
            }
            self.log_drops();
        }
    }

    /// Sends a batch, again where the server may take it later.
    fn deliver(&mut self, batch: &[FinishedSpan]) -> Result<(), Loss> {
        let body = self.format.encode(batch);
        let mut backoff = BACKOFF_FIRST;
        for attempt in 1..=self.attempts_max {
            let (fault, retry_after) = match self.client.post(&body) {
                Ok(response) if (200..300).contains(&response.status) => return Ok(()),
                Ok(response) => {
                    let fault = format!("status {}: {}", response.status, response.excerpt);
                    if !matches!(response.status, 408 | 429 | 500..) {
                        self.logger.error(&format!("spans refused with {fault}"));
                        return Err(Loss::Refused);
                    }
                    (fault, response.retry_after)
                }
                Err(error @ (HttpError::Connect(_) | HttpError::Transfer(_))) => {
                    (error.to_string(), None)
                }
                Err(error @ HttpError::Response(_)) => (error.to_string(), None),
            };
            self.logger.error(&format!("attempt {attempt} to report spans: {fault}"));
            let pause = retry_after.map_or(backoff, |asked| asked.min(RETRY_AFTER_MAX));
            if attempt < self.attempts_max && !self.queue.pause(pause) {
                return Err(Loss::Closed);
            }
            backoff *= 2;
        }
        Err(Loss::Unreachable)
    }

    fn log_drops(&mut self) {
        let dropped = self.queue.counters().dropped;
        let at_the_door = dropped.queue_len + dropped.queue_bytes + dropped.too_large;
        if at_the_door > self.drops_logged {
            let new = at_the_door - self.drops_logged;
            self.logger.error(&format!("dropped {new} spans that the queue had no room for"));
            self.drops_logged = at_the_door;
        }
    }
}
