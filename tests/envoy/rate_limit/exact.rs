//! How many pass, whoever counts: one worker, two, or eight at the same slot.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lockgate_envoy_tests::{Gate, Request, Setup, Upstream, cases};
use serde_json::{Value, json};

use super::{assert_well, one, portal};

const WORKERS: [u32; 3] = [1, 2, 8];
/// Connections at once: enough for each of eight workers to have some.
const CLIENTS: u64 = 32;
const LIMIT: u64 = 500;

fn gate(portal: &Upstream, workers: u32, configuration: &Value) -> Gate {
    Setup::new(portal).workers(workers).limits(configuration).start()
}

/// Sends so many requests over many connections at once: how many got which status.
fn storm(gate: &Gate, requests: u64, path: &str) -> BTreeMap<u16, u64> {
    let mut counts = BTreeMap::new();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || {
                    let mut connection = gate.connect();
                    let mine = requests / CLIENTS + u64::from(client < requests % CLIENTS);
                    let request = Request::get(path);
                    (0..mine).map(|_| connection.ask(&request).status).collect::<Vec<_>>()
                })
            })
            .collect();
        for client in clients {
            for status in client.join().unwrap() {
                *counts.entry(status).or_insert(0) += 1;
            }
        }
    });
    counts
}

/// How many workers had a connection.
fn busy_workers(gate: &Gate) -> usize {
    let stats = gate.envoy.stats("listener.").unwrap();
    let had_one = |(name, count): &(&String, &u64)| {
        name.contains(".worker_") && name.ends_with("downstream_cx_total") && **count > 0
    };
    stats.iter().filter(had_one).count()
}

#[test]
fn exactly_the_limit_passes_whatever_the_number_of_workers() {
    let portal = portal();
    // Neither gives anything back within minutes.
    let sliding = json!({"limit": LIMIT, "window_s": 86_400});
    let gcra = json!({"limit": LIMIT, "window_s": 86_400, "algorithm": "gcra", "burst": LIMIT});
    let rows = WORKERS.into_iter().flat_map(|workers| {
        [("sliding", &sliding), ("gcra", &gcra)]
            .map(|(name, policy)| (format!("{name}, {workers} workers"), (workers, policy.clone())))
    });
    cases::each(rows, |_, (workers, policy)| {
        portal.forget();
        let gate = gate(&portal, workers, &one(policy));
        let counts = storm(&gate, 10 * LIMIT, "/x");
        assert_eq!(counts.get(&200), Some(&LIMIT), "{counts:?}");
        assert_eq!(counts.get(&429), Some(&(9 * LIMIT)), "{counts:?}");
        assert_eq!(portal.received("/x").len() as u64, LIMIT, "what was refused reached the portal");
        assert_eq!(gate.count_limits(|name| name == "all.allowed"), LIMIT);
        if workers > 1 {
            assert!(busy_workers(&gate) > 1, "only one worker had work");
        }
        assert_well(&gate);
    });
}

#[test]
fn policies_that_share_a_request_are_exact_together() {
    let portal = portal();
    // Two keys, so two slots: what the narrower one refuses, the wider one must get back.
    let config = json!({"policies": [
        super::policy(json!({"name": "wide", "limit": 10 * LIMIT, "window_s": 86_400})),
        super::policy(json!({"name": "narrow", "key": ["path"], "limit": LIMIT, "window_s": 86_400,
                             "match": {"paths": ["/x"]}})),
    ]});
    let gate = gate(&portal, 8, &config);
    let counts = storm(&gate, 4 * LIMIT, "/x");
    // Refusals at the same moment may cost the client a request (filters/rate-limit/README.md); never the other way round.
    assert_eq!(counts.get(&200), Some(&LIMIT), "{counts:?}");
    let spent = gate.get("/y");
    let (left, _) = super::left(&spent, "wide").unwrap();
    assert_eq!(left, 9 * LIMIT - 1, "what was refused was charged: {spent}");
    assert_well(&gate);
}

#[test]
fn the_sliding_estimate_stays_within_its_bound() {
    const LIMIT: u64 = 100;
    const FOR: Duration = Duration::from_millis(3_500);
    let portal = portal();
    let rows = [
        ("sliding", json!({"limit": LIMIT, "window_s": 1}), LIMIT),
        ("gcra", json!({"limit": LIMIT, "window_s": 1, "algorithm": "gcra", "burst": 20}), 20),
    ];
    cases::each(rows.map(|(name, policy, burst)| (name, (policy, burst))), |name, (policy, burst)| {
        let gate = gate(&portal, 8, &one(policy));
        let (stop, passed) = (AtomicBool::new(false), AtomicU64::new(0));
        let begin = Instant::now();
        thread::scope(|scope| {
            for _ in 0..8 {
                let (gate, stop, passed) = (&gate, &stop, &passed);
                scope.spawn(move || {
                    let mut connection = gate.connect();
                    while !stop.load(Ordering::Relaxed) {
                        let response = connection.ask(&Request::get("/x"));
                        assert!(matches!(response.status, 200 | 429), "{response}");
                        passed.fetch_add(u64::from(response.status == 200), Ordering::Relaxed);
                    }
                });
            }
            // The clients ask without a pause meanwhile.
            while begin.elapsed() < FOR {
                thread::yield_now();
                gate.get("/nowhere");
            }
            stop.store(true, Ordering::Relaxed);
        });
        let seconds = begin.elapsed().as_secs_f64();
        let passed = passed.into_inner() as f64;
        // In n windows at most n + 1 times the limit; a bucket has its burst and what comes back.
        let most = match name {
            "sliding" => (seconds.ceil() + 1.0) * LIMIT as f64,
            _ => burst as f64 + (seconds * LIMIT as f64).floor() + 1.0,
        };
        assert!(passed <= most, "{passed} passed in {seconds} s, at most {most} may");
        // And it is no less than what was promised: the clients never rest.
        assert!(passed >= LIMIT as f64 * 2.0, "{passed} passed in {seconds} s");
        assert_well(&gate);
    });
}
