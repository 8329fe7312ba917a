//! What arrives in requests is what the traces are made of, in an order that is always the same.

use std::collections::HashMap;

use spandrel_corpus::{Corpus, Damage, Profile, Request, otlp};
use spandrel_model::{Span, Value};

use crate::WHOLE_NUMBERS;

/// Counts spans by everything they hold.
fn counted<'s>(spans: impl Iterator<Item = &'s Span<'static>>) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for span in spans {
        *counts.entry(format!("{span:?}")).or_default() += 1;
    }
    counts
}

#[test]
fn requests_carry_every_span_of_their_traces_and_nothing_else() {
    for profile in WHOLE_NUMBERS.into_iter().chain([Profile::Lab]) {
        let corpus = Corpus::new(profile, 5, Damage::default());
        let mut stream = corpus.requests(3_000, 100);
        let requests: Vec<Request> = stream.by_ref().collect();
        let sent = counted(requests.iter().flat_map(|request| &request.spans));
        let traces: Vec<_> = (0..stream.traces_made()).map(|index| corpus.trace(index)).collect();
        assert!(sent == counted(traces.iter().flatten()), "{profile}");
        assert!(traces.iter().map(Vec::len).sum::<usize>() >= 3_000, "{profile}");
    }
}

#[test]
fn a_request_is_of_one_instance_and_within_its_size() {
    for profile in WHOLE_NUMBERS.into_iter().chain([Profile::Lab]) {
        let mut sent_ns = 0;
        for request in Corpus::of(profile, 5).requests(3_000, 64) {
            assert!((1..=64).contains(&request.spans.len()), "{profile}");
            assert!(request.spans.iter().all(|span| span.resource == request.resource));
            assert!(request.sent_ns >= sent_ns, "{profile}");
            sent_ns = request.sent_ns;
            let scopes = request.spans.iter().map(|span| span.scope.clone().unwrap());
            let mut scopes: Vec<_> = scopes.collect();
            scopes.dedup();
            let expected: Vec<_> =
                request.scopes.iter().filter(|scope| scopes.contains(scope)).cloned().collect();
            assert_eq!(scopes, expected, "{profile}: spans stand in the order of their scopes");
        }
    }
}

#[test]
fn a_corpus_is_the_same_twice_and_after_other_traces() {
    for profile in WHOLE_NUMBERS.into_iter().chain([Profile::Lab]) {
        let (one, other) = (Corpus::of(profile, 9), Corpus::of(profile, 9));
        let later = one.trace(3_000);
        for index in [0, 1, 2_999, 17] {
            assert_eq!(one.trace(index), other.trace(index), "{profile}");
        }
        assert_eq!(later, other.trace(3_000), "{profile}");
    }
}

#[test]
fn the_last_trace_is_like_any_other() {
    for profile in WHOLE_NUMBERS {
        assert_ne!(Corpus::of(profile, 9).trace(Corpus::TRACES_MAX - 1), []);
    }
}

#[test]
fn the_random_attribute_is_added_to_every_span_and_changes_nothing_else() {
    let corpus = Corpus::of(Profile::Ten, 2);
    let widened = corpus.clone().with_random_attribute();
    for (plain, mut wide) in corpus.trace(4).into_iter().zip(widened.trace(4)) {
        let added = wide.attributes.pop().unwrap();
        assert_eq!(added.key, "request.id");
        assert_eq!(added.value.as_str().map(str::len), Some(32));
        assert_eq!(plain, wide);
    }
}

#[test]
fn every_type_of_value_occurs() {
    let corpus = Corpus::of(Profile::Mesh, 1);
    let mut seen = [false; 6];
    for span in (0..300).flat_map(|index| corpus.trace(index)) {
        for attribute in &span.attributes {
            seen[match attribute.value {
                Value::String(_) => 0,
                Value::Bool(_) => 1,
                Value::Int(_) => 2,
                Value::Double(_) => 3,
                Value::Bytes(_) => 4,
                Value::Array(_) => 5,
                Value::Empty | Value::Map(_) => panic!("{attribute:?}"),
            }] = true;
        }
    }
    assert_eq!(seen, [true; 6]);
}

#[test]
fn a_frame_says_how_long_it_is_and_how_many_spans_it_has() {
    let request = Corpus::of(Profile::Shop, 1).requests(200, 50).next().unwrap();
    let (mut body, mut frame) = (Vec::new(), Vec::new());
    otlp::encode_request(&request, &mut body);
    otlp::encode_frame(&request, &mut frame);
    assert_eq!(frame[..4], u32::try_from(body.len()).unwrap().to_le_bytes());
    assert_eq!(frame[4..8], u32::try_from(request.spans.len()).unwrap().to_le_bytes());
    assert_eq!(frame[8..], body);
}
