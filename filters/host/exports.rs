// Part of each filter's build script.

/// Leaves these exports of the SDK out of the module. Envoy takes a callback that a module does not export for one that
/// continues, without a step into the VM; each step costs a request 1,500 to 2,500 instructions.
///
/// The SDK exports all callbacks, whatever a filter does. The linker exports a wrapped symbol under no name: `--wrap` looks for
/// `__wrap_<name>`, which nobody defines. Should a linker ever see it otherwise, the callback is there as before and does
/// nothing; `tests/envoy/host/exports.rs` tells.
///
/// **Never leave out `proxy_on_request_body` or `proxy_on_request_trailers`** of a filter whose request head may wait: where
/// `allow_on_headers_stop_iteration` is set, Envoy would let the head go on with the first byte of its body.
fn leave_out(callbacks: &[&str]) {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../host/exports.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        for callback in callbacks.iter().chain(NEVER) {
            println!("cargo::rustc-cdylib-link-arg=--wrap={callback}");
        }
        // References between functions are written as short as they are, and not in five bytes: 5 % of a module. The linker cannot do
        // that beside debug information, which only what ships is without.
        if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
            println!("cargo::rustc-cdylib-link-arg=--compress-relocations");
        }
    }
}

/// What no filter of HTTP needs. `proxy_on_done` could only put off the end of an exchange.
const NEVER: &[&str] = &[
    "proxy_on_done",
    "proxy_on_queue_ready",
    "proxy_on_new_connection",
    "proxy_on_downstream_data",
    "proxy_on_downstream_connection_close",
    "proxy_on_upstream_data",
    "proxy_on_upstream_connection_close",
    "proxy_on_grpc_receive_initial_metadata",
    "proxy_on_grpc_receive",
    "proxy_on_grpc_receive_trailing_metadata",
    "proxy_on_grpc_close",
    "proxy_on_foreign_function",
];
