//! Feeds any bytes to the readers of rollups and of facts of traces.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    spandrel_storage::read_hostile_rollup(input.1, input.0);
});
