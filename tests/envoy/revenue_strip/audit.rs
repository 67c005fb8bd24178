//! What the access log tells of a decision, and what it must not tell.

use lockgate_envoy_tests::gate::{revenue_rule, rules};
use lockgate_envoy_tests::{Answer, Request, Setup, Upstream, cases};
use serde_json::json;

use super::{PART, SECRET, audit_lines};

#[test]
fn every_decision_has_a_line_and_no_line_a_secret() {
    let upstream = Upstream::start();
    let mut policy = rules(&[revenue_rule()]);
    policy["protected"] =
        json!([{"name": "pricing", "match": {"paths": ["/api/pricing/**"]}, "unless": {"roles": ["SMS_ADMIN"]}}]);
    policy["identity"]["trusted_header"]["subject"] = json!("x-test-subject");
    let gate = Setup::new(&upstream).strip(&policy).start();
    upstream.on("/api/7f3a/part", Answer::json(PART));
    upstream.on("/api/7f3a/csv", Answer::ok("application/pdf", SECRET));
    upstream.on("/api/7f3a/bad", Answer::json("{\"unit_cost\":\"s3cr3t\",}"));
    upstream.on("/api/pricing/7f3a", Answer::json("{}"));
    let rows = [
        ("/api/7f3a/part?q=s3cr3t", 200, Some("revenue")),
        ("/api/7f3a/csv?q=s3cr3t", 502, Some("revenue")),
        ("/api/7f3a/bad?q=s3cr3t", 502, Some("revenue")),
        ("/api/pricing/7f3a?q=s3cr3t", 403, Some("pricing")),
    ];
    let mut outcomes = Vec::new();
    cases::each(rows.map(|row| (row.0, row)), |_, (path, status, rule)| {
        let request =
            Request::get(path).header("x-test-subject", "s3cr3t-person").header("authorization", "Bearer s3cr3t");
        let response = gate.ask(&request);
        assert_eq!(response.status, status, "{response}");
        let record = gate.access_log(path);
        let lines = audit_lines(&record);
        let [line] = &lines[..] else { panic!("one decision, one line: {record}") };
        assert_eq!(line["filter"], "revenue_strip");
        assert_eq!(line["rule"].as_str(), rule, "{line}");
        assert_eq!(line["id"], record["request_id"], "{line}");
        assert!(line["time_ms"].as_u64().is_some_and(|time| time > 1_700_000_000_000), "{line}");
        assert!(line["version"].is_string() && line["subject"].is_string() && line["outcome"].is_string(), "{line}");
        let text = line.to_string();
        assert!(!text.contains(SECRET) && !text.contains("7f3a"), "a value, a query or a path: {line}");
        assert!(text.contains("/**"), "the pattern of the path: {line}");
        assert!(status != 502 || line["reason"].is_string(), "{line}");
        outcomes.push((line["outcome"].to_string(), line["reason"].to_string()));
    });
    let count = outcomes.len();
    outcomes.sort();
    outcomes.dedup();
    assert_eq!(outcomes.len(), count, "different decisions read differently: {outcomes:?}");
    // The access log that tests write holds the whole path with its query; the filter's own lines do not.
    let others: Vec<_> = gate.envoy.log().lines().filter(|line| !line.starts_with('{')).map(str::to_owned).collect();
    assert!(!others.iter().any(|line| line.contains(SECRET)), "{others:?}");
}
