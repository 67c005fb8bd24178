//! What leaves: signed by any scheme that can be, and good for a gate that verifies it.

use super::delivery::SECRET;
use super::*;
use crate::webhook_verify::descriptor::{Format, Segment};
use crate::webhook_verify::sign::{Unsigned, is_signable};
use crate::webhook_verify::{Outgoing, presets};

const NOW_S: u64 = 1_767_225_600;
const BODY: &[u8] = br#"{"id":"evt-1","event":"fault.critical","type":"fault"}"#;

fn rule(more: &Value) -> Value {
    let mut rule = json!({
        "name": "out", "match": {"paths": ["/hooks/**"]},
        "schemes": [{"scheme": "portal", "secrets": [{"env": "S0"}]}],
    });
    for (name, value) in more.as_object().unwrap() {
        rule[name] = value.clone();
    }
    json!({"sign": [rule]})
}

fn by(schemes: &[(&str, usize)]) -> Value {
    let secrets = |count: usize| (0..count).map(|n| json!({"env": format!("S{n}")})).collect::<Value>();
    let schemes = schemes.iter().map(|&(scheme, count)| json!({"scheme": scheme, "secrets": secrets(count)}));
    rule(&json!({"schemes": schemes.collect::<Value>()}))
}

fn post_event(headers: &[(&str, &str)]) -> Request {
    let headers: Vec<_> = [("x-request-id", "request-1")].iter().chain(headers).copied().collect();
    post("/hooks/partner?x=1", &headers, BODY)
}

fn sent(gate: &mut Gate, request: &Request) -> Request {
    let outcome = gate.at(NOW_S).send(request);
    let forwarded = outcome.forwarded.clone().unwrap_or_else(|| panic!("{}: {outcome:?}", reason(&outcome)));
    let content = Content { headers: forwarded.headers, body: forwarded.body, ..Content::default() };
    Request { method: forwarded.method, path: forwarded.path, content }
}

#[test]
fn every_preset_that_can_be_signed_is_good_where_it_arrives() {
    let (mut signed, mut lacking) = (0, Vec::new());
    for name in presets::names() {
        let descriptor = presets::find(name).unwrap().unwrap();
        let secret = match descriptor.format {
            Format::Hex => "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
            Format::Base64 | Format::Whsec => "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            _ => SECRET,
        };
        let mut config = by(&[(name, 1)]);
        if !is_signable(&descriptor) {
            let error = Gate::try_new(&config, &[secret]).map(|_| ()).unwrap_err();
            assert!(error.starts_with("sign[0].schemes[0]"), "{name}: {error}");
            continue;
        }
        let mut more = json!({});
        if descriptor.signs_url() {
            more["base_url"] = json!("https://partner.example");
        }
        if descriptor.segments().any(|segment| matches!(segment, Segment::Setting(_))) {
            lacking.push(name);
            continue;
        }
        for (field, value) in more.as_object().unwrap() {
            config["sign"][0]["schemes"][0][field] = value.clone();
        }
        let mut gate = Gate::new(&config, &[secret]);
        let outcome = gate.at(NOW_S).send(&post_event(&[]));
        if reason(&outcome) == "unsigned" {
            // It signs a header or a parameter that this event does not have.
            assert_eq!((outcome.status, &outcome.forwarded), (400, &None), "{name}");
            lacking.push(name);
            continue;
        }
        let arrives = sent(&mut gate, &post_event(&[]));
        assert_eq!(arrives.content.body, BODY, "{name}");
        let mut receiver = Gate::new(&endpoint(&json!(name), 1, &more), &[secret]);
        let outcome = receiver.at(NOW_S + 1).send(&arrives);
        assert_eq!(reason(&outcome), "pass", "{name}: {arrives:?}");
        let mut other = arrives.clone();
        other.content.body.push(b' ');
        if descriptor.covers_body() {
            assert_eq!(receiver.send(&other).status, 401, "{name}");
        }
        signed += 1;
    }
    assert!(signed >= 40, "{signed} were signed, and {lacking:?} lack something");
}

