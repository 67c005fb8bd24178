#![no_main]
//! See `tests/suite/targets/modes.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("modes", input));
