//! Several instances in one chain, and no identity at all.

use lockgate_envoy_tests::gate::{revenue_rule, rules, trusted_headers};
use lockgate_envoy_tests::{Answer, Request, Setup, Upstream, cases};
use serde_json::json;

use super::{PART, PART_STRIPPED, assert_body, assert_no_secret};

#[test]
fn instances_do_not_touch_each_others_replies() {
    let upstream = Upstream::start();
    let personal = json!({
        "name": "personal", "match": {"paths": ["/api/**"]}, "names": ["ssn", "title"], "action": "remove",
    });
    let guard = json!({
        "identity": trusted_headers(),
        "rules": [revenue_rule()],
        "protected": [{"name": "pricing", "match": {"paths": ["/api/pricing/**"]}, "unless": {"roles": ["SMS_ADMIN"]}}],
    });
    // In either order: a reply passes the response steps of the filters before it.
    let personal = rules(&[personal]);
    for policies in [[personal.clone(), guard.clone()], [guard, personal]] {
        let gate = Setup::new(&upstream).strip(&policies[0]).strip(&policies[1]).start();
        upstream.on("/api/part", Answer::json(r#"{"ssn":"s3cr3t","unit_cost":"s3cr3t","id":1}"#));
        let response = gate.get("/api/part");
        assert_no_secret(&response);
        assert_body(&response, r#"{"id":1}"#);
        assert_body(&gate.ask(&Request::get("/api/part").admin()), r#"{"unit_cost":"s3cr3t","id":1}"#);
        gate.get("/api/pricing").problem(403);
        upstream.on("/api/csv", Answer::ok("application/pdf", "s3cr3t"));
        gate.get("/api/csv").problem(502);
        upstream.on("/api/bad", Answer::json(r#"{"unit_cost":"s3cr3t",}"#));
        let response = gate.get("/api/bad");
        assert_no_secret(&response);
        response.problem(502);
        upstream.on("/api/trailers", Answer::chunked("application/json", PART.as_bytes().chunks(10)));
        assert_body(&gate.get("/api/trailers"), PART_STRIPPED);
        assert!(!gate.envoy.log().contains("[critical]"), "{}", gate.envoy.log());
    }
}

#[test]
fn without_an_identity_nobody_has_rights() {
    let upstream = Upstream::start();
    upstream.on("/api/part", Answer::json(PART));
    let admin = r#"{"subject":"someone","roles":["SMS_ADMIN"],"permissions":[]}"#;
    let state = |text: &str| {
        json!({
            "name": "envoy.filters.http.set_filter_state",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
                "on_request_headers": [{
                    "object_key": "wasm.lockgate.identity",
                    "factory_key": "envoy.string",
                    "format_string": {"text_format_source": {"inline_string": text}},
                }],
            },
        })
    };
    // The record comes from jwt-auth, which is not there. Something unreadable in its place gives no rights either.
    let setups = [
        ("nothing there", Setup::new(&upstream)),
        ("a word", Setup::new(&upstream).filter(state("SMS_ADMIN"))),
        ("a record that is cut", Setup::new(&upstream).filter(state(&admin[..admin.len() - 1]))),
    ];
    cases::each(setups, |_, setup| {
        let gate = setup.strip(&json!({"rules": [revenue_rule()]})).start();
        let claims = Request::get("/api/part").admin().header("wasm.lockgate.identity", admin);
        assert_body(&gate.ask(&claims.header("lockgate.identity", admin)), PART_STRIPPED);
    });
}
