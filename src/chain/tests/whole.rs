//! The filters themselves as blocks: what each does alone, and all of them together.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::configuration::{jwt, limit, strip};
use super::{empty, get, json as json_answer, sorted};
use crate::audit::Audit;
use crate::chain::Policy;
use crate::exchange::{Body, Chunk, Exchange as _, HeadState, Policy as _, Step};
use crate::host::{Call, CallId, Check, Host, Slot, Written};
use crate::identity::{FILTER_STATE, Identity};
use crate::replay::{self, Answer, Ending, Heads, MemoryHost, Outcome, Piped, Request};
use crate::signature::SigningKey;
use crate::{jwt_auth, rate_limit, revenue_strip};

const SECRET: &str = "TopSecret-0123456789-0123456789-0123456789";
const NOW_S: u64 = 1_700_000_000;

fn variables() -> BTreeMap<String, String> {
    BTreeMap::from([("SECRET".to_owned(), SECRET.to_owned())])
}

fn token(role: &str, subject: &str) -> String {
    let claims = json!({
        "iss": "https://issuer.example", "aud": "portals", "sub": subject, "iat": NOW_S, "exp": NOW_S + 600,
        "roles": [role],
    });
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    let signed = encode(r#"{"alg":"HS256","typ":"JWT"}"#.to_owned()) + "." + &encode(claims.to_string());
    let signature = SigningKey::hmac(SECRET.as_bytes()).expect("a key").sign(signed.as_bytes());
    format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// jwt-auth with two roles.
fn auth() -> Value {
    let mut block = jwt(&json!([
        {"name": "public", "match": {"paths": ["/public/**"]}, "public": true},
        {"name": "hook", "match": {"paths": ["/hooks/**"]}, "webhook": "partner"},
        {"name": "api", "match": {"paths": ["/api/**"]}, "require": {"roles": ["ADMIN", "USER"]}},
    ]));
    block["jwt-auth"]["access"]["roles"] = json!({"ADMIN": {"permissions": []}, "USER": {"permissions": []}});
    block["jwt-auth"]["claims"] = json!({"roles": "roles"});
    block
}

fn host() -> MemoryHost {
    let mut host = MemoryHost { now_ms: Some(NOW_S * 1000), ..MemoryHost::default() };
    host.set_attribute(&["source", "address"], b"192.0.2.1:1234");
    host
}

/// Runs a block alone, as its filter.
fn alone(block: &Value, host: &mut MemoryHost, request: &Request, answer: &Answer) -> Outcome {
    let (name, config) = block.as_object().expect("a block").iter().next().expect("one");
    let text = config.to_string();
    fn run<P: crate::exchange::Policy>(
        text: &str,
        host: &mut MemoryHost,
        request: &Request,
        answer: &Answer,
    ) -> Outcome {
        let policy = P::read(text.as_bytes(), &variables()).unwrap_or_else(|error| panic!("{error}"));
        replay::run(&policy, host, request, answer, Heads::Wait)
    }
    match name.as_str() {
        "jwt-auth" => run::<jwt_auth::Policy>(&text, host, request, answer),
        "rate-limit" => run::<rate_limit::Policy>(&text, host, request, answer),
        _ => run::<revenue_strip::Policy>(&text, host, request, answer),
    }
}

fn chain(blocks: &[Value]) -> Policy {
    let text = json!({ "chain": blocks }).to_string();
    Policy::read(text.as_bytes(), &variables()).unwrap_or_else(|error| panic!("{error}"))
}

fn requests() -> Vec<(&'static str, Request)> {
    let bearer = |role, subject| token(role, subject);
    vec![
        ("an administrator", get("/api/x", &[("authorization", &bearer("ADMIN", "a"))])),
        ("a user", get("/api/x", &[("authorization", &bearer("USER", "u"))])),
        ("a user again", get("/api/x", &[("authorization", &bearer("USER", "u"))])),
        ("a user too often", get("/api/x", &[("authorization", &bearer("USER", "u"))])),
        ("a user much too often", get("/api/x", &[("authorization", &bearer("USER", "u"))])),
        ("another user", get("/api/x", &[("authorization", &bearer("USER", "v"))])),
        ("a role that is none", get("/api/x", &[("authorization", &bearer("BOSS", "b"))])),
        ("no token", get("/api/x", &[])),
        ("a bad token", get("/api/x", &[("authorization", "Bearer x.y.z")])),
        (
            "who claims to be one",
            get("/api/x", &[("lockgate.identity", "{\"roles\":[\"ADMIN\"]}"), ("x-roles", "ADMIN")]),
        ),
        ("public", get("/public/x", &[])),
        ("a webhook that nobody verified", get("/hooks/x", &[])),
        ("an unsafe path", get("/api/%2e%2e/x", &[])),
        ("no rule", get("/other", &[("authorization", &bearer("ADMIN", "a"))])),
    ]
}

const BODY: &str = r#"{"id":1,"cost":5,"list":[{"cost":{"a":1},"name":"x"}],"text":"cost"}"#;

/// Audit lines filter by filter: alone, a filter's lines stand together.
fn by_filter(mut audits: Vec<Audit>) -> Vec<Audit> {
    audits.sort_by_key(|audit| audit.filter);
    audits
}

#[test]
fn a_chain_decides_as_filters_one_after_another() {
    let penalty = |mut block: Value| {
        block["rate-limit"]["penalties"] =
            json!([{"name": "failures", "failures": {"limit": 2, "window_s": 60}, "block_s": 60}]);
        block
    };
    for (name, blocks) in [
        ("authentication first", vec![auth(), limit("consumer", "post-auth"), strip(true)]),
        ("a limit first", vec![limit("address", "pre-auth"), auth(), strip(true)]),
        ("penalties first", vec![penalty(limit("address", "post-auth")), auth(), strip(true)]),
        ("the limit last", vec![auth(), strip(true), limit("consumer", "post-auth")]),
        ("two", vec![auth(), strip(true)]),
        ("one", vec![auth()]),
        ("no jwt-auth", vec![limit("address", "post-auth"), strip(false)]),
    ] {
        let policy = chain(&blocks);
        let mut together = host();
        policy.start(&mut together);
        let mut hosts: Vec<MemoryHost> = blocks.iter().map(|_| host()).collect();
        for (what, request) in requests() {
            for answer in
                [json_answer(BODY, 0), json_answer(BODY, 3), json_answer("{\"cost\":", 0), Answer::Reset, empty()]
            {
                together.attributes.retain(|path, _| path.len() > 1);
                together.audits.clear();
                let runs: Vec<_> = blocks
                    .iter()
                    .map(|block| {
                        move |host: &mut MemoryHost, request: &Request, answer: &Answer| {
                            alone(block, host, request, answer)
                        }
                    })
                    .collect();
                let mut filters: Vec<Piped<'_>> = runs
                    .iter()
                    .zip(hosts.drain(..))
                    .map(|(run, mut host)| {
                        host.attributes.retain(|path, _| path.len() > 1);
                        host.audits.clear();
                        Piped { run, host }
                    })
                    .collect();
                let want = replay::pipe(&mut filters, &request, &answer);
                hosts = filters.into_iter().map(|filter| filter.host).collect();
                let got = replay::run(&policy, &mut together, &request, &answer, Heads::Wait);
                assert_eq!(sorted(got), sorted(want), "{name}: {what}, {answer:?}");
                let audits = hosts.iter().flat_map(|host| host.audits.clone()).collect();
                assert_eq!(by_filter(together.audits.clone()), by_filter(audits), "{name}: {what}");
            }
        }
    }
}

#[test]
fn a_limit_before_and_behind_authentication_is_one_block() {
    let mut block = limit("address", "pre-auth");
    let late = limit("consumer", "post-auth")["rate-limit"]["policies"][0].clone();
    let policies = block["rate-limit"]["policies"].as_array_mut().expect("a list");
    policies[0]["limit"] = json!(5);
    policies.push(late);
    policies[1]["name"] = json!("late");
    let policy = chain(&[auth(), block, strip(true)]);
    let mut host = host();
    let mut ask = |subject: &str| {
        let request = get("/api/x", &[("authorization", &token("USER", subject))]);
        let outcome = replay::run(&policy, &mut host, &request, &empty(), Heads::Wait);
        let field = outcome.headers.iter().find(|(name, _)| name == "ratelimit");
        (outcome.status, field.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default())
    };
    assert_eq!(ask("u"), (200, "\"all\";r=4;t=60, \"late\";r=2;t=60".to_owned()), "an answer tells of both");
    assert_eq!(ask("u").0, 200);
    assert_eq!(ask("u").0, 200);
    assert_eq!(ask("u").0, 429, "more than a consumer may");
    assert_eq!(ask("v").0, 200, "what the later limit refuses, the earlier one has counted");
    assert_eq!(ask("w").0, 429, "and then it is over for this address");
    // It runs before anything is verified.
    let refused = replay::run(&policy, &mut host, &get("/api/x", &[]), &empty(), Heads::Wait);
    assert_eq!((refused.status, refused.ending), (429, Ending::Reply("quota")));
}

/// A host that counts what it is asked.
struct Counting {
    host: MemoryHost,
    asked: Vec<String>,
}

impl Host for Counting {
    fn now_ms(&mut self) -> Option<u64> {
        self.asked.push("now".to_owned());
        self.host.now_ms()
    }
    fn attribute(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        self.asked.push(path.join("."));
        self.host.attribute(path)
    }
    fn leave(&mut self, name: &str, value: &[u8]) {
        self.asked.push(format!("leave {name}"));
        self.host.leave(name, value);
    }
    fn count(&mut self, counter: usize, by: u64) {
        // None of nothing reaches a host.
        if by > 0 {
            self.asked.push("count".to_owned());
        }
        self.host.count(counter, by);
    }
    fn audit(&mut self, audit: &Audit) {
        self.host.audit(audit);
    }
    fn slot(&mut self, key: &str) -> Option<Slot> {
        self.asked.push("slot".to_owned());
        self.host.slot(key)
    }
    fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written {
        self.asked.push("set slot".to_owned());
        self.host.set_slot(key, bytes, stamp)
    }
    fn call(&mut self, call: &Call<'_>) -> Option<CallId> {
        self.host.call(call)
    }
    fn verify(&mut self, check: &Check<'_>) -> Option<bool> {
        self.host.verify(check)
    }
}

#[test]
fn who_is_calling_goes_from_block_to_block_without_the_host() {
    let mut limits = limit("consumer", "post-auth");
    limits["rate-limit"]["policies"][0]["key"] = json!(["consumer", "address"]);
    let early = limit("address", "pre-auth")["rate-limit"]["policies"][0].clone();
    limits["rate-limit"]["policies"].as_array_mut().expect("a list").push(early);
    limits["rate-limit"]["policies"][1]["name"] = json!("early");
    let policy = chain(&[auth(), limits, strip(true)]);
    let mut host = Counting { host: host(), asked: Vec::new() };
    let request = || {
        let fields = [(":method", "GET"), (":path", "/api/x"), ("authorization", &token("USER", "u"))];
        crate::head::Head::new(super::fields(&fields), true)
    };
    // The first request agrees on the seed of the tables, and verifies.
    let _ = policy.open().request_head(&mut request(), &mut host);
    host.asked.clear();
    let mut exchange = policy.open();
    assert_eq!(exchange.request_head(&mut request(), &mut host), Step::Continue);
    let leave = format!("leave {FILTER_STATE}");
    let early = ["now", "source.address", "slot", "set slot", "count"];
    let late = [&leave, "count", "slot", "set slot", "count"];
    assert_eq!(std::mem::take(&mut host.asked), [early, late].concat(), "ARCHITECTURE.md has these");
    let fields = [(":status", "200"), ("content-type", "application/json")];
    let mut answer = crate::head::Head::new(super::fields(&fields), false);
    assert_eq!(exchange.response_head(&mut answer, &mut host), Step::Hold);
    assert_eq!(std::mem::take(&mut host.asked), ["response.code_details", "upstream.request_attempt_count"]);
    let chunk = Chunk { bytes: BODY.as_bytes(), end: true, head: HeadState::Held };
    assert_eq!(exchange.response_body(chunk, &mut Vec::new(), &mut host), Body::Replaced);
    assert!(host.asked.is_empty(), "{:?}", host.asked);
    exchange.done(&mut host);
    assert_eq!(host.asked, ["count", "count", "now"]);
    // The record in filter state says the same.
    let record = host.host.attributes.get(&[FILTER_STATE.to_owned()][..]).expect("left");
    let identity = Identity::from_record(record);
    assert_eq!((identity.subject.as_deref(), identity.roles), (Some("u"), vec!["USER".to_owned()]));
}

#[test]
fn a_forged_identity_in_filter_state_does_not_count_behind_jwt_auth() {
    let policy = chain(&[auth(), strip(true)]);
    let mut host = host();
    host.set_attribute(&[FILTER_STATE], br#"{"roles":["ADMIN"],"permissions":[]}"#);
    let request = get("/api/x", &[("authorization", &token("USER", "u"))]);
    let outcome = replay::run(&policy, &mut host, &request, &json_answer(BODY, 0), Heads::Wait);
    assert_eq!(outcome.body, br#"{"id":1,"list":[{"name":"x"}],"text":"cost"}"#);
    let public = replay::run(&policy, &mut host, &get("/public/x", &[]), &json_answer(BODY, 0), Heads::Wait);
    assert_eq!(public.status, 200);
}
