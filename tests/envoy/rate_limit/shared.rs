//! Limits that gateways share, through a service that counts in Redis.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lockgate_envoy_tests::limits::{Limits, Mood};
use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Answer, Gate, Request, Setup, Upstream, cases};
use lockgate_harness::Redis;
use serde_json::{Value, json};

/// Longer than any test.
const HOUR_S: u64 = 3_600;
const GATEWAYS: u64 = 2;

fn portal() -> Upstream {
    let upstream = Upstream::start();
    upstream.on("/x", Answer::ok("text/plain", "portal"));
    upstream
}

fn configuration(limit: u32, window_s: u64, shared: &Value) -> Value {
    let mut configuration = json!({
        "policies": [{"name": "all", "match": {"paths": ["/**"]}, "key": ["address"], "limit": limit, "window_s": window_s}],
        "shared": {"cluster": "limits", "domain": "portals", "authority": "limits.example", "timeout_ms": 2_000},
    });
    for (name, value) in shared.as_object().unwrap() {
        configuration["shared"][name] = value.clone();
    }
    configuration
}

fn gate(portal: &Upstream, limits: std::net::SocketAddr, configuration: &Value) -> Gate {
    Setup::new(portal).workers(2).grpc_cluster("limits", limits).limits(configuration).start()
}

/// The most that is left of a lease in one gateway: the largest power of two in a tenth of the limit, and a quarter.
fn most_left(limit: u32) -> u64 {
    let most = 1_u64 << (limit / 10).max(1).ilog2();
    most + most / 4
}

/// Sends requests over some connections to each gate until `enough` says so: how many got which status.
fn storm(gates: &[&Gate], enough: impl Fn(u64) -> bool + Sync) -> BTreeMap<u16, u64> {
    const CLIENTS: usize = 4;
    let mut counts = BTreeMap::new();
    thread::scope(|scope| {
        let enough = &enough;
        let clients = gates.iter().flat_map(|gate| [*gate; CLIENTS]);
        let clients: Vec<_> = clients
            .map(|gate| {
                scope.spawn(move || {
                    let (mut counts, mut sent) = (BTreeMap::<u16, u64>::new(), 0);
                    while !enough(sent) {
                        // A connection keeps all that it has received.
                        let mut connection = gate.connect();
                        for _ in 0..50 {
                            *counts.entry(connection.ask(&Request::get("/x")).status).or_default() += 1;
                        }
                        sent += 50;
                    }
                    counts
                })
            })
            .collect();
        for client in clients {
            for (status, count) in client.join().unwrap() {
                *counts.entry(status).or_default() += count;
            }
        }
    });
    counts
}

#[track_caller]
fn assert_well(gate: &Gate) {
    let log = gate.envoy.log();
    assert!(!log.contains("[critical]"), "{log}");
}

#[test]
fn two_gateways_at_steady_load_ask_fifty_times_less_than_they_are_asked() {
    let (portal, redis) = (portal(), Redis::start().unwrap());
    let limits = Limits::start(redis.address(), &[("all", 1_000_000, HOUR_S)]);
    let configuration = configuration(1_000_000, HOUR_S, &json!({}));
    let gates = [(); 2].map(|()| gate(&portal, limits.address(), &configuration));
    let counts = storm(&[&gates[0], &gates[1]], |sent| sent >= 1_000);
    assert_eq!(counts, BTreeMap::from([(200, 8_000)]), "{counts:?}");
    let asked = limits.asked();
    let by = gates.each_ref().map(|gate| gate.count_limits(|name| name == "service.asked"));
    assert_eq!(asked.len() as u64, by[0] + by[1]);
    println!("8,000 requests at two gateways: {} calls ({by:?})", asked.len());
    assert!(by.iter().all(|calls| (1..=80).contains(calls)), "{by:?} calls for 4,000 requests each");
    assert!(asked.iter().all(|asked| asked.granted && asked.domain == "portals"), "{asked:?}");
    let [(policy, name), (address, hash)] = &asked[0].entries[..] else { panic!("{:?}", asked[0]) };
    assert_eq!([policy.as_str(), name, address], ["policy", "all", "address"]);
    assert!(hash.len() == 32 && !hash.contains("127"), "{hash}");
    gates.iter().for_each(assert_well);
}

