//! The configurations of Lockgate that are measured.

use serde_json::{Value, json};

use crate::native::Cache;
use crate::token::ISSUER;
use crate::{Error, hook};

/// Where the keys of tokens come from.
#[derive(Clone, Copy, Debug)]
pub enum Keys<'a> {
    /// They stand in the configuration.
    Inline(&'a Value),
    /// They are fetched from this cluster.
    Fetched(&'a str),
}

/// What clients are told of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing, as by `local_ratelimit`.
    Nothing,
    /// `RateLimit` and `RateLimit-Policy`: the default.
    Fields,
}

/// The reference access matrix.
///
/// # Errors
/// It is no JSON, which would be a fault of the repository.
pub fn matrix() -> Result<Value, Error> {
    serde_json::from_str(include_str!("../../../tests/cases/jwt_auth/reference.json"))
        .map_err(|error| Error::wrong(format!("the reference matrix: {error}")))
}

/// Tokens, and rights by the reference matrix.
///
/// # Errors
/// There is no reference matrix.
pub fn jwt_auth(keys: Keys<'_>, cache: Cache) -> Result<Value, Error> {
    let matrix = matrix()?;
    let jwks = match keys {
        Keys::Inline(set) => json!({"inline": set}),
        Keys::Fetched(cluster) => json!({"remote": {
            "cluster": cluster, "authority": "issuer.bench", "path": "/keys", "refresh_s": 10, "retry_s": 1,
            "timeout_ms": 1000, "max_age_s": KEYS_COUNT_S,
        }}),
    };
    Ok(json!({
        "providers": [{
            "name": "issuer", "issuer": ISSUER, "audiences": ["lockgate"], "algorithms": ["EdDSA"], "jwks": jwks,
        }],
        "systems": matrix.get("systems"),
        // Webhooks come in where webhook-verify stands before it; elsewhere nothing verifies them.
        "access": matrix.get("access"),
        "cache": {"entries": match cache { Cache::Warm => 1024, Cache::Off => 0 }},
        "limits": {"failed_signatures": {"limit": 1000}},
    }))
}

/// Two limits that nobody reaches: by address in front, by consumer behind. Alone, the consumer is somebody in a header.
#[must_use]
pub fn rate_limit(told: Told) -> Value {
    let policy = |name: &str, key: &str, phase: &str| {
        json!({
            "name": name, "match": {"paths": ["/api/**"]}, "key": [key], "limit": 1_000_000_000, "window_s": 60,
            "phase": phase,
        })
    };
    json!({
        "policies": [policy("address", "address", "pre-auth"), policy("consumer", "consumer", "post-auth")],
        "headers": {"rate_limit": told == Told::Fields},
    })
}

/// The default lists, for everybody but `SMS_ADMIN`.
#[must_use]
pub fn revenue_strip() -> Value {
    json!({"rules": [
        {"name": "revenue", "match": {"paths": ["/api/**"]}, "action": "remove", "unless": {"roles": ["SMS_ADMIN"]}},
    ]})
}

/// The portals' webhooks.
#[must_use]
pub fn webhook_verify() -> Value {
    let endpoint = |name: &str, path: &str| {
        json!({
            "name": name, "match": {"paths": [path]}, "scheme": "portal", "secrets": [{"env": hook::VARIABLE}],
            "max_body_bytes": 131_072,
        })
    };
    json!({"endpoints": [
        endpoint(hook::ENDPOINT, hook::PATH),
        endpoint("onboarding", "/api/maintenance/webhooks/onboarding"),
    ]})
}

/// All of them as a chain.
///
/// # Errors
/// There is no reference matrix.
pub fn chain(keys: Keys<'_>, cache: Cache, told: Told) -> Result<Value, Error> {
    Ok(json!({"chain": [
        {"webhook-verify": webhook_verify()},
        {"jwt-auth": jwt_auth(keys, cache)?},
        {"rate-limit": rate_limit(told)},
        {"revenue-strip": revenue_strip()},
    ]}))
}

/// A single filter's configuration with the caller in a header, as no filter before it says who that is.
#[must_use]
pub fn alone(mut configuration: Value) -> Value {
    if let Some(members) = configuration.as_object_mut() {
        let identity = json!({"trusted_header": {"subject": SUBJECT_HEADER, "roles": ROLES_HEADER}});
        members.insert("identity".to_owned(), identity);
    }
    configuration
}

/// Who calls, where a filter is alone.
pub const SUBJECT_HEADER: &str = "x-bench-subject";
/// What roles he has.
pub const ROLES_HEADER: &str = "x-bench-roles";
/// How long fetched keys count, in seconds: an outage that is longer is felt.
pub const KEYS_COUNT_S: u64 = 12;

#[cfg(test)]
mod tests {
    use lockgate::exchange::Policy as _;
    use lockgate::{jwt_auth as auth, rate_limit as limit, revenue_strip as strip};

    use super::*;
    use crate::token::Issuer;

    #[test]
    fn what_is_measured_is_a_good_configuration() {
        let set = Issuer::new().unwrap().key_set();
        let inline = Keys::Inline(&set);
        let text = |value: Value| value.to_string().into_bytes();
        for cache in [Cache::Warm, Cache::Off] {
            auth::Policy::from_json(&text(super::jwt_auth(inline, cache).unwrap())).unwrap();
            auth::Policy::from_json(&text(super::jwt_auth(Keys::Fetched("keys"), cache).unwrap())).unwrap();
        }
        for told in [Told::Nothing, Told::Fields] {
            limit::Policy::from_json(&text(alone(super::rate_limit(told)))).unwrap();
            let chain = super::chain(inline, Cache::Warm, told).unwrap();
            let variables = std::collections::BTreeMap::from([(hook::VARIABLE.to_owned(), hook::SECRET.to_owned())]);
            lockgate::chain::Policy::read(&text(chain), &variables).unwrap();
        }
        strip::Policy::from_json(&text(alone(super::revenue_strip()))).unwrap();
    }
}
