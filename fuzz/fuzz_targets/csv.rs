#![no_main]
//! See `tests/suite/targets/csv.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("csv", input));
