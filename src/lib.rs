//! The core of Lockgate.
pub mod json;
