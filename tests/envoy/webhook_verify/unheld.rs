//! A host without `allow_on_headers_stop_iteration`, on which a held head never sees its body: nothing goes on.

use std::thread;

use lockgate_envoy_tests::{Request, Setup, Upstream};

use super::{
    PATH, SECRET, assert_portal_untouched, assert_unauthorized, assert_well, delivery, endpoint, endpoints, event,
    now_s, signed,
};

#[test]
fn nothing_goes_on_where_heads_cannot_be_held() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream)
        .variable("HOOK_SECRET", SECRET)
        .streaming_heads()
        .webhooks(&endpoints(&[endpoint(&serde_json::json!({}))]))
        .start();
    upstream.on(PATH, lockgate_envoy_tests::Answer::ok("text/plain", "taken"));
    upstream.on("/elsewhere", lockgate_envoy_tests::Answer::ok("text/plain", "taken"));
    let body = event(1);
    let large = "x".repeat(150_000);
    let requests =
        [delivery(&body), signed(PATH, SECRET, body.as_bytes(), now_s()).chunked(&body, 10), delivery(&large)];
    thread::scope(|scope| {
        for request in &requests {
            let gate = &gate;
            scope.spawn(move || gate.ask(request).problem(503));
        }
    });
    // What the head alone tells, or needs no body, is told at once.
    for request in [Request::get(PATH), Request::post_json(PATH, &body)] {
        assert_unauthorized(&gate.ask(&request));
    }
    assert_portal_untouched(&gate, &upstream);
    assert_eq!(gate.count_webhooks(|name| name == "not_held"), 3);
    let audit = gate.access_log(PATH)["audit"].to_string();
    assert!(audit.contains("refused") && audit.contains("webhook_verify"), "{audit}");
    assert_eq!(gate.ask(&Request::post_json("/elsewhere", "{}")).status, 200);
    assert_well(&gate);
}
