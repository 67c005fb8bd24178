//! jwt-auth, rule by rule.

mod algorithms;
mod configuration;
mod keys;
mod paths;
mod reload;
mod requests;
mod revocation;
mod smuggling;
mod storms;
mod twins;
mod waiting;

use std::time::{SystemTime, UNIX_EPOCH};

use lockgate_envoy_tests::token::{Key, key_set};
use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Answer, End, Gate, Request, Response, Setup, Upstream};
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example";

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "tokens of tests are valid now")]
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The claims of a manager; `jti` tells tokens apart.
pub(crate) fn claims(jti: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": "portals", "sub": "usr-1", "jti": jti, "iat": now_s(), "exp": now_s() + 600,
        "tenantId": "t-1",
        "systems": {
            "onboarding": {"role": "MANAGER", "permissions": ["equipment.review"], "companyId": "c-1"},
            "maintenance": {"role": "manager", "permissions": ["fault.create"], "companyId": 1},
        },
    })
}

/// The same with one member changed, or taken out by `null`.
pub(crate) fn claims_with(jti: &str, member: &str, value: Value) -> Value {
    let mut claims = claims(jti);
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(member);
    } else {
        claims[member] = value;
    }
    claims
}

/// A provider with these keys.
pub(crate) fn provider(jwks: &Value) -> Value {
    json!({
        "name": "issuer", "issuer": ISSUER, "audiences": ["portals"],
        "algorithms": ["ES256", "RS256", "EdDSA"],
        "jwks": jwks,
        "max_lifetime_s": 900,
    })
}

pub(crate) fn inline<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Value {
    json!({"inline": key_set(keys)})
}

/// Keys at `/keys` of the cluster `keys`, fetched anew only when they are needed.
fn remote() -> Value {
    json!({"remote": {
        "cluster": "keys", "authority": "issuer.example", "path": "/keys",
        "refresh_s": 3600, "retry_s": 1, "timeout_ms": 1000, "max_age_s": 7200,
    }})
}

/// Two systems, five kinds of endpoint.
pub(crate) fn policy(provider: &Value) -> Value {
    json!({
        "providers": [provider],
        "systems": {
            "onboarding": {"paths": ["/api/onboarding/**"], "roles": {"MANAGER": "MANAGER", "TECHNICIAN": "TECHNICIAN"}},
            "maintenance": {"paths": ["/api/maintenance/**"], "roles": {"manager": "MANAGER", "technician": "TECHNICIAN"}},
        },
        "access": {
            "roles": {
                "MANAGER": {"systems": ["onboarding", "maintenance"], "permissions": ["parts.*"]},
                "TECHNICIAN": {"systems": ["maintenance"], "permissions": []},
            },
            "rules": [
                {"name": "health", "match": {"paths": ["/api/public/**"]}, "public": true},
                {"name": "parts", "match": {"paths": ["/api/*/parts/**"]}, "require": {"permissions": ["parts.read"]}},
                {"name": "delete", "match": {"paths": ["/api/maintenance/faults/*"], "methods": ["DELETE"]},
                 "require": {"roles": ["MANAGER"]}},
                {"name": "faults", "match": {"paths": ["/api/maintenance/faults/**"]},
                 "require": {"roles": ["MANAGER", "TECHNICIAN"]}},
                {"name": "own", "match": {"paths": ["/api/*/me"]}, "require": {}},
            ],
        },
        "forward": {
            "headers": {
                "x-user-id": {"identity": "subject"}, "x-tenant-id": "tenantId", "x-role": {"identity": "roles"},
                "x-permissions": {"identity": "permissions"},
            },
            "token": "remove",
        },
        "limits": {"wait_ms": 5000},
    })
}

/// A portal that answers at these paths.
fn portal() -> Upstream {
    let upstream = Upstream::start();
    for path in [
        "/api/maintenance/parts",
        "/api/maintenance/faults/1",
        "/api/maintenance/me",
        "/api/onboarding/me",
        "/api/public/x",
    ] {
        upstream.on(path, Answer::ok("text/plain", "portal"));
    }
    upstream
}

pub(crate) const PARTS: &str = "/api/maintenance/parts";

pub(crate) fn bearer(path: &str, token: &str) -> Request {
    Request::get(path).header("authorization", format!("Bearer {token}"))
}

#[track_caller]
fn assert_passes(response: &Response) {
    assert_eq!((response.status, response.text().as_str(), response.end), (200, "portal", End::Complete), "{response}");
}

/// 401 with a challenge that says no more than it should.
#[track_caller]
fn assert_unauthorized(response: &Response, error: bool) {
    response.problem(401);
    let want = if error { r#"Bearer realm="lockgate", error="invalid_token""# } else { r#"Bearer realm="lockgate""# };
    assert_eq!(response.header("www-authenticate").as_deref(), Some(want), "{response}");
}

#[track_caller]
fn assert_forbidden(response: &Response) {
    response.problem(403);
    let want = r#"Bearer realm="lockgate", error="insufficient_scope""#;
    assert_eq!(response.header("www-authenticate").as_deref(), Some(want), "{response}");
}

/// Why jwt-auth refused the only request for `path` so far.
#[track_caller]
fn reason(gate: &Gate, path: &str) -> Value {
    let record = gate.access_log(path);
    let line = record["audit"].as_str().expect("an audit record");
    serde_json::from_str::<Value>(line).expect("a line of JSON")["reason"].clone()
}

/// No VM was lost, and no key or token stands in the log.
#[track_caller]
fn assert_well(gate: &Gate) {
    let log = gate.envoy.log();
    assert!(!log.contains("[critical]"), "{log}");
    // What a client puts into the query, the access log of these tests shows.
    let told = log.lines().find(|line| line.contains("eyJ") && !line.contains("access_token="));
    assert_eq!(told, None, "a token in the log");
}

/// Waits until the key set has been asked for so often.
#[track_caller]
fn until_fetched(gate: &Gate, keys: &Upstream, times: usize) {
    let fetched = || (keys.received("/keys").len() >= times).then_some(());
    gate.envoy.process().wait_until("a fetch", HANGS_AFTER, fetched).unwrap();
}

/// A gate with keys from `keys`.
fn remote_gate(portal: &Upstream, keys: &Upstream, workers: u32) -> Setup {
    Setup::new(portal).workers(workers).cluster("keys", Some(keys.address())).jwt(&policy(&provider(&remote())))
}
