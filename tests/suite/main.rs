//! Properties of the core's public API, natively and (`cargo test --target wasm32-wasip1`) in Wasm with SIMD.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests, and what only they use")]

mod bodies;
mod csv;
mod editor;
mod filter;
mod graphql;
mod limits;
mod linear;
mod modes;
mod oracle;
mod table;
mod targets;
