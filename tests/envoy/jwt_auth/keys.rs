//! Keys that are fetched: once a process, in the background, and whatever the issuer does.

use std::thread;

use lockgate_envoy_tests::token::{Key, key_set};
use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Answer, Gate, Setup, Signal, Upstream, cases};
use serde_json::{Value, json};

use super::{
    PARTS, assert_passes, assert_unauthorized, assert_well, bearer, claims, policy, portal, provider, remote,
    remote_gate, until_fetched,
};

fn issuer(keys: &[&Key]) -> Upstream {
    let upstream = Upstream::start();
    upstream.on("/keys", set(keys));
    upstream
}

fn set(keys: &[&Key]) -> Answer {
    Answer::json(key_set(keys.iter().copied()).to_string())
}

/// Asks on connections of its own, so that both workers come to know the keys.
#[track_caller]
fn assert_all_pass(gate: &Gate, key: &Key, times: usize) {
    for number in 0..times {
        assert_passes(&gate.ask(&bearer(PARTS, &key.sign(&claims(&number.to_string())))));
    }
}

#[test]
fn one_fetch_serves_the_process() {
    let (portal, key) = (portal(), Key::es256(1).kid("one"));
    let keys = issuer(&[&key]);
    let gate = remote_gate(&portal, &keys, 2).start();
    // Before anybody asks.
    until_fetched(&gate, &keys, 1);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_all_pass(&gate, &key, 20));
        }
    });
    let received = keys.received("/keys");
    assert_eq!(received.len(), 1, "two workers and the main thread fetch once");
    assert_eq!(received[0].header("host").as_deref(), Some("issuer.example"));
    assert_eq!(gate.count_jwt(|name| name.ends_with("fetched")), 1);
    assert_well(&gate);
}

#[test]
fn requests_wait_for_slow_keys_and_not_for_ever() {
    let (portal, key) = (portal(), Key::es256(1).kid("one"));
    let keys = Upstream::start();
    let go_on = Signal::new();
    keys.on("/keys", Answer::default().wait(&go_on).pieces(whole(&key), 10_000));
    let gate = remote_gate(&portal, &keys, 2).start();
    let token = key.sign(&claims("a"));
    let mut waiting: Vec<_> = (0..8).map(|_| gate.connect()).collect();
    for client in &mut waiting {
        client.send(&bearer(PARTS, &token));
    }
    until_fetched(&gate, &keys, 1);
    gate.until_active(8);
    go_on.give();
    for mut client in waiting {
        assert_passes(&client.response("GET"));
    }
    assert_eq!(keys.received("/keys").len(), 1);
    assert_well(&gate);

    // An issuer that never answers: 503 once the call has timed out, after a second. Nothing is forwarded meanwhile.
    let keys = Upstream::start();
    let never = Signal::new();
    keys.on("/keys", Answer::default().wait(&never));
    let gate = remote_gate(&portal, &keys, 2).start();
    portal.forget();
    let response = gate.ask(&bearer(PARTS, &token));
    response.problem(503);
    assert_eq!(response.header("retry-after").as_deref(), Some("1"), "{response}");
    assert!(portal.received(PARTS).is_empty());
    // Who has no token need not wait for keys.
    assert_unauthorized(&gate.get(PARTS), false);
    never.give();
    // It comes back, and so do the requests.
    keys.on("/keys", set(&[&key]));
    let good = || (gate.ask(&bearer(PARTS, &token)).status == 200).then_some(());
    gate.envoy.process().wait_until("the keys", HANGS_AFTER, good).unwrap();
    assert_well(&gate);
}

