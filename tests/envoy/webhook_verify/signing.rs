//! What leaves: signed on its way, and verified by code that is none of ours.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use lockgate_envoy_tests::gate::rules;
use lockgate_envoy_tests::{Answer, Gate, Received, Request, Setup, Signal, Upstream, cases};
use lockgate_harness::Workspace;
use lockgate_harness::tools::{Pin, pip_package};
use serde_json::{Value, json};

use super::{SECRET, assert_taken, assert_well, event, now_s, tag};

const HOOK: &str = "/hooks/partner";
/// `whsec_` and base64 of 24 bytes.
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The one after it.
const WHSEC_NEXT: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn signer(fields: &Value) -> Value {
    let mut signer = json!({
        "name": "partner", "match": {"paths": ["/hooks/**"], "methods": ["POST"]},
        "schemes": [
            {"scheme": "portal", "secrets": [{"env": "HOOK_SECRET"}]},
            {"scheme": "standard-webhooks", "secrets": [{"env": "WHSEC"}, {"env": "WHSEC_NEXT"}]},
            {"scheme": "slack", "secrets": [{"env": "HOOK_SECRET"}]},
        ],
    });
    for (name, value) in fields.as_object().unwrap() {
        signer[name] = value.clone();
    }
    json!({"sign": [signer]})
}

/// With secrets, before a partner that takes everything at [`HOOK`].
fn setup(partner: &Upstream) -> Setup {
    partner.on(HOOK, Answer::ok("text/plain", "taken"));
    Setup::new(partner).variable("HOOK_SECRET", SECRET).variable("WHSEC", WHSEC).variable("WHSEC_NEXT", WHSEC_NEXT)
}

/// Once, and again when the partner answers 5xx.
fn retried() -> Vec<Value> {
    let policy = json!({
        "retry_on": "5xx", "num_retries": 3,
        "retry_back_off": {"base_interval": "0.01s", "max_interval": "0.05s"},
    });
    vec![json!({"match": {"prefix": "/"}, "route": {"cluster": "portal", "timeout": "30s", "retry_policy": policy}})]
}

