//! What Zipkin makes of its own traces, we make of them.

use serde_json::Value as Json;
use spandrel_codec::zipkin::Format;
use spandrel_model::Address;

use crate::testdata::{TRACES, as_v2, json, spans, v2_list};

/// Zipkin hands the IPv4 text through JSON as it came; here `52.0.0.04` is read as 52.0.0.4, as
/// Zipkin reads it from its binary formats.
fn lenient(mut golden: Json) -> Json {
    for span in golden.as_array_mut().unwrap() {
        for endpoint in ["localEndpoint", "remoteEndpoint"] {
            if let Some(ipv4) = span.pointer_mut(&format!("/{endpoint}/ipv4")) {
                let mut address = Address::default();
                assert!(address.set_ip(ipv4.as_str().unwrap()));
                *ipv4 = address.ipv4.unwrap().to_string().into();
            }
        }
    }
    golden
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