fn whole(key: &Key) -> Vec<u8> {
    let body = key_set([key]).to_string();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[test]
fn what_is_no_key_set_is_none_and_the_gate_keeps_trying() {
    let (portal, key) = (portal(), Key::es256(1).kid("one"));
    let good = key_set([&key]).to_string();
    let json_head = [("content-type", "application/json")];
    let with = |field: &str, value: Value| {
        let mut jwk = key.jwk();
        jwk[field] = value;
        json!({"keys": [jwk]}).to_string()
    };
    let rows = [
        ("503", Answer::with("503 Service Unavailable", &[], &good)),
        ("404", Answer::with("404 Not Found", &json_head, &good)),
        ("a redirect", Answer::with("302 Found", &[("location", "/other")], &good)),
        ("nothing", Answer::json("")),
        ("no JSON", Answer::ok("text/html", "<html>keys</html>")),
        ("cut", Answer::json(&good[..good.len() - 2])),
        ("two texts", Answer::json(format!("{good}{good}"))),
        ("a list", Answer::json(format!("[{good}]"))),
        ("keys is no list", Answer::json(r#"{"keys":{}}"#)),
        ("no key", Answer::json(r#"{"keys":[]}"#)),
        ("a secret", Answer::json(json!({"keys": [Key::hs256([1; 64]).kid("one").jwk()]}).to_string())),
        ("another use", Answer::json(with("use", json!("enc")))),
        ("another algorithm", Answer::json(with("alg", json!("ES384")))),
        ("a point off the curve", Answer::json(with("x", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")))),
        ("huge", Answer::head("200 OK", &[("content-length", "80000000")]).repeat(&[b' '; 80_000], 1000)),
        (
            "endless",
            Answer::head("200 OK", &[("transfer-encoding", "chunked")])
                .repeat(b"3e8\r\n".repeat(2).as_slice(), 1)
                .close(),
        ),
        ("deep", Answer::json(format!(r#"{{"keys":[],"x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000)))),
        ("reset", Answer::default().reset()),
        ("closed", Answer::default().close()),
    ];
    cases::each(rows, |name, answer| {
        let keys = Upstream::start();
        keys.on("/keys", answer);
        let begin = std::time::Instant::now();
        let gate = remote_gate(&portal, &keys, 2).start();
        portal.forget();
        let token = key.sign(&claims("a"));
        let response = gate.ask(&bearer(PARTS, &token));
        // A set that can be read and has no key of that name refuses the token; anything else says that keys are missing.
        assert!(matches!(response.status, 401 | 503), "{name}: {response}");
        assert!(portal.received(PARTS).is_empty());
        // One attempt a second (`retry_s`), whoever asks.
        let (asked, seconds) = (keys.received("/keys").len() as u64, begin.elapsed().as_secs());
        assert!((1..=seconds + 2).contains(&asked), "{name}: fetched {asked} times in {seconds} s");
        // The issuer recovers, and so does the gate, by itself.
        keys.on("/keys", set(&[&key]));
        let good = || (gate.ask(&bearer(PARTS, &token)).status == 200).then_some(());
        gate.envoy.process().wait_until("the keys", HANGS_AFTER, good).unwrap();
        assert_well(&gate);
    });
}

#[test]
fn bad_keys_beside_good_ones_are_skipped_and_counted() {
    let (portal, key) = (portal(), Key::es256(1).kid("one"));
    let keys = Upstream::start();
    let weak = json!({"kty": "RSA", "kid": "weak", "alg": "RS256", "n": "AQAB", "e": "AQAB"});
    let unknown = json!({"kty": "FUTURE", "kid": "x"});
    keys.on("/keys", Answer::json(json!({"keys": [weak, unknown, key.jwk()]}).to_string()));
    let gate = remote_gate(&portal, &keys, 2).start();
    assert_all_pass(&gate, &key, 4);
    assert!(gate.count_jwt(|name| name.contains("skipped")) >= 2);
    assert_well(&gate);
}

#[test]
fn a_dead_issuer_leaves_the_old_keys() {
    let (portal, key) = (portal(), Key::es256(1).kid("one"));
    let keys = issuer(&[&key]);
    let mut jwks = remote();
    jwks["remote"]["refresh_s"] = json!(10);
    let setup = Setup::new(&portal).workers(2).cluster("keys", Some(keys.address()));
    let gate = setup.jwt(&policy(&provider(&jwks))).start();
    assert_all_pass(&gate, &key, 4);
    keys.on("/keys", Answer::with("503 Service Unavailable", &[], ""));
    // The refresh fails (after 9 to 10 s), and is tried again a second later.
    let failed = || (gate.count_jwt(|name| name.ends_with("fetch_failed")) >= 2).then_some(());
    gate.envoy.process().wait_until("failed fetches", 3 * HANGS_AFTER, failed).unwrap();
    assert_all_pass(&gate, &key, 4);
    assert_well(&gate);
}

#[test]
fn rotation_fails_no_request() {
    let portal = portal();
    let sets = [Key::es256(1).kid("1"), Key::es256(2).kid("2"), Key::rs256().kid("3"), Key::eddsa(4).kid("4")];
    let keys = issuer(&[&sets[0]]);
    let gate = remote_gate(&portal, &keys, 2).start();
    assert_all_pass(&gate, &sets[0], 4);
    for (n, pair) in sets.windows(2).enumerate() {
        let [old, new] = pair else { panic!() };
        // A key that nobody has seen signs at once; the old one stays published. The set may not be fetched twice a second.
        let settled = || (gate.count_jwt(|name| name.ends_with("fetched")) == n as u64 + 1).then_some(());
        gate.envoy.process().wait_until("the last fetch", HANGS_AFTER, settled).unwrap();
        keys.on("/keys", set(&[old, new]));
        until_refetch_is_allowed(&gate, old);
        thread::scope(|scope| {
            for number in 0..8 {
                let gate = &gate;
                scope.spawn(move || {
                    let key = if number % 2 == 0 { new } else { old };
                    assert_all_pass(gate, key, 10);
                });
            }
        });
        assert_eq!(keys.received("/keys").len(), n + 2, "one fetch for a new key");
    }
    // What left the set is dead once the set is fetched again.
    assert_passes(&gate.ask(&bearer(PARTS, &sets[2].sign(&claims("before")))));
    assert_unauthorized(&gate.ask(&bearer(PARTS, &sets[0].sign(&claims("0")))), true);
    assert_well(&gate);
}

/// `retry_s` is one second: nothing is fetched sooner after the last fetch.
fn until_refetch_is_allowed(gate: &Gate, key: &Key) {
    let begin = std::time::Instant::now();
    let over = || (begin.elapsed().as_millis() > 1100).then_some(());
    gate.envoy.process().wait_until("a second", HANGS_AFTER, over).unwrap();
    assert_all_pass(gate, key, 2);
}
