//! Measures the filters through Envoy and in Wasm without a proxy.

fn main() {}
