//! Jaeger's span formats: batches in both protocols of Thrift, as HTTP bodies and as the messages
//! that clients send to an agent over UDP, and `jaeger.api_v2.PostSpansRequest` in protobuf.
//!
//! A span that cannot be kept is refused alone; the others of its batch are kept. Unknown fields
//! are passed over.
//!
//! # How Jaeger's words become the model's
//!
//! | Jaeger | model |
//! | --- | --- |
//! | process | resource; its tags are attributes, none is renamed |
//! | `parentSpanId`; without it, as in protobuf always, the first `CHILD_OF` reference, else the first `FOLLOWS_FROM` one, of the span's own trace | parent |
//! | references | links, less the `CHILD_OF` one that tells the parent again |
//! | flags: 2, debug | `is_debug` |
//! | flags: all others, so 1, sampled, and 8, firehose | `trace_flags` |
//! | log | event; its first field `event` that is a text is the name |
//! | warnings, in protobuf | an attribute `jaeger.internal.warnings`, a list of texts |
//!
//! Some tags say what the model has a place for. Such a tag is moved there, and the encoders move
//! it back, behind the others: what is told is told in one place, and nothing is lost but where in
//! the list the tag stood. It is moved only when its value is a text that goes there and back
//! unchanged; of several the last one is, and the others stay.
//!
//! | tag | model |
//! | --- | --- |
//! | `span.kind`: `client`, `server`, `producer`, `consumer` or `internal` | kind |
//! | `otel.status_code`: `OK` or `ERROR`; `otel.status_description` | status |
//! | `w3c.tracestate` | trace state |
//! | `otel.scope.name`, `otel.scope.version` | scope |
//!
//! Every other tag stays an attribute, `error` too, as it does when Zipkin's formats are read:
//! [`spandrel_model::Span::is_error`] knows it.
//!
//! Texts in tags need not be UTF-8, because clients cut long values anywhere: such a value is kept
//! as bytes. A value without content, which Thrift can say, is empty.
//!
//! # Times
//!
//! A start of zero is absent, a duration of zero is one. A start or a time of a log before 1970 or
//! after 2554, and a duration below zero or above 584 years, is absent, and kept as an Int
//! attribute in microseconds: `spandrel.start_time_us`, `spandrel.duration_us`, and on an event
//! `spandrel.time_us`.

mod fold;
mod intake;
mod moved;
mod proto;
mod proto_writer;
mod thrift;
mod thrift_writer;

use spandrel_model::{Resource, Span};

use self::fold::Folded;
use self::intake::Intake;
use crate::thrift::{binary, compact};
use crate::{DecodeError, SpanSink};

/// How many tags, logs, fields of logs and references a span may have together; a process as many
/// tags. One with more is refused: two bytes of a body can make a part of 64 bytes in memory, and
/// a body may have millions.
pub const PARTS_MAX: usize = 131_072;

/// One of Jaeger's span formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A `Batch` in Thrift's binary protocol: what is posted to a collector, under either of the
    /// content types `application/x-thrift` and `application/vnd.apache.thrift.binary`.
    ThriftBinary,
    /// A `Batch` in Thrift's compact protocol. No door of Jaeger's takes it alone.
    ThriftCompact,
    /// `Agent.emitBatch` in the binary protocol: a datagram to port 6832.
    AgentBinary,
    /// `Agent.emitBatch` in the compact protocol: a datagram to port 6831.
    AgentCompact,
    /// `jaeger.api_v2.PostSpansRequest` in protobuf: what is sent over gRPC.
    Proto,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [
        Self::ThriftBinary,
        Self::ThriftCompact,
        Self::AgentBinary,
        Self::AgentCompact,
        Self::Proto,
    ];

    /// Returns the name that stands for the format in logs, metrics and on disk.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ThriftBinary => "jaeger-thrift-binary",
            Self::ThriftCompact => "jaeger-thrift-compact",
            Self::AgentBinary => "jaeger-agent-binary",
            Self::AgentCompact => "jaeger-agent-compact",
            Self::Proto => "jaeger-proto",
        }
    }

    /// Finds the format that [`Format::name`] names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// What became of the spans of one batch, and what its client told of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// How many spans reached the sink.
    pub accepted: usize,
    /// How many could not be kept.
    pub rejected: usize,
    /// Why the first of them could not.
    pub first_reason: Option<DecodeError>,
    /// The number that the client gave the batch, each one more than the last: a gap is a batch
    /// that was lost.
    pub sequence_number: Option<i64>,
    /// What the client lost before it could send it.
    pub client_stats: Option<ClientStats>,
}

