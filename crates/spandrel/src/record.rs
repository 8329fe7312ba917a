//! What a span has recorded, from its start until it is reported.

use std::borrow::Cow;
use std::sync::Arc;

use spandrel_model::{Address, SpanId, SpanKind, TraceId};

use crate::context::{Reference, SpanContext};
use crate::log::LogRecord;
use crate::tags;
use crate::value::{Tag, TagValue};

/// How many tags a span keeps.
pub const TAGS_LEN_MAX: usize = 256;

/// How many logs a span keeps; later ones are dropped and counted.
pub const LOGS_LEN_MAX: usize = 512;

/// How many references a span keeps.
pub const REFERENCES_LEN_MAX: usize = 128;

/// How many bytes of text or bytes one value keeps; the rest is cut.
pub const VALUE_BYTES_MAX: usize = 16_384;

/// The program that makes spans, as its tracer describes it: shared by all its spans.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// The service's name.
    pub service_name: String,
    /// Tags of the program, such as its version; reported on the first span of each trace here.
    pub tags: Vec<Tag>,
    /// Where the program can be reached, as far as it is known.
    pub address: Address,
}

/// A finished span, as reporters get it.
#[derive(Clone, Debug)]
pub struct FinishedSpan(pub(crate) Box<Record>);

/// The parts of a span. Boxed once and handed on as a pointer, from start to report.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) context: SpanContext,
    pub(crate) operation_name: Cow<'static, str>,
    pub(crate) process: Option<Arc<Process>>,
    pub(crate) start_ns: u64,
    pub(crate) duration_ns: u64,
    pub(crate) references: Vec<Reference>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) logs: Vec<LogRecord>,
    pub(crate) tags_dropped: u32,
    pub(crate) logs_dropped: u32,
    pub(crate) is_shared: bool,
    pub(crate) is_first_in_process: bool,
}

impl Record {
    pub(crate) fn empty() -> Self {
        Self {
            context: SpanContext::noop(),
            operation_name: Cow::Borrowed(""),
            process: None,
            start_ns: 0,
            duration_ns: 0,
            references: Vec::new(),
            tags: Vec::new(),
            logs: Vec::new(),
            tags_dropped: 0,
            logs_dropped: 0,
            is_shared: false,
            is_first_in_process: false,
        }
    }

    /// Empties it for another span, most likely of the same process. Returns false where it has grown too large to be kept.
    pub(crate) fn clear(&mut self, room_max: usize) -> bool {
        self.context = SpanContext::noop();
        self.operation_name = Cow::Borrowed("");
        (self.start_ns, self.duration_ns) = (0, 0);
        self.references.clear();
        self.tags.clear();
        self.logs.clear();
        (self.tags_dropped, self.logs_dropped) = (0, 0);
        (self.is_shared, self.is_first_in_process) = (false, false);
        let rooms = [self.references.capacity(), self.tags.capacity(), self.logs.capacity()];
        rooms.into_iter().all(|room| room <= room_max)
    }

    /// Sets a tag, over an older one of the same key.
    pub(crate) fn set_tag(&mut self, mut tag: Tag) {
        tag.value.truncate(VALUE_BYTES_MAX);
        if let Some(old) = self.tags.iter_mut().find(|old| old.key == tag.key) {
            old.value = tag.value;
        } else if self.tags.len() < TAGS_LEN_MAX {
            self.tags.push(tag);
        } else {
            self.tags_dropped = self.tags_dropped.saturating_add(1);
        }
    }

    pub(crate) fn push_log(&mut self, mut log: LogRecord) {
        if self.logs.len() >= LOGS_LEN_MAX {
            self.logs_dropped = self.logs_dropped.saturating_add(1);
            return;
        }
        log.fields.truncate(TAGS_LEN_MAX);
        for field in &mut log.fields {
            field.value.truncate(VALUE_BYTES_MAX);
        }
        self.logs.push(log);
    }

