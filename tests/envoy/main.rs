//! The built filters in a real Envoy, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "functions beside #[test] are tests, too"
)]

mod harness;
mod host;
mod jwt_auth;
mod revenue_strip;
mod skeleton;
mod versions;
mod webhook_verify;
