//! Lockgate's core: API-security rules as pure functions of bytes and time.
//!
//! No host, socket, clock, random number or global is in here. A filter is a [`exchange::Policy`] (a checked
//! configuration) that opens [`exchange::Exchange`]s (one request and its answer); heads, chunks and a
//! [`host::Host`] are handed in, decisions come out:
//!
//! ```text
//!            bytes in                 bytes out
//! host ── Head, Chunk ──▶ Exchange ──▶ Step, Body ── host
//!                            │
//!                         Policy (rules, caches; one a VM)
//! ```
//!
//! `filters/host` drives them inside Envoy; [`replay`] drives them natively over plain data.

mod address;
pub mod audit;
mod bytes;
pub mod chain;
pub mod claims;
pub mod config;
pub mod csv;
pub mod exchange;
mod few;
pub mod graphql;
pub mod head;
pub mod host;
pub mod identity;
pub mod json;
pub mod jwt_auth;
mod line;
pub mod matching;
mod metric;
pub mod path;
pub mod rate_limit;
pub mod replay;
pub mod reply;
pub mod revenue_strip;
mod room;
mod secret;
pub mod signature;
pub mod sse;
pub mod table;
pub mod webhook_verify;
