//! The `portals` binary as its users meet it: started as a process, asked over HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: a failure must stop the test; clippy's exemption covers only the test functions themselves"
)]

mod bad;
mod client;
mod exports;
mod issuer;
mod maintenance;
mod onboarding;
mod process;
