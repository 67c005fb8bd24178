//! A webhook through the whole chain: verified by its body before any other block sees it.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::configuration::{jwt, limit};
use super::{empty, fields};
use crate::chain::{MAX_KEPT_BODY_BYTES, Policy};
use crate::exchange::{Asks, Body, Chunk, Exchange as _, HeadState, Part, Policy as _, Side, Step};
use crate::head::Head;
use crate::replay::{self, Content, Ending, Heads, MemoryHost, Outcome, Request};

const SECRET: &str = "TopSecret-0123456789-0123456789-0123456789";
const BODY: &[u8] = br#"{"event":"x","cost":5,"id":1}"#;
const NOW_S: u64 = 1_700_000_000;

fn hooks() -> Value {
    json!({"webhook-verify": {"endpoints": [
        {"name": "partner", "match": {"paths": ["/hooks/partner"]}, "scheme": "github", "secrets": [{"env": "SECRET"}]}
    ]}})
}

fn auth(endpoint: &str) -> Value {
    jwt(&json!([
        {"name": "hook", "match": {"paths": ["/hooks/**"], "methods": ["POST"]}, "webhook": endpoint},
        {"name": "api", "match": {"paths": ["/api/**"]}, "require": {}},
    ]))
}

fn strip() -> Value {
    json!({"revenue-strip": {"rules": [
        {"name": "in", "match": {"paths": ["/hooks/**"]}, "names": ["cost"], "action": "remove", "direction": "request"}
    ]}})
}

fn read(blocks: &[Value]) -> Result<Policy, String> {
    let variables = BTreeMap::from([("SECRET".to_owned(), SECRET.to_owned())]);
    let text = json!({ "chain": blocks }).to_string();
    Policy::read(text.as_bytes(), &variables).map_err(|error| error.to_string())
}

fn deliver(policy: &Policy, host: &mut MemoryHost, path: &str, signed: &[u8], chunk: usize) -> Outcome {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    mac.update(signed);
    let tag: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = fields(&[
        ("content-type", "application/json"),
        ("x-hub-signature-256", &format!("sha256={tag}")),
        ("x-webhook-verified", "partner"),
        ("lockgate.webhook", "partner"),
    ]);
    let content = Content { headers, body: BODY.to_vec(), chunk, ..Content::default() };
    let request = Request { method: "POST".to_owned(), path: path.to_owned(), content };
    replay::run(policy, host, &request, &empty(), Heads::Wait)
}

fn host() -> MemoryHost {
    let mut host = MemoryHost { now_ms: Some(NOW_S * 1000), ..MemoryHost::default() };
    host.set_attribute(&["source", "address"], b"192.0.2.1:1234");
    host
}

