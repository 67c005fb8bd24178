//! What a VM counted that died stays counted.

use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Request, Setup};
use serde_json::json;

use super::{left, one, portal};

#[test]
fn a_new_vm_goes_on_counting_in_mid_window() {
    let portal = portal();
    let mut config = json!({"policies": [
        super::policy(json!({"name": "sliding", "limit": 5})),
        super::policy(json!({"name": "bucket", "limit": 6, "algorithm": "gcra"})),
    ]});
    config["penalties"] = json!([{"name": "failing", "failures": {"statuses": [404], "limit": 1, "window_s": 3600}, "block_s": 3600, "match": {"paths": ["/nowhere"]}}]);
    let gate = Setup::new(&portal).mortal_limits(&config).start();
    for want in [4, 3] {
        assert_eq!(left(&gate.get("/x"), "sliding").map(|it| it.0), Some(want));
    }
    // Two failures block; the third request is refused and costs nothing.
    assert_eq!(
        [gate.get("/nowhere").status, gate.get("/nowhere").status, gate.get("/nowhere").status],
        [404, 404, 429]
    );
    let killed = gate.ask(&Request::get("/x").header("x-test-die", "1"));
    assert_eq!(killed.status, 503, "{killed}");
    // Envoy loads it anew a second later, at the next request. OPTIONS cost nothing.
    let back = || {
        let response = gate.ask(&Request::new("OPTIONS", "/x"));
        assert!(matches!(response.status, 200 | 503), "{response}");
        (response.status == 200).then_some(())
    };
    gate.envoy.process().wait_until("the next VM", HANGS_AFTER, back).unwrap();
    let stats = gate.envoy.stats("wasm.").unwrap();
    assert!(stats.iter().any(|(name, times)| name.ends_with("vm_reload_success") && *times == 1), "{stats:?}");
    let response = gate.get("/x");
    assert_eq!(
        (left(&response, "sliding").map(|it| it.0), left(&response, "bucket").map(|it| it.0)),
        (Some(0), Some(1)),
        "{response}"
    );
    gate.get("/x").problem(429);
    gate.get("/nowhere").problem(429);
    assert_eq!(portal.received("/x").iter().filter(|request| request.method == "GET").count(), 3);
}

#[test]
fn the_log_says_once_how_large_the_tables_are() {
    let portal = portal();
    let gate = Setup::new(&portal).workers(4).log_level("info").limits(&one(json!({}))).start();
    assert_eq!(gate.get("/x").status, 200);
    let log = gate.envoy.log();
    let said: Vec<&str> = log.lines().filter(|line| line.contains("rate_limit: ")).collect();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(
        said[0]
            .contains("counters `limits.address`: 10000 keys at once in 625 slots of 32 records, at most 655000 bytes")
    );
    assert!(said[1].contains("all tables: at most 655000 bytes"), "{said:#?}");
}
