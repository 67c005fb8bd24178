//! Tokens that are dead before their time.

use lockgate_envoy_tests::token::Key;
use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Answer, Gate, Setup, Signal, Upstream};
use serde_json::{Value, json};

use super::{
    ISSUER, PARTS, assert_passes, assert_unauthorized, assert_well, bearer, claims, claims_with, inline, now_s, policy,
    portal, provider, reason,
};

fn gate(portal: &Upstream, key: &Key, revocation: &Value, list: Option<&Upstream>) -> Gate {
    let mut policy = policy(&provider(&inline([key])));
    policy["revocation"] = revocation.clone();
    let setup = Setup::new(portal).workers(2);
    let setup = match list {
        Some(list) => setup.cluster("list", Some(list.address())),
        None => setup,
    };
    setup.jwt(&policy).start()
}

fn polled() -> Value {
    json!({"remote": {"cluster": "list", "authority": "issuer.example", "path": "/revoked", "refresh_s": 1, "retry_s": 1, "timeout_ms": 1000, "max_age_s": 6}})
}

fn revoked(ids: &[&str]) -> Answer {
    let each: Vec<Value> = ids.iter().map(|id| json!({"iss": ISSUER, "jti": id, "exp": 9_999_999_999_u64})).collect();
    Answer::json(json!({"revoked": each}).to_string())
}

#[test]
fn what_the_configuration_revokes_is_dead() {
    let (portal, key) = (portal(), Key::es256(1));
    let gate = gate(&portal, &key, &json!({"jti": ["dead"], "not_before": {ISSUER: now_s() - 300}}), None);
    let ask = |claims: &Value| gate.ask(&bearer(PARTS, &key.sign(claims)));
    assert_passes(&ask(&claims("alive")));
    assert_unauthorized(&ask(&claims("dead")), true);
    assert_unauthorized(&ask(&claims_with("old", "iat", json!(now_s() - 400))), true);
    assert_unauthorized(&ask(&claims_with("dateless", "iat", Value::Null)), true);
    assert_unauthorized(&ask(&claims_with("", "jti", Value::Null)), true);
    assert_well(&gate);
}

#[test]
fn a_revoked_token_ends_within_seconds_and_the_poll_is_one_of_the_process() {
    let (portal, key) = (portal(), Key::es256(1));
    let list = Upstream::start();
    list.on("/revoked", revoked(&["other"]));
    let gate = gate(&portal, &key, &polled(), Some(&list));
    let token = key.sign(&claims("a"));
    let ask = || gate.ask(&bearer(PARTS, &token));
    for _ in 0..8 {
        assert_passes(&ask());
    }
    let begin = std::time::Instant::now();
    list.on("/revoked", revoked(&["other", "a"]));
    let all_refused = || (0..8).all(|_| ask().status == 401).then_some(());
    gate.envoy.process().wait_until("the revocation", HANGS_AFTER, all_refused).unwrap();
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
    assert_eq!(reason(&gate, PARTS), Value::Null, "the first passed");
    assert!(gate.count_jwt(|name| name.ends_with("refused_revoked")) >= 8);
    assert_passes(&gate.ask(&bearer(PARTS, &key.sign(&claims("b")))));
    let (polls, seconds) = (list.received("/revoked").len(), begin.elapsed().as_secs());
    assert!(polls as u64 <= seconds + 4, "{polls} polls in {seconds} s");
    assert_well(&gate);
}

#[test]
fn without_a_list_nobody_passes_and_an_old_one_counts_for_a_while() {
    let (portal, key) = (portal(), Key::es256(1));
    let list = Upstream::start();
    let never = Signal::new();
    list.on("/revoked", Answer::default().wait(&never));
    let gate = gate(&portal, &key, &polled(), Some(&list));
    let ask = || gate.ask(&bearer(PARTS, &key.sign(&claims("a"))));
    ask().problem(503);
    assert_eq!(reason(&gate, PARTS), "revocation_unavailable");
    never.give();
    list.on("/revoked", revoked(&["dead"]));
    let passes = || (ask().status == 200).then_some(());
    gate.envoy.process().wait_until("the list", HANGS_AFTER, passes).unwrap();
    // What cannot be read in whole does not replace it.
    for bad in ["", "{}", "[]", r#"{"revoked":[{"jti":7}]}"#, r#"{"revoked":[],"more":1}"#, r#"{"revoked":[{}]}"#] {
        list.on("/revoked", Answer::json(bad));
        let seen = list.received("/revoked").len();
        let polled = || (list.received("/revoked").len() > seen).then_some(());
        gate.envoy.process().wait_until("a poll", HANGS_AFTER, polled).unwrap();
        let dead = gate.ask(&bearer(PARTS, &key.sign(&claims("dead"))));
        assert!(matches!(dead.status, 401 | 503), "{bad}: {dead}");
    }
    // Six seconds after the last good one it counts no more.
    let over = || (ask().status == 503).then_some(());
    gate.envoy.process().wait_until("the list is too old", 2 * HANGS_AFTER, over).unwrap();
    assert_well(&gate);
}
