//! With jwt-auth in the chain: what shields it, and what needs it.

use std::time::{Duration, Instant};

use lockgate_envoy_tests::token::Key;
use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Gate, Request, Setup};
use serde_json::{Value, json};

use super::{assert_well, behind_a_proxy, left, portal, retry_after};
use crate::jwt_auth::{PARTS, bearer, claims, claims_with, inline, policy, provider};

const ATTACKER: &str = "203.0.113.66";

/// Pre-auth limits, jwt-auth, and limits by consumer, each a plugin of its own.
fn chain(key: &Key, before: &Value, after: &Value) -> (lockgate_envoy_tests::Upstream, Gate) {
    let portal = portal();
    let mut policy = policy(&provider(&inline([key])));
    // Its own limit would come first.
    policy["limits"]["failed_signatures"] = json!({"limit": 0});
    let gate = behind_a_proxy(Setup::new(&portal)).workers(2).limits(before).jwt(&policy).limits(after).start();
    (portal, gate)
}

fn by_address(more: Value) -> Value {
    let mut policy = super::policy(json!({"name": "address", "phase": "pre-auth", "limit": 1_000}));
    for (name, value) in more.as_object().unwrap() {
        policy[name] = value.clone();
    }
    policy
}

fn by_consumer(more: Value) -> Value {
    let mut policy = super::policy(json!({"name": "consumer", "key": ["consumer"], "match": {"paths": ["/api/**"]}}));
    for (name, value) in more.as_object().unwrap() {
        policy[name] = value.clone();
    }
    json!({"policies": [policy]})
}

fn with(token: &str, address: &str) -> Request {
    bearer(PARTS, token).header("x-forwarded-for", address)
}

/// A signature that is none.
fn forged(number: usize) -> String {
    Key::es256(2).sign(&claims(&number.to_string()))
}

#[test]
fn a_pre_auth_limit_shields_the_verification_of_signatures() {
    let key = Key::es256(1);
    let (_portal, gate) =
        chain(&key, &json!({"policies": [by_address(json!({"limit": 10}))]}), &by_consumer(json!({})));
    for number in 0..50 {
        let response = gate.ask(&with(&forged(number), ATTACKER));
        assert_eq!(response.status, if number < 10 { 401 } else { 429 }, "{number}: {response}");
        if number < 10 {
            assert_eq!(left(&response, "address").map(|it| it.0), Some(9 - number as u64), "{response}");
        }
    }
    assert_eq!(gate.count_jwt(|name| name.ends_with("bad_signature")), 10);
    // A good token does not help from there, and needs nothing elsewhere.
    gate.ask(&with(&key.sign(&claims("good")), ATTACKER)).problem(429);
    assert_eq!(gate.ask(&with(&key.sign(&claims("good")), "203.0.113.1")).status, 200);
    assert_well(&gate);
}

#[test]
fn failed_authentications_block_an_address_for_the_time_that_was_set() {
    let key = Key::es256(1);
    let penalty = json!({"name": "failing", "failures": {"statuses": [401], "limit": 5, "window_s": 60}, "block_s": 2});
    let (portal, gate) = chain(&key, &json!({"penalties": [penalty]}), &by_consumer(json!({"limit": 100})));
    let good = key.sign(&claims("good"));
    // Wrong signatures, no token, a token that has expired, one for others: all of them are failures.
    let expired = key.sign(&claims_with("old", "exp", json!(1_000)));
    let other = key.sign(&claims_with("other", "aud", json!("others")));
    let bare = Request::get(PARTS).header("x-forwarded-for", ATTACKER);
    let failing = [
        with(&forged(0), ATTACKER),
        bare,
        with(&expired, ATTACKER),
        with(&other, ATTACKER),
        with(&forged(1), ATTACKER),
    ];
    for request in &failing {
        assert_eq!(gate.ask(request).status, 401);
        assert_eq!(gate.ask(&with(&good, ATTACKER)).status, 200, "five of them do not block");
    }
    let begin = Instant::now();
    assert_eq!(gate.ask(&with(&forged(2), ATTACKER)).status, 401);
    let checked = gate.count_jwt(|name| name.ends_with("bad_signature"));
    assert_eq!(checked, 3);
    for number in 3..10 {
        let refused = gate.ask(&with(&forged(number), ATTACKER));
        refused.problem(429);
        assert!((1..=2).contains(&retry_after(&refused)), "{refused}");
    }
    gate.ask(&with(&good, ATTACKER)).problem(429);
    assert_eq!(gate.ask(&with(&good, "203.0.113.1")).status, 200, "the same caller from elsewhere");
    assert_eq!(gate.count_jwt(|name| name.ends_with("bad_signature")), checked, "nothing got to jwt-auth");
    let seen = portal.received(PARTS).len();
    let free = || (gate.ask(&with(&good, ATTACKER)).status == 200).then(|| begin.elapsed());
    let after = gate.envoy.process().wait_until("the end of the block", HANGS_AFTER, free).unwrap();
    assert!(after >= Duration::from_millis(1_990), "{after:?}");
    assert_eq!(portal.received(PARTS).len(), seen + 1);
    assert_well(&gate);
}

