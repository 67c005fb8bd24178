//! Two filters with one `vm_id` and one provider name never take each other's tokens.

use lockgate_envoy_tests::token::{Key, key_set};
use lockgate_envoy_tests::{Answer, Gate, Request, Setup, Upstream};
use serde_json::{Value, json};

use super::{assert_passes, assert_unauthorized, assert_well, claims, inline, policy, portal, provider, remote};

const ONE: &str = "/api/maintenance/me";
const TWO: &str = "/api/onboarding/me";

/// Two plugins in one chain: what the first is not about it lets pass, and so does the second.
fn configurations(jwks: [&Value; 2]) -> [Value; 2] {
    let mut first = policy(&provider(jwks[0]));
    first["access"]["rules"] = json!([
        {"match": {"paths": [TWO]}, "public": true},
        {"match": {"paths": [ONE]}, "require": {}},
    ]);
    first["forward"]["token"] = json!("keep");
    let mut second = policy(&provider(jwks[1]));
    second["access"]["rules"] = json!([
        {"match": {"paths": [ONE]}, "public": true},
        {"match": {"paths": [TWO]}, "require": {}},
    ]);
    [first, second]
}

#[track_caller]
fn assert_apart(gate: &Gate, keys: [&Key; 2]) {
    let ask = |path: &str, key: &Key, jti: &str| {
        gate.ask(&Request::get(path).header("authorization", format!("Bearer {}", key.sign(&claims(jti)))))
    };
    // Each token is first seen, and so remembered, where it is good.
    for round in 0..6 {
        let jti = (round / 2).to_string();
        assert_passes(&ask(ONE, keys[0], &jti));
        assert_passes(&ask(TWO, keys[1], &jti));
        assert_unauthorized(&ask(TWO, keys[0], &jti), true);
        assert_unauthorized(&ask(ONE, keys[1], &jti), true);
    }
    assert_well(gate);
}

#[test]
fn inline_keys_stay_apart() {
    let (portal, keys) = (portal(), [Key::es256(1).kid("k"), Key::es256(2).kid("k")]);
    let jwks = [inline([&keys[0]]), inline([&keys[1]])];
    let mut configurations = configurations([&jwks[0], &jwks[1]]);
    for configuration in &mut configurations {
        configuration["limits"]["failed_signatures"] = json!({"limit": 0});
    }
    // Under two names, and under one.
    for names in [["one", "two"], ["same", "same"]] {
        let setup = Setup::new(&portal).workers(2).jwt_named(names[0], &configurations[0]);
        let gate = setup.jwt_named(names[1], &configurations[1]).start();
        assert_apart(&gate, [&keys[0], &keys[1]]);
    }
}

#[test]
fn fetched_keys_stay_apart() {
    let (portal, keys) = (portal(), [Key::es256(1).kid("k"), Key::es256(2).kid("k")]);
    let issuers = [Upstream::start(), Upstream::start()];
    for (issuer, key) in issuers.iter().zip(&keys) {
        issuer.on("/keys", Answer::json(key_set([key]).to_string()));
    }
    let jwks = ["one", "two"].map(|cluster| {
        let mut jwks = remote();
        jwks["remote"]["cluster"] = json!(cluster);
        jwks
    });
    let mut configurations = configurations([&jwks[0], &jwks[1]]);
    for configuration in &mut configurations {
        configuration["limits"]["failed_signatures"] = json!({"limit": 0});
    }
    for names in [["one", "two"], ["same", "same"]] {
        let setup = Setup::new(&portal).workers(2).cluster("one", Some(issuers[0].address()));
        let setup = setup.cluster("two", Some(issuers[1].address())).jwt_named(names[0], &configurations[0]);
        let gate = setup.jwt_named(names[1], &configurations[1]).start();
        assert_apart(&gate, [&keys[0], &keys[1]]);
    }
}
