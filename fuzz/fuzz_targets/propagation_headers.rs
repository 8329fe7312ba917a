//! Feeds any lines as headers to the extractors of every propagation format.
#![no_main]

libfuzzer_sys::fuzz_target!(|lines: &[u8]| spandrel_fuzz::propagation_headers(lines));
