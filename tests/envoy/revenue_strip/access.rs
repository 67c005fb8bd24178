//! Who may: rights, protected endpoints, and protocols whose bodies nobody can inspect.

use lockgate_envoy_tests::gate::{revenue_rule, trusted_headers};
use lockgate_envoy_tests::{Answer, End, Request, Setup, Upstream, cases, h2};
use serde_json::{Value, json};

use super::{PART, PART_STRIPPED, assert_body, assert_no_secret, audit_lines};

fn protected() -> Value {
    json!({
        "identity": trusted_headers(),
        "rules": [revenue_rule()],
        "protected": [{
            "name": "revenue-endpoints",
            "match": {"paths": ["/api/*/parts/pricing/**", "/api/*/purchase-orders/**", "/api/reports/revenue/**"]},
            "unless": {"roles": ["SMS_ADMIN"], "permissions": ["see.revenue"]},
            "detail": "Access denied to revenue data",
        }],
    })
}

#[test]
fn protected_endpoints_answer_403() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&protected()).start();
    let paths = [
        "/api/maintenance/parts/pricing",
        "/api/onboarding/parts/pricing",
        "/api/maintenance/parts/pricing/",
        "/api/maintenance/parts/pricing/7",
        "/api/maintenance/parts/pricing/7/history",
        "/api/maintenance/parts/pricing?unit=1",
        "/API/Maintenance/PARTS/Pricing",
        "/api/maintenance/Purchase-Orders/9/",
        "/api/reports/revenue",
        "/api/REPORTS/revenue/2026",
    ];
    cases::each(paths.map(|path| (path, path)), |_, path| {
        let bare = path.split('?').next().unwrap();
        upstream.on(bare, Answer::json(PART));
        let before = upstream.received(bare).len();
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            let response = gate.ask(&Request::new(method, path));
            let problem = response.problem(403);
            assert_eq!(problem["detail"], "Access denied to revenue data");
            let id = response.header("x-request-id").unwrap_or_default();
            assert!(problem["instance"].as_str().unwrap_or_default().contains(&id) && !id.is_empty(), "{response}");
        }
        let response = gate.ask(&Request::new("HEAD", path));
        assert_eq!((response.status, response.end), (403, End::Complete), "{response}");
        assert_eq!(upstream.received(bare).len(), before, "the portal was asked");
        for request in [Request::get(path).admin(), Request::get(path).header("x-test-permissions", "see.revenue")] {
            assert_eq!(gate.ask(&request).status, 200);
        }
        assert_eq!(gate.ask(&Request::get(path).admin()).text(), PART);
    });
    let open = [
        "/api/maintenance/parts",
        "/api/maintenance/parts/pricings",
        "/api/maintenance/parts/xpricing",
        "/api/a/b/parts/pricing",
        "/api/reports/revenues",
        "/elsewhere/parts/pricing",
    ];
    cases::each(open.map(|path| (path, path)), |_, path| {
        upstream.on(path, Answer::json(r#"{"id":1}"#));
        assert_eq!(gate.get(path).text(), r#"{"id":1}"#);
    });
    // A body that is on its way does not change the answer.
    let response = gate.ask(&Request::post_json("/api/reports/revenue", "{}".repeat(100_000)));
    assert_eq!(response.status, 403, "{response}");
    let response = gate.ask(&Request::new("POST", "/api/reports/revenue").chunked("{}", 1));
    assert_eq!(response.status, 403, "{response}");

    let record = gate.access_log("/api/maintenance/parts/pricing");
    let [audit] = &audit_lines(&record)[..] else { panic!("one decision: {record}") };
    assert!(audit.to_string().contains("revenue-endpoints"), "{audit}");
    assert!(audit.to_string().contains(record["request_id"].as_str().unwrap()), "{audit}");
}

#[test]
fn rights_are_exact_and_missing_ones_are_none() {
    let upstream = Upstream::start();
    upstream.on("/api/part", Answer::json(PART));
    let mut rule = revenue_rule();
    rule["unless"] = json!({"roles": ["SMS_ADMIN", "AUDITOR"], "permissions": ["see.revenue"]});
    let gate = Setup::new(&upstream).strip(&json!({"identity": trusted_headers(), "rules": [rule]})).start();
    let get = || Request::get("/api/part");
    let rows = [
        ("nobody", get(), false),
        ("admin", get().admin(), true),
        ("another role", get().roles("AUDITOR"), true),
        ("one of a list", get().roles("MANAGER, SMS_ADMIN"), true),
        ("one of a list without spaces", get().roles("MANAGER,SMS_ADMIN"), true),
        ("a permission", get().header("x-test-permissions", "a,see.revenue,b"), true),
        ("manager", get().roles("MANAGER"), false),
        ("lower case", get().roles("sms_admin"), false),
        ("a longer word", get().roles("SMS_ADMINS"), false),
        ("a part", get().roles("SMS"), false),
        ("a role named as a permission", get().header("x-test-permissions", "SMS_ADMIN"), false),
        ("empty", get().roles(""), false),
        ("only commas", get().roles(",,"), false),
        ("a quoted role", get().roles("\"SMS_ADMIN\""), false),
        ("a wildcard", get().roles("*"), false),
        ("twice", get().admin().admin(), false),
        ("twice, one harmless", get().roles("MANAGER").admin(), false),
        ("under another name", get().header("x-roles", "SMS_ADMIN"), false),
    ];
    cases::each(rows.map(|(name, request, sees)| (name, (request, sees))), |_, (request, sees)| {
        assert_body(&gate.ask(&request), if sees { PART } else { PART_STRIPPED });
    });
}

#[test]
fn upgrades_connect_and_grpc_are_refused_on_matched_paths() {
    let upstream = Upstream::start();
    let websocket = Answer::head("101 Switching Protocols", &[("upgrade", "websocket"), ("connection", "Upgrade")]);
    for path in ["/api/socket", "/elsewhere"] {
        upstream.on(path, websocket.clone().send("{\"unit_cost\":\"s3cr3t\"}").close());
    }
    let gate = Setup::new(&upstream)
        .manager(json!({"upgrade_configs": [{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}]}))
        .routes(vec![
            json!({"match": {"connect_matcher": {}}, "route": {"cluster": "portal", "timeout": "0s"}}),
            json!({"match": {"prefix": "/"}, "route": {"cluster": "portal", "timeout": "0s"}}),
        ])
        .strip(&protected())
        .start();
    let upgrade = |path: &str, to: &str| {
        Request::get(path)
            .header("connection", "Upgrade")
            .header("upgrade", to)
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    for to in ["websocket", "WebSocket"] {
        let response = gate.ask(&upgrade("/api/socket", to));
        assert_no_secret(&response);
        response.problem(403);
    }
    assert!(upstream.received("/api/socket").is_empty(), "the portal was asked");
    assert_eq!(gate.ask(&upgrade("/elsewhere", "websocket")).status, 101, "no rule, no refusal");

    // CONNECT over HTTP/1.1 has no path that a rule could exempt.
    let mut client = gate.connect();
    client.send_raw(b"CONNECT gate:80 HTTP/1.1\r\nhost: gate:80\r\n\r\n");
    let response = client.response("GET");
    assert!((400..500).contains(&response.status), "{response}");

    // WebSocket over HTTP/2 (RFC 8441) is CONNECT with a path.
    let uri = format!("http://{}/api/socket", gate.address());
    let mut request = http::Request::builder().method("CONNECT").uri(&uri).body(()).unwrap();
    request.extensions_mut().insert(::h2::ext::Protocol::from_static("websocket"));
    let response = h2::ask(gate.address(), request, None);
    assert_eq!(response.status.map(|status| status.as_u16()), Some(403));
    assert!(upstream.received("/api/socket").is_empty(), "the portal was asked");

    // gRPC: Envoy turns 403 into its status 7 (permission denied).
    upstream.on("/api/Service/Call", Answer::ok("application/grpc", "s3cr3t"));
    for content_type in ["application/grpc", "application/grpc+proto", "APPLICATION/GRPC"] {
        let uri = format!("http://{}/api/Service/Call", gate.address());
        let request = http::Request::post(uri).header("content-type", content_type).header("te", "trailers");
        let response =
            h2::ask(gate.address(), request.body(()).unwrap(), Some(bytes::Bytes::from_static(b"\0\0\0\0\0")));
        assert!(!response.shows("s3cr3t"));
        let grpc = response.header("grpc-status").map(str::to_owned);
        let grpc = grpc.or_else(|| Some(response.trailers.get("grpc-status")?.to_str().ok()?.to_owned()));
        let status = response.status.unwrap().as_u16();
        assert!(status == 403 || (status, grpc.as_deref()) == (200, Some("7")), "{content_type}: {status} {grpc:?}");
    }
    assert!(upstream.received("/api/Service/Call").is_empty(), "the portal was asked");
}
