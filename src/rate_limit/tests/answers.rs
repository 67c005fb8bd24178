//! What clients are told.

use serde_json::{Value, json};

use super::{Gate, field, one, policy, reason};
use crate::audit::Audit;
use crate::exchange::Policy as _;
use crate::host::{Call, CallId, Check, Host, Slot, Written};
use crate::replay::{Answer, Content, MemoryHost};

const POLICY: &str = "ratelimit-policy";
const LEFT: &str = "ratelimit";

#[test]
fn a_refusal_says_which_quota_and_how_long() {
    let mut gate = Gate::new(&json!({"policies": [
        policy(&json!({"name": "minute", "limit": 2})),
        policy(&json!({"name": "hour", "limit": 100, "window_s": 3600})),
    ]}));
    gate.passes(2, "/");
    let outcome = gate.at(1_001).send("GET", "/", &[("x-request-id", "id-1")]);
    assert_eq!((outcome.status, reason(&outcome)), (429, "quota"));
    let body: Value = serde_json::from_slice(&outcome.body).unwrap();
    assert_eq!(
        body,
        json!({
            "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "title": "Request cannot be satisfied as assigned quota has been exceeded",
            "status": 429,
            "instance": "id-1",
            "violated-policies": ["minute"],
        })
    );
    // One of two is back half a window after the first one ended: 88.999 s from here.
    for (name, value) in [
        ("content-type", "application/problem+json"),
        ("cache-control", "no-store"),
        ("retry-after", "89"),
        (POLICY, r#""minute";q=2;w=60, "hour";q=100;w=3600"#),
        (LEFT, r#""minute";r=0;t=89, "hour";r=98;t=3599"#),
    ] {
        assert_eq!(field(&outcome.headers, name), [value], "{name}");
    }
    let audit = gate.host.audits.last().expect("one");
    assert_eq!(
        (audit.rule.as_deref(), audit.reason, audit.path.as_deref()),
        (Some("minute"), Some("quota"), Some("/**"))
    );
    assert_eq!(audit.id.as_deref(), Some("id-1"));
    // Both: the longer one counts.
    let mut gate = Gate::new(&json!({"policies": [
        policy(&json!({"name": "minute", "limit": 2, "algorithm": "gcra"})),
        policy(&json!({"name": "hour", "limit": 2, "window_s": 3600, "algorithm": "gcra"})),
    ]}));
    gate.passes(2, "/");
    let outcome = gate.send("GET", "/", &[]);
    assert_eq!(field(&outcome.headers, "retry-after"), ["1800"]);
    let body: Value = serde_json::from_slice(&outcome.body).unwrap();
    assert_eq!(body["violated-policies"], json!(["minute", "hour"]));
}

/// Who waits as long as he is told is let in.
#[test]
fn retry_after_is_no_promise_that_fails() {
    for algorithm in ["sliding", "gcra"] {
        for (limit, window_s, cost) in [(1, 1, 1), (3, 7, 1), (100, 60, 1), (10, 86_400, 3)] {
            let more = json!({"limit": limit, "window_s": window_s, "cost": cost, "algorithm": algorithm});
            let mut gate = Gate::new(&one(&more));
            let mut now_ms = 0;
            for _ in 0..20 {
                let outcome = gate.at(now_ms).send("GET", "/", &[]);
                if outcome.status == 200 {
                    continue;
                }
                let wait_s: u64 = field(&outcome.headers, "retry-after")[0].parse().unwrap();
                now_ms += wait_s * 1_000;
                assert_eq!(gate.at(now_ms).get("/"), 200, "{more} after {wait_s} s");
            }
        }
    }
}

#[test]
fn good_answers_say_it_too_in_place_of_the_portal() {
    let upstream = |names: &[&str]| {
        let headers = names.iter().map(|name| ((*name).to_owned(), b"7".to_vec())).collect();
        Answer::Response { status: 200, content: Content { headers, ..Content::default() }, cut: false }
    };
    let all = [
        "RateLimit",
        "ratelimit",
        "RateLimit-Policy",
        "X-RateLimit-Limit",
        "x-ratelimit-remaining",
        "X-RateLimit-Reset",
        "RateLimit-Limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "x-other",
    ];
    let (policies, left) = (r#""all";q=2;w=60"#, r#""all";r=1;t=60"#);
    for (headers, want) in [
        (json!({}), vec![(POLICY, policies), (LEFT, left)]),
        (
            json!({"legacy": true}),
            vec![
                (POLICY, policies),
                (LEFT, left),
                ("x-ratelimit-limit", "2"),
                ("x-ratelimit-remaining", "1"),
                ("x-ratelimit-reset", "60"),
            ],
        ),
        (
            json!({"legacy": true, "rate_limit": false}),
            vec![("x-ratelimit-limit", "2"), ("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "60")],
        ),
    ] {
        for others in ["keep", "remove"] {
            let mut config = one(&json!({}));
            config["headers"] = headers.clone();
            config["headers"]["others"] = json!(others);
            let mut gate = Gate::new(&config);
            gate.answer = upstream(&all);
            let outcome = gate.send("GET", "/", &[]);
            for (name, value) in &want {
                assert_eq!(field(&outcome.headers, name), [*value], "{headers}: {name}");
            }
            let ours = |name: &str| want.iter().any(|(ours, _)| *ours == name);
            let theirs = outcome.headers.iter().filter(|(name, _)| name.contains("ratelimit") && !ours(name)).count();
            // Each of the eight names; the portal says one of them twice.
            let left = if others == "keep" { 8 - want.len() + usize::from(!ours(LEFT)) } else { 0 };
            assert_eq!(theirs, left, "{headers}, {others}: {:?}", outcome.headers);
            assert_eq!(field(&outcome.headers, "x-other"), ["7"]);
        }
    }
    // An answer that counts as a failure is read as far as its status.
    let mut config = one(&json!({}));
    config["penalties"] = json!([{"name": "failing", "failures": {"limit": 5, "window_s": 60}, "block_s": 60}]);
    let mut gate = Gate::new(&config);
    gate.answer = upstream(&all);
    assert_eq!(field(&gate.send("GET", "/", &[]).headers, LEFT), [left]);
    // Nothing is said, nothing is touched.
    let mut config = one(&json!({}));
    config["headers"] = json!({"rate_limit": false});
    let mut gate = Gate::new(&config);
    gate.answer = upstream(&all);
    assert_eq!(gate.send("GET", "/", &[]).headers.len(), all.len());
    let outcome = {
        gate.passes(5, "/");
        gate.send("GET", "/", &[])
    };
    assert_eq!(field(&outcome.headers, LEFT), [""; 0]);
    assert_eq!(field(&outcome.headers, "retry-after").len(), 1, "a refusal always says how long");
}

/// Answers that others make of a request that was counted say how the client stands.
#[test]
fn answers_of_others_say_it() {
    let mut gate = Gate::new(&one(&json!({})));
    assert_eq!(field(&gate.answers(401).send("GET", "/", &[]).headers, LEFT), [r#""all";r=1;t=60"#]);
    gate.answer = Answer::Timeout;
    assert_eq!(field(&gate.send("GET", "/", &[]).headers, LEFT), [r#""all";r=0;t=60"#]);
}

#[test]
fn the_seed_is_no_secret_of_the_configuration_alone() {
    let seed = |id: &str| {
        let mut gate = Gate::new(&one(&json!({})));
        gate.send("GET", "/", &[("x-request-id", id)]);
        gate.host.slots["seed/1/0"].bytes.clone()
    };
    assert_ne!(seed("a"), seed("b"));
}

#[test]
fn sizes_are_known_before_anything_is_counted() {
    let mut config = one(&json!({}));
    config["policies"].as_array_mut().unwrap().push(policy(&json!({"name": "b", "key": ["path", "method"]})));
    config["table"] = json!({"keys": 1_600});
    let gate = Gate::new(&config);
    let lines = gate.policy.sizes();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("counters `limits.address`: 1600 keys at once in 100 slots"), "{lines:?}");
    assert!(lines[1].starts_with("counters `limits.method+path`: 8 keys at once in 1 slots"), "{lines:?}");
    assert_eq!(lines[2], format!("all tables: at most {} bytes", 101 * 1_048));
    assert_eq!(gate.policy.max_bytes(), 101 * 1_048);
}

#[test]
fn sizes_are_said_once_for_all_workers() {
    struct Worker<'a>(&'a mut MemoryHost, u64);

    impl Host for Worker<'_> {
        fn random(&mut self) -> Option<u64> {
            Some(self.1)
        }
        fn note(&mut self, line: &str) {
            self.0.note(line);
        }
        fn now_ms(&mut self) -> Option<u64> {
            self.0.now_ms()
        }
        fn slot(&mut self, key: &str) -> Option<Slot> {
            self.0.slot(key)
        }
        fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written {
            self.0.set_slot(key, bytes, stamp)
        }
        fn attribute(&mut self, _: &[&str]) -> Option<Vec<u8>> {
            None
        }
        fn leave(&mut self, _: &str, _: &[u8]) {}
        fn count(&mut self, _: usize, _: u64) {}
        fn audit(&mut self, _: &Audit) {}
        fn call(&mut self, _: &Call<'_>) -> Option<CallId> {
            None
        }
        fn verify(&mut self, _: &Check<'_>) -> Option<bool> {
            None
        }
    }

    let mut gate = Gate::new(&one(&json!({})));
    for worker in 1..=8 {
        gate.policy.start(&mut Worker(&mut gate.host, worker));
    }
    let said = &gate.host.notes;
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("rate_limit: counters `limits.address`: 10000 keys at once in 625 slots"), "{said:?}");
    assert_eq!(said[1], "rate_limit: all tables: at most 655000 bytes");
    // Another configuration is another size.
    let other = Gate::new(&one(&json!({"key": ["method"]})));
    other.policy.start(&mut Worker(&mut gate.host, 1));
    assert_eq!(gate.host.notes.len(), 4);
}