/// The newer schemes: what the sender says that it has signed is what the receiver asks for, and every part of it counts.
#[test]
fn message_signatures_and_lists_of_fields_are_made_and_verified() {
    let (gate_of, secret) = (|config: &Value| Gate::new(config, &[SECRET]), json!([{"env": "S0"}]));
    let components =
        json!({"covered": ["@method", "content-digest", "content-type", "@query"], "label": "hook", "tag": "a\"b\\c"});
    let own = json!({
        "algorithm": "hmac-sha256", "signature": {"from": {"header": "signature"}, "style": {"components": components}},
    });
    let bodiless = json!({
        "algorithm": "hmac-sha256",
        "signature": {"from": {"header": "signature"}, "style": {"components": {"covered": ["@method", "@target-uri"]}}},
    });
    let url = json!({"base_url": "https://Partner.example:443/in"});
    for (scheme, more, written, signs_body) in [
        (json!("rfc9421-hmac-sha256"), &url, &["content-digest", "signature-input", "signature"][..], true),
        (own, &url, &["content-digest", "signature-input", "signature"], true),
        (bodiless, &url, &["signature-input", "signature"], false),
        (
            json!("contentful"),
            &json!({}),
            &["x-contentful-signature", "x-contentful-signed-headers", "x-contentful-timestamp"],
            true,
        ),
    ] {
        let mut config = rule(&json!({"schemes": [{"scheme": scheme, "secrets": secret}]}));
        for (field, value) in more.as_object().unwrap() {
            config["sign"][0]["schemes"][0][field] = value.clone();
        }
        // What the portal says itself is replaced.
        let event = post_event(&[
            ("content-type", "application/json"),
            ("content-digest", "sha-256=:AAAA:"),
            ("signature", "x"),
        ]);
        let arrives = sent(&mut gate_of(&config), &event);
        let receiver = |request: &Request| {
            let outcome = gate_of(&endpoint(&scheme, 1, more)).at(NOW_S + 1).send(request);
            reason(&outcome)
        };
        assert_eq!(receiver(&arrives), "pass", "{scheme}: {arrives:?}");
        for name in written {
            assert_eq!(field(&arrives.content.headers, name).len(), 1, "{scheme}: {name}");
            let mut without = arrives.clone();
            without.content.headers.retain(|(given, _)| given != name);
            assert_ne!(receiver(&without), "pass", "{scheme}: {name}");
        }
        let mut longer = arrives.clone();
        longer.content.body.push(b' ');
        assert_eq!(receiver(&longer) != "pass", signs_body, "{scheme}");
        let other = Request { path: "/hooks/partner?x=2".to_owned(), ..arrives.clone() };
        assert_eq!(receiver(&other), "mismatch", "{scheme}");
        let late = gate_of(&endpoint(&scheme, 1, more)).at(NOW_S + 400).send(&arrives);
        assert_eq!(reason(&late), "stale", "{scheme}");
        // By `lockgate webhook sign`, too.
        let sender = gate_of(&endpoint(&scheme, 1, more));
        let headers = [("content-type", "application/json")];
        let (method, target, body, now_ms) = ("POST", "/hooks/partner?x=1", BODY, NOW_S * 1000);
        let outgoing = Outgoing { method, target, headers: &headers, body, id: "", now_ms };
        let mut all: Vec<(String, String)> = sender.policy.sign("hook", &outgoing).unwrap();
        all.push(("content-type".to_owned(), "application/json".to_owned()));
        let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(receiver(&post(target, &all, BODY)), "pass", "{scheme}");
        // A covered field that is not there is not signed.
        if scheme.is_object() && signs_body {
            let outcome = gate_of(&config).at(NOW_S).send(&post_event(&[]));
            assert_eq!((outcome.status, reason(&outcome)), (400, "unsigned"));
        }
    }
    // Two in one request would be one field each.
    let two = json!([
        {"scheme": "rfc9421-hmac-sha256", "secrets": secret, "base_url": "https://a.example"},
        {"scheme": "rfc9421-hmac-sha256", "secrets": secret, "base_url": "https://a.example"},
    ]);
    let error = Gate::try_new(&rule(&json!({"schemes": two})), &[SECRET]).map(|_| ()).unwrap_err();
    assert!(error.starts_with("sign[0].schemes[1].scheme: writes `signature"), "{error}");
    // A private key would be needed.
    for name in ["rfc9421-ed25519", "truelayer", "braintree"] {
        assert!(!is_signable(&presets::find(name).unwrap().unwrap()), "{name}");
    }
    // Said of the scheme, not of what its deliveries would have in their bodies.
    let sender = Gate::new(&endpoint(&json!("braintree"), 1, &json!({})), &[SECRET]);
    let (method, target) = ("POST", "/hooks/partner");
    let outgoing = Outgoing { method, target, headers: &[], body: BODY, id: "", now_ms: NOW_S * 1000 };
    assert_eq!(sender.policy.sign("hook", &outgoing), Err(Unsigned::Scheme));
}

#[test]
fn several_schemes_say_one_id_and_one_time() {
    let mut gate = Gate::new(
        &by(&[("portal", 1), ("standard-webhooks", 2)]),
        &["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
    );
    // What was there is replaced.
    let arrives = sent(&mut gate, &post_event(&[("webhook-id", "theirs"), ("x-webhook-verified", "x")]));
    let headers = &arrives.content.headers;
    assert_eq!(field(headers, "webhook-id"), ["request-1"], "without random numbers, the correlation id");
    assert_eq!(field(headers, "x-webhook-id"), ["request-1"]);
    assert_eq!(field(headers, "webhook-timestamp"), ["1767225600"]);
    assert!(field(headers, "x-webhook-timestamp")[0].starts_with("2026-01-01T00:00:00"));
    assert_eq!(field(headers, "x-webhook-verified"), [""; 0]);
    assert_eq!(field(headers, "content-length"), [BODY.len().to_string()]);
    assert_eq!(field(headers, "webhook-signature")[0].split(' ').count(), 2, "by both secrets");
    for secret in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"] {
        let mut receiver = Gate::new(&endpoint(&json!("standard-webhooks"), 1, &json!({})), &[secret]);
        assert_eq!(reason(&receiver.at(NOW_S).send(&arrives)), "pass");
    }
    assert_eq!(gate.counter("sign.out.signed"), 1);
}