/// What the two libraries say of a delivery, each for itself: nothing when it is good.
fn verdicts(received: &Received) -> Vec<String> {
    let python = |pin: &Pin| pip_package(&Workspace::locate().unwrap(), pin, &|line| eprintln!("{line}")).unwrap();
    let folders: Vec<PathBuf> = vec![python(&STANDARD_WEBHOOKS), python(&SLACK_SDK)];
    let folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    let headers: serde_json::Map<String, Value> = received
        .headers
        .iter()
        .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into()))
        .collect();
    let body = String::from_utf8(received.body.clone()).unwrap();
    let asked = json!({"headers": headers, "body": body, "whsec": [WHSEC, WHSEC_NEXT], "slack": SECRET}).to_string();
    let mut child = Command::new("python3")
        .args(["-c", VERIFY])
        .env("PYTHONPATH", folders.join(":"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It reads all before it writes anything.
    child.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn assert_good(received: &Received) {
    assert_eq!(verdicts(received), [] as [String; 0], "{received:#?}");
    let signature = received.header("x-webhook-signature");
    assert_eq!(signature, Some(format!("sha256={}", tag(SECRET, &received.body))), "{received:#?}");
}

#[test]
fn other_code_takes_what_is_signed_here_and_nothing_that_was_changed() {
    let partner = Upstream::start();
    let gate = setup(&partner).webhooks(&signer(&json!({}))).start();
    let bodies = [("small", event(1)), ("empty", String::new()), ("large", event(2).repeat(2000))];
    cases::each(bodies, |name, body| {
        for chunked in [false, true] {
            partner.forget();
            let request = Request::new("POST", HOOK).header("content-type", "application/json");
            let request = if chunked { request.chunked(&body, 777) } else { request.body(&body) };
            // What a portal writes there by mistake is replaced.
            assert_taken(&gate.ask(&request.header("webhook-signature", "v1,x").header("x-webhook-id", "mine")));
            let received = partner.last(HOOK);
            assert!(received.body == body.as_bytes(), "{name}");
            assert_eq!(received.header("content-length"), Some(body.len().to_string()), "{name}, chunked: {chunked}");
            assert_good(&received);
            let id = received.header("webhook-id").unwrap();
            assert!(id.starts_with("msg_") && id.len() == 36, "{id}");
            assert_eq!(received.header("x-webhook-id"), Some(id));
            let time: u64 = received.header("webhook-timestamp").unwrap().parse().unwrap();
            assert!(now_s().abs_diff(time) < 60, "{time}");
            // The same moment, to the millisecond.
            let exact = received.header("x-webhook-timestamp").unwrap();
            assert!(exact.starts_with(super::rfc3339(time).trim_end_matches('Z')) && exact.ends_with('Z'), "{exact}");
            let mut changed = received.clone();
            changed.body.push(b' ');
            assert_eq!(verdicts(&changed).len(), 3, "two of one library, one of the other");
        }
    });
    assert_eq!(gate.count_webhooks(|name| name == "sign.partner.signed"), 6);
    assert_well(&gate);
}

#[test]
fn no_revenue_field_is_in_what_is_signed() {
    let partner = Upstream::start();
    let rule = json!({"name": "sync", "match": {"paths": ["/hooks/**"]}, "direction": "request", "action": "remove"});
    let gate = setup(&partner).strip(&rules(&[rule])).webhooks(&signer(&json!({}))).start();
    let body = r#"{"event":"parts.low_stock","data":{"part":7,"unit_cost":12.5,"profit_margin":0.3}}"#;
    for request in [
        Request::post_json(HOOK, body),
        Request::new("POST", HOOK).header("content-type", "application/json").chunked(body, 9),
    ] {
        partner.forget();
        assert_taken(&gate.ask(&request));
        let received = partner.last(HOOK);
        assert_eq!(String::from_utf8_lossy(&received.body), r#"{"event":"parts.low_stock","data":{"part":7}}"#);
        assert_good(&received);
    }
    assert_well(&gate);
}

#[test]
fn the_id_and_the_signature_are_the_same_each_time_that_it_is_tried() {
    let partner = Upstream::start();
    let gate = setup(&partner).routes(retried()).webhooks(&signer(&json!({}))).start();
    let received = tried_twice(&gate, &partner, Request::post_json(HOOK, event(1)));
    let [first, second] = &received[..] else { panic!("{received:#?}") };
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature", "x-webhook-signature"] {
        assert_eq!(first.header(name), second.header(name), "{name}");
    }
    received.iter().for_each(assert_good);
    assert_well(&gate);
}

/// The partner answers 503 first, and takes it then.
fn tried_twice(gate: &Gate, partner: &Upstream, request: Request) -> Vec<Received> {
    let signal = Signal::new();
    partner.on(
        HOOK,
        Answer::default().wait(&signal).send("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"),
    );
    let mut client = gate.connect();
    client.send(&request);
    partner.last(HOOK);
    partner.on(HOOK, Answer::ok("text/plain", "taken"));
    signal.give();
    assert_taken(&client.response("POST"));
    partner.received(HOOK)
}

#[test]
fn an_id_of_the_portal_is_kept_and_must_be_one() {
    let partner = Upstream::start();
    let gate = setup(&partner).webhooks(&signer(&json!({"id_from": "x-event-id"}))).start();
    let post = || Request::post_json(HOOK, event(1));
    assert_taken(&gate.ask(&post().header("x-event-id", "evt-77")));
    let received = partner.last(HOOK);
    assert_eq!(received.header("webhook-id").as_deref(), Some("evt-77"));
    assert_good(&received);
    for request in [
        post(),
        post().header("x-event-id", "a.b"),
        post().header("x-event-id", "a b"),
        post().header("x-event-id", "x".repeat(257)),
        post().header("x-event-id", "a").header("x-event-id", "b"),
    ] {
        gate.ask(&request).problem(400);
    }
    assert_eq!(partner.all().len(), 1);
    assert_eq!(gate.count_webhooks(|name| name == "sign.partner.refused"), 5);
    assert_well(&gate);
}

#[test]
fn what_is_too_long_does_not_leave() {
    let partner = Upstream::start();
    let gate = setup(&partner).webhooks(&signer(&json!({"max_body_bytes": 1000}))).start();
    let body = "x".repeat(1001);
    gate.ask(&Request::new("POST", HOOK).body(&body)).problem(413);
    gate.ask(&Request::new("POST", HOOK).chunked(&body, 100)).problem(413);
    assert!(partner.all().is_empty());
    assert_taken(&gate.ask(&Request::new("POST", HOOK).chunked(&body[1..], 100)));
    assert_well(&gate);
}

#[test]
fn a_filter_of_the_cluster_signs_each_attempt_anew() {
    let partner = Upstream::start();
    // Envoy's id of the request is the same for all attempts.
    let fields = json!({"id_from": "x-request-id"});
    let gate = setup(&partner).routes(retried()).webhooks(&signer(&fields)).upstream().start();
    for request in [Request::post_json(HOOK, event(1)), Request::new("POST", HOOK).chunked(event(2), 7)] {
        partner.forget();
        let received = tried_twice(&gate, &partner, request);
        assert_eq!(received.len(), 2, "{received:#?}");
        received.iter().for_each(assert_good);
        assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
        assert_eq!(received[0].header("webhook-id"), received[0].header("x-request-id"));
    }
    // Each attempt came to the filter. Where its counters stand among those of a cluster depends on the Envoy.
    let stats = gate.envoy.stats("").unwrap();
    let signed = stats.iter().filter(|(name, _)| name.ends_with("lockgate.webhook_verify.sign.partner.signed"));
    assert_eq!(signed.map(|(_, value)| value).sum::<u64>(), 4);
    assert_well(&gate);
}

#[test]
fn a_partner_that_is_away_is_left_alone() {
    let partner = Upstream::start();
    let gate = setup(&partner).dead_portal().webhooks(&signer(&json!({}))).start();
    assert_eq!(gate.ask(&Request::post_json(HOOK, event(1))).status, 503);
    assert!(partner.all().is_empty());
    assert_well(&gate);
}

/// The reference implementation, by the Standard Webhooks project (MIT).
const STANDARD_WEBHOOKS: Pin = Pin {
    name: "standardwebhooks",
    version: "1.1.0",
    sha256: &["9a88d48a1f198be61517fc7ad328cf58ba02b73f0fbd8941d4213e9c0b6c2a61"],
};

/// Slack's own (MIT).
const SLACK_SDK: Pin = Pin {
    name: "slack_sdk",
    version: "3.48.0",
    sha256: &["1213726e5b8015eeded608fcb3665c4e9b48af7f7f383ecc1b90af886d6aaa03"],
};

const VERIFY: &str = r#"
import json, sys
from slack_sdk.signature import SignatureVerifier
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
asked = json.load(sys.stdin)
bad = []
for secret in asked["whsec"]:
    try:
        Webhook(secret).verify(asked["body"], asked["headers"], json_parse=False)
    except WebhookVerificationError as error:
        bad.append(f"standardwebhooks: {error}")
if not SignatureVerifier(asked["slack"]).is_valid_request(asked["body"], asked["headers"]):
    bad.append("slack_sdk")
print(json.dumps(bad))
"#;
