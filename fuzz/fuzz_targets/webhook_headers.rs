#![no_main]
//! See `tests/suite/targets/webhook_headers.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("webhook_headers", input));
