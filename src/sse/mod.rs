//! Event streams (WHATWG HTML, "server-sent events"): bytes in, the same bytes out, less the members that a caller may
//! not see.
//!
//! The data lines of one event, joined with line feeds, are one JSON text; [`EventEditor`] asks a
//! [`Judge`](crate::json::Judge) about its members. An event in which nothing is taken goes on byte for byte. One whose
//! data is neither JSON nor a listed sentinel goes nowhere. Comments and the fields `event`, `id` and `retry` are not
//! looked into; lines of any other field, which clients ignore, are dropped. What must be read as text is UTF-8.

mod editor;
mod event;
mod lines;

#[cfg(test)]
mod tests;

pub use editor::{Error, EventEditor, NotJson, Settings};
