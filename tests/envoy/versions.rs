//! What differs between the Envoys that the suite runs on. Everything else in it holds on all of them without a branch.

use lockgate_envoy_tests::gate::{envoy_binary, revenue_rule, rules};
use lockgate_envoy_tests::{Answer, Setup, Upstream};
use serde_json::json;

/// Whether this is at least Envoy 1.`minor`.
pub(crate) fn at_least(minor: u32) -> bool {
    let version = &envoy_binary().version;
    let this = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    this.unwrap_or_else(|| panic!("{version} is no version")) >= minor
}

#[test]
fn the_gauge_of_vms_is_there_from_1_39_on() {
    let upstream = Upstream::start();
    upstream.on("/api/part", Answer::json("{}"));
    let gate = Setup::new(&upstream).workers(2).strip(&rules(&[revenue_rule()])).start();
    assert_eq!(gate.get("/api/part").status, 200);
    // Two workers, the main thread and the one that the others are made from. Our own gauge is there on all.
    let want = if at_least(39) { 4 } else { 0 };
    assert_eq!(gate.envoy.counter("wasm.wasm_vm_count").unwrap(), want);
    assert!(gate.envoy.counter("wasmcustom.lockgate.vm.memory_bytes").unwrap() > 0);
}

#[test]
fn set_filter_state_knows_hashable_strings_not_yet_in_1_36() {
    let upstream = Upstream::start();
    let filter = json!({
        "name": "envoy.filters.http.set_filter_state",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [{
                "object_key": "any",
                "factory_key": "envoy.hashable_string",
                "format_string": {"text_format_source": {"inline_string": "x"}},
            }],
        },
    });
    assert_eq!(Setup::new(&upstream).filter(filter).try_start().is_ok(), at_least(37));
}
