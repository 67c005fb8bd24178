//! What the tests against a real Envoy are written with.
//!
//! - [`Upstream`]: a portal that sends exactly the bytes a test wants, in the pieces that it wants, and ends as it wants.
//! - [`Client`]: a raw HTTP/1.1 client that tells a whole answer from one that was broken off; [`h2`] for HTTP/2.
//! - [`Setup`] and [`Gate`]: an Envoy with our filter between the two.
//! - [`Bulk`]: bodies of many megabytes that nobody keeps.
//! - [`cases::each`]: tables, every row of which is run even when one before it failed.
//!
//! Nothing here sleeps for an effect: pieces are sent when the receiver has read the one before (see [`wire`]).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests are linked with this: a panic here is a failed test"
)]

pub mod bulk;
pub mod cases;
pub mod client;
pub mod gate;
pub mod h2;
pub mod token;
pub mod upstream;
pub mod webhook;
pub mod wire;

pub use bulk::Bulk;
pub use client::{Client, End, Request, Response};
pub use gate::{Gate, Setup};
pub use upstream::{Answer, Received, Signal, Upstream};
