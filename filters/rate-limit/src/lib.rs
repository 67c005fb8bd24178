//! `rate_limit.wasm`: see README.md and `lockgate::rate_limit`.
#![expect(missing_docs, reason = "`main!` makes the entry point")]

proxy_wasm::main! {{
    lockgate_host::install::<lockgate::rate_limit::Policy>();
}}
