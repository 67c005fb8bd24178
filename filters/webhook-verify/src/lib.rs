//! `webhook_verify.wasm`: see README.md and `lockgate::webhook_verify`.
#![expect(missing_docs, reason = "`main!` makes the entry point")]

proxy_wasm::main! {{
    lockgate_host::install::<lockgate::webhook_verify::Policy>();
}}
