//! OpenTelemetry's trace format, OTLP: `ExportTraceServiceRequest` in protobuf and in JSON.
//!
//! A span that cannot be kept is refused alone; the others of its request are kept. Unknown
//! fields are passed over. What OTLP says and the model has no place for is dropped: the schema
//! URLs, a resource's entity references, and the string table that only profiles use.
//!
//! # What OTLP cannot say
//!
//! [`encode`] carries it as attributes after the sender's own, and an Int `spandrel.carried`
//! behind them counts them:
//!
//! | attribute | type | what |
//! | --- | --- | --- |
//! | `spandrel.is_shared`, `spandrel.is_debug` | Bool | Zipkin's flags |
//! | `spandrel.start_time_unix_nano` | Int | a start of zero, which OTLP takes for none |
//! | `spandrel.duration_nano` | Int | a duration without a start, or past the year 2554 |
//! | `spandrel.local.ipv4`, `.ipv6`, `.port` | String, String, Int | the emitter's address |
//! | `spandrel.remote.service_name`, `.ipv4`, `.ipv6`, `.port` | | the other side |
//! | `spandrel.remote` | Bool | the other side, of which nothing is known |
//! | `opentracing.ref_type` | String | on a link: `child_of` or `follows_from` |
//!
//! [`decode`] leaves them where they are, as attributes like all others; [`decode_archive`] takes
//! them back, so that every span of the model comes through export and import as it was. A sender
//! whose last attribute is itself called `spandrel.carried` gets a count of zero behind it.
//!
//! # Times
//!
//! OTLP has a start and an end, the model a start and a duration. Zero is absent. An end that
//! lies before the start, or has no start, makes no duration; it is kept as the Int attribute
//! `spandrel.end_time_unix_nano` (64 bits, read as a signed number).

mod carried;
mod intake;
mod json;
mod json_value;
mod json_writer;
mod proto;
mod proto_writer;
mod tags;

use std::sync::Arc;

use spandrel_model::Span;

use self::intake::Intake;
use crate::{DecodeError, SpanSink};

/// How many arrays and maps may stand in one another in an attribute's value. A span with a
/// deeper value is refused: prost, which most peers use, stops at 31 maps too.
pub const VALUE_DEPTH_MAX: usize = 32;

/// How many attributes, events, links and elements of values a span may have together; a resource
/// and a scope as many each. One with more is refused: two bytes of a body can make a part of 64
/// bytes in memory, and a body may have millions.
pub const PARTS_MAX: usize = 131_072;

/// One of OTLP's two encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Protobuf: what gRPC and most HTTP senders use.
    Proto,
    /// JSON, with the ids in hexadecimal.
    Json,
}

impl Format {
    /// Both formats.
    pub const ALL: [Self; 2] = [Self::Proto, Self::Json];

    /// Returns the name that stands for the format in logs, metrics and on disk.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proto => "otlp-proto",
            Self::Json => "otlp-json",
        }
    }

    /// Finds the format that [`Format::name`] names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// What became of the spans of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// How many spans reached the sink.
    pub accepted: usize,
    /// How many could not be kept: OTLP's `rejected_spans`.
    pub rejected: usize,
    /// Why the first of them could not.
    pub first_reason: Option<DecodeError>,
}

/// Decodes a request and pushes its spans into the sink, in their order.
///
/// A span is rejected, alone, for an id of the wrong length, a trace or span id of zeros, a text
/// that is not UTF-8, a value that is nested over [`VALUE_DEPTH_MAX`] deep, and more than
/// [`PARTS_MAX`] parts; where these are the resource's or the scope's, with all spans of that. A parent id of zeros is
/// none. A link to an id of zeros cannot be held; it is counted with those that the sender
/// dropped. A kind and a status that OTLP does not have are none.
///
/// Of several attributes `service.name` that are texts, the last is the service's name, as
/// everywhere in the model; an empty one is none.
///
/// JSON is read leniently where OTLP's rules are narrower than those of protobuf's JSON: names of
/// fields may be in snake case, enums may be names, and null is absent.
///
/// # Errors
///
/// Returns where a body stops being protobuf or JSON of this schema. The sink has then seen the
/// spans before that place.
pub fn decode(
    format: Format,
    body: &[u8],
    sink: &mut dyn SpanSink,
) -> Result<Decoded, DecodeError> {
    read(format, body, Intake::new(sink, false))
}

/// Decodes what [`encode`] wrote, and takes back what it carried as attributes.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_archive(
    format: Format,
    body: &[u8],
    sink: &mut dyn SpanSink,
) -> Result<Decoded, DecodeError> {
    read(format, body, Intake::new(sink, true))
}

fn read<'a>(
    format: Format,
    body: &'a [u8],
    intake: Intake<'_, 'a>,
) -> Result<Decoded, DecodeError> {
    match format {
        Format::Proto => proto::decode(body, intake),
        Format::Json => json::decode(body, intake),
    }
}

/// Appends the spans as one request.
///
/// Consecutive spans of equal resources, and of equal scopes within, share them.
pub fn encode<'s>(
    format: Format,
    spans: impl IntoIterator<Item = &'s Span<'s>>,
    out: &mut Vec<u8>,
) {
    let spans: Vec<_> = spans.into_iter().collect();
    match format {
        Format::Proto => proto_writer::encode(&spans, out),
        Format::Json => json_writer::encode(&spans, out),
    }
}

/// Cuts a list where the resource changes.
fn by_resource<'l, 's>(spans: &'l [&'s Span<'s>]) -> impl Iterator<Item = &'l [&'s Span<'s>]> {
    spans.chunk_by(|a, b| Arc::ptr_eq(&a.resource, &b.resource) || a.resource == b.resource)
}

/// Cuts a list where the scope changes.
fn by_scope<'l, 's>(spans: &'l [&'s Span<'s>]) -> impl Iterator<Item = &'l [&'s Span<'s>]> {
    spans.chunk_by(|a, b| match (&a.scope, &b.scope) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        (a, b) => a.is_none() && b.is_none(),
    })
}
