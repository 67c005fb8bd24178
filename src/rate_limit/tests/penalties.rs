//! Who is blocked for a while, and what becomes of requests that nobody can measure.

use serde_json::{Value, json};

use super::{Gate, field, one, policy, reason};
use crate::audit::Audit;
use crate::exchange::Policy as _;
use crate::host::{Call, CallId, Check, Host, Slot, Written};
use crate::rate_limit::Policy;
use crate::replay::MemoryHost;

fn failures(more: &Value) -> Value {
    let mut penalty = json!({"name": "auth", "failures": {"limit": 2, "window_s": 60}, "block_s": 300});
    super::merge(&mut penalty, more);
    json!({"penalties": [penalty]})
}

#[test]
fn who_fails_too_often_is_blocked() {
    let mut gate = Gate::new(&failures(&json!({})));
    gate.answers(401);
    let statuses: Vec<u16> = (0..5).map(|_| gate.get("/")).collect();
    assert_eq!(statuses, [401, 401, 401, 429, 429], "two are within the limit, the third one blocks");
    let outcome = gate.answers(200).at(1_500).send("GET", "/", &[]);
    assert_eq!((outcome.status, reason(&outcome)), (429, "blocked"));
    assert_eq!(field(&outcome.headers, "retry-after"), ["299"]);
    let body: Value = serde_json::from_slice(&outcome.body).unwrap();
    assert_eq!(body, json!({"type": "about:blank", "title": "Too Many Requests", "status": 429}), "no reason");
    assert_eq!(gate.from("192.0.2.2:1").get("/"), 200, "others are not");
    assert_eq!(gate.from("192.0.2.1:1").at(299_999).get("/"), 429);
    assert_eq!(gate.at(300_000).get("/"), 200);
    assert_eq!((gate.counter("auth.imposed"), gate.counter("auth.refused")), (1, 4));
    let begins: Vec<_> = gate.host.audits.iter().filter(|audit| audit.outcome == "blocked").collect();
    assert_eq!(begins.len(), 1);
}

#[test]
fn only_failures_count() {
    for (name, more, status, blocks) in [
        ("a good answer", json!({}), 200, false),
        ("not found", json!({}), 404, false),
        ("forbidden", json!({}), 403, true),
        (
            "forbidden, where it is none",
            json!({"failures": {"statuses": [401], "limit": 2, "window_s": 60}}),
            403,
            false,
        ),
        ("another path", json!({"match": {"paths": ["/login"]}}), 401, false),
        ("its path", json!({"match": {"paths": ["/"]}}), 401, true),
        ("in shadow", json!({"mode": "shadow"}), 401, false),
    ] {
        let mut gate = Gate::new(&failures(&more));
        gate.answers(status);
        gate.passes(6, "/");
        assert_eq!(gate.answers(200).get("/") == 429, blocks, "{name}");
    }
    let mut gate = Gate::new(&failures(&json!({"mode": "shadow"})));
    gate.answers(401);
    gate.passes(6, "/");
    assert_eq!((gate.counter("auth.shadow_imposed"), gate.counter("auth.shadow_refused")), (1, 3));
}

/// An answer of this filter is no failure, whatever its status is.
#[test]
fn the_own_answer_is_no_failure() {
    let config = json!({
        "policies": [policy(&json!({"limit": 1}))],
        "penalties": [{"name": "over", "failures": {"statuses": [429], "limit": 1, "window_s": 60}, "block_s": 60}],
    });
    let mut gate = Gate::new(&config);
    assert_eq!(gate.passes(9, "/"), 1);
    assert_eq!(gate.counter("over.imposed"), 0);
    assert_eq!(gate.counter("all.refused"), 8);
}

#[test]
fn a_flood_is_blocked_while_a_rush_is_not() {
    let config =
        json!({"penalties": [{"name": "flood", "flood": {"per_second": 10, "sustained_s": 5}, "block_s": 600}]});
    // Fifty at once, and ten a second for a minute, are none.
    let mut gate = Gate::new(&config);
    assert_eq!(gate.passes(90, "/"), 51);
    let mut gate = Gate::new(&config);
    let steady = (0..600).filter(|n| gate.at(n * 100).get("/") == 200).count();
    assert_eq!(steady, 600);
    // Fifteen a second are one after 3.4 seconds: the 52nd.
    let mut gate = Gate::new(&config);
    let first = (0..600).find(|n| gate.at(n * 1_000 / 15).get("/") == 429);
    assert_eq!(first, Some(51));
    assert_eq!(gate.at(600_000).get("/"), 429);
    assert_eq!(gate.at(603_400).get("/"), 200);
    assert_eq!(gate.counter("flood.imposed"), 1);
    // The figures that are meant when none are given: 1,000 within ten seconds.
    let mut gate = Gate::new(&json!({"penalties": [{"name": "flood", "flood": {}, "block_s": 600}]}));
    assert_eq!(gate.passes(1_500, "/"), 1_001);
}

