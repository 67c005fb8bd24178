//! Probes of providers, answered by the gate.

use lockgate_envoy_tests::{Answer, End, Request, Response, Setup, Upstream};
use serde_json::json;

use super::{SECRET, assert_portal_untouched, assert_taken, assert_unauthorized, assert_well, endpoints, now_s, tag};

#[track_caller]
fn assert_echo(response: &Response, content_type: &str, body: &str) {
    assert_eq!((response.status, response.text().as_str(), response.end), (200, body, End::Complete), "{response}");
    assert_eq!(response.header("content-type").as_deref(), Some(content_type), "{response}");
    assert_eq!(response.header("x-content-type-options").as_deref(), Some("nosniff"), "{response}");
}

/// Slack's and Zoom's way: `v0:<time>:<body>`.
fn v0(path: &str, name: &str, time: &str, body: &str) -> Request {
    let now = now_s();
    let signature = tag(SECRET, format!("v0:{now}:{body}").as_bytes());
    Request::new("POST", path).header(name, format!("v0={signature}")).header(time, now.to_string()).body(body)
}

#[test]
fn probes_are_answered_as_the_preset_says_and_never_forwarded() {
    let upstream = Upstream::start();
    let endpoint = |name: &str, scheme: &str| json!({"name": name, "match": {"paths": [format!("/hooks/{name}")]}, "scheme": scheme, "secrets": [{"env": "HOOK_SECRET"}]});
    let mut meta = endpoint("meta", "meta");
    meta["verify_token"] = json!({"env": "PROBE_TOKEN"});
    let all = [meta, endpoint("dropbox", "dropbox"), endpoint("slack", "slack"), endpoint("zoom", "zoom")];
    let gate = Setup::new(&upstream)
        .variable("HOOK_SECRET", SECRET)
        .variable("PROBE_TOKEN", "told to the provider")
        .webhooks(&endpoints(&all))
        .start();
    let text = "text/plain; charset=utf-8";

    let probe = |token: &str, challenge: &str| {
        Request::get(format!("/hooks/meta?hub.mode=subscribe&hub.verify_token={token}&hub.challenge={challenge}"))
    };
    assert_echo(&gate.ask(&probe("told%20to%20the%20provider", "1158201444")), text, "1158201444");
    for request in [
        probe("guessed", "1158201444"),
        probe("", "1158201444"),
        probe("told%20to%20the%20provider", ""),
        probe("told%20to%20the%20provider", &"1".repeat(300)),
        Request::get("/hooks/meta?hub.mode=unsubscribe&hub.verify_token=told%20to%20the%20provider&hub.challenge=1"),
        Request::get("/hooks/meta"),
    ] {
        assert_unauthorized(&gate.ask(&request));
    }

    assert_echo(&gate.ask(&Request::get("/hooks/dropbox?challenge=abc-1")), text, "abc-1");
    assert_unauthorized(&gate.ask(&Request::get("/hooks/dropbox?challenge=%3Cscript%3E%20")));
    assert_unauthorized(&gate.ask(&Request::new("POST", "/hooks/dropbox?challenge=abc-1").body("{}")));

    // Only what is signed is answered, and what is not a probe goes on.
    let slack = |body: &str| v0("/hooks/slack", "x-slack-signature", "x-slack-request-timestamp", body);
    let challenge = r#"{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}"#;
    assert_echo(&gate.ask(&slack(challenge)), text, "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P");
    assert_unauthorized(&gate.ask(&Request::new("POST", "/hooks/slack").body(challenge)));

    let zoom = |token: &str| {
        let body = json!({"event": "endpoint.url_validation", "payload": {"plainToken": token}}).to_string();
        v0("/hooks/zoom", "x-zm-signature", "x-zm-request-timestamp", &body)
    };
    let answer = gate.ask(&zoom("qgg8vlvZRS6UYooatFL8Aw"));
    let want = tag(SECRET, b"qgg8vlvZRS6UYooatFL8Aw");
    assert_eq!(answer.json(), json!({"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": want}), "{answer}");
    assert_portal_untouched(&gate, &upstream);
    // Nobody chooses what is signed under the key of deliveries: this is a delivery like any other, for the portal to judge.
    let forged = format!("v0:{}:{{}}", now_s());
    for token in [forged.as_str(), "", &"a".repeat(65)] {
        let answer = gate.ask(&zoom(token));
        assert!(!answer.shows(tag(SECRET, token.as_bytes())), "{token}: {answer}");
    }
    assert!(upstream.all().iter().all(|request| request.path() == "/hooks/zoom"), "{:#?}", upstream.all());
    upstream.on("/hooks/slack", Answer::ok("text/plain", "taken"));
    assert_taken(&gate.ask(&slack(r#"{"type":"event_callback","challenge":"x"}"#)));
    assert_eq!(gate.count_webhooks(|name| name.ends_with(".challenged")), 4);
    assert_well(&gate);
}
