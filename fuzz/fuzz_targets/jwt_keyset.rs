#![no_main]
//! See `tests/suite/targets/jwt_keyset.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("jwt_keyset", input));
