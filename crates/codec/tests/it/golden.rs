//! What Zipkin makes of its own traces, we make of them.

use serde_json::Value as Json;
use spandrel_codec::zipkin::{Format, encode};
use spandrel_model::Address;

use crate::testdata::{TRACES, as_v2, bytes, json, spans, v2_list};

/// Zipkin hands the IPv4 text through JSON as it came; here `52.0.0.04` is read as 52.0.0.4, as
/// Zipkin reads it from its binary formats.
fn lenient(mut golden: Json) -> Json {
    for span in golden.as_array_mut().unwrap() {
        for endpoint in ["localEndpoint", "remoteEndpoint"] {
            if let Some(endpoint) = span.get_mut(endpoint) {
                read_leniently(endpoint);
            }
        }
    }
    golden
}

fn read_leniently(endpoint: &mut Json) {
    if let Some(ipv4) = endpoint.get_mut("ipv4") {
        let mut address = Address::default();
        assert!(address.set_ip(ipv4.as_str().unwrap()));
        *ipv4 = address.ipv4.unwrap().to_string().into();
    }
}

/// Compares span by span, so that a failure shows the one span that differs.
fn assert_same(actual: &Json, golden: &Json, trace: &str) {
    let (actual, golden) = (actual.as_array().unwrap(), golden.as_array().unwrap());
    for (index, (actual, golden)) in actual.iter().zip(golden).enumerate() {
        assert_eq!(actual, golden, "{trace}, span {index}");
    }
    assert_eq!(actual.len(), golden.len(), "{trace}");
}

fn normalized(trace: &str) -> Json {
    lenient(json(&format!("zipkin/golden/{trace}.v2.normalized.json")))
}

#[test]
fn v2_json_comes_back_as_zipkin_normalizes_it() {
    for trace in TRACES {
        assert_same(&as_v2(&spans(Format::V2Json, &v2_list(trace))), &normalized(trace), trace);
    }
}

/// The one trace of the golden ones that Zipkin itself does not get back from v1: a server span
/// without endpoint comes back with plain sr and ss annotations.
fn golden_of_v1(trace: &str) -> Json {
    if trace == "lens-test-malformed" {
        return lenient(json("zipkin/golden/lens-test-malformed.v1.thrift.decoded-as-v2.json"));
    }
    normalized(trace)
}

#[test]
fn v1_thrift_is_read_as_zipkin_reads_it() {
    for trace in TRACES {
        let body = bytes(&format!("zipkin/golden/{trace}.v1.thrift.bin"));
        assert_same(&as_v2(&spans(Format::V1Thrift, &body)), &golden_of_v1(trace), trace);
    }
}

#[test]
fn v1_json_is_read_as_zipkin_reads_its_thrift() {
    for trace in TRACES {
        let body = bytes(&format!("zipkin/golden/{trace}.v1.json"));
        assert_same(&as_v2(&spans(Format::V1Json, &body)), &golden_of_v1(trace), trace);
    }
}

#[test]
fn v2_protobuf_is_read_as_the_json() {
    for trace in TRACES {
        let body = bytes(&format!("zipkin/golden/{trace}.proto3.bin"));
        assert_same(&as_v2(&spans(Format::V2Proto, &body)), &normalized(trace), trace);
    }
}

#[test]
fn v2_protobuf_is_written_byte_for_byte_as_zipkin_writes_it() {
    for trace in TRACES {
        let mut written = Vec::new();
        encode(Format::V2Proto, &spans(Format::V2Json, &v2_list(trace)), &mut written);
        assert!(written == bytes(&format!("zipkin/golden/{trace}.proto3.bin")), "{trace}");
    }
}

/// Brings the lists of v1 spans into one order and addresses into one spelling: Zipkin sorts the
/// address annotation among the tags, here it comes last.
fn in_one_order(mut list: Json) -> Json {
    for span in list.as_array_mut().unwrap() {
        for name in ["annotations", "binaryAnnotations"] {
            let Some(items) = span.get_mut(name) else { continue };
            for item in items.as_array_mut().unwrap().iter_mut() {
                if let Some(endpoint) = item.get_mut("endpoint") {
                    read_leniently(endpoint);
                }
            }
            items.as_array_mut().unwrap().sort_by_key(Json::to_string);
        }
    }
    list
}

#[test]
fn v1_json_is_written_as_zipkin_writes_it() {
    for trace in TRACES {
        let mut written = Vec::new();
        encode(Format::V1Json, &spans(Format::V2Json, &v2_list(trace)), &mut written);
        let golden = in_one_order(json(&format!("zipkin/golden/{trace}.v1.json")));
        assert_same(&in_one_order(serde_json::from_slice(&written).unwrap()), &golden, trace);
    }
}

#[test]
fn v1_thrift_that_is_written_is_what_zipkin_writes() {
    for trace in TRACES {
        let mut written = Vec::new();
        encode(Format::V1Thrift, &spans(Format::V2Json, &v2_list(trace)), &mut written);
        let golden = bytes(&format!("zipkin/golden/{trace}.v1.thrift.bin"));
        assert_eq!(written.len(), golden.len(), "{trace}");
        assert_eq!(spans(Format::V1Thrift, &written), spans(Format::V1Thrift, &golden), "{trace}");
    }
}
