//! Many bad tokens: what they cost is bounded, and others do not notice.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lockgate_envoy_tests::token::{Key, key_set};
use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Answer, Gate, Setup, Signal, Upstream, h2};
use serde_json::json;

use super::{
    PARTS, assert_passes, assert_unauthorized, assert_well, bearer, claims, policy, portal, provider, remote,
    remote_gate, until_fetched,
};

#[test]
fn unknown_kids_cause_one_fetch_an_interval() {
    const CLIENTS: usize = 8;
    const EACH: usize = 50;
    let (portal, key) = (portal(), Key::es256(1).kid("one"));
    let keys = Upstream::start();
    keys.on("/keys", Answer::json(key_set([&key]).to_string()));
    let gate = remote_gate(&portal, &keys, 2).start();
    until_fetched(&gate, &keys, 1);
    assert_passes(&gate.ask(&bearer(PARTS, &key.sign(&claims("first")))));
    let begin = Instant::now();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let gate = &gate;
            scope.spawn(move || {
                let mut connection = gate.connect();
                for number in 0..EACH {
                    let forged = Key::es256(2).kid(&format!("kid-{client}-{number}")).sign(&claims("x"));
                    let response = connection.ask(&bearer(PARTS, &forged));
                    assert!(matches!(response.status, 401 | 503), "{response}");
                }
            });
        }
        // Somebody with a good token, remembered or not, passes all the while.
        for number in 0..EACH {
            assert_passes(&gate.ask(&bearer(PARTS, &key.sign(&claims(&number.to_string())))));
        }
    });
    let seconds = usize::try_from(begin.elapsed().as_secs()).unwrap();
    let fetched = keys.received("/keys").len();
    assert!(fetched <= seconds + 2, "{fetched} fetches in {seconds} s, {} unknown kids", CLIENTS * EACH);
    assert_well(&gate);
}

#[test]
fn a_thousand_that_wait_do_not_occupy_a_worker() {
    const WAITING: usize = 1000;
    const CONNECTIONS: usize = 20;
    let (portal, key) = (portal(), Key::es256(1).kid("one"));
    let keys = Upstream::start();
    let go_on = Signal::new();
    let answer = key_set([&key]).to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
    keys.on("/keys", Answer::default().wait(&go_on).send(head));
    let mut jwks = remote();
    jwks["remote"]["timeout_ms"] = json!(30_000);
    let mut policy = policy(&provider(&jwks));
    policy["limits"] = json!({"max_waiting": 1024, "wait_ms": 10_000});
    let gate = Setup::new(&portal).cluster("keys", Some(keys.address())).jwt(&policy).start();
    h2::run(async {
        // The client takes only so many answers on one connection before it reads them.
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(h2::Connection::open(gate.address()).await);
        }
        let authorization = format!("Bearer {}", key.sign(&claims("a")));
        let mut waiting = Vec::new();
        for number in 0..WAITING {
            let connection = &mut connections[number % CONNECTIONS];
            let request = connection.request("GET", PARTS).header("authorization", &authorization).body(()).unwrap();
            waiting.push(connection.send(request, true).await.unwrap());
        }
        // What was asked before an answer comes is in Envoy.
        for connection in &mut connections {
            let plain = connection.request("GET", "/api/public/x");
            assert_eq!(connection.ask(plain).await.code(), 200);
        }
        gate.until_active(WAITING as u64);
        let (cpu, begin) = (gate.envoy.process().cpu_time().unwrap(), Instant::now());
        // Others are answered as ever: who asks for what is public, and who has no token.
        let mut slowest = Duration::ZERO;
        while begin.elapsed() < Duration::from_secs(2) {
            let asked = Instant::now();
            assert_passes(&gate.get("/api/public/x"));
            assert_unauthorized(&gate.get(PARTS), false);
            slowest = slowest.max(asked.elapsed());
            let over = || (asked.elapsed() > Duration::from_millis(50)).then_some(());
            gate.envoy.process().wait_until("the next", HANGS_AFTER, over).unwrap();
        }
        let (cpu, elapsed) = (gate.envoy.process().cpu_time().unwrap() - cpu, begin.elapsed());
        assert!(cpu < elapsed / 4, "{cpu:?} of CPU in {elapsed:?} while {WAITING} wait");
        assert!(slowest < Duration::from_millis(500), "{slowest:?}");
        go_on.give();
        for exchange in waiting {
            let response = exchange.response().await;
            assert_eq!(response.code(), 200, "{response:?}: {}", gate.envoy.log());
        }
    });
    assert_eq!(keys.received("/keys").len(), 1);
    assert_well(&gate);
}

