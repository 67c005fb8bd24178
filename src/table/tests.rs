//! The tables against the semantics of Envoy's shared data.
