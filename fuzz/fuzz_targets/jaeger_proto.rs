//! Feeds any bytes to the decoder of Jaeger in protobuf.
#![no_main]

use spandrel_codec::jaeger::Format;

libfuzzer_sys::fuzz_target!(|body: &[u8]| spandrel_fuzz::jaeger(&[Format::Proto], body));
