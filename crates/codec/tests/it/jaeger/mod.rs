//! Jaeger: against plain slow readers of Thrift, messages that prost made, hostile bodies, itself.

mod golden;
mod hostile;
mod messages;
mod oracle;
mod round_trip;
mod strategies;
mod tree;

use spandrel_codec::jaeger::{Decoded, Format, decode, encode};
use spandrel_model::{Resource, Span};

use self::tree::{Protocol, Tree};

/// Decodes a body of which every span must be kept.
fn spans(format: Format, body: &[u8]) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let decoded = decode(format, body, &mut spans).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((decoded.accepted, decoded.rejected), (spans.len(), 0), "{decoded:?}");
    spans
}

fn try_decode(format: Format, body: &[u8]) -> Result<Decoded, spandrel_codec::DecodeError> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let decoded = decode(format, body, &mut spans)?;
    assert_eq!(decoded.accepted, spans.len());
    assert_eq!(decoded.first_reason.is_some(), decoded.rejected > 0);
    Ok(decoded)
}

fn written(format: Format, resource: &Resource, list: &[Span<'static>]) -> Vec<u8> {
    let mut body = Vec::new();
    encode(format, resource, list, &mut body);
    body
}

/// The formats of a batch in Thrift, with the protocol of each.
const BATCHES: [(Format, Protocol); 2] =
    [(Format::ThriftBinary, Protocol::Binary), (Format::ThriftCompact, Protocol::Compact)];

/// Writes a batch as a body of a format in Thrift.
fn body_of(format: Format, batch: &Tree) -> Vec<u8> {
    let arguments = || Tree::Struct(vec![(1, batch.clone())]);
    match format {
        Format::ThriftBinary => batch.written(Protocol::Binary),
        Format::ThriftCompact => batch.written(Protocol::Compact),
        Format::AgentBinary => [
            b"\x80\x01\0\x04\0\0\0\x09emitBatch\0\0\0\x07",
            &*arguments().written(Protocol::Binary),
        ]
        .concat(),
        Format::AgentCompact => {
            [b"\x82\x81\x07\x09emitBatch", &*arguments().written(Protocol::Compact)].concat()
        }
        Format::Proto => panic!("no format in Thrift"),
    }
}

const IN_THRIFT: [Format; 4] =
    [Format::ThriftBinary, Format::ThriftCompact, Format::AgentBinary, Format::AgentCompact];

#[test]
fn every_format_is_found_by_its_name() {
    for format in Format::ALL {
        assert_eq!(Format::from_name(format.name()), Some(format));
    }
    assert_eq!(Format::from_name("jaeger"), None);
}
