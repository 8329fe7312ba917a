//! Feeds any bytes to the decoders of Jaeger in Thrift's compact protocol: batches, and messages to an agent.
#![no_main]

use spandrel_codec::jaeger::Format;

libfuzzer_sys::fuzz_target!(|body: &[u8]| spandrel_fuzz::jaeger(&[Format::ThriftCompact, Format::AgentCompact], body));
