//! The core of Lockgate.
