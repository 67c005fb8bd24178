//! The built filters in a real Envoy, over real sockets.

mod skeleton;
