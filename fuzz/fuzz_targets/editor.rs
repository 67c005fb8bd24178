#![no_main]
//! See `tests/suite/targets/editor.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("editor", input));
