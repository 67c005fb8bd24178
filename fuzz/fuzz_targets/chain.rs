#![no_main]
//! See `tests/suite/targets/chain.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("chain", input));
