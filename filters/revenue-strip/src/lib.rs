//! `revenue_strip.wasm`: see README.md and `lockgate::revenue_strip`.
#![expect(missing_docs, reason = "`main!` makes the entry point")]

proxy_wasm::main! {{
    lockgate_host::install::<lockgate::revenue_strip::Policy>();
}}