/// What a client says it lost since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientStats {
    /// Spans dropped because the client's queue was full.
    pub full_queue_dropped_spans: i64,
    /// Spans dropped because they are larger than a datagram.
    pub too_large_dropped_spans: i64,
    /// Spans that could not be sent.
    pub failed_to_emit_spans: i64,
}

/// Decodes a batch and pushes its spans into the sink, in their order.
///
/// A span is rejected, alone, for a trace or span id that is missing or zero or, in protobuf, of
/// the wrong length; for a name or a key that is not UTF-8; for a time that protobuf does not
/// have; and for more than [`PARTS_MAX`] parts. What is wrong with a process is the fault of all
/// its spans. A reference to an id of zeros cannot be held; it is counted with the links that the
/// sender dropped. Bytes behind a batch in Thrift are ignored.
///
/// # Errors
///
/// Returns where a body stops being Thrift or protobuf, or says which message it is that is no
/// `emitBatch`. The sink has then seen the spans before that place.
pub fn decode(
    format: Format,
    body: &[u8],
    sink: &mut dyn SpanSink,
) -> Result<Decoded, DecodeError> {
    let mut intake = Intake::new(sink);
    match format {
        Format::ThriftBinary => thrift::read_batch(&mut binary::Reader::new(body), &mut intake)?,
        Format::ThriftCompact => thrift::read_batch(&mut compact::Reader::new(body), &mut intake)?,
        Format::AgentBinary => thrift::read_message(&mut binary::Reader::new(body), &mut intake)?,
        Format::AgentCompact => thrift::read_message(&mut compact::Reader::new(body), &mut intake)?,
        Format::Proto => proto::read_request(body, &mut intake)?,
    }
    Ok(intake.into_decoded())
}

/// Appends the spans as one batch of the process that the resource describes. A batch has one
/// process: the spans' own resources are not looked at.
///
/// What Jaeger has no place for becomes tags: those of OpenTelemetry's mapping to Jaeger and
/// OpenTracing's `peer.*` and `ip`, each unless the span has it already. Maps, lists and, in
/// protobuf, empty values become texts, and a link that is no reference `FOLLOWS_FROM`. The
/// attributes of links and of the scope, the port of the span's own address and Zipkin's
/// `shared` are left out. Thrift has microseconds; what is finer is cut. It needs a duration: it
/// gets zero for none.
pub fn encode<'s>(
    format: Format,
    resource: &Resource,
    spans: impl IntoIterator<Item = &'s Span<'s>>,
    out: &mut Vec<u8>,
) {
    let spans: Vec<_> = spans.into_iter().map(Folded::new).collect();
    match format {
        Format::ThriftBinary => {
            thrift_writer::write_batch(resource, &spans, &mut binary::Writer::new(out));
        }
        Format::ThriftCompact => {
            thrift_writer::write_batch(resource, &spans, &mut compact::Writer::new(out));
        }
        Format::AgentBinary => {
            thrift_writer::write_message(resource, &spans, &mut binary::Writer::new(out));
        }
        Format::AgentCompact => {
            thrift_writer::write_message(resource, &spans, &mut compact::Writer::new(out));
        }
        Format::Proto => proto_writer::write_request(resource, &spans, out),
    }
}
