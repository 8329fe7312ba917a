//! The corpora are the ones whose hashes are committed.
//!
//! A hash that changes means that every figure measured before was measured on other spans:
//! change it only on purpose, and say so in the change log.

use std::fmt::Write as _;

use ring::digest::{Context, SHA256};
use spandrel_corpus::{Corpus, Damage, Profile, otlp};

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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The hashes of the lab's corpus are those of one mathematics library; see [`Profile::Lab`].
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
mod lab {
    use super::*;

    #[test]
    fn the_first_spans_of_the_lab_are_the_originals_byte_for_byte() {
        let (digest, spans, bytes) = digest(&Corpus::lab(), 100_000);
        assert_eq!((spans, bytes / spans), (101_815, 444));
        assert_eq!(digest, "997ad17710e54a59359a294a066a0c26c3aaf6d4ddc637e6ae1df0554ff64767");
    }

    #[test]
    #[ignore = "takes a minute in a debug build"]
    fn five_million_spans_of_the_lab_are_the_originals_byte_for_byte() {
        let (digest, spans, bytes) = digest(&Corpus::lab(), 5_000_000);
        assert_eq!((spans, bytes / spans), (5_000_046, 444));
        assert_eq!(digest, "54ecbef7cfe9a6599f5d39e4b4b3550ef7d6e46c1dcf628d68592fb54fbcb408");
    }
}
