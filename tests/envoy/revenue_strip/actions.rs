//! Removing and redacting, several rule sets, exceptions, and what is sent instead of what cannot be inspected.

use lockgate_envoy_tests::gate::{revenue_rule, rules, trusted_headers};
use lockgate_envoy_tests::{Answer, End, Gate, Request, Setup, Upstream, cases};
use serde_json::{Value, json};

use super::{PART, PART_STRIPPED, assert_body, assert_no_secret};

fn stripped(gate: &Gate, upstream: &Upstream, path: &str, body: &str) -> String {
    upstream.on(path, Answer::json(body));
    let response = gate.get(path);
    assert_eq!((response.status, response.end), (200, End::Complete), "{response}");
    let by_byte = Answer::chunked("application/json", body.as_bytes().chunks(1));
    upstream.on(path, by_byte);
    assert_eq!(gate.get(path).text(), response.text());
    super::lexemes(response.body)
}

#[test]
fn actions_do_what_they_say() {
    let rule = |name: &str, more: Value| {
        let mut rule = json!({"name": name, "match": {"paths": [format!("/{name}/**")]}, "action": "remove"});
        for (field, value) in more.as_object().unwrap() {
            rule[field] = value.clone();
        }
        rule
    };
    let upstream = Upstream::start();
    let all = [
        rule("text", json!({"names": ["ssn", "salary"], "action": {"redact": "***REDACTED***"}})),
        rule("null", json!({"names": ["ssn"], "action": {"redact": null}})),
        rule("object", json!({"names": ["ssn"], "action": {"redact": {"hidden": [true]}}})),
        rule("names", json!({"names": ["only_this"]})),
        rule("patterns", json!({"patterns": ["(?i)^internal", "cost$"]})),
        rule("keep", json!({"patterns": ["(?i)pricing"], "keep": ["pricing_policy_url"]})),
        rule("empty-name", json!({"names": [""]})),
        rule("both", json!({"name": "both-remove", "names": ["a", "b"]})),
        rule("both", json!({"name": "both-redact", "names": ["b", "c"], "action": {"redact": "x"}})),
    ];
    let gate = Setup::new(&upstream).strip(&rules(&all)).start();
    let rows = [
        (
            "/text/a",
            r#"{"ssn":"1","a":{"salary":{"x":[1,2]},"ssn":[1]},"b":[{"ssn":1.5},{"ssn":null}]}"#,
            r#"{"ssn":"***REDACTED***","a":{"salary":"***REDACTED***","ssn":"***REDACTED***"},"b":[{"ssn":"***REDACTED***"},{"ssn":"***REDACTED***"}]}"#,
        ),
        ("/text/b", r#"{"SSN":"1","ssn2":2,"unit_cost":3}"#, r#"{"SSN":"1","ssn2":2,"unit_cost":3}"#),
        ("/null/a", r#"{"ssn":"1","a":true}"#, r#"{"ssn":null,"a":true}"#),
        ("/object/a", r#"{"ssn":"1","a":true}"#, r#"{"ssn":{"hidden":[true]},"a":true}"#),
        ("/names/a", r#"{"only_this":1,"unit_cost":2,"only_this_not":3}"#, r#"{"unit_cost":2,"only_this_not":3}"#),
        (
            "/patterns/a",
            r#"{"InternalId":1,"my_cost":2,"cost_x":3,"unit_cost":4,"xinternal":5}"#,
            r#"{"cost_x":3,"xinternal":5}"#,
        ),
        ("/keep/a", r#"{"pricing_policy_url":1,"Pricing_policy_url":2,"pricing":3}"#, r#"{"pricing_policy_url":1}"#),
        ("/empty-name/a", r#"{"":1,"a":2}"#, r#"{"a":2}"#),
        ("/both/a", r#"{"a":1,"b":2,"c":3,"d":4}"#, r#"{"c":"x","d":4}"#),
    ];
    cases::each(rows.map(|(path, body, want)| (path, (body, want))), |path, (body, want)| {
        assert_eq!(stripped(&gate, &upstream, path, body), want);
    });
}

#[test]
fn rule_sets_have_their_own_rights() {
    let upstream = Upstream::start();
    let personal = json!({
        "name": "personal",
        "match": {"paths": ["/api/**"]},
        "names": ["ssn", "bankAccount"],
        "action": {"redact": "***REDACTED***"},
        "unless": {"permissions": ["view_sensitive_data"]},
    });
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule(), personal])).start();
    upstream.on("/api/mixed", Answer::json(r#"{"unit_cost":"r","ssn":"p","id":1}"#));
    let get = || Request::get("/api/mixed");
    let rows = [
        ("nobody", get(), r#"{"ssn":"***REDACTED***","id":1}"#),
        ("sees revenue", get().admin(), r#"{"unit_cost":"r","ssn":"***REDACTED***","id":1}"#),
        ("sees persons", get().header("x-test-permissions", "view_sensitive_data"), r#"{"ssn":"p","id":1}"#),
        (
            "sees all",
            get().admin().header("x-test-permissions", "view_sensitive_data"),
            r#"{"unit_cost":"r","ssn":"p","id":1}"#,
        ),
    ];
    cases::each(rows.map(|(name, request, want)| (name, (request, want))), |_, (request, want)| {
        assert_body(&gate.ask(&request), want);
    });
}

#[test]
fn the_default_lists_know_every_spelling() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let secret = [
        "markup_percentage",
        "markup_amount",
        "unit_cost",
        "total_cost",
        "profit_margin",
        "markupPercentage",
        "markupAmount",
        "unitCost",
        "totalCost",
        "profitMargin",
        "unit-cost",
        "total-cost",
        "profit-margin",
        "markup",
        "MARKUP",
        "myMarkup",
        "grossProfit",
        "net_margin",
        "Revenue",
        "total_revenue",
        "pricing",
        "partPricing",
        "cost_internal",
        "costInternal",
        "COST-of-INTERNAL",
        "UnitCost",
        "TotalCost",
    ];
    let open =
        ["id", "cost", "costs", "price", "unit", "total", "internal", "internal_note", "name", "quantity", "mark_up"];
    cases::each(secret.map(|name| (name, name)), |_, name| {
        assert_eq!(stripped(&gate, &upstream, "/api/names", &format!(r#"{{"{name}":"s3cr3t"}}"#)), "{}");
    });
    cases::each(open.map(|name| (name, name)), |_, name| {
        let body = format!(r#"{{"{name}":1}}"#);
        assert_eq!(stripped(&gate, &upstream, "/api/names", &body), body);
    });
}

#[test]
fn on_uninspectable_empty_keeps_the_status_and_sends_no_body() {
    let upstream = Upstream::start();
    let policy = json!({"identity": trusted_headers(), "rules": [revenue_rule()], "on_uninspectable": "empty"});
    let gate = Setup::new(&upstream).strip(&policy).start();
    let json_type = ("content-type", "application/json");
    let rows = [
        ("sheet", Answer::with("203 Other", &[("content-type", "application/vnd.ms-excel")], "unit_cost\ns3cr3t"), 203),
        ("gzip", Answer::with("404 Not Found", &[json_type, ("content-encoding", "gzip")], "s3cr3t"), 404),
        ("206", Answer::with("206 Partial Content", &[json_type, ("content-range", "bytes 0-5/9")], "s3cr3t"), 206),
        ("broken", Answer::json("{\"unit_cost\":\"s3cr3t\",}"), 200),
        ("not JSON at all", Answer::ok("text/plain", "s3cr3t"), 200),
        ("cut", Answer::json("{\"unit_cost\":\"s3cr3t\""), 200),
    ];
    cases::each(rows.map(|(name, answer, status)| (name, (answer, status))), |_, (answer, status)| {
        upstream.on("/api/opaque", answer);
        let mut client = gate.connect();
        let response = client.ask(&Request::get("/api/opaque"));
        assert_no_secret(&response);
        assert_eq!((response.status, response.end), (status, End::Complete), "{response}");
        assert!(response.body.is_empty(), "{response}");
        upstream.on("/api/part", Answer::json(PART));
        assert_body(&client.ask(&Request::get("/api/part")), PART_STRIPPED);
    });
    // Once bytes have left, only breaking off is honest.
    let long = format!("[{}{{\"unit_cost\":\"s3cr3t\",}}]", "{\"id\":1},".repeat(60_000));
    upstream.on("/api/long", Answer::json(long));
    let response = gate.get("/api/long");
    assert_no_secret(&response);
    assert_eq!(response.end, End::Broken, "{response}");
}
