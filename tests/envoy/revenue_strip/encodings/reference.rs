//! envoy.yaml itself, with a scripted portal and issuer behind it.

use std::net::SocketAddr;
use std::time::SystemTime;

use lockgate_envoy_tests::gate::{chain, envoy_binary};
use lockgate_envoy_tests::token::Issuer;
use lockgate_envoy_tests::{Answer, Client, End, Request, Upstream, h2};
use lockgate_harness::{Envoy, EnvoyConfig, EnvoyOptions};
use serde_json::json;

use super::pair::{Codec, gzip};
use super::{GZIP, JSON, PART, PART_STRIPPED, assert_no_secret, assert_refused, lexemes, long};

#[test]
fn the_reference_configuration_unpacks_strips_and_packs() {
    let upstream = Upstream::start();
    let codec = Codec::new();
    let issuer = Issuer::new();
    upstream.on("/healthz", Answer::ok("text/plain", "ok"));
    upstream.on("/.well-known/jwks.json", Answer::json(issuer.jwks()));
    upstream.on("/revoked", Answer::json(r#"{"revoked":[]}"#));
    let (envoy, gateway) = reference(&upstream);
    let ask = |role: &str, path: &str, accepted: Option<&str>| {
        let mut request = Request::get(path).header("authorization", format!("Bearer {}", token(&issuer, role)));
        if let Some(accepted) = accepted {
            request = request.header("accept-encoding", accepted);
        }
        Client::connect(gateway).ask(&request)
    };

    let body = long(20); // over the length from which on it packs
    upstream.on("/api/maintenance/test/bad/plain", Answer::json(&body));
    upstream.on("/api/maintenance/test/bad/gzip", Answer::with("200 OK", &[JSON, GZIP], gzip(&body)));
    upstream.on("/api/maintenance/test/bad/short", Answer::with("200 OK", &[JSON, GZIP], gzip(PART)));
    for path in ["/api/maintenance/test/bad/plain", "/api/maintenance/test/bad/gzip"] {
        for (accepted, coding) in [(None, None), (Some("gzip"), Some("gzip")), (Some("br, gzip;q=0.5"), Some("br"))] {
            let response = ask("MANAGER", path, accepted);
            assert_eq!((response.status, response.end), (200, End::Complete), "{response}");
            assert_eq!(response.header("content-encoding").as_deref(), coding, "{response}");
            let text = codec.unpack(coding, &response.body);
            assert_eq!(lexemes(text), lexemes(body.replace(PART, PART_STRIPPED)), "{path}, {accepted:?}");
            let admin = ask("SMS_ADMIN", path, accepted);
            assert_eq!(admin.header("content-encoding").as_deref(), coding, "{admin}");
            assert!(codec.unpack(coding, &admin.body) == body.as_bytes(), "{path}, {accepted:?}: {admin}");
            assert_eq!(upstream.last(path).header("accept-encoding").as_deref(), Some("identity"));
        }
    }
    assert_eq!(lexemes(ask("MANAGER", "/api/maintenance/test/bad/short", None).body), lexemes(PART_STRIPPED));

    for (coding, body) in
        [("br", codec.brotli(PART)), ("gzip, br", codec.brotli(gzip(PART))), ("gzip, gzip", gzip(gzip(PART)))]
    {
        upstream
            .on("/api/maintenance/test/bad/coded", Answer::with("200 OK", &[JSON, ("content-encoding", coding)], body));
        assert_refused(&ask("MANAGER", "/api/maintenance/test/bad/coded", Some("gzip")));
    }
    upstream.on("/api/maintenance/test/bad/cut", Answer::with("200 OK", &[JSON, GZIP], &gzip(&body)[..200]));
    let cut = ask("MANAGER", "/api/maintenance/test/bad/cut", None);
    assert_no_secret(&cut);
    assert!(cut.end == End::Broken || cut.status == 502, "{cut}");

    for path in ["/api/maintenance/test/bad/gzip", "/api/maintenance/test/bad/short"] {
        let request = http::Request::get(format!("http://{gateway}{path}")).header("accept-encoding", "br");
        let request = request.header("authorization", format!("Bearer {}", token(&issuer, "MANAGER")));
        let response = h2::ask(gateway, request.body(()).unwrap(), None);
        assert_eq!((response.header("content-encoding"), &response.reset), (Some("br"), &None));
        assert!(!response.shows("s3cr3t") && response.trailers.is_empty(), "{:?}", response.trailers);
        let text = codec.unpack(Some("br"), &response.body);
        let want = if path.ends_with("short") { PART_STRIPPED.to_owned() } else { body.replace(PART, PART_STRIPPED) };
        assert_eq!(lexemes(text), lexemes(want), "{path}");
    }

    // A packed request is not read, so it does not pass where it must be; elsewhere it stays as it is.
    let post = Request::post_json("/api/maintenance/sync/equipment", gzip(PART)).header("content-encoding", "gzip");
    let post = post.header("authorization", format!("Bearer {}", token(&issuer, "INTEGRATION_SERVICE")));
    Client::connect(gateway).ask(&post).problem(415);
    upstream.on("/api/maintenance/faults", Answer::json("{}"));
    let post = Request::post_json("/api/maintenance/faults", gzip(PART)).header("content-encoding", "gzip");
    Client::connect(gateway).ask(&post.header("authorization", format!("Bearer {}", token(&issuer, "MANAGER"))));
    assert!(upstream.last("/api/maintenance/faults").body == gzip(PART));
    assert!(envoy.process().exit_status().is_none());
}

/// Envoy with envoy.yaml, the upstream in the place of portals and issuer.
fn reference(upstream: &Upstream) -> (Envoy, SocketAddr) {
    let module = chain().display().to_string();
    let portal = format!("port_value: {} }}", upstream.address().port());
    let mut text = include_str!("../../../../envoy.yaml").to_owned();
    for (from, to) in [
        ("target/wasm32-wasip1/release/lockgate.wasm", module.as_str()),
        ("port_value: 8080 }", "port_value: 0 }"),
        ("port_value: 9901 }", "port_value: 0 }"),
        ("port_value: 3001 }", &portal),
        ("port_value: 3002 }", &portal),
        ("port_value: 3003 }", &portal),
    ] {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    }
    let mut options = EnvoyOptions { admin_port: None, ..EnvoyOptions::default() };
    for name in ["MAINTENANCE_WEBHOOK_SECRET", "ONBOARDING_WEBHOOK_SECRET"] {
        options.process = options.process.env(name, "a secret for tests only");
    }
    let envoy =
        Envoy::start(envoy_binary(), &EnvoyConfig::Yaml(text), options).unwrap_or_else(|error| panic!("{error}"));
    let address = *envoy.listeners().unwrap().get("gateway").unwrap();
    let healthy = || envoy.counter("cluster.maintenance.membership_healthy").is_ok_and(|hosts| hosts > 0).then_some(());
    envoy.process().wait_until("a healthy portal", lockgate_envoy_tests::wire::HANGS_AFTER, healthy).unwrap();
    (envoy, address)
}

/// A token as the maintenance portal's users have it.
#[expect(clippy::disallowed_methods, reason = "tokens are valid now")]
fn token(issuer: &Issuer, role: &str) -> String {
    let now_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let spelling = match role {
        "SMS_ADMIN" => "sms_admin",
        "INTEGRATION_SERVICE" => "integration",
        _ => "manager",
    };
    issuer.sign(&json!({
        "iss": "https://issuer.lockgate.example", "aud": "lockgate", "sub": "someone", "jti": role, "type": "access",
        "iat": now_s, "exp": now_s + 600, "systems": {"maintenance": {"role": spelling, "permissions": []}},
    }))
}
