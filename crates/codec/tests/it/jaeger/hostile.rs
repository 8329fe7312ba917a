//! Bodies that nobody should send are refused with a reason, and never crash a decoder.

use prost::Message;
use spandrel_codec::DecodeError;
use spandrel_codec::jaeger::{Format, PARTS_MAX};
use spandrel_model::{Resource, Span, Value};

use super::messages::{PbBatch, PbKeyValue, PbLog, PbRequest, PbSpan};
use super::tree::{Protocol, Tree};
use super::{BATCHES, IN_THRIFT, body_of, spans, try_decode, written};
use crate::hostile::{from_hex, rows};
use crate::testdata::json;

fn refused(format: Format, body: &[u8]) -> DecodeError {
    try_decode(format, body).expect_err("it is no batch")
}

#[test]
fn hostile_datagrams_are_refused_as_listed() {
    let mut count = 0;
    for row in rows("hostile/jaeger_wire.jsonl") {
        let format = match row["protocol"].as_str().unwrap() {
            "jaeger-thrift-compact-udp" => Format::AgentCompact,
            "jaeger-thrift-binary-udp" => Format::AgentBinary,
            other => panic!("{other}"),
        };
        assert_eq!(row["expect"], "drop datagram, count");
        let body = from_hex(row["hex"].as_str().unwrap());
        let error = refused(format, &body);
        assert!(!error.message.is_empty() && error.offset <= body.len(), "{row}: {error}");
        count += 1;
    }
    assert_eq!(count, 7);
}

#[test]
fn a_message_that_is_no_batch_is_named() {
    for (format, body, told) in [
        (
            Format::AgentBinary,
            &b"\0\0\0\x09emitBatch\x04"[..],
            "no message of the binary protocol's version 1",
        ),
        (Format::AgentCompact, b"\x83\x81\0", "no message of the compact protocol's version 1"),
        (Format::AgentCompact, b"\x82\x82\0", "no message of the compact protocol's version 1"),
        (
            Format::AgentCompact,
            b"\x82\x41\0\x09emitBatch\0",
            "message type 2 is no call (1) and no oneway call (4) (at byte 1)",
        ),
        (
            Format::AgentBinary,
            b"\x80\x01\0\x03\0\0\0\x01x\0\0\0\0\0",
            "message type 3 is no call (1) and no oneway call (4) (at byte 3)",
        ),
        (
            Format::AgentCompact,
            b"\x82\x21\0\x0femitZipkinBatch\0",
            "method \"emitZipkinBatch\" is not taken, only emitBatch",
        ),
        (Format::AgentCompact, b"\x82\x81\0\x09emitBatch\0", "the message has no batch"),
        (Format::ThriftBinary, b"", "truncated: length 1 is over the 0 bytes remaining"),
        (Format::ThriftBinary, b"{}", "123 is no type of Thrift"),
    ] {
        assert_eq!(refused(format, body).to_string(), told);
    }
}

#[test]
fn an_ordinary_call_is_taken_like_one_that_wants_no_answer() {
    assert_eq!(
        try_decode(Format::AgentCompact, b"\x82\x21\0\x09emitBatch\x1c\0\0").unwrap(),
        Default::default()
    );
}

/// Batches with something of everything, in every format.
fn recorded() -> Vec<(Format, Vec<u8>)> {
    let mut list: Vec<Span<'static>> = Vec::new();
    let traces = crate::testdata::bytes("otlp/telemetrygen.json");
    spandrel_codec::otlp::decode(spandrel_codec::otlp::Format::Json, &traces, &mut list).unwrap();
    let body = crate::testdata::bytes("jaeger/stored_span_as_otlp.json");
    spandrel_codec::otlp::decode(spandrel_codec::otlp::Format::Json, &body, &mut list).unwrap();
    let warnings = Value::Array(vec!["slow clock".into()]);
    list[0].attributes.push(spandrel_model::Attribute {
        key: "jaeger.internal.warnings".into(),
        value: warnings,
    });
    let resource = list[0].resource.clone();
    Format::ALL.map(|format| (format, written(format, &resource, &list))).to_vec()
}

