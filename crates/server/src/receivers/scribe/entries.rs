//! From a call of `Log` to spans: entries of the category `zipkin`, each a v1 span in Base64.
//!
//! An entry that is no span is rejected alone. Those of other categories are no spans and are
//! passed over, as Zipkin does.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use spandrel_codec::zipkin::{self, Format};
use spandrel_codec::{DecodeError, SpanSink};

use crate::receivers::format::Decoded;

use super::call::Head;
use super::thrift::{Fault, LIST, Reader, STRING, STRUCT};

const LOG: &[u8] = b"Log";
const CATEGORY: &[u8] = b"zipkin";
/// How long an entry may be; more is rejected. Its span is decoded into memory of its own.
const ENTRY_LEN_MAX: usize = 1 << 20;
/// The head of a list of one struct: what the codec takes.
const LIST_OF_ONE: [u8; 5] = [STRUCT, 0, 0, 0, 1];

/// Base64 as clients write it: padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes a call and pushes its spans into the sink.
pub(in crate::receivers) fn decode(
    body: &[u8],
    sink: &mut dyn SpanSink,
) -> Result<Decoded, DecodeError> {
    let mut decoded = Decoded::default();
    let mut entries = Entries::default();
    let mut reader = Reader::new(body);
    read_call(&mut reader, &mut |message| entries.decode(message, &mut decoded, sink)).map_err(
        |fault| DecodeError {
            span_index: None,
            offset: body.len() - reader.rest.len(),
            message: fault.to_owned(),
        },
    )?;
    Ok(decoded)
}

/// Reads a call, and hands over the message of each entry of the category.
fn read_call<'a>(reader: &mut Reader<'a>, take: &mut impl FnMut(&'a [u8])) -> Result<(), Fault> {
    if Head::read(reader)?.method != LOG {
        return Err("the method is not taken, only Log");
    }
    while let Some(field) = reader.field()? {
        match field {
            (1, LIST) => {
                if reader.byte()? != STRUCT {
                    return Err("the entries are no structs");
                }
                for _ in 0..reader.len()? {
                    read_entry(reader, take)?;
                }
            }
            (_, type_) => reader.skip(type_)?,
        }
    }
    Ok(())
}

fn read_entry<'a>(reader: &mut Reader<'a>, take: &mut impl FnMut(&'a [u8])) -> Result<(), Fault> {
    let (mut category, mut message) = (&b""[..], &b""[..]);
    while let Some(field) = reader.field()? {
        match field {
            (1, STRING) => category = reader.binary()?,
            (2, STRING) => message = reader.binary()?,
            (_, type_) => reader.skip(type_)?,
        }
    }
    if category == CATEGORY {
        take(message);
    }
    Ok(())
}

/// What decoding entries needs again and again.
#[derive(Default)]
struct Entries {
    index: usize,
    base64: Vec<u8>,
    list: Vec<u8>,
}

impl Entries {
    fn decode(&mut self, message: &[u8], decoded: &mut Decoded, sink: &mut dyn SpanSink) {
        match self.spans_of(message, sink) {
            Ok(spans) => decoded.accepted += spans,
            Err(reason) => {
                decoded.rejected += 1;
                let index = self.index;
                decoded
                    .first_reason
                    .get_or_insert(DecodeError { span_index: Some(index), ..reason });
            }
        }
        self.index += 1;
    }

    fn spans_of(&mut self, message: &[u8], sink: &mut dyn SpanSink) -> Result<usize, DecodeError> {
        let fault = |message: String| DecodeError { span_index: None, offset: 0, message };
        if message.len() > ENTRY_LEN_MAX {
            return Err(fault(format!("an entry is over the limit of {ENTRY_LEN_MAX} bytes")));
        }
        // Finagle breaks its lines, as mail does.
        self.base64.clear();
        self.base64.extend(message.iter().filter(|byte| !byte.is_ascii_whitespace()));
        self.list.clear();
        self.list.extend(LIST_OF_ONE);
        BASE64
            .decode_vec(&self.base64, &mut self.list)
            .map_err(|error| fault(format!("an entry is no Base64: {error}")))?;
        zipkin::decode(Format::V1Thrift, &self.list, sink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_model::{Span, SpanId, TraceId};

    fn span(id: u64) -> Span<'static> {
        Span::new(TraceId::new(7).unwrap(), SpanId::new(id).unwrap())
    }

    /// A span as an entry has it, with its lines broken.
    fn base64_of(id: u64) -> String {
        let mut list = Vec::new();
        zipkin::encode(Format::V1Thrift, &[span(id)], &mut list);
        let mut text = BASE64.encode(&list[LIST_OF_ONE.len()..]);
        text.insert_str(8, "\r\n");
        text
    }

    fn call(method: &[u8], entries: &[(&str, &str)]) -> Vec<u8> {
        let sized = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
        let mut body = [&sized(method)[..], &[1, 0, 0, 0, 9, LIST, 0, 1, STRUCT]].concat();
        body.extend((entries.len() as u32).to_be_bytes());
        for (category, message) in entries {
            body.extend([STRING, 0, 1]);
            body.extend(sized(category.as_bytes()));
            body.extend([STRING, 0, 2]);
            body.extend(sized(message.as_bytes()));
            body.push(0);
        }
        body.push(0);
        body
    }

    #[test]
    fn an_entry_is_a_span_a_bad_one_is_rejected_alone_and_others_are_passed_over() {
        let (first, third) = (base64_of(1), base64_of(3));
        let entries = [("zipkin", &*first), ("zipkin", "%%"), ("web", "GET /"), ("zipkin", &third)];
        let mut spans: Vec<Span<'static>> = Vec::new();
        let decoded = decode(&call(LOG, &entries), &mut spans).unwrap();
        assert_eq!((decoded.accepted, decoded.rejected), (2, 1));
        assert_eq!(decoded.first_reason.unwrap().span_index, Some(1));
        assert_eq!(spans, [span(1), span(3)]);
    }

    #[test]
    fn what_is_cut_or_calls_something_else_is_refused_whole() {
        let whole = call(LOG, &[("zipkin", &base64_of(1))]);
        for len in 0..whole.len() {
            assert!(decode(&whole[..len], &mut Vec::new()).is_err(), "{len}");
        }
        let error = decode(&call(b"getName", &[]), &mut Vec::new()).unwrap_err();
        assert_eq!(error.message, "the method is not taken, only Log");
    }
}
