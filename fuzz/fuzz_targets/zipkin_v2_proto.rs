//! Feeds any bytes to the decoder of Zipkin v2 protobuf.
#![no_main]

use spandrel_codec::zipkin::Format;

libfuzzer_sys::fuzz_target!(|body: &[u8]| spandrel_fuzz::zipkin(Format::V2Proto, body));
