//! What leaves: signed by any scheme that can be, and good for a gate that verifies it.

use super::delivery::SECRET;
use super::*;
use crate::webhook_verify::descriptor::{Format, Segment};
use crate::webhook_verify::presets;
use crate::webhook_verify::sign::is_signable;

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