#[test]
fn a_flood_counts_what_policies_refuse_and_what_is_exempt() {
    let config = json!({
        "policies": [policy(&json!({}))],
        "penalties": [{"name": "flood", "flood": {"per_second": 10, "sustained_s": 1}, "block_s": 600}],
    });
    let mut gate = Gate::new(&config);
    let reasons: Vec<_> = (0..12).map(|_| reason(&gate.send("GET", "/", &[]))).collect();
    assert_eq!(reasons[..2], ["pass"; 2]);
    assert_eq!(reasons[2..11], ["quota"; 9]);
    assert_eq!(reasons[11..], ["blocked"]);
    let mut gate = Gate::new(&config);
    let options = (0..15).filter(|_| gate.send("OPTIONS", "/", &[]).status == 200).count();
    assert_eq!(options, 11);
}

/// One request and one answer for all: address, policies and penalties share a slot.
#[test]
fn penalties_share_the_slot_of_a_policy() {
    let mut config = failures(&json!({}));
    config["policies"] = json!([policy(&json!({"limit": 100}))]);
    config["penalties"].as_array_mut().unwrap().push(json!({"name": "flood", "flood": {}, "block_s": 60}));
    let mut gate = Gate::new(&config);
    gate.answers(401);
    assert_eq!(gate.get("/"), 401);
    let slots: Vec<_> = gate.host.slots.iter().filter(|(name, _)| !name.starts_with("seed")).collect();
    assert_eq!(slots.len(), 1);
    assert_eq!(
        (slots[0].1.stamp, slots[0].1.bytes.len()),
        (3, 24 + 3 * 32),
        "after the seed once for the request, once for the answer"
    );
}

/// A host where something is missing.
struct Broken {
    inner: MemoryHost,
    what: &'static str,
}

impl Host for Broken {
    fn now_ms(&mut self) -> Option<u64> {
        if self.what == "clock" { None } else { self.inner.now_ms }
    }
    fn attribute(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        self.inner.attribute(path)
    }
    fn leave(&mut self, name: &str, value: &[u8]) {
        self.inner.leave(name, value);
    }
    fn count(&mut self, counter: usize, by: u64) {
        self.inner.count(counter, by);
    }
    fn audit(&mut self, audit: &Audit) {
        self.inner.audit(audit);
    }
    fn slot(&mut self, key: &str) -> Option<Slot> {
        if self.what == "slots" { None } else { self.inner.slot(key) }
    }
    fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written {
        if self.what == "quiet" && !key.starts_with("seed") {
            return Written::Changed;
        }
        self.inner.set_slot(key, bytes, stamp)
    }
    fn call(&mut self, _: &Call<'_>) -> Option<CallId> {
        None
    }
    fn verify(&mut self, _: &Check<'_>) -> Option<bool> {
        None
    }
}

#[test]
fn what_cannot_be_measured_is_refused_unless_it_may_pass() {
    use crate::exchange::{Exchange as _, Step};
    let foreign = |host: &mut MemoryHost| {
        let _ = host.set_slot("seed/1/0", b"foreign", 0);
    };
    for (what, field, status, code) in [
        ("clock", "on_error", 503, "no_clock"),
        ("slots", "on_error", 503, "no_table"),
        ("seed", "on_error", 503, "no_table"),
        ("quiet", "on_contention", 429, "contended"),
    ] {
        for (allow, mode) in
            [(None, "enforce"), (Some("deny"), "enforce"), (Some("allow"), "enforce"), (None, "shadow")]
        {
            let mut config = one(&json!({"mode": mode}));
            if let Some(allow) = allow {
                config[field] = json!(allow);
            }
            let policy = Policy::from_json(config.to_string().as_bytes()).unwrap();
            let mut host = Broken { inner: MemoryHost { now_ms: Some(1), ..MemoryHost::default() }, what };
            if what == "seed" {
                foreign(&mut host.inner);
            }
            let fields = [(":method", "GET"), (":path", "/")].map(|(name, value)| (name.to_owned(), value.into()));
            let mut head = crate::head::Head::new(fields.to_vec(), true);
            let step = policy.open().request_head(&mut head, &mut host);
            let counted = |name: &str| {
                let name = format!("lockgate.rate_limit.{name}");
                let at = policy.counters().iter().position(|known| *known == name).expect("a counter");
                host.inner.counters.get(&at).copied().unwrap_or(0)
            };
            let audits = host.inner.audits.len();
            if allow == Some("allow") || mode == "shadow" {
                assert_eq!(step, Step::Continue, "{what}, {allow:?}, {mode}");
                assert_eq!((counted("request.unmeasured"), audits), (1, 1), "{what}, {allow:?}, {mode}");
                continue;
            }
            let Step::Reply(reply) = step else { panic!("{what}: {step:?}") };
            assert_eq!((reply.status, reply.reason), (status, code), "{what}");
            assert_eq!((counted(&format!("request.refused_{code}")), audits), (1, 1), "{what}");
            assert!(reply.headers.contains(&("retry-after".into(), "1".to_owned())), "{what}");
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            let kind = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
            assert_eq!(body["type"], kind, "{what}");
        }
    }
}
