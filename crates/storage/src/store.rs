//! What every span store can do, and the words of its questions and answers.
//!
//! The trait is synchronous and knows no wire format: a caller that must not block hands its
//! questions to a thread of its own, and decodes what it appends.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use spandrel_model::Span;

use crate::batch::SpanBatch;
use crate::predicate::SpanFilter;
use crate::tenant::Tenant;

/// A span as a store hands it out: shared, never changed.
pub type StoredSpan = Arc<Span<'static>>;

/// Receives the outcome of one [`SpanStore::append`], once: on a thread of the store's, which
/// it must not block, or inside the call when the request is refused at once.
pub type Completion = Box<dyn FnOnce(Result<(), AppendError>) + Send>;

/// Keeps spans and finds them again.
pub trait SpanStore: Send + Sync {
    /// Appends one received request. `done` is called when every span of it is as durable as
    /// the store promises and can be found, or when none is.
    ///
    /// Never waits for the disk.
    fn append(&self, batch: Batch, done: Completion);

    /// Returns every span whose trace id has these low 64 bits, exactly as received: unmerged,
    /// and in no order. Of spans that are equal in everything, which senders make by sending
    /// again, at least one is returned.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    fn trace(&self, tenant: &Tenant, trace_id_low: u64) -> Result<Vec<StoredSpan>, ReadError>;

    /// Visits the traces that may answer `request`, the one with the latest start first and
    /// those without a start last, until the visitor breaks.
    ///
    /// The start that counts is the latest of the trace's spans'. A trace that gets spans during
    /// the scan is visited at most once. One whose spans arrived long after each other may come
    /// later than its place.
    ///
    /// Each trace comes whole, keyed by the low 64 bits of its id. The time range only prunes:
    /// a trace is left out when no span of it starts inside, and it may be left out when there is
    /// a filter that none of the spans that start inside meets; the visitor decides the rest.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    fn scan(
        &self,
        tenant: &Tenant,
        request: &ScanRequest,
        visit: &mut dyn FnMut(FoundTrace) -> ControlFlow<()>,
    ) -> Result<(), ReadError>;

    /// Returns the distinct names that spans of the tenant have, sorted, as received.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    fn names(&self, tenant: &Tenant, wanted: &NameRequest) -> Result<Vec<String>, ReadError>;

    /// Says what answers leave out at the moment, if anything: a part that is damaged, or one
    /// that is not read yet. What is answered is right.
    fn missing(&self) -> Option<String> {
        None
    }
}

/// One received request: its bytes, which the log keeps, and what they decode to.
#[derive(Debug)]
pub struct Batch {
    /// Whose spans they are.
    pub tenant: Tenant,
    /// How they came.
    pub origin: Origin,
    /// The request's body as it came, compressed if it was.
    pub body: Bytes,
    /// What `body` decodes to, less what was rejected.
    pub spans: SpanBatch,
}

/// How a request came: all that decoding its bytes again needs, and who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The wire format, by a name that the decoders given to the store know
    /// (`zipkin-v1-thrift`). At most 255 bytes.
    pub format: Cow<'static, str>,
    /// How the body is compressed (`gzip`), empty for not at all. At most 255 bytes.
    pub content_encoding: Cow<'static, str>,
    /// Through which door (`zipkin-http`). At most 255 bytes.
    pub door: Cow<'static, str>,
    /// From which address, where there is one.
    pub peer: Option<SocketAddr>,
    /// When, in nanoseconds since 1970, by the server's clock.
    pub arrival_ns: u64,
    /// How many spans were accepted.
    pub accepted: u32,
    /// How many spans were rejected.
    pub rejected: u32,
    /// The limits that held when it was decoded, by name: decoding again under these gives the
    /// same spans, whatever the configuration is by then.
    pub limits: Vec<(Cow<'static, str>, u64)>,
}

/// A question to [`SpanStore::scan`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScanRequest {
    /// Earliest start in nanoseconds since 1970, included. `None` asks for traces without one too.
    pub start_min_ns: Option<u64>,
    /// Latest start in nanoseconds since 1970, included.
    pub start_max_ns: Option<u64>,
    /// Each must be met by some span of the trace, not necessarily the same. A trace in which
    /// those spans start inside the range is found; one in which others do may be left out.
    pub filters: Vec<SpanFilter>,
}

/// A trace that may answer a [`ScanRequest`].
#[derive(Clone, Debug)]
pub struct FoundTrace {
    /// The low 64 bits of its id.
    pub trace_id_low: u64,
    /// All its spans, as [`SpanStore::trace`] returns them.
    pub spans: Vec<StoredSpan>,
}

/// Which names [`SpanStore::names`] returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameRequest {
    /// The services that emitted spans.
    Services,
    /// The names of the spans that a service emitted; the service's name is folded to lower case.
    SpanNames {
        /// The service, in lower case.
        service: String,
    },
    /// The services at the other side of the spans that a service emitted.
    RemoteServices {
        /// The service, in lower case.
        service: String,
    },
}

/// Why a request was not appended. None of its spans is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Memory or a queue is full; nobody's fault, and worth another try later.
    #[error("{what} is full: {used} of {limit} bytes in use")]
    Full {
        /// Which bounded thing.
        what: &'static str,
        /// How full.
        used: u64,
        /// How full it may be.
        limit: u64,
    },
    /// The disk refused; worth another try, which goes to another file.
    #[error("the log could not be written: {reason}")]
    Disk {
        /// What the operating system said.
        reason: String,
    },
    /// The store can't hold a request of this size, now or later.
    #[error("a request of {len} bytes is over the log's limit of {len_max}")]
    TooLarge {
        /// Its size.
        len: u64,
        /// The largest possible.
        len_max: u64,
    },
    /// The disk has too little room left; worth another try once there is more.
    #[error("the disk has less than {free_min} bytes left, which are kept free")]
    DiskFull {
        /// How much has to stay free, in bytes.
        free_min: u64,
    },
    /// The store was just started, and reads its log; worth another try soon.
    #[error("the store is still reading its log")]
    Recovering,
    /// The store is closing down; another server may take it.
    #[error("the store is closing")]
    Closing,
}

/// Why a question could not be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The disk refused.
    #[error("the store could not be read: {reason}")]
    Disk {
        /// What the operating system said.
        reason: String,
    },
}

/// Why a trace was not deleted or pinned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ChangeFailed {
    /// What the store said.
    pub reason: String,
}

impl ChangeFailed {
    pub(crate) fn new(error: &dyn std::fmt::Display) -> Self {
        Self { reason: error.to_string() }
    }
}
