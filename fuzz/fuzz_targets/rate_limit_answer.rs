#![no_main]
//! See `tests/suite/targets/rate_limit_answer.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("rate_limit_answer", input));