#[test]
fn every_cut_of_a_batch_is_refused_and_says_where() {
    for (format, body) in recorded() {
        assert_eq!(try_decode(format, &body).unwrap().accepted, 3);
        // Nothing at all is a request in protobuf.
        for len in usize::from(format == Format::Proto)..body.len() {
            let error = refused(format, &body[..len]);
            assert!(error.offset <= len, "{format:?} cut to {len}: {error}");
            assert!(error.offset > 0 || len < 40, "{format:?} cut to {len}: {error}");
            assert!(
                error.message.to_lowercase().contains("truncated")
                    || error.message.contains("remaining"),
                "{error}"
            );
        }
    }
}

#[test]
fn no_changed_byte_crashes_the_decoder() {
    for (format, mut body) in recorded() {
        for offset in 0..body.len() {
            let sound = body[offset];
            let flipped = (0..8).map(|bit| sound ^ (1 << bit));
            for byte in flipped.chain([0x00, 0x7f, 0x80, 0xff]) {
                body[offset] = byte;
                let _ = try_decode(format, &body);
            }
            body[offset] = sound;
        }
    }
}

/// What a body announces in its last bytes, of which nothing follows.
#[test]
fn what_a_length_announces_is_believed_only_as_far_as_there_are_bytes() {
    let announced = |len: &str| format!("announced length {len} is over the 0 bytes remaining");
    for (format, body, len) in [
        // A list of 2^31 - 1 spans, of -1, of 2^32 - 1.
        (Format::ThriftBinary, &b"\x0c\0\x01\0\x0f\0\x02\x0c\x7f\xff\xff\xff"[..], "2147483647"),
        (Format::ThriftCompact, b"\x1c\0\x19\xfc\xff\xff\xff\xff\x0f", "4294967295"),
        (Format::ThriftCompact, b"\x1c\0\x19\xfc\xff\xff\xff\xff\x07", "2147483647"),
        // As many tags of a process, and a name of as many bytes.
        (Format::ThriftBinary, b"\x0c\0\x01\x0f\0\x02\x0c\x7f\xff\xff\xff", "2147483647"),
        (Format::ThriftCompact, b"\x1c\x29\xfc\xff\xff\xff\xff\x07", "2147483647"),
        (Format::ThriftBinary, b"\x0c\0\x01\x0b\0\x01\x7f\xff\xff\xff", "2147483647"),
        (Format::ThriftCompact, b"\x1c\x18\xff\xff\xff\xff\x07", "2147483647"),
        // A map and a set that nobody knows.
        (Format::ThriftBinary, b"\x0d\0\x63\x0b\x0b\x7f\xff\xff\xff", "2147483647"),
        (Format::ThriftBinary, b"\x0e\0\x63\x02\x7f\xff\xff\xff", "2147483647"),
    ] {
        assert_eq!(refused(format, body).message, announced(len));
    }
    let negative = refused(Format::ThriftBinary, b"\x0c\0\x01\0\x0f\0\x02\x0c\xff\xff\xff\xff");
    assert_eq!(negative.to_string(), "announced length -1 is negative (at byte 8)");
    let in_protobuf = refused(Format::Proto, b"\x0a\xff\xff\xff\xff\x07");
    assert!(in_protobuf.message.contains("length 2147483647"), "{in_protobuf}");
}

#[test]
fn what_is_nested_deep_is_refused_before_it_is_followed() {
    for depth in [65, 1_000, 100_000] {
        let fields_in_binary = [0x0c, 0, 99].repeat(depth);
        let lists_in_binary = [b"\x0f\0\x63".to_vec(), b"\x0f\0\0\0\x01".repeat(depth)].concat();
        let lists_in_compact = [b"\x09\xc6\x01".to_vec(), vec![0x19; depth]].concat();
        for (format, mut body) in [
            (Format::ThriftBinary, fields_in_binary),
            (Format::ThriftBinary, lists_in_binary),
            (Format::ThriftCompact, vec![0xfc; depth]),
            (Format::ThriftCompact, lists_in_compact),
        ] {
            body.extend(vec![0; 5 * depth]);
            let error = refused(format, &body);
            assert_eq!(error.message, "an unknown field is nested over 64 deep", "{format:?}");
        }
        let groups = [[0x1b].repeat(depth), [0x1c].repeat(depth)].concat();
        assert!(refused(Format::Proto, &groups).message.contains("over 64 deep"));
    }
}

