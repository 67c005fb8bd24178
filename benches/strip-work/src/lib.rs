//! What the benchmarks measure: bodies, Lockgate's strip and the one to compare it with.
//!
//! In a crate of its own so that the same work runs natively, in Wasm without a proxy and inside Envoy.

pub mod bodies;
#[cfg(feature = "comparison")]
pub mod csv_strip;
pub mod lockgate_strip;
#[cfg(feature = "comparison")]
pub mod serde_strip;

#[cfg(all(test, feature = "comparison"))]
mod tests;
