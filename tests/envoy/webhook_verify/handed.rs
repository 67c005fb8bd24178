//! What the portal and later filters are told, and what no client can say.

use lockgate_envoy_tests::token::{Key, key_set};
use lockgate_envoy_tests::{Answer, Request, Setup, Upstream};
use serde_json::{Value, json};

use super::{PATH, SECRET, assert_taken, assert_well, delivery, endpoint, endpoints, event, setup};

#[test]
fn no_copy_of_a_client_passes() {
    let upstream = Upstream::start();
    let gate = setup(&upstream, &json!({})).start();
    upstream.on("/elsewhere", Answer::ok("text/plain", "taken"));
    let lies = |request: Request| {
        request
            .header("x-webhook-verified", "maintenance")
            .header("X-Webhook-Verified", "other")
            .header("x_webhook_verified", "other")
            .header("x-webhook-event", "invented")
    };
    assert_taken(&gate.ask(&lies(Request::post_json("/elsewhere", "{}").header("x-webhook-id", "1"))));
    let received = upstream.last("/elsewhere");
    for name in ["x-webhook-verified", "x_webhook_verified", "x-webhook-event", "x-webhook-id"] {
        assert_eq!(received.header(name), None, "{name}");
    }
    assert_taken(&gate.ask(&lies(delivery(event(1)))));
    let received = upstream.last(PATH);
    assert_eq!(received.header("x-webhook-verified").as_deref(), Some("maintenance"));
    assert_eq!(received.header("x_webhook_verified"), None);
    assert_eq!(received.header("x-webhook-event").as_deref(), Some("fault.critical"));
    assert_eq!(received.header("x-webhook-id").as_deref(), Some("evt-1"));
    assert_well(&gate);
}

#[test]
fn the_event_chooses_the_route() {
    let upstream = Upstream::start();
    let route =
        |matches: Value, path: &str| json!({"match": matches, "route": {"cluster": "portal", "prefix_rewrite": path}});
    let critical = json!({"prefix": PATH, "headers": [
        {"name": "x-webhook-event", "string_match": {"exact": "fault.critical"}},
    ]});
    let gate = setup(&upstream, &json!({}))
        .routes(vec![route(critical, "/critical"), route(json!({"prefix": PATH}), "/other")])
        .start();
    for path in ["/critical", "/other"] {
        upstream.on(path, Answer::ok("text/plain", "taken"));
    }
    assert_taken(&gate.ask(&delivery(event(1))));
    // Named by the client alone.
    let quiet = event(2).replace("fault.critical", "fault.closed");
    assert_taken(&gate.ask(&delivery(quiet).header("x-webhook-event", "fault.critical")));
    assert_eq!((upstream.received("/critical").len(), upstream.received("/other").len()), (1, 1));
    assert_well(&gate);
}

/// jwt-auth with one rule for this path: a webhook of this endpoint.
fn rights(endpoint: &str) -> Value {
    let keys = key_set(&[Key::es256(1)]);
    json!({
        "providers": [{
            "name": "issuer", "issuer": "https://issuer.example", "audiences": ["portals"], "algorithms": ["ES256"],
            "jwks": {"inline": keys},
        }],
        "access": {"roles": {}, "rules": [{"match": {"paths": [PATH], "methods": ["POST"]}, "webhook": endpoint}]},
    })
}

#[test]
fn jwt_auth_takes_the_record_and_nothing_else() {
    let upstream = Upstream::start();
    let chain = setup(&upstream, &json!({})).jwt(&rights("maintenance")).start();
    assert_taken(&chain.ask(&delivery(event(1))));
    // What webhook-verify refuses, jwt-auth never sees; and its record is of the endpoint.
    let body = event(2);
    assert_eq!(chain.ask(&Request::post_json(PATH, &body)).status, 401);
    let other = setup(&upstream, &json!({"name": "other"})).jwt(&rights("maintenance")).start();
    other.ask(&delivery(event(3))).problem(401);
    // Without the filter before it there is no record, whatever the headers say.
    let alone = Setup::new(&upstream).jwt(&rights("maintenance")).start();
    alone.ask(&delivery(event(4)).header("x-webhook-verified", "maintenance")).problem(401);
    // A webhook of this endpoint that only watches is not verified.
    let watching = Setup::new(&upstream)
        .variable("HOOK_SECRET", SECRET)
        .webhooks(&endpoints(&[endpoint(&json!({"mode": "shadow"}))]))
        .jwt(&rights("maintenance"))
        .start();
    watching.ask(&delivery(event(5))).problem(401);
    assert_eq!(upstream.received(PATH).len(), 1);
    for gate in [&chain, &other, &alone, &watching] {
        assert_well(gate);
    }
}

#[test]
fn a_shadow_changes_nothing_but_the_copies() {
    let upstream = Upstream::start();
    let gate = setup(&upstream, &json!({"mode": "shadow"})).start();
    for request in
        [delivery(event(1)), delivery(event(1)), Request::post_json(PATH, "{}").header("x-webhook-verified", "x")]
    {
        assert_taken(&gate.ask(&request));
        assert_eq!(upstream.last(PATH).header("x-webhook-verified"), None);
    }
    assert_eq!(gate.count_webhooks(|name| name == "maintenance.shadow_verified"), 1);
    assert_eq!(gate.count_webhooks(|name| name == "maintenance.shadow_refused"), 2);
    assert_well(&gate);
}