#[test]
fn a_good_one_passes_all_blocks_and_a_forged_one_none() {
    let policy = read(&[hooks(), auth("partner"), limit("address", "post-auth"), strip()]).expect("a good chain");
    for chunk in [0, 1, 7, 28] {
        let mut host = host();
        policy.start(&mut host);
        let outcome = deliver(&policy, &mut host, "/hooks/partner", BODY, chunk);
        assert_eq!((&outcome.ending, outcome.status), (&Ending::Pass, 200), "chunk {chunk}");
        let sent = outcome.forwarded.expect("it went on");
        assert_eq!(sent.body, br#"{"event":"x","id":1}"#, "stripped when it was verified");
        let verified: Vec<_> = sent.headers.iter().filter(|(name, _)| name == "x-webhook-verified").collect();
        assert_eq!(verified, [&("x-webhook-verified".to_owned(), b"partner".to_vec())]);
        let by: Vec<(&str, &str)> = host.audits.iter().map(|audit| (audit.filter, audit.outcome)).collect();
        assert_eq!(&by[..2], [("webhook_verify", "verified"), ("jwt_auth", "webhook")]);

        let mut host = self::host();
        policy.start(&mut host);
        let outcome = deliver(&policy, &mut host, "/hooks/partner", b"another", chunk);
        assert_eq!((&outcome.status, outcome.forwarded.is_none()), (&401, true), "chunk {chunk}");
        assert!(host.audits.iter().all(|audit| audit.filter == "webhook_verify"), "nobody behind it was asked");
    }
    // A path of no endpoint: jwt-auth has no record.
    let outcome = deliver(&policy, &mut host(), "/hooks/other", BODY, 0);
    assert_eq!((&outcome.ending, outcome.status), (&Ending::Reply("no_webhook"), 401));
    // A head that was not held.
    let mut forged = host();
    let content = Content { body: BODY.to_vec(), ..Content::default() };
    let request = Request { method: "POST".to_owned(), path: "/hooks/partner".to_owned(), content };
    let outcome = replay::run(&policy, &mut forged, &request, &empty(), Heads::GoOn);
    assert!(matches!(outcome.ending, Ending::Reply(_)) && outcome.status != 200, "{outcome:?}");
}

#[test]
fn what_is_signed_is_not_edited_afterwards() {
    let signing = json!({"webhook-verify": {"sign": [{
        "name": "out", "match": {"paths": ["/hooks/**"]}, "schemes": [{"scheme": "portal", "secrets": [{"env": "SECRET"}]}]
    }]}});
    let strip = |direction: &str, mode: &str| {
        let mut strip = strip();
        strip["revenue-strip"]["identity"] = json!({"trusted_header": {"roles": "x-roles"}});
        // The one that matters is not the first.
        let mut second = strip["revenue-strip"]["rules"][0].clone();
        strip["revenue-strip"]["rules"][0]["direction"] = json!("response");
        second["name"] = json!("second");
        second["direction"] = json!(direction);
        second["mode"] = json!(mode);
        strip["revenue-strip"]["rules"].as_array_mut().expect("rules").push(second);
        strip
    };
    let message = read(&[signing.clone(), strip("request", "enforce")]).map(drop).expect_err("edited");
    assert!(
        message.starts_with(
            "chain[0].webhook-verify.sign: signs request bodies that chain[1].revenue-strip.rules[1].direction edits afterwards"
        ),
        "{message}"
    );
    let further = [signing.clone(), limit("address", "post-auth"), strip("request", "enforce")];
    let message = read(&further).map(drop).expect_err("edited");
    assert!(message.contains("that chain[2].revenue-strip.rules[1].direction edits"), "{message}");
    for blocks in [
        vec![strip("request", "enforce"), signing.clone()],
        vec![signing.clone(), strip("response", "enforce")],
        vec![signing.clone(), strip("request", "shadow")],
        // What is verified may be edited.
        vec![hooks(), strip("request", "enforce")],
    ] {
        assert_eq!(read(&blocks).map(drop), Ok(()), "{blocks:?}");
    }
}

#[test]
fn a_shared_limit_behind_it_does_not_wait() {
    for (on_error, want) in [("local", 200), ("allow", 200), ("deny", 503)] {
        let mut limit = limit("address", "post-auth");
        limit["rate-limit"]["shared"] = json!({"cluster": "limits", "domain": "d", "on_error": on_error});
        for chunk in [0, 7] {
            let policy = read(&[hooks(), limit.clone()]).expect("a good chain");
            let mut host = host();
            policy.start(&mut host);
            let outcome = deliver(&policy, &mut host, "/hooks/partner", BODY, chunk);
            assert_eq!(outcome.status, want, "{on_error}, chunk {chunk}: {outcome:?}");
            if on_error == "deny" {
                assert_eq!(outcome.ending, Ending::Reply("no_service"));
            }
            let unmeasured = host.audits.iter().any(|audit| audit.outcome == "unmeasured");
            assert_eq!(unmeasured, on_error == "allow");
            // It was wished for: the next one may find a lease.
            policy.tick(&mut host);
            assert_eq!(host.calls.len(), 1, "{on_error}");
        }
    }
}

#[test]
fn no_copy_is_kept_where_nobody_behind_it_wants_the_body() {
    let strip_answers = json!({"revenue-strip": {"rules": [
        {"name": "out", "match": {"paths": ["/hooks/**"]}, "names": ["cost"], "action": "remove"}
    ]}});
    for (behind, keeps) in [
        (vec![], false),
        (vec![auth("partner"), limit("address", "post-auth")], false),
        (vec![auth("partner"), strip_answers], false),
        (vec![auth("partner"), strip()], true),
    ] {
        let policy = read(&[vec![hooks()], behind].concat()).expect("a good chain");
        let (mut host, mut exchange) = (host(), policy.open());
        policy.start(&mut host);
        let forged = format!("sha256={}", "0".repeat(64));
        let head = fields(&[(":method", "POST"), (":path", "/hooks/partner"), ("x-hub-signature-256", &forged)]);
        assert_eq!(exchange.request_head(&mut Head::new(head, false), &mut host), Step::Hold);
        let chunk = Chunk { bytes: BODY, end: false, head: HeadState::Held };
        assert_eq!(exchange.request_body(chunk, &mut Vec::new(), &mut host), Body::Hold);
        assert_eq!(policy.0.kept_bytes.get(), if keeps { BODY.len() } else { 0 }, "{policy:?}");
    }
}

#[test]
fn endpoints_and_rules_must_belong_together() {
    for (blocks, want) in [
        (
            vec![auth("partner"), hooks()],
            "chain[0].jwt-auth.access.rules[0].webhook: asks for `lockgate.webhook`, which chain[1].webhook-verify leaves",
        ),
        (
            vec![hooks(), auth("other")],
            "chain[1].jwt-auth.access.rules[0].webhook: `other` is never left by chain[0].webhook-verify; write one of partner",
        ),
    ] {
        let message = read(&blocks).map(drop).expect_err(want);
        assert!(message.starts_with(want), "{message}");
    }
    // Verified by a filter before the chain.
    assert!(read(&[auth("partner")]).is_ok());
}

#[test]
fn what_could_never_be_kept_is_refused_with_its_block() {
    let long = |bytes: u32| {
        let mut hooks = hooks();
        hooks["webhook-verify"]["endpoints"][0]["max_body_bytes"] = json!(bytes);
        hooks
    };
    let most = u32::try_from(MAX_KEPT_BODY_BYTES).expect("it fits");
    let why = read(&[long(most + 1), auth("partner"), strip()]).expect_err("longer than is kept");
    let want = "chain[0].webhook-verify.endpoints[0].max_body_bytes: is 8388609, and no more than 8388608 bytes are kept of a body \
                for chain[2].revenue-strip, which takes requests' bodies behind this block; lower it";
    assert_eq!(why, want);
    read(&[long(most), auth("partner"), strip()]).expect("as long as is kept");
    read(&[long(most + 1), auth("partner")]).expect("nobody takes bodies behind it");
    read(&[auth("partner"), long(most + 1)]).expect_err("behind what asks for it");
}

#[test]
fn a_chain_asks_for_what_its_blocks_ask_for() {
    let out = json!({"revenue-strip": {"rules": [
        {"name": "out", "match": {"paths": ["/api/**"]}, "names": ["cost"], "action": "remove"}
    ]}});
    let mut removing = limit("address", "post-auth");
    removing["rate-limit"]["headers"] = json!({"others": "remove"});
    let rows = [
        (vec![hooks(), auth("partner"), out.clone()], Asks::Status),
        // It writes fields, and reads none.
        (vec![hooks(), auth("partner"), limit("address", "post-auth"), out.clone()], Asks::Status),
        (vec![hooks(), auth("partner"), removing, out], Asks::All),
    ];
    for (blocks, asks) in rows {
        let policy = read(&blocks).expect("a good chain");
        let mut host = host();
        policy.start(&mut host);
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
        mac.update(BODY);
        let tag: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut head = Head::new(
            fields(&[
                (":method", "POST"),
                (":path", "/hooks/partner"),
                ("content-type", "application/json"),
                ("x-hub-signature-256", &format!("sha256={tag}")),
            ]),
            false,
        );
        let mut exchange = policy.open();
        assert_eq!(exchange.request_head(&mut head, &mut host), Step::Hold);
        let chunk = Chunk { bytes: BODY, end: true, head: HeadState::Held };
        assert_eq!(exchange.request_body(chunk, &mut Vec::new(), &mut host), Body::Unchanged);
        assert!(exchange.wants(Side::Response, Part::Head));
        assert_eq!(exchange.asks(), asks);
    }
}
