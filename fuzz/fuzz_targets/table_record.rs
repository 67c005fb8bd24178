#![no_main]
//! See `tests/suite/targets/table_record.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("table_record", input));
