//! Feeds any bytes to the decoder of Zipkin v1 JSON.
#![no_main]

use spandrel_codec::zipkin::Format;

libfuzzer_sys::fuzz_target!(|body: &[u8]| spandrel_fuzz::zipkin(Format::V1Json, body));
