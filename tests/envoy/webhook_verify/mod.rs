//! webhook-verify, rule by rule. Signatures are made here, by other code than the filter's.

mod bodies;
mod challenges;
mod example;
mod forged;
mod handed;
mod load;
mod replay;
mod signing;
mod unheld;

use std::time::{SystemTime, UNIX_EPOCH};

use lockgate_envoy_tests::webhook::{rfc3339, tag};
use lockgate_envoy_tests::{Answer, End, Gate, Request, Response, Setup, Upstream};
use serde_json::{Value, json};

const SECRET: &str = "the secret of the maintenance portal";
const PATH: &str = "/api/onboarding/webhooks/maintenance";

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "deliveries of tests are made now")]
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// An event; another number is another delivery.
fn event(number: u32) -> String {
    format!(
        r#"{{"id":"evt-{number}","timestamp":"2026-03-02T06:00:00Z","event":"fault.critical","data":{{"entityId":{number}}}}}"#
    )
}

/// A delivery in the portals' format, without its body.
fn signed(path: &str, secret: &str, body: &[u8], at_s: u64) -> Request {
    Request::new("POST", path)
        .header("content-type", "application/json")
        .header("x-webhook-signature", format!("sha256={}", tag(secret, body)))
        .header("x-webhook-id", "evt-1")
        .header("x-webhook-timestamp", rfc3339(at_s))
}

/// A good delivery.
fn delivery(body: impl AsRef<[u8]>) -> Request {
    signed(PATH, SECRET, body.as_ref(), now_s()).body(body)
}

/// One endpoint in the portals' format, with more fields.
fn endpoint(fields: &Value) -> Value {
    let mut endpoint = json!({
        "name": "maintenance", "match": {"paths": [PATH]}, "scheme": "portal", "secrets": [{"env": "HOOK_SECRET"}],
    });
    for (name, value) in fields.as_object().unwrap() {
        endpoint[name] = value.clone();
    }
    endpoint
}

fn endpoints(endpoints: &[Value]) -> Value {
    json!({ "endpoints": endpoints })
}

/// In front of a portal that takes everything at [`PATH`], with that endpoint.
fn setup(upstream: &Upstream, fields: &Value) -> Setup {
    upstream.on(PATH, Answer::ok("text/plain", "taken"));
    Setup::new(upstream).variable("HOOK_SECRET", SECRET).webhooks(&endpoints(&[endpoint(fields)]))
}

#[track_caller]
fn assert_taken(response: &Response) {
    assert_eq!((response.status, response.text().as_str(), response.end), (200, "taken", End::Complete), "{response}");
}

/// The one answer to all that is wrong with a signature.
#[track_caller]
fn assert_unauthorized(response: &Response) {
    let problem = response.problem(401);
    assert_eq!(problem["title"], "Unauthorized", "{response}");
    assert_eq!(problem.get("detail"), None, "{response}");
    assert_eq!(response.header("www-authenticate").as_deref(), Some("Webhook"), "{response}");
}

/// Envoy has not so much as connected to the portal.
#[track_caller]
fn assert_portal_untouched(gate: &Gate, upstream: &Upstream) {
    assert!(upstream.all().is_empty(), "{:#?}", upstream.all());
    for counter in ["upstream_rq_total", "upstream_cx_total"] {
        assert_eq!(gate.envoy.counter(&format!("cluster.portal.{counter}")).unwrap(), 0, "{counter}");
    }
}

/// No VM was lost, and neither a secret nor a signature stands in the log.
#[track_caller]
fn assert_well(gate: &Gate) {
    let log = gate.envoy.log();
    for word in ["[critical]", SECRET, "sha256="] {
        assert!(!log.contains(word), "{word}: {log}");
    }
}

#[test]
fn times_are_written_as_they_are_read() {
    for (unix_s, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_767_225_599, "2025-12-31T23:59:59Z"),
    ] {
        assert_eq!(rfc3339(unix_s), text);
    }
}
