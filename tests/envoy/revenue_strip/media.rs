//! Types and encodings: what is filtered, what passes, what is refused.

use lockgate_envoy_tests::gate::{revenue_rule, rules, trusted_headers};
use lockgate_envoy_tests::{Answer, Request, Setup, Upstream, cases};
use serde_json::json;

use super::{PART, PART_STRIPPED, assert_body, assert_no_secret, assert_refused, assert_refused_or_broken};

#[test]
fn json_is_filtered_whatever_it_is_called() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let types = [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "application/json; charset=us-ascii",
        "APPLICATION/JSON",
        "text/json",
        "application/problem+json",
        "application/vnd.api+json",
        "application/hal+json; profile=\"x\"",
        "application/graphql-response+json",
        "text/plain",
        "text/plain; charset=utf-8",
        "text/html",
        "application/octet-stream",
        "",
    ];
    cases::each(types.map(|name| (name, name)), |_, content_type| {
        for body in [PART.to_owned(), format!(" \r\n{PART}"), format!("\u{feff}{PART}"), format!("[{PART}]")] {
            upstream.on("/api/typed", Answer::ok(content_type, &body));
            let response = gate.get("/api/typed");
            assert_no_secret(&response);
            assert_body(&response, body.replace(PART, PART_STRIPPED));
            assert_eq!(gate.ask(&Request::get("/api/typed").admin()).text(), body);
        }
    });
    upstream.on("/api/untyped", Answer::with("200 OK", &[], PART));
    assert_body(&gate.get("/api/untyped"), PART_STRIPPED);
    // Byte by byte, so that the first byte that is no white space comes late.
    let late = format!("   {PART}");
    let head = [("content-type", "text/plain"), ("transfer-encoding", "chunked")];
    upstream.on("/api/late", Answer::head("200 OK", &head).chunks(late.as_bytes().chunks(1)).send("0\r\n\r\n"));
    assert_body(&gate.get("/api/late"), PART_STRIPPED);
}

#[test]
fn errors_are_filtered_as_well() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let rows =
        ["400 Bad Request", "404 Not Found", "409 Conflict", "500 Internal Server Error", "503 Service Unavailable"];
    cases::each(rows.map(|status| (status, status)), |_, status| {
        upstream.on("/api/error", Answer::with(status, &[("content-type", "application/problem+json")], PART));
        let response = gate.get("/api/error");
        assert_no_secret(&response);
        assert_eq!(response.status.to_string(), status[..3]);
        assert_eq!(super::lexemes(&response.body), PART_STRIPPED);
    });
}

