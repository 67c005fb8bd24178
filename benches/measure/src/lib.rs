//! Measures filters in a real Envoy.
//!
//! - [`Stage`]: an Envoy with a listener for each thing that is compared; [`Scene`] and [`wasm`] configure it.
//! - [`Portal`] behind it, [`Client`] in front of it.
//! - [`Counter`]: user-space instructions, by `perf` or Valgrind; [`Counted`]: a table of them.
//! - [`Modules`]: what is measured, built.
//!
//! `lockgate bench` and the benchmarks' runner are written with it. Nothing that it says is about the machine alone: what is compared
//! takes turns in one run.

pub mod bench;
mod callgrind;
mod client;
mod counted;
mod counter;
mod error;
pub mod hook;
pub mod machine;
pub mod modules;
pub mod native;
mod perf;
pub mod policies;
mod portal;
mod stage;
mod stats;
pub mod token;

pub use client::{Ask, Client};
pub use counted::{Count, Counted};
pub use counter::{Counter, NO_COUNTER};
pub use error::Error;
pub use modules::Modules;
pub use portal::{Fault, Portal};
pub use stage::{Behind, Listener, Scene, Stage, wasm};
pub use stats::Spread;
