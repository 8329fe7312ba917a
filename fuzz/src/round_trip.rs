//! What every fuzz target of a Zipkin decoder checks: no panic, and no span lost when written again.

use spandrel_codec::zipkin::{Format, decode, encode};
use spandrel_model::Span;

/// Decodes a body, which must not panic. What it decodes to is written in the same format and
/// read back: that must succeed and give no fewer spans.
pub fn zipkin(format: Format, body: &[u8]) {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let Ok(count) = decode(format, body, &mut spans) else { return };
    assert_eq!(count, spans.len());
    let first = written(format, &spans);
    let mut again = Vec::new();
    decode(format, &first, &mut again).expect("what the encoder writes is sound");
    assert!(again.len() >= spans.len(), "a span is lost on the way");
}

fn written(format: Format, spans: &[Span<'static>]) -> Vec<u8> {
    let mut body = Vec::new();
    encode(format, spans, &mut body);
    body
}
