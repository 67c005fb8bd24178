//! `lockgate.wasm`: see README.md and `lockgate::chain`.
#![expect(missing_docs, reason = "`main!` makes the entry point")]

proxy_wasm::main! {{
    lockgate_host::install::<lockgate_core::chain::Policy>();
}}
