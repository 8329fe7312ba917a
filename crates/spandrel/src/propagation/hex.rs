//! Hexadecimal fields of headers, as strict as each format asks.

use spandrel_model::{SpanId, TraceId};

/// Reads exactly `len` lower-case digits.
pub(super) fn exact(text: &str, len: usize) -> Option<u128> {
    let is_lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == len && text.bytes().all(is_lower_hex))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

/// Reads 1 to `len_max` digits of either case.
pub(super) fn lenient(text: &str, len_max: usize) -> Option<u128> {
    let is_hex = |byte: u8| byte.is_ascii_hexdigit();
    ((1..=len_max).contains(&text.len()) && text.bytes().all(is_hex))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

/// Makes a trace id of 16 or 32 lower-case digits.
pub(super) fn trace_id(text: &str) -> Option<TraceId> {
    TraceId::new(exact(text, 16).or_else(|| exact(text, 32))?)
}

/// Makes a span id of 16 lower-case digits.
pub(super) fn span_id(text: &str) -> Option<SpanId> {
    SpanId::new(u64::try_from(exact(text, 16)?).ok()?)
}
