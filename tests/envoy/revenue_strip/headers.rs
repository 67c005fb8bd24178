//! Headers: secrets in names, validators and digests of what the portal sent, caches, conditional requests.

use lockgate_envoy_tests::gate::{revenue_rule, rules};
use lockgate_envoy_tests::{Answer, Request, Setup, Upstream, cases};
use serde_json::json;

use super::{PART, PART_STRIPPED, assert_body, assert_no_secret};

#[test]
fn headers_with_such_names_are_removed() {
    let upstream = Upstream::start();
    let mut bodies_only = revenue_rule();
    bodies_only["headers"] = json!(false);
    bodies_only["match"]["paths"] = json!(["/bodies/**"]);
    bodies_only["name"] = json!("bodies");
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule(), bodies_only])).start();
    let json_type = ("content-type", "application/json");
    let names = [
        "x-markup-percentage",
        "X-Unit-Cost",
        "unit-cost",
        "total_cost",
        "x-profit-margin",
        "x-pricing-tier",
        "revenue",
        "x-cost-center-internal",
    ];
    cases::each(names.map(|name| (name, name)), |_, name| {
        let headers =
            [json_type, (name, "s3cr3t"), ("x-kept", "yes"), (name, "s3cr3t again"), ("x-request-kind", "part")];
        for path in ["/api/headers", "/bodies/headers"] {
            upstream.on(path, Answer::with("200 OK", &headers, PART));
        }
        let response = gate.get("/api/headers");
        assert_no_secret(&response);
        assert_body(&response, PART_STRIPPED);
        assert_eq!(response.header("x-kept").as_deref(), Some("yes"));
        assert_eq!(response.header("x-request-kind").as_deref(), Some("part"));
        let lower = name.to_ascii_lowercase();
        let both = Some("s3cr3t, s3cr3t again");
        assert_eq!(gate.ask(&Request::get("/api/headers").admin()).header(&lower).as_deref(), both);
        let response = gate.get("/bodies/headers");
        assert_body(&response, PART_STRIPPED);
        assert_eq!(response.header(&lower).as_deref(), both, "headers: false leaves them");
        // Also in an interim answer, which this client skips over and keeps in `raw`.
        let early = Answer::head("103 Early Hints", &[("link", "</a.css>; rel=preload"), (name, "s3cr3t")]);
        upstream
            .on("/api/early", early.send("HTTP/1.1 200 OK\r\ncontent-type: text/css\r\ncontent-length: 2\r\n\r\n{}"));
        let response = gate.get("/api/early");
        assert_no_secret(&response);
        assert_eq!(response.text(), "{}", "{response}");
        // Also where there is no body.
        upstream.on("/api/none", Answer::head("204 No Content", &[(name, "s3cr3t")]));
        assert_no_secret(&gate.get("/api/none"));
    });
}

#[test]
fn what_describes_the_portals_bytes_is_removed() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let names = [
        "etag",
        "content-md5",
        "digest",
        "content-digest",
        "repr-digest",
        "signature",
        "signature-input",
        "x-portal-signature",
        "x-checksum",
        "x-goog-hash",
        "x-amz-checksum-sha256",
    ];
    let mut headers = vec![
        ("content-type", "application/json"),
        ("accept-ranges", "bytes"),
        ("last-modified", "Sat, 21 Nov 2026 00:00:00 GMT"),
    ];
    headers.extend(names.map(|name| (name, "\"s3cr3t\"")));
    // Also where nothing is removed: the head goes first.
    for body in [PART, r#"{"id":1}"#] {
        upstream.on("/api/described", Answer::with("200 OK", &headers, body));
        let response = gate.get("/api/described");
        assert_eq!(response.status, 200, "{response}");
        cases::each(names.map(|name| (name, name)), |_, name| {
            let value = response.header(name).unwrap_or_default();
            assert!(!value.contains("s3cr3t"), "{name}: {value}");
        });
        assert_no_secret(&response);
        assert_ne!(response.header("accept-ranges").as_deref(), Some("bytes"), "{response}");
        assert_eq!(response.header("content-length"), None, "{response}");

        let admin = gate.ask(&Request::get("/api/described").admin());
        assert!(admin.body == body.as_bytes());
        for (name, value) in headers.iter().filter(|(name, _)| *name != "content-type") {
            assert_eq!(admin.header(name).as_deref(), Some(*value), "{name}");
        }
        assert_eq!(admin.header("content-length"), Some(body.len().to_string()));
    }
}