#[test]
fn two_gateways_admit_one_limit_together() {
    const LIMIT: u32 = 2_000;
    let (portal, redis) = (portal(), Redis::start().unwrap());
    let limits = Limits::start(redis.address(), &[("all", LIMIT, HOUR_S)]);
    let configuration = configuration(LIMIT, HOUR_S, &json!({"on_error": "deny"}));
    let gates = [(); 2].map(|()| gate(&portal, limits.address(), &configuration));
    let counts = storm(&[&gates[0], &gates[1]], |sent| sent >= 500);
    let (admitted, limit) = (counts[&200], u64::from(LIMIT));
    println!("{admitted} of {limit} admitted, {} calls", limits.asked().len());
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [200, 429], "{counts:?}");
    // Nothing is left of a window before: never more than the limit.
    assert!(admitted <= limit, "{admitted} of {limit}");
    assert!(admitted + 2 * GATEWAYS * most_left(LIMIT) >= limit, "{admitted} of {limit}");
    // Refusals are remembered.
    let calls = limits.asked().len();
    let response = gates[0].get("/x");
    assert_eq!(response.problem(429)["violated-policies"], json!(["all"]));
    let wait_s: u64 = response.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=HOUR_S + 1).contains(&wait_s), "{wait_s}");
    assert_eq!(limits.asked().len(), calls);
    gates.iter().for_each(assert_well);
}

#[test]
fn over_windows_no_more_is_admitted_than_the_bound() {
    const LIMIT: u32 = 300;
    const WINDOW_S: u64 = 2;
    let (portal, redis) = (portal(), Redis::start().unwrap());
    let limits = Limits::start(redis.address(), &[("all", LIMIT, WINDOW_S)]);
    let configuration = configuration(LIMIT, WINDOW_S, &json!({"on_error": "deny"}));
    let gates = [(); 2].map(|()| gate(&portal, limits.address(), &configuration));
    let until = Instant::now() + Duration::from_secs(4 * WINDOW_S);
    let counts = storm(&[&gates[0], &gates[1]], |_| Instant::now() >= until);
    let windows = limits.age().as_secs() / WINDOW_S + 1;
    let (admitted, over) = (counts[&200], GATEWAYS * most_left(LIMIT));
    println!("{admitted} admitted in {windows} windows of {LIMIT}, {over} over would be within the bound: {counts:?}");
    assert!(admitted <= windows * u64::from(LIMIT) + over, "{admitted} in {windows} windows");
    assert!(admitted > u64::from(LIMIT), "no window followed the first");
    gates.iter().for_each(assert_well);
}

/// A gate whose service does not answer, and what its requests get.
fn alone(portal: &Upstream, limits: std::net::SocketAddr, on_error: &str) -> Gate {
    let shared = json!({"on_error": on_error, "timeout_ms": 150, "circuit": {"failures": 2, "open_ms": 300}});
    Setup::new(portal).grpc_cluster("limits", limits).limits(&configuration(3, HOUR_S, &shared)).start()
}

#[test]
fn a_service_that_does_not_answer_is_decided_by_on_error() {
    let (portal, redis) = (portal(), Redis::start().unwrap());
    let nobody = lockgate_harness::ports::free().unwrap();
    let moods = [
        ("nobody listens", None),
        ("silent", Some(Mood::Silent)),
        ("slow", Some(Mood::Slow(Duration::from_secs(2)))),
        ("unavailable", Some(Mood::Unavailable)),
        ("another status", Some(Mood::Status(500))),
        ("no message", Some(Mood::Message(b"\xff\xff"))),
        ("too long", Some(Mood::Message(&[0; 20_000]))),
    ];
    let decisions = [("local", [200, 200, 200, 429, 429]), ("allow", [200; 5]), ("deny", [503; 5])];
    let rows = moods.into_iter().flat_map(|(name, mood)| {
        decisions.map(|(on_error, want)| (format!("{name}, {on_error}"), (mood, on_error, want)))
    });
    cases::each(rows, |_, (mood, on_error, want)| {
        let limits = Limits::start(redis.address(), &[("all", 3, HOUR_S)]);
        if let Some(mood) = mood {
            limits.set(mood);
        }
        let gate = alone(&portal, if mood.is_some() { limits.address() } else { nobody }, on_error);
        let begin = Instant::now();
        assert_eq!(want.map(|_| gate.get("/x").status), want);
        assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
        assert_eq!(gate.count_limits(|name| name == "service.circuit_opened"), 1);
        assert_eq!(gate.count_limits(|name| name == "service.unanswered"), 5);
        if on_error == "deny" {
            let problem = gate.get("/x").problem(503);
            assert!(problem["type"].as_str().unwrap().ends_with("#temporary-reduced-capacity"), "{problem}");
        }
        assert_well(&gate);
    });
}

