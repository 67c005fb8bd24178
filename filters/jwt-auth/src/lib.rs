//! `jwt_auth.wasm`: see README.md and `lockgate::jwt_auth`.
#![expect(missing_docs, reason = "`main!` makes the entry point")]

proxy_wasm::main! {{
    lockgate_host::install::<lockgate::jwt_auth::Policy>();
}}
