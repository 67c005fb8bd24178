//! What the benchmarks measure: bodies, Lockgate's strip and the one to compare it with.
//!
//! In a crate of its own so that the same work runs natively, in Wasm without a proxy and inside Envoy.

pub mod bodies;
pub mod csv_strip;
pub mod lockgate_strip;
pub mod serde_strip;

#[cfg(test)]
mod tests;
