#![no_main]
//! See `tests/suite/targets/configuration.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("configuration", input));