/// Forged tokens from one address, and a caller beside them.
fn storm(gate: &Gate, key: &Key, forged: impl Fn(usize) -> String + Sync, address: &str) -> (Duration, [usize; 3]) {
    const CLIENTS: usize = 4;
    let stop = AtomicBool::new(false);
    let counts = [AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0)];
    let mut slowest = Duration::ZERO;
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (gate, forged, stop, counts) = (&gate, &forged, &stop, &counts);
            scope.spawn(move || {
                let mut connection = gate.connect();
                let mut number = client;
                while !stop.load(Ordering::Relaxed) {
                    let request = bearer(PARTS, &forged(number)).header("x-forwarded-for", address);
                    let response = connection.ask(&request);
                    let place = match response.status {
                        401 => 0,
                        429 => 1,
                        _ => 2,
                    };
                    counts[place].fetch_add(1, Ordering::Relaxed);
                    number += CLIENTS;
                }
            });
        }
        let mut connection = gate.connect();
        let token = key.sign(&claims("good"));
        for number in 0..200 {
            let begin = Instant::now();
            // Every tenth token is a new one, whose signature has to be checked.
            let fresh = (number % 10 == 0).then(|| key.sign(&claims(&number.to_string())));
            let request = bearer(PARTS, fresh.as_ref().unwrap_or(&token)).header("x-forwarded-for", "203.0.113.7");
            assert_passes(&connection.ask(&request));
            slowest = slowest.max(begin.elapsed());
        }
        stop.store(true, Ordering::Relaxed);
    });
    (slowest, counts.map(AtomicUsize::into_inner))
}

/// Where Envoy takes the client's address from a proxy before it.
fn behind_a_proxy(setup: Setup) -> Setup {
    setup.manager(json!({"use_remote_address": true, "xff_num_trusted_hops": 1}))
}

#[test]
fn forged_tokens_do_not_occupy_a_worker() {
    let (portal, key) = (portal(), Key::rs256().kid("one"));
    let keys = Upstream::start();
    keys.on("/keys", Answer::json(key_set([&key]).to_string()));
    let gate = behind_a_proxy(remote_gate(&portal, &keys, 2)).start();
    until_fetched(&gate, &keys, 1);
    // Wrong signatures with the right kid: an RSA check each, until the address has had enough.
    let good = key.sign(&claims("forged"));
    let (text, signature) = good.rsplit_once('.').unwrap();
    let forged = |number: usize| {
        let mut signature = signature.to_owned();
        let digits = format!("{number:08x}");
        signature.replace_range(..8, &digits);
        format!("{text}.{signature}")
    };
    let (slowest, [unauthorized, limited, others]) = storm(&gate, &key, forged, "198.51.100.66");
    assert_eq!(others, 0);
    assert!(limited > 0, "{unauthorized} checked");
    let checked = gate.count_jwt(|name| name.ends_with("bad_signature"));
    // More than five fail; workers may count a few at the same time.
    assert!((6..=20).contains(&checked), "{checked} wrong signatures were checked, {limited} requests were limited");
    assert!(slowest < Duration::from_millis(500), "a good request took {slowest:?}");

    // Tokens already verified pass from the address that is refused, and new ones do not.
    let from = |token: &str| bearer(PARTS, token).header("x-forwarded-for", "198.51.100.66");
    let known = key.sign(&claims("good"));
    for _ in 0..8 {
        // One connection is one worker's: that one knows the token then.
        let mut connection = gate.connect();
        for address in ["203.0.113.7", "198.51.100.66"] {
            assert_passes(&connection.ask(&bearer(PARTS, &known).header("x-forwarded-for", address)));
        }
    }
    let refused = gate.ask(&from(&key.sign(&claims("new"))));
    refused.problem(429);
    assert!(refused.header("retry-after").is_some(), "{refused}");
    // A neighbour is not concerned.
    let neighbour = bearer(PARTS, &key.sign(&claims("new"))).header("x-forwarded-for", "198.51.100.67");
    assert_passes(&gate.ask(&neighbour));
    assert_well(&gate);
}

#[test]
fn other_faults_are_not_counted_as_wrong_signatures() {
    let (portal, key) = (portal(), Key::es256(1));
    let gate = Setup::new(&portal).jwt(&policy(&provider(&super::inline([&key])))).start();
    let expired = key.sign(&super::claims_with("a", "exp", json!(super::now_s() - 100)));
    for _ in 0..20 {
        assert_unauthorized(&gate.ask(&bearer(PARTS, &expired)), true);
        assert_unauthorized(&gate.ask(&bearer(PARTS, "x.y.z")), true);
        assert_unauthorized(&gate.get(PARTS), false);
    }
    assert_passes(&gate.ask(&bearer(PARTS, &key.sign(&claims("b")))));
    assert_well(&gate);
}