fn known_span() -> Vec<(i16, Tree)> {
    vec![(1, Tree::I64(1)), (2, Tree::I64(0)), (3, Tree::I64(2))]
}

fn batch_of(spans: Vec<Vec<(i16, Tree)>>) -> Tree {
    let spans = spans.into_iter().map(Tree::Struct).collect();
    Tree::Struct(vec![(1, Tree::Struct(vec![])), (2, Tree::structs(spans))])
}

#[test]
fn a_field_of_any_type_that_nobody_knows_is_passed_over() {
    let unknown = [
        Tree::Bool(true),
        Tree::Bool(false),
        Tree::Byte(1),
        Tree::I16(-1),
        Tree::I32(i32::MIN),
        Tree::I64(i64::MIN),
        Tree::Double(1),
        Tree::text("text"),
        Tree::Uuid([7; 16]),
        Tree::Struct(vec![(1, Tree::Bool(true)), (300, Tree::I64(1))]),
        Tree::List(Box::new(Tree::Bool(true)), vec![Tree::Bool(false); 20]),
        Tree::Set(Box::new(Tree::I16(0)), vec![Tree::I16(300); 2]),
        Tree::Map(
            Box::new((Tree::Byte(0), Tree::Bool(true))),
            vec![(Tree::Byte(1), Tree::Bool(true))],
        ),
        Tree::Map(Box::new((Tree::Byte(0), Tree::Byte(0))), vec![]),
    ];
    let clean = batch_of(vec![known_span()]);
    for value in unknown {
        let mut span = known_span();
        // Of an id that is known, and is of another type unless it is the name; before and behind.
        span.insert(0, (30_000, value.clone()));
        span.push((12, value.clone()));
        span.insert(2, (-5, value.clone()));
        let batch = batch_of(vec![span]);
        for format in IN_THRIFT {
            let expected = spans(format, &body_of(format, &clean));
            assert_eq!(spans(format, &body_of(format, &batch)), expected, "{value:?}");
        }
    }
}

#[test]
fn spans_that_stand_before_their_process_are_of_it() {
    let process = (1, Tree::Struct(vec![(1, Tree::text("late"))]));
    let list = (2, Tree::structs(vec![Tree::Struct(known_span())]));
    for (format, protocol) in BATCHES {
        let body =
            Tree::Struct(vec![list.clone(), (3, Tree::I64(9)), process.clone()]).written(protocol);
        assert_eq!(spans(format, &body)[0].service_name(), Some("late"));
        assert_eq!(try_decode(format, &body).unwrap().sequence_number, Some(9));
    }
}

#[test]
fn bytes_behind_a_batch_are_ignored() {
    let body = body_of(Format::ThriftBinary, &batch_of(vec![known_span()]));
    assert_eq!(spans(Format::ThriftBinary, &[&*body, b"rest"].concat()).len(), 1);
}

#[test]
fn a_bad_span_is_rejected_alone_and_told() {
    let without = |id: i16| known_span().into_iter().filter(|(field, _)| *field != id).collect();
    let named = |name: &[u8]| [known_span(), vec![(5, Tree::Bytes(name.to_vec()))]].concat();
    let keyed = |key: &[u8]| {
        let tag = Tree::Struct(vec![(1, Tree::Bytes(key.to_vec()))]);
        [known_span(), vec![(10, Tree::structs(vec![tag]))]].concat()
    };
    for (bad, told) in [
        (without(1), "trace id is missing or zero"),
        (without(3), "span id is missing or zero"),
        (named(b"a\xff"), "a text is not UTF-8"),
        (keyed(b"\xff"), "a text is not UTF-8"),
    ] {
        let batch = batch_of(vec![known_span(), bad, known_span()]);
        for format in IN_THRIFT {
            let decoded = try_decode(format, &body_of(format, &batch)).unwrap();
            assert_eq!((decoded.accepted, decoded.rejected), (2, 1));
            let reason = decoded.first_reason.unwrap();
            assert_eq!((reason.span_index, &*reason.message), (Some(1), told));
        }
    }
}

