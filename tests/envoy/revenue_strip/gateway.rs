//! Replies of Envoy and of earlier filters stay as they are, and Envoy's own `jwt_authn` says who is calling.

use lockgate_envoy_tests::gate::{revenue_rule, trusted_headers};
use lockgate_envoy_tests::token::Issuer;
use lockgate_envoy_tests::{Answer, End, Request, Setup, Upstream, cases};
use serde_json::{Value, json};

use super::{PART, PART_STRIPPED, assert_body};

fn policy(identity: &Value) -> Value {
    json!({
        "identity": identity,
        "rules": [revenue_rule()],
        "protected": [{"name": "pricing", "match": {"paths": ["/api/pricing/**"]}, "unless": {"roles": ["SMS_ADMIN"]}}],
    })
}

#[test]
fn a_dead_portal_stays_503_with_envoys_text() {
    let upstream = Upstream::start();
    for setup in [Setup::new(&upstream), Setup::new(&upstream).streaming_heads()] {
        let gate = setup.dead_portal().strip(&policy(&trusted_headers())).start();
        for request in
            [Request::get("/api/part"), Request::get("/api/part").admin(), Request::post_json("/api/part", "{}")]
        {
            let response = gate.ask(&request);
            assert_eq!((response.status, response.end), (503, End::Complete), "{response}");
            assert_eq!(response.header("content-type").as_deref(), Some("text/plain"));
            assert!(response.text().starts_with("upstream connect error"), "{response}");
            assert_eq!(response.header("content-length"), Some(response.body.len().to_string()));
        }
    }
}

#[test]
fn replies_of_the_gateway_keep_status_and_text() {
    let upstream = Upstream::start();
    upstream.on("/api/slow", Answer::default().wait(&lockgate_envoy_tests::Signal::new()));
    upstream.on("/api/garbage", Answer::default().send("this is no HTTP\r\n\r\n").close());
    upstream.on("/api/gone", Answer::default().reset());
    let gate = Setup::new(&upstream)
        .routes(vec![
            json!({"match": {"path": "/api/direct"}, "direct_response": {"status": 418, "body": {"inline_string": "a teapot"}}}),
            json!({"match": {"path": "/api/moved"}, "redirect": {"path_redirect": "/api/part"}}),
            json!({"match": {"path": "/api/slow"}, "route": {"cluster": "portal", "timeout": "0.3s"}}),
            json!({"match": {"prefix": "/api/"}, "route": {"cluster": "portal", "timeout": "0s"}}),
        ])
        .strip(&policy(&trusted_headers()))
        .start();
    let rows = [
        ("/api/direct", 418, "a teapot"),
        ("/api/moved", 301, ""),
        ("/api/slow", 504, "upstream request timeout"),
        ("/api/garbage", 502, "upstream connect error"),
        ("/api/gone", 503, "upstream connect error"),
        ("/nowhere", 404, ""),
    ];
    cases::each(rows.map(|row| (row.0, row)), |_, (path, status, text)| {
        let response = gate.get(path);
        assert_eq!((response.status, response.end), (status, End::Complete), "{response}");
        assert!(response.text().starts_with(text), "{response}");
    });
}

#[test]
fn what_a_cache_before_the_portal_keeps_is_stripped_like_the_portals_answer() {
    let upstream = Upstream::start();
    let cache = json!({
        "name": "envoy.filters.http.cache",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.cache.v3.CacheConfig",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig",
            },
        },
    });
    // Fresh for ten years from this date, so that no test needs a clock.
    let headers = [
        ("content-type", "application/json"),
        ("cache-control", "public, max-age=315360000"),
        ("date", "Sat, 21 Nov 2026 00:00:00 GMT"),
    ];
    let policy = policy(&trusted_headers());
    // The cache is the last filter before the router, as its page demands: before ours it would go round ours.
    let gate = Setup::new(&upstream).strip(&policy).filter(cache).start();
    upstream.on("/api/cached", Answer::with("200 OK", &headers, PART));
    for _ in 0..2 {
        assert_eq!(gate.ask(&Request::get("/api/cached").admin()).text(), PART);
        assert_body(&gate.get("/api/cached"), PART_STRIPPED);
    }
}

#[test]
fn jwt_authn_says_who_is_calling() {
    let upstream = Upstream::start();
    let issuer = Issuer::new();
    let identity = json!({"jwt_authn": {"payload": "claims", "roles": "roles", "permissions": "realm.permissions"}});
    let gate = Setup::new(&upstream)
        .filter(json!({
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": {"issuer": {
                    "issuer": "https://issuer.example",
                    "local_jwks": {"inline_string": issuer.jwks()},
                    "payload_in_metadata": "claims",
                }},
                "rules": [
                    {"match": {"prefix": "/api/open"}},
                    {"match": {"prefix": "/"}, "requires": {"provider_name": "issuer"}},
                ],
            },
        }))
        .strip(&policy(&identity))
        .start();
    for path in ["/api/part", "/api/pricing", "/api/open"] {
        upstream.on(path, Answer::json(PART));
    }
    let bearer = |path: &str, claims: Value| {
        let mut all = json!({"iss": "https://issuer.example", "sub": "someone", "exp": 4_102_444_800_u64});
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        Request::get(path).header("authorization", format!("Bearer {}", issuer.sign(&all)))
    };
    let rows = [
        ("an admin", json!({"roles": ["SMS_ADMIN"]}), true),
        ("one of several", json!({"roles": ["MANAGER", "SMS_ADMIN"]}), true),
        ("a single text", json!({"roles": "SMS_ADMIN"}), true),
        ("a manager", json!({"roles": ["MANAGER"]}), false),
        ("no role", json!({}), false),
        ("an empty list", json!({"roles": []}), false),
        ("a role of another type", json!({"roles": [{"name": "SMS_ADMIN"}]}), false),
        ("a role as a key", json!({"roles": {"SMS_ADMIN": true}}), false),
        ("the role in another claim", json!({"role": ["SMS_ADMIN"]}), false),
    ];
    cases::each(rows.map(|(name, claims, sees)| (name, (claims, sees))), |_, (claims, sees)| {
        let response = gate.ask(&bearer("/api/part", claims.clone()));
        assert_body(&response, if sees { PART } else { PART_STRIPPED });
        let vary = response.header("vary").unwrap_or_default().to_ascii_lowercase();
        assert!(vary.contains("authorization"), "{response}");
        assert_eq!(gate.ask(&bearer("/api/pricing", claims)).status, if sees { 200 } else { 403 });
    });
    // No token: Envoy's 401 with its own text. Also where a rule would answer 403.
    for path in ["/api/part", "/api/pricing"] {
        let response = gate.get(path);
        assert_eq!((response.status, response.text().as_str()), (401, "Jwt is missing"), "{response}");
        assert!(response.header("www-authenticate").is_some(), "{response}");
        let response = gate.ask(&Request::get(path).header("authorization", "Bearer x.y.z"));
        assert_eq!(response.status, 401, "{response}");
        assert!(response.text().starts_with("Jwt "), "{response}");
    }
    // A path without a token: nobody, whatever else the client says.
    assert_body(&gate.ask(&Request::get("/api/open").admin()), PART_STRIPPED);
    assert!(!gate.envoy.log().contains("Bearer "), "no token in the log");
}
