//! Feeds any bytes to the reader of manifests.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spandrel_storage::read_hostile_manifest(bytes));