#[test]
fn consumers_are_told_apart_by_their_token_and_by_nothing_else() {
    let key = Key::es256(1);
    let before = json!({"policies": [by_address(json!({}))], "headers": {"rate_limit": false}});
    let (_portal, gate) = chain(&key, &before, &by_consumer(json!({"limit": 3})));
    let token = |subject: &str, jti: &str| key.sign(&claims_with(jti, "sub", json!(subject)));
    let mut statuses = Vec::new();
    for number in 0..5_u32 {
        // Other tokens, addresses and headers are no other caller.
        let request = with(&token("usr-1", &number.to_string()), &format!("203.0.113.{number}"))
            .header("x-user-id", format!("usr-{number}"))
            .header("x-consumer", number.to_string());
        statuses.push(gate.ask(&request).status);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let other = gate.ask(&with(&token("usr-2", "a"), "203.0.113.1"));
    assert_eq!((other.status, left(&other, "consumer").map(|it| it.0)), (200, Some(2)), "{other}");
    // Refusals of jwt-auth are not a consumer's.
    for number in 0..5 {
        assert_eq!(gate.ask(&with(&forged(number), "203.0.113.9")).status, 401);
    }
    assert_eq!(gate.ask(&with(&token("usr-2", "b"), "203.0.113.1")).status, 200);
    assert_well(&gate);
}

#[test]
fn tiers_and_exemptions_come_from_verified_claims() {
    let key = Key::es256(1);
    let more = json!({
        "limit": 1,
        "tiers": [{"name": "review", "when": {"permissions": ["equipment.review"]}, "limit": 2},
                  {"name": "managers", "when": {"roles": ["MANAGER"]}, "limit": 3}],
        "unless": {"permissions": ["plan.free"]},
    });
    let (_portal, gate) = chain(&key, &json!({"policies": [by_address(json!({}))]}), &by_consumer(more));
    let token = |subject: &str, role: &str, permissions: Value| {
        let mut claims = claims_with(subject, "sub", json!(subject));
        claims["systems"]["maintenance"] = json!({"role": role, "permissions": permissions, "companyId": 1});
        key.sign(&claims)
    };
    let passes = |token: &str| {
        let request = with(token, "203.0.113.1")
            .header("x-permissions", "plan.free, equipment.review")
            .header("x-role", "MANAGER");
        (0..6).filter(|_| gate.ask(&request).status == 200).count()
    };
    // `parts.*`, which jwt-auth asks for here, is granted to managers alone.
    assert_eq!(passes(&token("a", "manager", json!([]))), 3);
    assert_eq!(passes(&token("b", "manager", json!(["equipment.review"]))), 2);
    assert_eq!(passes(&token("c", "manager", json!(["plan.free"]))), 6);
    assert_well(&gate);
}

/// Answers pass the plugin before jwt-auth last: with `headers` on, it would replace what the one behind has said.
#[test]
fn a_silent_plugin_before_leaves_what_the_one_behind_says() {
    let key = Key::es256(1);
    let before = json!({"policies": [by_address(json!({"limit": 2}))], "headers": {"rate_limit": false}});
    let (_portal, gate) = chain(&key, &before, &by_consumer(json!({"limit": 1})));
    let token = key.sign(&claims("a"));
    for status in [200, 429] {
        let answer = gate.ask(&with(&token, "203.0.113.1"));
        assert_eq!(answer.status, status, "{answer}");
        assert_eq!(answer.header("ratelimit-policy").as_deref(), Some("\"consumer\";q=1;w=3600"), "{answer}");
        assert_eq!(left(&answer, "consumer").map(|it| it.0), Some(0), "{answer}");
    }
    let refused = gate.ask(&with(&token, "203.0.113.1"));
    assert_eq!(refused.problem(429)["violated-policies"], json!(["address"]));
    assert!(retry_after(&refused) > 0);
    assert_eq!(refused.header("ratelimit"), None, "{refused}");
}
