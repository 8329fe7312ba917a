//! Zipkin's four span formats: v1 as thrift and JSON, v2 as JSON and protobuf.

mod fold;
mod json;
mod json_writer;
mod scratch;
mod v1;
mod v1_fold;
mod v1_json;
mod v1_thrift;
mod v2_json;
mod v2_proto;

use spandrel_model::Span;

use crate::{DecodeError, SpanSink};

/// One of Zipkin's span formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// v1, a TBinaryProtocol list of structs: what jaeger-client-go's Zipkin transport posts.
    V1Thrift,
    /// v1, a JSON list.
    V1Json,
    /// v2, a JSON list.
    V2Json,
    /// v2, a protobuf `ListOfSpans`.
    V2Proto,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::V1Thrift, Self::V1Json, Self::V2Json, Self::V2Proto];

    /// Returns the name that stands for the format in logs, metrics and on disk.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1Thrift => "zipkin-v1-thrift",
            Self::V1Json => "zipkin-v1-json",
            Self::V2Json => "zipkin-v2-json",
            Self::V2Proto => "zipkin-v2-proto",
        }
    }

    /// Finds the format that [`Format::name`] names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The name that Zipkin's messages have for the format.
    const fn zipkin_name(self) -> &'static str {
        match self {
            Self::V1Thrift => "THRIFT",
            Self::V1Json => "JSON_V1",
            Self::V2Json => "JSON_V2",
            Self::V2Proto => "PROTO3",
        }
    }

    /// Whether a body that begins so can be a list in the format, as Zipkin tells it.
    const fn may_begin(self, body: &[u8]) -> bool {
        match (self, body) {
            (Self::V1Json | Self::V2Json, [first, ..]) => *first == b'[',
            // A list of structs; some old reporters wrote the element type of a string.
            (Self::V1Thrift, [first, ..]) => *first == 12 || *first == 11,
            // The first field of `ListOfSpans` and a length that is not zero.
            (Self::V2Proto, [first, second, ..]) => *first == 10 && *second != 0,
            _ => false,
        }
    }
}

/// Decodes a list of spans and returns how many reached the sink.
///
/// An empty body and `[]` are empty lists in every format. One span of v1 may make several.
///
/// # Errors
///
/// One bad span refuses the list, as Zipkin does; the error names its index. A body of another
/// format is refused in Zipkin's words.
pub fn decode(format: Format, body: &[u8], sink: &mut dyn SpanSink) -> Result<usize, DecodeError> {
    if body.is_empty() || body == b"[]" {
        return Ok(0);
    }
    if !format.may_begin(body) {
        let name = format.zipkin_name();
        return Err(DecodeError::of_body(format!("Expected a {name} encoded list")));
    }
    match format {
        Format::V1Thrift => v1_thrift::decode(body, sink),
        Format::V1Json => v1_json::decode(body, sink),
        Format::V2Json => v2_json::decode(body, sink),
        Format::V2Proto => v2_proto::decode(body, sink),
    }
}

/// Appends the spans as a list in the format.
///
/// What Zipkin folds is folded here: names are written in lower case, times in microseconds, and
/// what the format has no field for as tags. v2 writes every tag as text, v1 with its type.
pub fn encode<'s>(
    format: Format,
    spans: impl IntoIterator<Item = &'s Span<'s>>,
    out: &mut Vec<u8>,
) {
    match format {
        Format::V1Thrift => v1_thrift::encode(spans, out),
        Format::V1Json => v1_json::encode(spans, out),
        Format::V2Json => v2_json::encode(spans, out),
        Format::V2Proto => v2_proto::encode(spans, out),
    }
}
