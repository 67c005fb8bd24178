#![no_main]
//! See `tests/suite/targets/graphql.rs`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("graphql", input));
