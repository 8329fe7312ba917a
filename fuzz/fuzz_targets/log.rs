//! Feeds any bytes to the recovery of a store, as its log.
#![no_main]

libfuzzer_sys::fuzz_target!(|file: &[u8]| spandrel_fuzz::recovery(file));
