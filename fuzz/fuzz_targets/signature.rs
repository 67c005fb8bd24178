#![no_main]
//! See `tests/suite/targets/signature.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("signature", input));