    /// How many bytes of memory it holds, about: what the queue's byte limit counts.
    pub(crate) fn byte_len(&self) -> usize {
        let name_len = match &self.operation_name {
            Cow::Borrowed(_) => 0,
            Cow::Owned(name) => name.len(),
        };
        let tags: usize = self.tags.iter().map(Tag::byte_len).sum();
        let logs = self.logs.iter().map(|log| {
            size_of::<LogRecord>() + log.fields.iter().map(Tag::byte_len).sum::<usize>()
        });
        let references = self.references.len() * size_of::<Reference>();
        size_of::<Self>() + name_len + tags + logs.sum::<usize>() + references
    }
}

impl FinishedSpan {
    /// Returns the span's identity.
    #[must_use]
    pub fn context(&self) -> &SpanContext {
        &self.0.context
    }

    /// Returns the id of the trace.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.0.context.trace_id
    }

    /// Returns the id of the span.
    #[must_use]
    pub fn span_id(&self) -> SpanId {
        self.0.context.span_id
    }

    /// Returns the id of its parent; `None` for the first span of a trace.
    #[must_use]
    pub fn parent_id(&self) -> Option<SpanId> {
        self.0.context.parent_id
    }

    /// Returns the operation's name.
    #[must_use]
    pub fn operation_name(&self) -> &str {
        &self.0.operation_name
    }

    /// Returns the program that made the span.
    #[must_use]
    pub fn process(&self) -> &Process {
        static UNKNOWN: Process = Process {
            service_name: String::new(),
            tags: Vec::new(),
            address: Address { ipv4: None, ipv6: None, port: None },
        };
        self.0.process.as_deref().unwrap_or(&UNKNOWN)
    }

    /// Returns the start, in nanoseconds since 1970.
    #[must_use]
    pub fn start_ns(&self) -> u64 {
        self.0.start_ns
    }

    /// Returns the duration in nanoseconds.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.0.duration_ns
    }

    /// Returns the references, the one to the parent first.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.0.references
    }

    /// Returns the tags, in the order they were first set.
    #[must_use]
    pub fn tags(&self) -> &[Tag] {
        &self.0.tags
    }

    /// Returns the value of one tag.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&TagValue> {
        self.tags().iter().find(|tag| tag.key == key).map(|tag| &tag.value)
    }

    /// Returns the logs, in the order they were made.
    #[must_use]
    pub fn logs(&self) -> &[LogRecord] {
        &self.0.logs
    }

    /// Returns which side of a call it is, as its tag `span.kind` says.
    #[must_use]
    pub fn kind(&self) -> Option<SpanKind> {
        kind_of(self.tag(tags::SPAN_KIND)?.as_str()?)
    }

    /// Whether its tag `error` says that it failed.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.tag(tags::ERROR).and_then(TagValue::as_bool) == Some(true)
    }

    /// Whether it shares its id with the client's half of the call.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.0.is_shared
    }

    /// Whether no other span of this process came before it in its part of the trace.
    #[must_use]
    pub fn is_first_in_process(&self) -> bool {
        self.0.is_first_in_process
    }

    /// How many tags were over [`TAGS_LEN_MAX`].
    #[must_use]
    pub fn tags_dropped(&self) -> u32 {
        self.0.tags_dropped
    }

    /// How many logs were over [`LOGS_LEN_MAX`].
    #[must_use]
    pub fn logs_dropped(&self) -> u32 {
        self.0.logs_dropped
    }
}

/// Reads a value of the tag `span.kind`.
pub(crate) fn kind_of(text: &str) -> Option<SpanKind> {
    match text {
        "client" => Some(SpanKind::Client),
        "server" => Some(SpanKind::Server),
        "producer" => Some(SpanKind::Producer),
        "consumer" => Some(SpanKind::Consumer),
        "internal" => Some(SpanKind::Internal),
        _ => None,
    }
}

/// The value of the tag `span.kind`.
pub(crate) const fn kind_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal => "internal",
    }
}
