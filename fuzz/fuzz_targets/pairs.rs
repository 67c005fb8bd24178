#![no_main]
//! See `tests/suite/targets/pairs.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("pairs", input));
