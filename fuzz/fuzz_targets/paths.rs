#![no_main]
//! See `tests/suite/targets/paths.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("paths", input));
