//! The chain: all filters in one context, over both protocols, on two workers.

mod bodies;
mod shared;
mod whole;

use lockgate_envoy_tests::token::{Key, key_set};
use lockgate_envoy_tests::{Gate, Request};
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example";

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "tokens of tests are valid now")]
fn now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// A token of somebody with this role.
fn bearer(key: &Key, subject: &str, role: &str) -> String {
    let claims = json!({
        "iss": ISSUER, "aud": "portals", "sub": subject, "iat": now_s(), "exp": now_s() + 600, "roles": [role],
    });
    format!("Bearer {}", key.sign(&claims))
}

/// Two roles, a public path, and the caller's name for the portal.
fn auth(key: &Key) -> Value {
    auth_with(&json!({"inline": key_set([key])}))
}

/// The same with keys from elsewhere.
fn auth_with(jwks: &Value) -> Value {
    json!({"jwt-auth": {
        "providers": [{
            "name": "issuer", "issuer": ISSUER, "audiences": ["portals"], "algorithms": ["ES256"], "jwks": jwks,
        }],
        "claims": {"roles": "roles"},
        "access": {
            "roles": {"ADMIN": {"permissions": []}, "USER": {"permissions": []}},
            "rules": [
                {"name": "public", "match": {"paths": ["/public/**"]}, "public": true},
                {"name": "admin", "match": {"paths": ["/api/admin/**"]}, "require": {"roles": ["ADMIN"]}},
                {"name": "api", "match": {"paths": ["/api/**"]}, "require": {"roles": ["ADMIN", "USER"]}},
            ],
        },
        "forward": {"headers": {"x-user-id": {"identity": "subject"}}, "token": "remove"},
        "limits": {"wait_ms": 5000},
    }})
}

/// So many requests a minute of a caller, and of an address before anybody is known.
fn limits(consumer: u32, address: u32) -> Value {
    json!({"rate-limit": {
        "policies": [
            {"name": "consumer", "match": {"paths": ["/api/**"]}, "key": ["consumer"], "limit": consumer, "window_s": 60},
            {"name": "address", "match": {"paths": ["/**"]}, "key": ["address"], "limit": address, "window_s": 60,
             "phase": "pre-auth"},
        ],
    }})
}

/// Costs, in both directions, for everybody but administrators.
fn strip() -> Value {
    let rule = |name: &str, direction: &str| {
        json!({
            "name": name, "match": {"paths": ["/**"]}, "names": ["cost"], "action": "remove", "direction": direction,
            "unless": {"roles": ["ADMIN"]},
        })
    };
    json!({"revenue-strip": {"rules": [rule("out", "response"), rule("in", "request")]}})
}

fn get(path: &str, authorization: &str) -> Request {
    Request::get(path).header("authorization", authorization)
}

/// No VM was lost.
#[track_caller]
fn assert_well(gate: &Gate) {
    let log = gate.envoy.log();
    assert!(!log.contains("[critical]"), "{log}");
}
