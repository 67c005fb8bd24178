//! What the targets check, shared with the ordinary tests of the core.

#![allow(dead_code, reason = "the tests use more of it")]

#[path = "../../tests/suite/oracle.rs"]
mod oracle;
#[path = "../../tests/suite/targets/mod.rs"]
mod targets;

/// Runs one target; panics when what it checks does not hold.
pub fn run(target: &str, input: &[u8]) {
    targets::run(target, input);
}
