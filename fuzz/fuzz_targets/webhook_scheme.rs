#![no_main]
//! See `tests/suite/targets/webhook_scheme.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("webhook_scheme", input));
