//! OTLP: against messages that prost made, hostile bodies, and itself.

mod golden;
mod hostile;
mod oracle;
mod round_trip;
mod rules;
mod strategies;

pub(crate) use self::strategies::list as lists;
use spandrel_codec::otlp::{Format, decode, decode_archive, encode};
use spandrel_model::Span;

/// Decodes a body of which every span must be kept.
fn spans(format: Format, body: &[u8]) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let decoded = decode(format, body, &mut spans).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((decoded.accepted, decoded.rejected), (spans.len(), 0), "{decoded:?}");
    spans
}

/// Decodes an archive of which every span must be kept.
fn archived(format: Format, body: &[u8]) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let decoded =
        decode_archive(format, body, &mut spans).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((decoded.accepted, decoded.rejected), (spans.len(), 0), "{decoded:?}");
    spans
}

fn written(format: Format, list: &[Span<'static>]) -> Vec<u8> {
    let mut body = Vec::new();
    encode(format, list, &mut body);
    body
}
