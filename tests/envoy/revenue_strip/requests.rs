//! The request direction: what flows between the portals.

use lockgate_envoy_tests::gate::{revenue_rule, trusted_headers};
use lockgate_envoy_tests::{Answer, End, Request, Setup, Upstream, cases};
use serde_json::{Value, json};

use super::{PART, PART_STRIPPED, SECRET, assert_body, lexemes};

fn policy() -> Value {
    json!({"identity": trusted_headers(), "rules": [
        {
            "name": "sync",
            "match": {"paths": ["/api/*/sync/**"], "methods": ["POST", "PUT"]},
            "direction": "request",
            "action": "remove",
        },
        {
            "name": "quality",
            "match": {"paths": ["/api/*/sync/**"]},
            "direction": "request",
            "names": ["qualityScore"],
            "action": {"redact": 0},
        },
    ]})
}

#[test]
fn request_bodies_are_stripped_in_any_framing() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&policy()).start();
    upstream.on("/api/onboarding/sync/parts", Answer::json(PART));
    let ask = |request: Request| {
        let response = gate.ask(&request);
        assert_body(&response, PART); // answers of this path have no rule
        let seen = upstream.last("/api/onboarding/sync/parts");
        assert!(seen.complete);
        if let Some(length) = seen.header("content-length") {
            assert_eq!(length, seen.body.len().to_string());
        }
        seen
    };
    let post = || Request::new("POST", "/api/onboarding/sync/parts").header("content-type", "application/json");
    for request in [post().body(PART), post().body(PART).admin(), post().body(PART).header("expect", "100-continue")] {
        assert_eq!(lexemes(ask(request).body), PART_STRIPPED);
    }
    for size in [1, 7, 100, 10_000] {
        let seen = ask(post().chunked(PART, size));
        assert_eq!(lexemes(seen.body), PART_STRIPPED, "by {size}");
    }
    let long = format!("[{}1]", format!("{PART},").repeat(1000));
    let seen = ask(post().body(&long));
    assert_eq!(lexemes(seen.body), format!("[{}1]", format!("{PART_STRIPPED},").repeat(1000)));
    let seen = ask(post().body(r#"{"qualityScore":9,"a":{"qualityScore":[1]}}"#));
    assert_eq!(lexemes(seen.body), r#"{"qualityScore":0,"a":{"qualityScore":0}}"#);
    for request in [post().body(""), post().chunked("", 1), Request::new("POST", "/api/onboarding/sync/parts").body("")]
    {
        assert!(ask(request).body.is_empty());
    }
    // Trailers end the body and follow the same rules.
    let framed = format!("{:x}\r\n{PART}\r\n0\r\nx-kept: yes\r\nx-markup: s3cr3t\r\n\r\n", PART.len());
    let seen = ask(post().header("transfer-encoding", "chunked").raw_body(framed));
    assert_eq!(lexemes(seen.body), PART_STRIPPED);
    assert_eq!(seen.trailers, [(b"x-kept".to_vec(), b"yes".to_vec())]);
    // Nothing to remove: nothing is changed.
    let plain = "{ \"id\" : 1 ,\n\"b\":[ ] }";
    assert_eq!(ask(post().body(plain)).body, plain.as_bytes());
}

#[test]
fn request_headers_follow_the_body() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&policy()).start();
    upstream.on("/api/onboarding/sync/parts", Answer::json("{}"));
    let request = Request::post_json("/api/onboarding/sync/parts", PART)
        .header("x-markup-percentage", SECRET)
        .header("content-digest", "sha-256=:s3cr3t:")
        .header("content-md5", SECRET)
        .header("x-kept", "yes");
    assert_eq!(gate.ask(&request).status, 200);
    let seen = upstream.last("/api/onboarding/sync/parts");
    assert_eq!(seen.header("x-kept").as_deref(), Some("yes"));
    for name in ["x-markup-percentage", "content-digest", "content-md5"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    // The answer is not filtered here, so the portal may encode it.
    let request = Request::post_json("/api/onboarding/sync/parts", "{}").header("accept-encoding", "gzip");
    gate.ask(&request);
    assert_eq!(upstream.last("/api/onboarding/sync/parts").header("accept-encoding").as_deref(), Some("gzip"));
}

#[test]
fn request_bodies_that_cannot_be_inspected_are_415() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&policy()).start();
    let post = |content_type: &str, body: &str| {
        Request::new("POST", "/api/onboarding/sync/parts").header("content-type", content_type).body(body)
    };
    let text = r#"{"unit_cost":"s3cr3t"}"#;
    let rows = [
        ("sheet", post("application/vnd.ms-excel", "unit_cost\ns3cr3t\n")),
        ("form", post("application/x-www-form-urlencoded", "unit_cost=s3cr3t")),
        ("multipart", post("multipart/form-data; boundary=b", "--b\r\n\r\ns3cr3t\r\n--b--")),
        ("xml", post("application/xml", "<unit_cost>s3cr3t</unit_cost>")),
        ("gzip", post("application/json", text).header("content-encoding", "gzip")),
        ("utf-16", post("application/json; charset=utf-16", text)),
        ("broken", post("application/json", r#"{"unit_cost":"s3cr3t",}"#)),
        ("cut", post("application/json", r#"{"unit_cost":"s3cr3t""#)),
        ("two texts", post("application/json", r#"{}{"unit_cost":"s3cr3t"}"#)),
    ];
    upstream.on("/api/onboarding/sync/parts", Answer::json("{}"));
    cases::each(rows, |_, request| {
        gate.ask(&request).problem(415);
        for seen in upstream.received("/api/onboarding/sync/parts") {
            assert!(!seen.complete || seen.body.is_empty(), "the portal got it: {seen:?}");
            assert!(!String::from_utf8_lossy(&seen.body).contains(SECRET));
        }
    });
    // JSON under another name is still JSON.
    for content_type in ["text/plain", "application/vnd.api+json"] {
        assert_eq!(gate.ask(&post(content_type, text)).status, 200);
        assert_eq!(upstream.last("/api/onboarding/sync/parts").body, b"{}");
    }
    // Long and bad at its end: the portal never sees it complete.
    let long = format!("[{}{{\"unit_cost\":\"s3cr3t\",}}]", "{\"id\":1},".repeat(60_000));
    let response = gate.ask(&post("application/json", &long));
    assert!(response.status == 415 || response.end == End::Broken, "{response}");
    let seen = upstream.received("/api/onboarding/sync/parts");
    assert!(seen.iter().all(|seen| !String::from_utf8_lossy(&seen.body).contains(SECRET)));
    assert!(seen.iter().all(|seen| !(seen.complete && seen.body.len() > 1000)), "the portal took a part for the whole");
}

#[test]
fn a_burst_after_the_beginning_of_a_long_body_passes() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&policy()).start();
    upstream.on("/api/onboarding/sync/parts", Answer::json("{}"));
    let body = format!("[{}1]", format!("{PART},").repeat(4000)); // 1.2 MB
    let stripped = format!("[{}1]", format!("{PART_STRIPPED},").repeat(4000));
    for beginning in [1, 100, 8000] {
        let (front, burst) = body.as_bytes().split_at(beginning);
        let request = Request::new("POST", "/api/onboarding/sync/parts")
            .header("content-type", "application/json")
            .header("content-length", body.len().to_string());
        // Held with its head, the beginning would make Envoy answer 413.
        assert_eq!(gate.ask(&request.raw_body(front).raw_body(burst)).status, 200, "{beginning}");
        assert!(upstream.last("/api/onboarding/sync/parts").body == stripped.as_bytes());
    }
}

#[test]
fn both_directions_of_one_path() {
    let upstream = Upstream::start();
    let mut policy = policy();
    policy["rules"].as_array_mut().unwrap().push(revenue_rule());
    let gate = Setup::new(&upstream).strip(&policy).start();
    upstream.on("/api/onboarding/sync/parts", Answer::json(PART));
    for size in [10, 100_000] {
        let request = Request::new("POST", "/api/onboarding/sync/parts")
            .header("content-type", "application/json")
            .chunked(PART, size);
        assert_body(&gate.ask(&request), PART_STRIPPED);
        assert_eq!(lexemes(upstream.last("/api/onboarding/sync/parts").body), PART_STRIPPED);
        assert_body(&gate.ask(&request.admin()), PART);
        assert_eq!(lexemes(upstream.last("/api/onboarding/sync/parts").body), PART_STRIPPED);
    }
}
