//! Properties of the core's public API, natively and (`cargo test --target wasm32-wasip1`) in Wasm with SIMD.

mod bodies;
mod editor;
mod filter;