#[test]
fn a_bad_process_is_the_fault_of_its_spans() {
    let process = Tree::Struct(vec![(1, Tree::Bytes(vec![0xff]))]);
    let list = Tree::structs(vec![Tree::Struct(known_span()); 2]);
    let body = Tree::Struct(vec![(1, process), (2, list)]).written(Protocol::Compact);
    let decoded = try_decode(Format::ThriftCompact, &body).unwrap();
    assert_eq!((decoded.accepted, decoded.rejected), (0, 2));
    assert_eq!(
        decoded.first_reason.unwrap().to_string(),
        "span 0: a text is not UTF-8 (at byte 3)"
    );
}

#[test]
fn a_value_that_was_cut_inside_a_character_is_kept_as_bytes() {
    let tag = Tree::Struct(vec![
        (1, Tree::text("k")),
        (2, Tree::I32(0)),
        (3, Tree::Bytes(b"caf\xc3".to_vec())),
    ]);
    let batch = batch_of(vec![[known_span(), vec![(10, Tree::structs(vec![tag]))]].concat()]);
    let list = spans(Format::AgentBinary, &body_of(Format::AgentBinary, &batch));
    assert_eq!(list[0].attribute("k"), Some(&Value::Bytes(b"caf\xc3".as_slice().into())));
}

#[test]
fn a_hundred_thousand_tiny_spans_are_that_many() {
    let batch = batch_of(vec![known_span(); 100_000]);
    for format in IN_THRIFT {
        let decoded = try_decode(format, &body_of(format, &batch)).unwrap();
        assert_eq!((decoded.accepted, decoded.rejected), (100_000, 0));
    }
    let empty = batch_of(vec![vec![]; 100_000]);
    let decoded = try_decode(Format::ThriftBinary, &body_of(Format::ThriftBinary, &empty)).unwrap();
    assert_eq!((decoded.accepted, decoded.rejected), (0, 100_000));
}

#[test]
fn a_span_of_too_many_parts_is_rejected_alone() {
    let elements = |len| Tree::structs(vec![Tree::Struct(vec![]); len]);
    let fields = |len| Tree::structs(vec![Tree::Struct(vec![(2, elements(len - 1))])]);
    for (len, expected) in [(PARTS_MAX, (3, 0)), (PARTS_MAX + 1, (2, 1))] {
        for (id, list) in
            [(6, elements(len)), (10, elements(len)), (11, elements(len)), (11, fields(len))]
        {
            let large = [known_span(), vec![(id, list)]].concat();
            let body =
                body_of(Format::ThriftCompact, &batch_of(vec![known_span(), large, known_span()]));
            let decoded = try_decode(Format::ThriftCompact, &body).unwrap();
            assert_eq!((decoded.accepted, decoded.rejected), expected, "field {id}");
        }
        let good = PbSpan { trace_id: vec![1; 16], span_id: vec![2; 8], ..PbSpan::default() };
        for large in [
            PbSpan { tags: vec![PbKeyValue::default(); len], ..good.clone() },
            PbSpan { logs: vec![PbLog::default(); len], ..good.clone() },
            PbSpan { references: vec![Default::default(); len], ..good.clone() },
            PbSpan { warnings: vec![String::new(); len], ..good.clone() },
        ] {
            let spans = vec![good.clone(), large, good.clone()];
            let request = PbRequest { batch: Some(PbBatch { spans, process: None }) };
            let decoded = try_decode(Format::Proto, &request.encode_to_vec()).unwrap();
            assert_eq!((decoded.accepted, decoded.rejected), expected);
        }
    }
}

#[test]
fn a_body_of_json_is_refused() {
    let body = json("jaeger/thrift_batch_01.json").to_string();
    for format in Format::ALL {
        refused(format, body.as_bytes());
    }
}

#[test]
fn no_spans_are_a_batch() {
    for format in Format::ALL {
        assert_eq!(spans(format, &written(format, &Resource::default(), &[])), []);
    }
}
