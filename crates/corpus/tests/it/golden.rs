//! The corpora are the ones whose hashes are committed.
//!
//! A hash that changes means that every figure measured before was measured on other spans:
//! change it only on purpose, and say so in the change log.

use std::sync::Arc;

use ring::digest::{Context, SHA256};
use spandrel_corpus::{Corpus, Profile, Request, otlp};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the SHA-256 of the first traces, every span written as a request of its own.
fn digest_of_traces(profile: Profile, count: u64) -> String {
    let corpus = Corpus::of(profile, 42);
    let mut context = Context::new(&SHA256);
    let mut frame = Vec::new();
    for span in (0..count).flat_map(|index| corpus.trace(index)) {
        let resource = Arc::clone(&span.resource);
        let scopes = span.scope.iter().cloned().collect();
        frame.clear();
        let request = Request { resource, scopes, spans: vec![span], sent_ns: 0 };
        otlp::encode_frame(&request, &mut frame);
        context.update(&frame);
    }
    hex(context.finish().as_ref())
}

#[test]
fn the_first_thousand_traces_of_each_profile_are_the_committed_ones() {
    for (profile, count, expected) in [
        (Profile::Mesh, 1_000, "85d1e8f294dabdc19f248d24248b28eb71021c925266326f5878784c6f000834"),
        (Profile::Shop, 1_000, "2b935bcbdacbac743cf709720de17d9acacf25ae1ba53a636a1aadf6d7fa1ed3"),
        (Profile::Ten, 1_000, "3859f2a49d9f95e4a29f7ee5f5040d4835191eda664d34a4b6ec3e52f0902cea"),
        (
            Profile::Giant { spans: 10_000 },
            5,
            "1a5bee84b6064fd43b2975111230f3bff84cace547b197f1c5bf4f4b3aa28c0a",
        ),
    ] {
        assert_eq!(digest_of_traces(profile, count), expected, "{profile}");
    }
}

/// The hashes of the lab's corpus are those of one mathematics library; see [`Profile::Lab`].
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
mod lab {
    use super::*;

    /// Returns the SHA-256 of the frames, and how many spans and bytes they hold.
    fn digest(corpus: &Corpus, span_count: u64) -> (String, usize, usize) {
        let mut context = Context::new(&SHA256);
        let mut frame = Vec::new();
        let (mut spans, mut bytes) = (0, 0);
        for request in corpus.requests(span_count, 512) {
            frame.clear();
            otlp::encode_frame(&request, &mut frame);
            context.update(&frame);
            spans += request.spans.len();
            bytes += frame.len() - 8;
        }
        (hex(context.finish().as_ref()), spans, bytes)
    }

    #[test]
    fn the_first_spans_of_the_lab_are_the_originals_byte_for_byte() {
        let (digest, spans, bytes) = digest(&Corpus::lab(), 100_000);
        assert_eq!((spans, bytes / spans), (101_815, 444));
        assert_eq!(digest, "997ad17710e54a59359a294a066a0c26c3aaf6d4ddc637e6ae1df0554ff64767");
    }

    #[test]
    #[ignore = "takes minutes in a debug build"]
    fn five_million_spans_of_the_lab_are_the_originals_byte_for_byte() {
        let (digest, spans, bytes) = digest(&Corpus::lab(), 5_000_000);
        assert_eq!((spans, bytes / spans), (5_000_046, 444));
        assert_eq!(digest, "54ecbef7cfe9a6599f5d39e4b4b3550ef7d6e46c1dcf628d68592fb54fbcb408");
    }
}
