//! Feeds any bytes to the reader of segments.
#![no_main]

libfuzzer_sys::fuzz_target!(|object: &[u8]| spandrel_storage::read_hostile_segment(object));
