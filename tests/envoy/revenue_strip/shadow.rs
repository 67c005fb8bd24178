//! Shadow mode decides and counts, and changes nothing.

use lockgate_envoy_tests::gate::{COUNTERS, revenue_rule, trusted_headers};
use lockgate_envoy_tests::{Answer, Gate, Request, Setup, Upstream, cases};
use serde_json::{Value, json};

use super::{PART, PART_STRIPPED, assert_body, audit_lines};

fn gate(upstream: &Upstream) -> Gate {
    let mut shadow = revenue_rule();
    shadow["mode"] = json!("shadow");
    let mut incoming = shadow.clone();
    incoming["name"] = json!("incoming");
    incoming["direction"] = json!("request");
    let mut enforced = revenue_rule();
    enforced["name"] = json!("enforced");
    enforced["match"]["paths"] = json!(["/enforced/**"]);
    let policy = json!({
        "identity": trusted_headers(),
        "rules": [shadow, incoming, enforced],
        "protected": [{
            "name": "pricing", "match": {"paths": ["/api/pricing/**"]}, "unless": {"roles": ["SMS_ADMIN"]}, "mode": "shadow",
        }],
    });
    Setup::new(upstream).strip(&policy).start()
}

#[test]
fn nothing_is_changed() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let headers = [
        ("content-type", "application/json"),
        ("etag", "\"abc\""),
        ("cache-control", "public, s-maxage=60"),
        ("accept-ranges", "bytes"),
        ("x-markup-percentage", "12"),
        ("content-digest", "sha-256=:abc:"),
    ];
    let json_type = ("content-type", "application/json");
    let rows = [
        ("a part", Answer::with("200 OK", &headers, PART)),
        ("broken", Answer::with("200 OK", &headers, "{\"unit_cost\":")),
        (
            "sheet",
            Answer::with("200 OK", &[("content-type", "application/vnd.ms-excel"), headers[1]], "unit_cost\n1\n"),
        ),
        ("encoded", Answer::with("200 OK", &[json_type, ("content-encoding", "gzip")], "\u{1f}x")),
        ("a range", Answer::with("206 Partial Content", &[json_type, ("content-range", "bytes 0-3/9")], "{\"un")),
        ("no content", Answer::head("204 No Content", &headers[1..])),
        ("a server error", Answer::with("500 Internal Server Error", &headers, PART)),
    ];
    cases::each(rows, |_, answer| {
        upstream.on("/api/part", answer.clone());
        upstream.on("/api/pricing/x", answer.clone());
        upstream.on("/elsewhere", answer);
        for path in ["/api/part", "/api/pricing/x"] {
            let (without, with) = (gate.get("/elsewhere"), gate.get(path));
            assert_eq!((with.status, with.end), (without.status, without.end), "{with}");
            assert!(with.body == without.body, "{with}");
            let comparable = |fields: &[(Vec<u8>, Vec<u8>)]| -> Vec<(Vec<u8>, Vec<u8>)> {
                let own = [&b"date"[..], b"x-request-id", b"x-envoy-upstream-service-time"];
                fields.iter().filter(|(name, _)| !own.contains(&name.as_slice())).cloned().collect()
            };
            assert_eq!(comparable(&with.headers), comparable(&without.headers));
        }
    });
    // Towards the portal, too.
    upstream.on("/api/part", Answer::json(PART));
    let asked = [("accept-encoding", "gzip"), ("if-none-match", "\"abc\""), ("range", "bytes=0-3"), ("x-markup", "1")];
    let request =
        asked.iter().fold(Request::post_json("/api/part", PART), |request, (name, value)| request.header(name, value));
    assert_eq!(gate.ask(&request).status, 200);
    let seen = upstream.last("/api/part");
    assert_eq!(seen.body, PART.as_bytes());
    for (name, value) in asked {
        assert_eq!(seen.header(name).as_deref(), Some(value), "{name}");
    }
    // Rules beside it are enforced.
    upstream.on("/enforced/part", Answer::json(PART));
    assert_body(&gate.get("/enforced/part"), PART_STRIPPED);
}

#[test]
fn what_would_have_happened_is_counted_and_audited() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let of = |rule: &str| gate.count(|name| name.starts_with(&format!("{rule}.")));
    upstream.on("/api/part", Answer::json(PART));
    upstream.on("/api/pricing/x", Answer::json("{}"));
    let before = [of("revenue"), of("pricing"), of("incoming")];
    assert_body(&gate.get("/api/part"), PART);
    assert_body(&gate.get("/api/pricing/x"), "{}");
    assert_eq!(gate.ask(&Request::post_json("/api/part?post", PART)).text(), PART);
    let after = [of("revenue"), of("pricing"), of("incoming")];
    assert!(
        after.iter().zip(before).all(|(after, before)| *after > before),
        "{before:?} {after:?}: {:?}",
        gate.envoy.stats(COUNTERS)
    );
    let record = gate.access_log("/api/pricing/x");
    let audit: Vec<_> = audit_lines(&record).iter().map(Value::to_string).collect();
    assert!(audit.iter().any(|line| line.contains("pricing") && line.contains("shadow")), "{audit:?}");
}
