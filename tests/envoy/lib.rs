//! Tests against a real Envoy.
