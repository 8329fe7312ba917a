//! Reads the crate's recorded bodies.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use spandrel_codec::zipkin::{Format, decode, encode};
use spandrel_model::Span;

/// The traces of `testdata/zipkin`, by name.
pub(crate) const TRACES: [&str; 11] = [
    "ascend",
    "envoy",
    "lens-test-malformed",
    "lens-test-skew",
    "messaging",
    "messaging-kafka",
    "simple-db-p6",
    "skew",
    "smartthings-oauth-authorization",
    "zipkin2-chinese",
    "zipkin2-client",
];

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let path = path(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn json(name: &str) -> Json {
    serde_json::from_slice(&bytes(name)).unwrap()
}

/// Returns a trace of `testdata/zipkin` as a v2 JSON list.
pub(crate) fn v2_list(trace: &str) -> Vec<u8> {
    let body = bytes(&format!("zipkin/{trace}.json"));
    if body.first() == Some(&b'[') { body } else { [b"[", &*body, b"]"].concat() }
}

/// Decodes a body that must be sound.
pub(crate) fn spans(format: Format, body: &[u8]) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let count = decode(format, body, &mut spans).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(count, spans.len());
    spans
}

/// Encodes spans as v2 and parses what was written.
pub(crate) fn as_v2(spans: &[Span<'static>]) -> Json {
    let mut body = Vec::new();
    encode(Format::V2Json, spans, &mut body);
    serde_json::from_slice(&body).unwrap()
}
