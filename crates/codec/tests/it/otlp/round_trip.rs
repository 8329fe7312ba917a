//! What is written is read back, and is what prost would write; what prost writes is read.

use proptest::prelude::*;
use prost::Message;
use spandrel_codec::otlp::{Format, decode, decode_archive};
use spandrel_model::{Address, LinkKind, Span};

use super::oracle::{PbRequest, PbResourceSpans, PbScopeSpans, expected};
use super::strategies::{list, pb_resource, request};
use super::{archived, spans, written};

/// What is left of a span when all is taken that OTLP cannot say.
fn plain(mut span: Span<'static>) -> Span<'static> {
    span.is_shared = false;
    span.is_debug = false;
    span.local = Address::default();
    span.remote = None;
    span.start_ns = span.start_ns.filter(|start| *start > 0);
    let can_end = span.start_ns.zip(span.duration_ns).map(|(a, b)| a.checked_add(b));
    span.duration_ns = span.duration_ns.filter(|_| matches!(can_end, Some(Some(_))));
    span.attributes.retain(|attribute| attribute.key != "spandrel.carried");
    for link in &mut span.links {
        link.kind = LinkKind::Related;
        link.attributes.retain(|attribute| attribute.key != "spandrel.carried");
    }
    span
}

/// A message whose fields come in another order than their numbers'.
fn resource_behind(of_resource: &PbResourceSpans) -> Vec<u8> {
    let resource_alone =
        PbResourceSpans { resource: of_resource.resource.clone(), ..Default::default() };
    let mut bytes = of_resource.schema_url_alone();
    for of_scope in &of_resource.scope_spans {
        let scope_alone = PbScopeSpans { scope: of_scope.scope.clone(), ..Default::default() };
        let spans_alone = PbScopeSpans { scope: None, ..of_scope.clone() };
        let message = [spans_alone.encode_to_vec(), scope_alone.encode_to_vec()].concat();
        push_field(&mut bytes, 2, &message);
    }
    bytes.extend(resource_alone.encode_to_vec());
    bytes
}

impl PbResourceSpans {
    fn schema_url_alone(&self) -> Vec<u8> {
        Self { schema_url: self.schema_url.clone(), ..Default::default() }.encode_to_vec()
    }
}

fn push_field(out: &mut Vec<u8>, number: u8, message: &[u8]) {
    out.push(number << 3 | 2);
    prost::encode_length_delimiter(message.len(), out).unwrap();
    out.extend_from_slice(message);
}

/// Decodes what prost can decode, too, and compares.
fn assert_as_prost(body: &[u8]) -> Result<(), TestCaseError> {
    let Ok(message) = PbRequest::decode(body) else { return Ok(()) };
    let mut spans = Vec::new();
    let decoded = decode(Format::Proto, body, &mut spans)
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    let (list, rejected) = expected(&message);
    prop_assert_eq!(spans, list);
    prop_assert_eq!(decoded.rejected, rejected);
    prop_assert_eq!(decoded.first_reason.is_some(), rejected > 0);
    Ok(())
}

proptest! {
    // Spans with all their parts are large; half of the usual number takes seconds.
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn an_archive_gives_back_every_span_as_it_was(list in list()) {
        for format in Format::ALL {
            prop_assert_eq!(&archived(format, &written(format, &list)), &list, "{:?}", format);
        }
    }

    #[test]
    fn what_otlp_can_say_is_given_back_without_a_trace_of_the_archive(list in list()) {
        let list: Vec<_> = list.into_iter().map(plain).collect();
        for format in Format::ALL {
            prop_assert_eq!(&spans(format, &written(format, &list)), &list, "{:?}", format);
        }
    }

    /// Carried attributes that were taken for the sender's are archived as the sender's.
    #[test]
    fn what_was_read_plainly_can_be_archived_again(list in list()) {
        for format in Format::ALL {
            let plainly = spans(format, &written(format, &list));
            prop_assert_eq!(&archived(format, &written(format, &plainly)), &plainly, "{:?}", format);
        }
    }

    #[test]
    fn the_bytes_written_are_those_that_prost_writes(list in list()) {
        let body = written(Format::Proto, &list);
        let message = PbRequest::decode(&*body).unwrap();
        prop_assert_eq!(&message.encode_to_vec(), &body);
        let plainly = spans(Format::Proto, &body);
        prop_assert_eq!(expected(&message).0, plainly);
    }

    #[test]
    fn requests_of_prost_come_to_the_spans_that_they_say(request in request()) {
        assert_as_prost(&request.encode_to_vec())?;
    }

    #[test]
    fn the_order_of_fields_does_not_matter(request in request()) {
        let mut body = Vec::new();
        for of_resource in &request.resource_spans {
            push_field(&mut body, 1, &resource_behind(of_resource));
        }
        prop_assert_eq!(PbRequest::decode(&*body).unwrap().encode_to_vec(), request.encode_to_vec());
        assert_as_prost(&body)?;
    }

    #[test]
    fn a_message_in_two_parts_is_one(request in request(), further in pb_resource()) {
        let mut body = Vec::new();
        for of_resource in &request.resource_spans {
            let more = PbResourceSpans { resource: further.clone(), ..Default::default() };
            push_field(&mut body, 1, &[of_resource.encode_to_vec(), more.encode_to_vec()].concat());
        }
        assert_as_prost(&body)?;
    }

    /// What prost takes for a request is one here, with the same spans.
    #[test]
    fn a_changed_byte_is_read_as_prost_reads_it(
        request in request(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        let mut body = request.encode_to_vec();
        prop_assume!(!body.is_empty());
        for (index, byte) in changes {
            let index = index.index(body.len());
            body[index] = byte;
        }
        assert_as_prost(&body)?;
    }

    #[test]
    fn no_splice_of_bodies_crashes_a_decoder(
        list in list(),
        (cut, from, noise) in (any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..6)),
    ) {
        for format in Format::ALL {
            let body = written(format, &list);
            prop_assume!(!body.is_empty());
            let (cut, from) = (cut.index(body.len()), from.index(body.len()));
            let spliced = [&body[..cut], &noise, &body[from..]].concat();
            let _ = decode(format, &spliced, &mut Vec::new());
            let _ = decode_archive(format, &spliced, &mut Vec::new());
        }
    }
}
