//! `revenue_strip.wasm`: see README.md and `lockgate::revenue_strip`.

proxy_wasm::main! {{
    lockgate_host::install::<lockgate::revenue_strip::Policy>();
}}
