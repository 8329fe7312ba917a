//! Feeds any bytes to the extractor of the binary propagation format.
#![no_main]

libfuzzer_sys::fuzz_target!(|blob: &[u8]| spandrel_fuzz::propagation_binary(blob));
