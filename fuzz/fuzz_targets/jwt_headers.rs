#![no_main]
//! See `tests/suite/targets/jwt_headers.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("jwt_headers", input));