#[test]
fn shared_caches_keep_nothing_not_even_the_admins_answer() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    // What the portal says; what must stay of it; whether `private` must come.
    let rows: [(Option<&str>, &[&str], bool); 8] = [
        (None, &[], true),
        (Some("public"), &[], true),
        (Some("public, max-age=60, s-maxage=600"), &["max-age=60"], true),
        (Some("Public,S-MaxAge=600 , must-revalidate"), &["must-revalidate"], true),
        (Some("max-age=60"), &["max-age=60"], true),
        (Some("private, max-age=60"), &["private", "max-age=60"], true),
        (Some("no-store"), &["no-store"], false),
        (Some("no-cache, no-store"), &["no-cache", "no-store"], false),
    ];
    cases::each(rows.map(|row| (format!("{:?}", row.0), row)), |_, (says, stays, private)| {
        let mut headers = vec![("content-type", "application/json"), ("vary", "Accept")];
        headers.extend(says.map(|says| ("cache-control", says)));
        upstream.on("/api/cached", Answer::with("200 OK", &headers, PART));
        upstream.on("/elsewhere", Answer::with("200 OK", &headers, PART));
        upstream.on("/api/none", Answer::head("204 No Content", &headers));
        upstream.on("/api/head", Answer::head("200 OK", &headers));
        let asked = [
            Request::get("/api/cached"),
            Request::get("/api/cached").admin(),
            Request::get("/api/none"),
            Request::get("/api/none").admin(),
            Request::new("HEAD", "/api/head"),
            Request::new("HEAD", "/api/head").admin(),
        ];
        for request in asked {
            let response = gate.ask(&request);
            let list = response.header("cache-control").unwrap_or_default().to_ascii_lowercase();
            let directives: Vec<_> = list.split(',').map(str::trim).collect();
            assert!(!list.contains("public") && !list.contains("s-maxage"), "{request:?}: {response}");
            assert!(!private || directives.contains(&"private"), "{request:?}: {response}");
            assert!(stays.iter().all(|stay| directives.contains(stay)), "{request:?}: {response}");
            assert!(directives.iter().filter(|one| **one == "private").count() <= 1, "{response}");
            let vary = response.header("vary").unwrap_or_default().to_ascii_lowercase();
            let vary: Vec<_> = vary.split(',').map(str::trim).collect();
            for name in ["accept", "x-test-roles"] {
                assert!(vary.contains(&name), "{request:?}: {name} is not in vary: {response}");
            }
        }
        let response = gate.get("/elsewhere");
        assert_eq!(response.header("cache-control").as_deref(), says, "no rule, no change");
        assert_eq!(response.header("vary").as_deref(), Some("Accept"), "no rule, no change");
    });
    // Several headers of the name, and a vary that says everything already.
    let headers = [
        ("content-type", "application/json"),
        ("cache-control", "public"),
        ("cache-control", "s-maxage=5, max-age=5"),
        ("vary", "*"),
    ];
    upstream.on("/api/cached", Answer::with("200 OK", &headers, PART));
    let response = gate.get("/api/cached");
    let list = response.header("cache-control").unwrap();
    assert!(!list.contains("public") && !list.contains("s-maxage") && list.contains("private"), "{response}");
    assert!(list.contains("max-age=5"), "{response}");
    assert!(response.header("vary").unwrap().contains('*'), "{response}");
}

