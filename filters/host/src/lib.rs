//! The adapter between the core and Envoy's Wasm host: reads, calls the core, writes. It holds no rules.
//!
//! A filter is `lockgate_host::install::<Policy>()` inside `proxy_wasm::main!`. How the host behaves, and what this
//! crate does about it, stands in ARCHITECTURE.md; in short: whole header maps as bytes, once a phase, while they are
//! there; only differences are written back; every status is looked at; nothing panics.

mod callbacks;
mod calls;
mod heads;
mod metrics;
mod root;
mod states;
mod stream;
mod ticker;
mod verifier;
mod waiting;
mod withheld;

use lockgate::exchange::Policy;

/// Makes `P` the filter of this module. Call it from `proxy_wasm::main!`.
pub fn install<P: Policy + 'static>() {
    proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(root::Root::<P>::new()));
}
