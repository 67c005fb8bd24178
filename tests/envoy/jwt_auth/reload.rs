//! What a VM knew that died: shared slots keep it, and nobody is let in meanwhile.

use lockgate_envoy_tests::token::{Key, key_set};
use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Answer, Setup, Upstream};
use serde_json::json;

use super::{
    PARTS, assert_passes, assert_unauthorized, bearer, claims, policy, portal, provider, remote, until_fetched,
};

#[test]
fn a_new_vm_has_the_keys_and_the_failures_of_the_old_one() {
    let (portal, key) = (portal(), Key::es256(1).kid("one"));
    let keys = Upstream::start();
    keys.on("/keys", Answer::json(key_set([&key]).to_string()));
    let policy = policy(&provider(&remote()));
    let gate = Setup::new(&portal).cluster("keys", Some(keys.address())).mortal(&policy).start();
    until_fetched(&gate, &keys, 1);
    let good = |jti: &str| gate.ask(&bearer(PARTS, &key.sign(&claims(jti))));
    assert_passes(&good("a"));
    for number in 0..7 {
        let forged = Key::es256(2).kid("one").sign(&claims(&number.to_string()));
        assert!(matches!(gate.ask(&bearer(PARTS, &forged)).status, 401 | 429));
    }
    good("b").problem(429);
    // The issuer is gone: what the next VM knows can only come from the slots.
    keys.on("/keys", Answer::with("503 Service Unavailable", &[], ""));
    let response = gate.ask(&bearer(PARTS, "x").header("x-test-die", "1"));
    assert_eq!(response.status, 503, "{response}");
    // Envoy loads it anew a second later, at the next request. Until then 503, and never anything else.
    let back = || {
        let response = gate.get(PARTS);
        assert!(matches!(response.status, 401 | 503), "{response}");
        (response.status == 401).then_some(())
    };
    gate.envoy.process().wait_until("the next VM", HANGS_AFTER, back).unwrap();
    assert_unauthorized(&gate.get(PARTS), false);
    let stats = gate.envoy.stats("wasm.").unwrap();
    assert!(stats.iter().any(|(name, times)| name.ends_with("vm_reload_success") && *times == 1), "{stats:?}");
    let limited = || (good("c").status == 429).then_some(());
    gate.envoy.process().wait_until("the failures", HANGS_AFTER, limited).unwrap();
    assert_eq!(keys.received("/keys").len(), 1, "the keys came from the slot");
    assert_eq!(portal.received(PARTS).len(), 1);
}

#[test]
fn a_new_vm_verifies_by_itself() {
    let (portal, key) = (portal(), Key::es256(1).kid("one"));
    let keys = Upstream::start();
    keys.on("/keys", Answer::json(key_set([&key]).to_string()));
    let mut policy = policy(&provider(&remote()));
    policy["limits"]["failed_signatures"] = json!({"limit": 0});
    let gate = Setup::new(&portal).cluster("keys", Some(keys.address())).mortal(&policy).start();
    until_fetched(&gate, &keys, 1);
    let token = key.sign(&claims("a"));
    assert_passes(&gate.ask(&bearer(PARTS, &token)));
    keys.on("/keys", Answer::with("503 Service Unavailable", &[], ""));
    gate.ask(&bearer(PARTS, "x").header("x-test-die", "1"));
    let back = || (gate.ask(&bearer(PARTS, &token)).status == 200).then_some(());
    gate.envoy.process().wait_until("the next VM", HANGS_AFTER, back).unwrap();
    assert_unauthorized(&gate.ask(&bearer(PARTS, &Key::es256(2).kid("one").sign(&claims("b")))), true);
    assert_eq!(keys.received("/keys").len(), 1, "the keys came from the slot");
}