#[test]
fn shared_caches_keep_nothing_of_a_protected_endpoint() {
    let upstream = Upstream::start();
    let mut policy = rules(&[revenue_rule()]);
    policy["protected"] =
        json!([{"name": "guarded", "match": {"paths": ["/guarded/**"]}, "unless": {"roles": ["SMS_ADMIN"]}}]);
    let gate = Setup::new(&upstream).strip(&policy).start();
    let headers = [("content-type", "application/pdf"), ("cache-control", "public, max-age=60, s-maxage=600")];
    upstream.on("/guarded/export", Answer::with("200 OK", &headers, "id,unit_cost"));
    let response = gate.ask(&Request::get("/guarded/export").admin());
    assert_eq!(response.text(), "id,unit_cost");
    assert_eq!(response.header("cache-control").as_deref(), Some("max-age=60, private"), "{response}");
    assert!(response.header("vary").unwrap_or_default().contains("x-test-roles"), "{response}");
}

#[test]
fn questions_that_only_fit_the_portals_bytes_are_not_forwarded() {
    let upstream = Upstream::start();
    upstream.on("/api/asked", Answer::json(PART));
    upstream.on("/elsewhere", Answer::json(PART));
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let conditions = [
        ("if-none-match", "\"abc\""),
        ("if-modified-since", "Sat, 21 Nov 2026 00:00:00 GMT"),
        ("range", "bytes=0-10"),
        ("if-range", "\"abc\""),
    ];
    let with_all = |request: Request| {
        conditions.iter().fold(request, |request, (name, value)| request.header(name, value)).header("x-kept", "yes")
    };
    for (path, request, kept) in [
        ("/api/asked", Request::get("/api/asked"), false),
        ("/api/asked", Request::get("/api/asked").admin(), true),
        ("/elsewhere", Request::get("/elsewhere"), true),
    ] {
        gate.ask(&with_all(request));
        let forwarded = upstream.last(path);
        for (name, value) in conditions {
            assert_eq!(forwarded.header(name).as_deref(), kept.then_some(value), "{path} {name}");
        }
        assert_eq!(forwarded.header("x-kept").as_deref(), Some("yes"));
    }
}

#[test]
fn bytes_that_are_no_text_do_not_kill_the_vm() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let odd: &[u8] = b"\xff\xfe\x80 \xc3";
    let length = PART.len().to_string();
    let names = ["x-odd", "x-markup", "etag", "vary", "cache-control", "accept-ranges", "link"];
    cases::each(names.map(|name| (name, name)), |_, name| {
        let headers: [(&str, &[u8]); 3] =
            [("content-type", b"application/json"), ("content-length", length.as_bytes()), (name, odd)];
        upstream.on("/api/odd", Answer::head_bytes("200 OK", &headers).send(PART));
        let response = gate.ask(&Request::get("/api/odd").header(name, odd).header("x-test-permissions", odd));
        assert_body(&response, PART_STRIPPED);
        assert!(name != "x-odd" || response.shows(odd), "other headers stay as they are");
    });
    for name in ["content-type", "content-encoding"] {
        let headers: [(&str, &[u8]); 2] = [("content-length", length.as_bytes()), (name, odd)];
        upstream.on("/api/odd", Answer::head_bytes("200 OK", &headers).send(PART));
        assert_no_secret(&gate.get("/api/odd"));
    }
    // No rights come out of bytes that are no text.
    upstream.on("/api/odd", Answer::json(PART));
    for roles in [&b"SMS_ADMIN\xff"[..], b"\xff,SMS_ADMIN", b"\xff"] {
        let response = gate.ask(&Request::get("/api/odd").header("x-test-roles", roles));
        assert_no_secret(&response);
    }
    let log = gate.envoy.log();
    assert!(!log.contains("[critical]"), "{log}");
    assert_body(&gate.get("/api/odd"), PART_STRIPPED);
}