#[test]
fn what_cannot_be_inspected_is_refused() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let csv = "id,unit_cost\n1,s3cr3t\n";
    let rows = [
        ("application/vnd.ms-excel", csv),
        ("application/xml", "<a><unit_cost>s3cr3t</unit_cost></a>"),
        ("text/xml", "<a>s3cr3t</a>"),
        ("text/html", "<p>s3cr3t</p>"),
        ("text/plain", "unit_cost = s3cr3t"),
        ("application/octet-stream", "\u{1}s3cr3t"),
        ("application/pdf", "%PDF-1.7 s3cr3t"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "PK s3cr3t"),
        ("application/x-protobuf", "\n\u{6}s3cr3t"),
        ("application/msgpack", "\u{1}s3cr3t"),
        ("application/cbor", "\u{1}s3cr3t"),
        ("multipart/form-data; boundary=b", "--b\r\n\r\n{\"unit_cost\":\"s3cr3t\"}\r\n--b--\r\n"),
        (
            "multipart/mixed; boundary=b",
            "--b\r\ncontent-type: application/json\r\n\r\n{\"unit_cost\":\"s3cr3t\"}\r\n--b--",
        ),
        ("application/x-www-form-urlencoded", "unit_cost=s3cr3t"),
        ("application/javascript", "unit_cost = 's3cr3t'"),
        ("application/json", csv),
        ("", csv),
        ("application/json; charset=utf-16", r#"{"unit_cost":"s3cr3t"}"#),
        ("application/json; charset=iso-8859-1", r#"{"unit_cost":"s3cr3t"}"#),
        ("application/json; charset=utf-7", r#"{"unit_cost":"s3cr3t"}"#),
        ("text/plain; charset=utf-16le", r#"{"unit_cost":"s3cr3t"}"#),
    ];
    cases::each(rows.map(|row| (row.0.to_owned() + ": " + row.1, row)), |_, (content_type, body)| {
        upstream.on("/api/opaque", Answer::ok(content_type, body));
        assert_refused(&gate.get("/api/opaque"));
        let admin = gate.ask(&Request::get("/api/opaque").admin());
        assert_eq!((admin.status, admin.text().as_str()), (200, body), "{admin}");
    });
    upstream.on("/api/nonsense", Answer::ok("nonsense", PART));
    assert_no_secret(&gate.get("/api/nonsense"));
    // Two types: nobody knows which one the client believes.
    let types = [("content-type", "image/png"), ("content-type", "application/json")];
    for types in [types, [types[1], types[0]]] {
        upstream.on("/api/two", Answer::with("200 OK", &types, PART));
        assert_no_secret(&gate.get("/api/two"));
    }
    // The type is known from the head, so a length of gigabytes is not waited for.
    let head = [("content-type", "application/zip"), ("content-length", "9000000000")];
    upstream.on("/api/endless", Answer::head("200 OK", &head).send(csv));
    assert_refused(&gate.get("/api/endless"));
}

#[test]
fn types_that_hold_no_fields_pass_untouched() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let picture: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for content_type in
        ["image/png", "IMAGE/JPEG", "image/svg+xml", "font/woff2", "text/css", "text/css; charset=utf-8"]
    {
        for encoding in [None, Some("gzip"), Some("br")] {
            let mut headers = vec![("content-type", content_type), ("x-kept", "yes")];
            headers.extend(encoding.map(|encoding| ("content-encoding", encoding)));
            upstream.on("/api/picture", Answer::with("200 OK", &headers, &picture));
            let response = gate.get("/api/picture");
            assert_eq!(response.status, 200, "{content_type} {encoding:?}: {response}");
            assert!(response.body == picture, "{content_type} {encoding:?}");
            assert_eq!(response.header("content-encoding").as_deref(), encoding);
        }
    }
    // The list is the operator's: given, it replaces the default.
    let own = json!({
        "identity": trusted_headers(), "rules": [revenue_rule()], "pass_types": ["application/pdf", "audio/*"],
    });
    let gate = Setup::new(&upstream).strip(&own).start();
    for (content_type, passes) in [("application/pdf", true), ("audio/ogg", true), ("image/png", false)] {
        upstream.on("/api/picture", Answer::ok(content_type, "s3cr3t"));
        let response = gate.get("/api/picture");
        if passes {
            assert_eq!((response.status, response.text().as_str()), (200, "s3cr3t"), "{content_type}");
        } else {
            assert_refused(&response);
        }
    }
}

#[test]
fn encoded_bodies_are_refused_and_not_asked_for() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let json = ("content-type", "application/json");
    let rows = [
        "gzip",
        "br",
        "deflate",
        "zstd",
        "x-gzip",
        "GZIP",
        "aes128gcm",
        "gzip, br",
        "identity, gzip",
        "gzip, identity",
        "nonsense",
    ];
    cases::each(rows.map(|encoding| (encoding, encoding)), |_, encoding| {
        // Encoded for the head, plain in truth: it must not pass because it happens to parse, nor leak.
        for body in [&b"\x1f\x8b\x08s3cr3t"[..], PART.as_bytes()] {
            upstream.on("/api/coded", Answer::with("200 OK", &[json, ("content-encoding", encoding)], body));
            assert_refused(&gate.get("/api/coded"));
            let admin = gate.ask(&Request::get("/api/coded").admin());
            assert!(admin.body == body, "{admin}");
            assert_eq!(admin.header("content-encoding").as_deref(), Some(encoding));
        }
    });
    let two = [json, ("content-encoding", "identity"), ("content-encoding", "gzip")];
    upstream.on("/api/coded", Answer::with("200 OK", &two, "\u{1f}s3cr3t"));
    assert_refused_or_broken(&gate.get("/api/coded"));
    for encoding in ["identity", "Identity"] {
        upstream.on("/api/plain", Answer::with("200 OK", &[json, ("content-encoding", encoding)], PART));
        assert_body(&gate.get("/api/plain"), PART_STRIPPED);
    }

    let asks = |request: Request| {
        gate.ask(&request.header("accept-encoding", "gzip, br;q=0.5"));
        upstream.last("/api/plain").header("accept-encoding")
    };
    assert_eq!(asks(Request::get("/api/plain")).as_deref(), Some("identity"));
    assert_eq!(asks(Request::get("/api/plain").header("accept-encoding", "zstd")).as_deref(), Some("identity"));
    assert_eq!(asks(Request::get("/api/plain").admin()).as_deref(), Some("gzip, br;q=0.5"));
}
