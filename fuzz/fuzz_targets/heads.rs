#![no_main]
//! See `tests/suite/targets/heads.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("heads", input));
