//! Feeds any bytes to the decoder of OTLP in protobuf.
#![no_main]

use spandrel_codec::otlp::Format;

libfuzzer_sys::fuzz_target!(|body: &[u8]| spandrel_fuzz::otlp(Format::Proto, body));
