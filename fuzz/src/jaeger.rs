//! What the fuzz targets of Jaeger check: no panic, and what was read is read again as it was.

use spandrel_codec::jaeger::{Format, decode, encode};
use spandrel_model::Span;

/// Decodes a body, which must not panic. What it decodes to is written in the same format and read
/// back, twice: the spans are as many, and the second time nothing changes.
///
/// # Panics
///
/// Panics where that is not so.
pub fn jaeger(formats: &[Format], body: &[u8]) {
    for format in formats {
        let mut spans: Vec<Span<'static>> = Vec::new();
        let Ok(decoded) = decode(*format, body, &mut spans) else { continue };
        assert_eq!(decoded.accepted, spans.len());
        assert_eq!(decoded.first_reason.is_some(), decoded.rejected > 0);
        let Some(first) = spans.first() else { continue };
        let resource = first.resource.clone();
        spans.retain(|span| span.resource == resource);
        let again = written_and_read(*format, &spans);
        assert_eq!(written_and_read(*format, &again), again);
    }
}

fn written_and_read(format: Format, spans: &[Span<'static>]) -> Vec<Span<'static>> {
    let mut body = Vec::new();
    encode(format, &spans[0].resource, spans, &mut body);
    let mut again: Vec<Span<'static>> = Vec::new();
    let decoded = decode(format, &body, &mut again).expect("what is written is sound");
    assert_eq!((again.len(), decoded.rejected), (spans.len(), 0));
    again
}
