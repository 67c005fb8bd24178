//! The core of Lockgate.
pub mod config;
pub mod head;
pub mod json;
pub mod path;
