//! `revenue_strip.wasm`.
