//! Hosts without `allow_on_headers_stop_iteration`: the head may leave first, everything else holds.

use lockgate_envoy_tests::gate::{revenue_rule, trusted_headers};
use lockgate_envoy_tests::{Answer, End, Request, Setup, Upstream, cases};
use serde_json::json;

use super::{
    PART, PART_STRIPPED, SECRET, assert_body, assert_no_secret, assert_refused, assert_refused_or_broken, lexemes,
};

#[test]
fn everything_works_and_bad_bodies_never_hang() {
    let upstream = Upstream::start();
    let mut incoming = revenue_rule();
    incoming["name"] = json!("incoming");
    incoming["direction"] = json!("request");
    incoming["match"]["paths"] = json!(["/sync/**"]);
    let policy = json!({
        "identity": trusted_headers(),
        "rules": [revenue_rule(), incoming],
        "protected": [{"name": "pricing", "match": {"paths": ["/api/pricing/**"]}, "unless": {"roles": ["SMS_ADMIN"]}}],
    });
    let gate = Setup::new(&upstream).streaming_heads().strip(&policy).start();
    let json_type = ("content-type", "application/json");
    let chunked = ("transfer-encoding", "chunked");

    let good = [
        ("whole", Answer::json(PART)),
        ("by 1", Answer::chunked("application/json", PART.as_bytes().chunks(1))),
        ("by 100", Answer::chunked("application/json", PART.as_bytes().chunks(100))),
        (
            "with trailers",
            Answer::head("200 OK", &[json_type, chunked]).chunks([PART.as_bytes()]).trailers(&[("x-markup", SECRET)]),
        ),
        ("until close", Answer::head("200 OK", &[json_type, ("connection", "close")]).send(PART).close()),
        ("text/plain", Answer::ok("text/plain", PART)),
        ("no type", Answer::with("200 OK", &[], PART)),
    ];
    cases::each(good, |_, answer| {
        upstream.on("/api/good", answer);
        let response = gate.get("/api/good");
        assert_no_secret(&response);
        assert_body(&response, PART_STRIPPED);
        assert!(gate.ask(&Request::get("/api/good").admin()).body == PART.as_bytes());
    });

    // What the head alone tells is a clean 502.
    let refused = [
        ("sheet", Answer::ok("application/vnd.ms-excel", SECRET)),
        ("gzip", Answer::with("200 OK", &[json_type, ("content-encoding", "gzip")], SECRET)),
        ("206", Answer::with("206 Partial Content", &[json_type], SECRET)),
        ("utf-16", Answer::ok("application/json; charset=utf-16", SECRET)),
    ];
    cases::each(refused, |_, answer| {
        upstream.on("/api/refused", answer);
        assert_refused(&gate.get("/api/refused"));
    });

    let bad = [
        ("trailing comma", "{\"unit_cost\":\"s3cr3t\",}".to_owned()),
        ("cut", "{\"unit_cost\":\"s3cr3t\"".to_owned()),
        ("not JSON", "s3cr3t".to_owned()),
        ("two texts", "{}{\"unit_cost\":\"s3cr3t\"}".to_owned()),
        ("long", format!("[{}{{\"unit_cost\":\"s3cr3t\",}}]", "{\"id\":1},".repeat(60_000))),
    ];
    cases::each(bad, |_, body| {
        for answer in [Answer::json(&body), Answer::chunked("application/json", body.as_bytes().chunks(5000))] {
            upstream.on("/api/bad", answer);
            assert_refused_or_broken(&gate.get("/api/bad"));
        }
        upstream.on("/api/bad", Answer::ok("text/plain", &body));
        assert_refused_or_broken(&gate.get("/api/bad"));
    });

    upstream.on("/api/204", Answer::head("204 No Content", &[]));
    upstream.on("/api/304", Answer::head("304 Not Modified", &[]));
    upstream.on("/api/head", Answer::head("200 OK", &[json_type, ("content-length", "99")]));
    upstream.on("/api/empty", Answer::with("200 OK", &[json_type], ""));
    for (method, path, status) in
        [("GET", "/api/204", 204), ("GET", "/api/304", 304), ("HEAD", "/api/head", 200), ("GET", "/api/empty", 200)]
    {
        let response = gate.ask(&Request::new(method, path));
        assert_eq!((response.status, response.end), (status, End::Complete), "{method} {path}: {response}");
    }
    gate.get("/api/pricing").problem(403);

    upstream.on("/sync/part", Answer::json("{}"));
    for request in [
        Request::post_json("/sync/part", PART),
        Request::new("POST", "/sync/part").header("content-type", "application/json").chunked(PART, 10),
    ] {
        assert_eq!(gate.ask(&request).status, 200);
        assert_eq!(lexemes(upstream.last("/sync/part").body), PART_STRIPPED);
    }
    gate.ask(&Request::new("POST", "/sync/csv").header("content-type", "application/pdf").body(SECRET)).problem(415);
    let response = gate.ask(&Request::post_json("/sync/part", "{\"unit_cost\":\"s3cr3t\","));
    assert!(response.status == 415 || response.end == End::Broken, "{response}");
    assert!(!gate.envoy.log().contains("[critical]"), "{}", gate.envoy.log());
}

#[test]
fn small_buffers_do_not_matter() {
    let upstream = Upstream::start();
    for setup in [Setup::new(&upstream), Setup::new(&upstream).streaming_heads()] {
        let gate = setup.buffer_bytes(4096, 4096).strip(&lockgate_envoy_tests::gate::rules(&[revenue_rule()])).start();
        let long = format!("[{}{PART}]", format!("{PART},").repeat(1000));
        let long_stripped = format!("[{}{PART_STRIPPED}]", format!("{PART_STRIPPED},").repeat(1000));
        upstream.on("/api/long", Answer::json(&long));
        assert!(gate.get("/api/long").text() == long_stripped);
        // Much is removed before the first byte that may leave.
        let hidden = format!("{{\"markup\":[{}1],\"a\":1}}", "\"s3cr3t\",".repeat(100_000));
        upstream.on("/api/hidden", Answer::json(hidden));
        let response = gate.get("/api/hidden");
        assert_no_secret(&response);
        assert_body(&response, "{\"a\":1}");
        // White space for ever: nothing may leave, nothing may hang.
        let spaces = format!("{}{{\"a\":1}}", " ".repeat(500_000));
        for content_type in ["application/json", "text/plain"] {
            upstream.on("/api/spaces", Answer::ok(content_type, &spaces));
            let response = gate.get("/api/spaces");
            assert!(matches!(response.end, End::Complete | End::Broken), "{content_type}: {response}");
        }
    }
}
