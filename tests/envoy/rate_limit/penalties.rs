//! Who is blocked for a while.

use std::time::{Duration, Instant};

use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Answer, Gate, Request, Setup, Upstream};
use serde_json::{Value, json};

use super::{assert_well, behind_a_proxy, from, gate, one, portal, retry_after};

const BLOCKED: &str = "203.0.113.66";

/// Waits until the address is let in again; how long that took from `since` on.
fn until_free(gate: &Gate, since: Instant, request: &Request) -> Duration {
    let free = || {
        let response = gate.ask(request);
        assert!(matches!(response.status, 200 | 429), "{response}");
        (response.status == 200).then(|| since.elapsed())
    };
    gate.envoy.process().wait_until("the end of the block", HANGS_AFTER, free).unwrap()
}

#[test]
fn who_fails_too_often_is_blocked_for_the_time_that_was_set() {
    let portal = portal();
    portal.on("/login", Answer::with("401 Unauthorized", &[], ""));
    let penalty = json!({"name": "failing", "failures": {"limit": 3, "window_s": 60}, "block_s": 2});
    let gate = gate(&portal, &json!({"penalties": [penalty]}));
    for _ in 0..3 {
        assert_eq!(gate.ask(&from(BLOCKED, "/login")).status, 401);
        assert_eq!(gate.ask(&from(BLOCKED, "/x")).status, 200, "what succeeds is no failure");
    }
    // The fourth failure blocks; its own answer is the portal's.
    let begin = Instant::now();
    assert_eq!(gate.ask(&from(BLOCKED, "/login")).status, 401);
    for path in ["/x", "/login", "/nowhere"] {
        let refused = gate.ask(&from(BLOCKED, path));
        let problem = refused.problem(429);
        assert!((1..=2).contains(&retry_after(&refused)), "{refused}");
        assert_eq!(problem["type"], "about:blank", "no reason is told: {problem}");
        assert_eq!(refused.header("ratelimit"), None, "{refused}");
    }
    assert_eq!(gate.ask(&from("203.0.113.67", "/x")).status, 200, "a neighbour");
    assert_eq!(portal.received("/login").len(), 4);
    assert!(until_free(&gate, begin, &from(BLOCKED, "/x")) >= Duration::from_millis(1_990));
    // With nothing on record: three more failures are free again.
    for _ in 0..3 {
        assert_eq!(gate.ask(&from(BLOCKED, "/login")).status, 401);
    }
    assert_eq!(gate.ask(&from(BLOCKED, "/x")).status, 200);
    let count = |name: &str| gate.count_limits(|its| its == format!("failing.{name}"));
    assert_eq!(count("imposed"), 1);
    assert!(count("refused") >= 3);
    assert_well(&gate);
}

/// `requests` requests of one address, as fast as they can be: how many passed before the first 429.
fn rush(gate: &Gate, address: &str, requests: usize) -> usize {
    let mut connection = gate.connect();
    let request = from(address, "/x");
    (0..requests).take_while(|_| connection.ask(&request).status == 200).count()
}

#[test]
fn a_hundred_a_second_sustained_is_an_attack() {
    let portal = portal();
    // The defaults: 100 a second over ten seconds.
    let config = json!({"penalties": [{"name": "flood", "flood": {}, "block_s": 2}]});
    let gate = behind_a_proxy(Setup::new(&portal)).workers(2).limits(&config).start();
    // However fast it is sent, a thousand is no more than was allowed in ten seconds; and one for the edge.
    assert_eq!(rush(&gate, BLOCKED, 1_500), 1_001);
    let begin = Instant::now();
    let refused = gate.ask(&from(BLOCKED, "/x"));
    refused.problem(429);
    assert!((1..=2).contains(&retry_after(&refused)), "{refused}");
    assert_eq!(gate.ask(&from("203.0.113.67", "/x")).status, 200, "a neighbour");
    until_free(&gate, begin, &from(BLOCKED, "/x"));
    assert_eq!(gate.count_limits(|name| name == "flood.imposed"), 1);
    assert_well(&gate);
}

#[test]
fn a_flood_counts_what_policies_refuse() {
    let portal = portal();
    let mut config = one(json!({"limit": 5}));
    config["penalties"] = json!([{"name": "flood", "flood": {"per_second": 10, "sustained_s": 3}, "block_s": 60}]);
    let gate = gate(&portal, &config);
    let mut connection = gate.connect();
    let answers: Vec<_> = (0..40).map(|_| connection.ask(&from(BLOCKED, "/x"))).collect();
    let kinds: Vec<(u16, bool)> =
        answers.iter().map(|answer| (answer.status, answer.json()["violated-policies"].is_array())).collect();
    // Five pass, what follows is over the quota, and the 32nd is a flood.
    assert_eq!(kinds.iter().position(|kind| *kind == (429, true)), Some(5), "{kinds:?}");
    assert_eq!(kinds.iter().position(|kind| *kind == (429, false)), Some(31), "{kinds:?}");
    assert!(kinds[31..].iter().all(|kind| *kind == (429, false)), "{kinds:?}");
    assert!(retry_after(&answers[39]) > 50);
}

#[test]
fn a_penalty_in_shadow_blocks_nobody() {
    let portal = Upstream::start();
    portal.on("/login", Answer::with("401 Unauthorized", &[], ""));
    let penalty = json!({"name": "failing", "mode": "shadow", "failures": {"limit": 1, "window_s": 60}, "block_s": 60});
    let gate = gate(&portal, &json!({"penalties": [penalty]}));
    for _ in 0..6 {
        assert_eq!(gate.ask(&from(BLOCKED, "/login")).status, 401);
    }
    let count = |name: &str| gate.count_limits(|its| its == format!("failing.{name}"));
    assert_eq!((count("shadow_imposed"), count("shadow_refused"), count("imposed")), (1, 4, 0));
    let audited = |line: &str| serde_json::from_str::<Value>(line).is_ok_and(|line| line["audit"].is_string());
    gate.envoy.wait_for_line(HANGS_AFTER, audited).unwrap();
}
