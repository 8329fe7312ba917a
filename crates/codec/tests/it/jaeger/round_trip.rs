//! What is written is read back; what others write is read as plain slow readers read it.

use proptest::prelude::*;
use prost::Message;
use spandrel_codec::jaeger::{ClientStats, Format, decode};
use spandrel_model::Span;

use super::messages::PbRequest;
use super::strategies::{batch, list, request};
use super::tree::{Tree, read_struct};
use super::{BATCHES, IN_THRIFT, body_of, oracle, spans, try_decode, written};

fn assert_comes_to(
    format: Format,
    body: &[u8],
    (expected, rejected): oracle::Expected,
) -> Result<(), TestCaseError> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let decoded = decode(format, body, &mut spans)
        .map_err(|error| TestCaseError::fail(format!("{format:?}: {error}")))?;
    prop_assert_eq!(spans, expected, "{:?}", format);
    prop_assert_eq!(decoded.rejected, rejected, "{:?}", format);
    prop_assert_eq!(decoded.first_reason.is_some(), rejected > 0);
    Ok(())
}

fn changed(body: &mut [u8], changes: &[(prop::sample::Index, u8)]) {
    for (index, byte) in changes {
        let index = index.index(body.len());
        body[index] = *byte;
    }
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_jaeger_can_say_is_read_back_as_it_was((resource, list) in list()) {
        for format in Format::ALL {
            let body = written(format, &resource, &list);
            prop_assert_eq!(&spans(format, &body), &list, "{:?}", format);
        }
    }

    /// Spans of all kinds: what the formats cannot say is told otherwise, once and for all.
    #[test]
    fn what_was_written_and_read_stays_as_it_is(list in crate::otlp::lists()) {
        for format in Format::ALL {
            for span in &list {
                let resource = &span.resource;
                let once = spans(format, &written(format, resource, std::slice::from_ref(span)));
                prop_assert_eq!(once.len(), 1);
                prop_assert_eq!((once[0].trace_id, once[0].span_id), (span.trace_id, span.span_id));
                let twice = spans(format, &written(format, &once[0].resource, &once));
                let thrice = spans(format, &written(format, &twice[0].resource, &twice));
                prop_assert_eq!(twice, thrice, "{:?}", format);
            }
        }
    }

    #[test]
    fn the_bytes_written_are_those_that_the_plain_writers_write((resource, list) in list()) {
        for (format, protocol) in BATCHES {
            let body = written(format, &resource, &list);
            let tree = read_struct(&body, protocol).unwrap();
            prop_assert_eq!(tree.written(protocol), body);
        }
        let body = written(Format::Proto, &resource, &list);
        let message = PbRequest::decode(&*body).unwrap();
        prop_assert_eq!(message.encode_to_vec(), body);
    }

    #[test]
    fn batches_in_thrift_come_to_the_spans_that_they_say(batch in batch()) {
        for format in IN_THRIFT {
            let expected = oracle::of_tree(&batch);
            prop_assume!(expected.is_some());
            assert_comes_to(format, &body_of(format, &batch), expected.unwrap())?;
        }
    }

    #[test]
    fn the_clients_own_account_is_read(batch in batch()) {
        let number = |tree: &Tree| if let Tree::I64(number) = tree { Some(*number) } else { None };
        let stats = batch.field(4, |it| matches!(it, Tree::Struct(_)).then_some(it));
        for format in IN_THRIFT {
            let decoded = try_decode(format, &body_of(format, &batch)).unwrap();
            prop_assert_eq!(decoded.sequence_number, batch.field(3, number));
            prop_assert_eq!(decoded.client_stats, stats.map(|stats| ClientStats {
                full_queue_dropped_spans: stats.field(1, number).unwrap_or(0),
                too_large_dropped_spans: stats.field(2, number).unwrap_or(0),
                failed_to_emit_spans: stats.field(3, number).unwrap_or(0),
            }));
        }
    }

    #[test]
    fn a_changed_byte_is_read_as_the_plain_readers_read_it(
        batch in batch(),
        changes in changes(),
    ) {
        for (format, protocol) in BATCHES {
            let mut body = batch.written(protocol);
            changed(&mut body, &changes);
            let _ = try_decode(format, &body);
            if let Some(expected) = read_struct(&body, protocol).and_then(|it| oracle::of_tree(&it)) {
                assert_comes_to(format, &body, expected)?;
            }
        }
    }

    #[test]
    fn requests_of_prost_come_to_the_spans_that_they_say(request in request()) {
        assert_comes_to(Format::Proto, &request.encode_to_vec(), oracle::of_message(&request))?;
    }

    #[test]
    fn a_request_in_two_parts_is_one(first in request(), second in request()) {
        let body = [first.encode_to_vec(), second.encode_to_vec()].concat();
        let message = PbRequest::decode(&*body).unwrap();
        assert_comes_to(Format::Proto, &body, oracle::of_message(&message))?;
    }

    #[test]
    fn a_changed_byte_is_read_as_prost_reads_it(request in request(), changes in changes()) {
        let mut body = request.encode_to_vec();
        prop_assume!(!body.is_empty());
        changed(&mut body, &changes);
        let _ = try_decode(Format::Proto, &body);
        if let Ok(message) = PbRequest::decode(&*body) {
            assert_comes_to(Format::Proto, &body, oracle::of_message(&message))?;
        }
    }
}