#[test]
fn an_answer_that_says_nothing_comes_from_a_service_that_lives() {
    let (portal, redis) = (portal(), Redis::start().unwrap());
    for (on_error, want) in [("local", [200, 200, 200, 429, 429]), ("allow", [200; 5]), ("deny", [503; 5])] {
        let limits = Limits::start(redis.address(), &[("all", 3, HOUR_S)]);
        // A code that the protocol does not have.
        limits.set(Mood::Message(b"\x08\x07"));
        let gate = alone(&portal, limits.address(), on_error);
        assert_eq!(want.map(|_| gate.get("/x").status), want, "{on_error}");
        // No other limit suffers from it.
        assert_eq!(gate.count_limits(|name| name == "service.circuit_opened"), 0, "{on_error}");
        assert!(gate.count_limits(|name| name == "service.failed") > 0, "{on_error}");
        assert_well(&gate);
    }
}

#[test]
fn a_limit_that_the_service_does_not_know_is_none_to_lease_of() {
    let (portal, redis) = (portal(), Redis::start().unwrap());
    let limits = Limits::start(redis.address(), &[("another", 3, HOUR_S)]);
    let gate = alone(&portal, limits.address(), "local");
    assert_eq!([(); 5].map(|()| gate.get("/x").status), [200, 200, 200, 429, 429]);
    assert_well(&gate);
}

#[test]
fn a_cluster_that_is_not_there_is_as_one_that_does_not_answer() {
    let portal = portal();
    let gate = Setup::new(&portal).limits(&configuration(3, HOUR_S, &json!({"on_error": "local"}))).start();
    assert_eq!([(); 5].map(|()| gate.get("/x").status), [200, 200, 200, 429, 429]);
    assert_well(&gate);
}

#[test]
fn a_service_that_dies_and_comes_back_is_asked_again() {
    const LIMIT: u32 = 100_000;
    let (portal, redis) = (portal(), Redis::start().unwrap());
    let limits = Limits::start(redis.address(), &[("all", LIMIT, HOUR_S)]);
    let address = limits.address();
    let shared = json!({"on_error": "deny", "timeout_ms": 500, "circuit": {"failures": 2, "open_ms": 200}});
    let gate = gate(&portal, address, &configuration(LIMIT, HOUR_S, &shared));
    for _ in 0..20 {
        assert_eq!(gate.get("/x").status, 200);
    }
    drop(limits);
    // What is leased is spent; then nobody waits long.
    let spent = (0..).take_while(|_| gate.get("/x").status == 200).count();
    assert!(spent < 200, "{spent} of a lease");
    for _ in 0..10 {
        gate.get("/x").problem(503);
    }
    let limits = Limits::start_at(address, redis.address(), &[("all", LIMIT, HOUR_S)]);
    let back = || (gate.get("/x").status == 200).then_some(());
    gate.envoy.process().wait_until("the service's answers", HANGS_AFTER, back).unwrap();
    // Both workers find out for themselves.
    let all = || (0..20).all(|_| gate.get("/x").status == 200).then_some(());
    gate.envoy.process().wait_until("all workers", HANGS_AFTER, all).unwrap();
    assert!(limits.asked().iter().all(|asked| asked.granted));
    assert_well(&gate);
}

#[test]
fn requests_that_wait_do_not_wait_for_the_service_longer_than_they_may() {
    let (portal, redis) = (portal(), Redis::start().unwrap());
    let limits = Limits::start(redis.address(), &[("all", 1_000, HOUR_S)]);
    limits.set(Mood::Silent);
    let shared = json!({"on_error": "deny", "timeout_ms": 300, "circuit": {"failures": 100}});
    let gate = gate(&portal, limits.address(), &configuration(1_000, HOUR_S, &shared));
    let late = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let begin = Instant::now();
                gate.get("/x").problem(503);
                if begin.elapsed() > Duration::from_secs(2) {
                    late.store(true, Ordering::Relaxed);
                }
            });
        }
    });
    assert!(!late.into_inner());
    limits.set(Mood::Well);
    // Who comes while the last of those calls ends shares its fate.
    let back = || (gate.get("/x").status == 200).then_some(());
    gate.envoy.process().wait_until("the service's answers", HANGS_AFTER, back).unwrap();
    assert_well(&gate);
}
