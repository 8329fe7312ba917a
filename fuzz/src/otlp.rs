//! What the fuzz targets of OTLP check: no panic, and an archive of what was read is exact.

use spandrel_codec::otlp::{Format, decode, decode_archive, encode};
use spandrel_model::Span;

/// Decodes a body, which must not panic. The spans that it decodes to, plainly and as an archive,
/// must come back from an archive in either format as they were.
///
/// # Panics
///
/// Panics where they do not.
pub fn otlp(format: Format, body: &[u8]) {
    let mut spans: Vec<Span<'static>> = Vec::new();
    if let Ok(decoded) = decode(format, body, &mut spans) {
        assert_eq!(decoded.accepted, spans.len());
        assert_eq!(decoded.first_reason.is_some(), decoded.rejected > 0);
        comes_back(&spans);
    }
    spans.clear();
    if decode_archive(format, body, &mut spans).is_ok() {
        comes_back(&spans);
    }
}

fn comes_back(spans: &[Span<'static>]) {
    for format in Format::ALL {
        let mut body = Vec::new();
        encode(format, spans, &mut body);
        let mut again: Vec<Span<'static>> = Vec::new();
        let decoded = decode_archive(format, &body, &mut again).expect("what is written is sound");
        assert_eq!(decoded.rejected, 0);
        assert_eq!(again, spans);
    }
}
