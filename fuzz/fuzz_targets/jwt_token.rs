#![no_main]
//! See `tests/suite/targets/jwt_token.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("jwt_token", input));
