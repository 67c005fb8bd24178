//! Portals.
fn main() {}