#[test]
fn the_portal_may_name_the_event() {
    let mut config = by(&[("standard-webhooks", 1)]);
    config["sign"][0]["id_from"] = json!("X-Event-Id");
    let mut gate = Gate::new(&config, &["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
    let arrives = sent(&mut gate, &post_event(&[("x-event-id", "evt-7")]));
    assert_eq!(field(&arrives.content.headers, "webhook-id"), ["evt-7"]);
    for headers in
        [&[][..], &[("x-event-id", "")], &[("x-event-id", "a.b")], &[("x-event-id", "a"), ("x-event-id", "a")]]
    {
        let outcome = gate.send(&post_event(headers));
        assert_eq!((outcome.status, reason(&outcome), &outcome.forwarded), (400, "unsigned", &None), "{headers:?}");
    }
    assert_eq!(gate.counter("sign.out.refused"), 4);
    assert_eq!(gate.counter("unsigned"), 4);
}

#[test]
fn what_cannot_be_signed_does_not_leave() {
    let config = rule(&json!({"max_body_bytes": 10}));
    let mut gate = Gate::new(&config, &[SECRET]);
    let long = gate.at(NOW_S).send(&post_event(&[]));
    assert_eq!((long.status, &long.forwarded), (413, &None));
    let mut no_clock = Gate::new(&rule(&json!({})), &[SECRET]);
    let outcome = no_clock.send(&post_event(&[]));
    assert_eq!((outcome.status, &outcome.forwarded), (503, &None));
    let past = json!([{"scheme": "portal", "secrets": [{"env": "S0", "not_after": NOW_S - 1}]}]);
    let mut past = Gate::new(&rule(&json!({"schemes": past})), &[SECRET]);
    let outcome = past.at(NOW_S).send(&post_event(&[]));
    assert_eq!((outcome.status, reason(&outcome), &outcome.forwarded), (503, "no_secret", &None));
}

#[test]
fn nothing_goes_on_where_heads_cannot_be_held() {
    for config in [rule(&json!({})), endpoint(&json!("portal"), 1, &json!({}))] {
        let mut gate = Gate::new(&config, &[SECRET]);
        gate.at(NOW_S);
        let mut leaves = Gate::new(&rule(&json!({})), &[SECRET]);
        let request = sent(&mut leaves, &post_event(&[]));
        let outcome = replay::run(&gate.policy, &mut gate.host, &request, &gate.answer, Heads::GoOn);
        assert_eq!((outcome.status, reason(&outcome), &outcome.forwarded), (503, "not_held", &None), "{config}");
    }
}

#[test]
fn a_wrong_rule_is_named() {
    let scheme = |name: &str| json!({"scheme": name, "secrets": [{"env": "S0"}]});
    let two = json!({"sign": [rule(&json!({}))["sign"][0], rule(&json!({}))["sign"][0]]});
    let mut covered = two.clone();
    covered["sign"][1]["name"] = json!("b");
    for (config, want) in [
        (json!({"sign": []}), "sign: is empty"),
        (rule(&json!({"schemes": []})), "sign[0].schemes: must have 1..=4 entries"),
        (rule(&json!({"schemes": [scheme("discord")]})), "sign[0].schemes[0]"),
        (
            rule(&json!({"schemes": [scheme("portal"), scheme("portal-sha1")]})),
            "sign[0].schemes[1].scheme: writes `x-webhook-signature`",
        ),
        (rule(&json!({"id_from": "a b"})), "sign[0].id_from: is no name of a header"),
        (rule(&json!({"name": "a b"})), "sign[0].schemes[0].name"),
        (
            rule(&json!({"schemes": [{"scheme": "portal", "secrets": [{"env": "GONE"}]}]})),
            "sign[0].schemes[0].secrets[0].env: names a variable",
        ),
        (two, "sign[1].name: is already that of sign[0]"),
        (covered, "sign[1].match: can never match"),
    ] {
        let error = Gate::try_new(&config, &[SECRET]).map(|_| ()).unwrap_err();
        assert!(error.starts_with(want), "{want}: {error}");
    }
}

#[test]
fn a_short_secret_is_warned_about() {
    for (secret, want) in [(SECRET, 0), ("short", 1)] {
        let findings = Gate::new(&by(&[("portal", 1)]), &[secret]).policy.findings();
        assert_eq!(findings.len(), want, "{findings:?}");
        assert!(findings.iter().all(|finding| finding.warning && finding.path == "sign[0].schemes[0].secrets[0]"));
    }
}
