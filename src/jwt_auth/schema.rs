//! The JSON Schema of the configuration: derived from the wire form, with what types cannot say added by hand.

use schemars::{Schema, schema_for};
use serde_json::{Value, json};

use super::config::{
    MAX_CACHE_ENTRIES, MAX_ENTRIES, MAX_LEEWAY_S, MAX_NAME_BYTES, MAX_PROVIDERS, MAX_SERVICE_LIFETIME_S,
    MAX_TEXT_BYTES, Wire,
};
use super::revocation::MAX_REVOKED;
use crate::exchange::MAX_WAITING;
use crate::signature::Algorithm;

/// The JSON Schema (2020-12) of the configuration. What it refuses, [`super::Policy`] refuses; the policy refuses more:
/// what a schema cannot say, such as a role that does not exist.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = schema_for!(Wire);
    schema.insert("title".to_owned(), json!("Lockgate jwt-auth"));
    for (place, keyword, value) in additions() {
        let Some(there) = schema.pointer_mut(place) else { continue };
        // A value of any kind is derived as `true`.
        if there.is_boolean() {
            *there = json!({});
        }
        if let Some(object) = there.as_object_mut() {
            object.insert(keyword.to_owned(), value);
        }
    }
    schema
}

/// Where, which keyword, and its value.
fn additions() -> Vec<(&'static str, &'static str, Value)> {
    let mut additions = super::access::additions();
    additions.extend(DESCRIPTIONS.iter().map(|&(place, text)| (place, "description", Value::from(text))));
    for (place, keyword, number) in [
        ("/properties/providers", "minItems", 1),
        ("/properties/providers", "maxItems", MAX_PROVIDERS),
        ("/properties/sources", "minItems", 1),
        ("/properties/sources", "maxItems", MAX_ENTRIES),
        ("/properties/realm", "minLength", 1),
        ("/properties/realm", "maxLength", MAX_NAME_BYTES),
        ("/$defs/ProviderWire/properties/name", "minLength", 1),
        ("/$defs/ProviderWire/properties/name", "maxLength", MAX_NAME_BYTES),
        ("/$defs/ProviderWire/properties/issuer", "minLength", 1),
        ("/$defs/ProviderWire/properties/issuer", "maxLength", MAX_TEXT_BYTES),
        ("/$defs/ProviderWire/properties/audiences", "maxItems", MAX_ENTRIES),
        ("/$defs/ProviderWire/properties/algorithms", "minItems", 1),
        ("/$defs/ProviderWire/properties/leeway_s", "maximum", MAX_LEEWAY_S as usize),
        ("/$defs/ProviderWire/properties/max_lifetime_s", "minimum", 1),
        ("/$defs/ProviderWire/properties/max_lifetime_s", "maximum", 31_536_000),
        ("/$defs/ProviderWire/properties/required", "maxItems", MAX_ENTRIES),
        ("/$defs/ProviderWire/properties/typ", "maxItems", MAX_ENTRIES),
        ("/$defs/JwksWire", "minProperties", 1),
        ("/$defs/SourceWire", "minProperties", 1),
        ("/$defs/BindingWire", "minProperties", 1),
        ("/$defs/RevocationWire", "minProperties", 1),
        ("/$defs/RevocationWire/properties/jti", "maxItems", MAX_REVOKED),
        ("/$defs/TargetWire/properties/timeout_ms", "minimum", 50),
        ("/$defs/TargetWire/properties/timeout_ms", "maximum", 30_000),
        ("/$defs/TargetWire/properties/refresh_s", "minimum", 1),
        ("/$defs/TargetWire/properties/refresh_s", "maximum", 86_400),
        ("/$defs/TargetWire/properties/retry_s", "minimum", 1),
        ("/$defs/TargetWire/properties/retry_s", "maximum", 3600),
        ("/$defs/TargetWire/properties/max_age_s", "minimum", 1),
        ("/$defs/TargetWire/properties/max_age_s", "maximum", 604_800),
        ("/$defs/TargetWire/properties/max_bytes", "minimum", 256),
        ("/$defs/TargetWire/properties/max_bytes", "maximum", 1 << 20),
        ("/$defs/ServiceTokenWire/properties/lifetime_s", "minimum", 5),
        ("/$defs/ServiceTokenWire/properties/lifetime_s", "maximum", MAX_SERVICE_LIFETIME_S as usize),
        ("/$defs/ForwardWire/properties/remove", "maxItems", MAX_ENTRIES),
        ("/$defs/CacheWire/properties/entries", "maximum", MAX_CACHE_ENTRIES as usize),
        ("/$defs/LimitsWire/properties/max_token_bytes", "minimum", 256),
        ("/$defs/LimitsWire/properties/max_token_bytes", "maximum", 65_536),
        ("/$defs/LimitsWire/properties/wait_ms", "maximum", 10_000),
        ("/$defs/LimitsWire/properties/max_waiting", "maximum", MAX_WAITING),
        ("/$defs/FailedSignaturesWire/properties/limit", "maximum", 1_000_000),
        ("/$defs/FailedSignaturesWire/properties/window_s", "minimum", 1),
        ("/$defs/FailedSignaturesWire/properties/window_s", "maximum", 3600),
        ("/$defs/FailedSignaturesWire/properties/block_s", "minimum", 1),
        ("/$defs/FailedSignaturesWire/properties/block_s", "maximum", 86_400),
        ("/$defs/FailedSignaturesWire/properties/addresses", "minimum", 16),
        ("/$defs/FailedSignaturesWire/properties/addresses", "maximum", 65_536),
    ] {
        additions.push((place, keyword, number.into()));
    }
    let algorithms = Algorithm::ALL.map(Algorithm::name).to_vec();
    additions.push(("/$defs/ProviderWire/properties/algorithms/items", "enum", algorithms.into()));
    // Written out, also where they are null or empty.
    additions.push(("/$defs/ProviderWire", "required", json!(["name", "issuer", "audiences", "algorithms"])));
    additions.push(("/$defs/ProviderWire/properties/audiences", "type", "array".into()));
    additions.push(("/$defs/ForwardWire/properties/headers", "type", json!(["object", "null"])));
    additions.push(("/$defs/ProviderWire/properties/require", "type", json!(["object", "null"])));
    additions.push(("/$defs/RevocationWire/properties/not_before", "type", json!(["object", "null"])));
    additions.push(("/$defs/JwksWire/properties/inline", "type", json!(["object", "null"])));
    additions
}

const DESCRIPTIONS: &[(&str, &str)] = &[
    ("", "The configuration of jwt_auth.wasm: whose tokens count, and who may do what."),
    ("/properties/providers", "Who issues tokens. A token's provider is the one of its `iss`."),
    ("/properties/sources", "Where the token stands; it may stand in one place only. Default: authorization."),
    ("/properties/forward", "What portals are told, and what clients may not say."),
    ("/properties/revocation", "Tokens that are dead before their time."),
    ("/properties/fingerprint", "A claim holds the SHA-256 of a value that the token's holder shows."),
    ("/properties/cache", "Tokens that were verified before."),
    ("/properties/limits", "Ceilings."),
    ("/properties/unnormalized", "A path with two readings: reject (the default, 400) or rewrite."),
    ("/properties/preflight", "CORS preflights: check (the default) as other requests, or pass as nobody's."),
    ("/properties/realm", "In WWW-Authenticate. Default: lockgate."),
    ("/$defs/ProviderWire", "One issuer with its keys, and what its tokens must say."),
    ("/$defs/ProviderWire/properties/name", "In counters; 1 to 64 bytes."),
    ("/$defs/ProviderWire/properties/issuer", "The exact `iss`; null: any issuer, or none."),
    ("/$defs/ProviderWire/properties/audiences", "A token must name one of them in `aud`; []: it is not checked."),
    ("/$defs/ProviderWire/properties/algorithms", "What its tokens may be signed with."),
    ("/$defs/ProviderWire/properties/jwks", "Public keys: inline, or remote."),
    ("/$defs/ProviderWire/properties/hmac_secret", "A secret that the issuer shares, for HS*."),
    ("/$defs/ProviderWire/properties/leeway_s", "For clocks that differ, in seconds. Default: 30; 0 means 0."),
    (
        "/$defs/ProviderWire/properties/max_lifetime_s",
        "The most from `iat` to `exp`, in seconds. Default: not checked.",
    ),
    (
        "/$defs/ProviderWire/properties/typ",
        "Media types of which the header's `typ` must be one. Default: not checked.",
    ),
    ("/$defs/ProviderWire/properties/required", "Claims that must be there."),
    ("/$defs/ProviderWire/properties/require", "Claims and the value, or the list of values, that each may have."),
    ("/$defs/JwksWire", "One of the members."),
    ("/$defs/JwksWire/properties/inline", "A JWK set (RFC 7517)."),
    ("/$defs/JwksWire/properties/remote", "Where a JWK set is fetched."),
    ("/$defs/SecretWire/properties/env", "The variable that holds it; never the secret itself."),
    ("/$defs/SecretWire/properties/format", "How it is written there. Default: raw."),
    ("/$defs/SecretWire/properties/kid", "The `kid` that tokens must name. Absent: any or none."),
    ("/$defs/KeyWire/properties/env", "The variable that holds it; never the key itself."),
    ("/$defs/KeyWire/properties/format", "How it is written there. Default: pem for EdDSA, raw for HS256."),
    ("/$defs/TargetWire", "A document that one worker fetches for all."),
    ("/$defs/TargetWire/properties/cluster", "The cluster of the proxy that is asked."),
    ("/$defs/TargetWire/properties/refresh_s", "Seconds between fetches. Default: 300 for keys, 5 for revoked tokens."),
    ("/$defs/TargetWire/properties/retry_s", "Seconds between attempts, whatever asks for them. Default: 5, or 2."),
    ("/$defs/TargetWire/properties/timeout_ms", "Default: 2,000."),
    ("/$defs/TargetWire/properties/max_age_s", "How long the last good one counts. Default: 86,400, or 600."),
    ("/$defs/TargetWire/properties/max_bytes", "Default: 65,536, or 262,144."),
    ("/$defs/SourceWire", "One place."),
    (
        "/$defs/SourceWire/properties/header",
        "authorization with the scheme Bearer, or another header with the bare token.",
    ),
    (
        "/$defs/ForwardWire/properties/headers",
        "Header names; each a claim, or {\"identity\": \"subject\" | \"roles\" | \"permissions\" | \"tenant\" | \"system\"}.",
    ),
    ("/$defs/ForwardWire/properties/remove", "Further headers that no client may send."),
    ("/$defs/ForwardWire/properties/token", "What becomes of the client's token. Default: keep."),
    ("/$defs/ForwardWire/properties/service_token", "A short token of the gate for the portal."),
    ("/$defs/ServiceTokenWire/properties/lifetime_s", "Default: 30."),
    ("/$defs/ServiceTokenWire/properties/audience", "On paths of no system; elsewhere it is the system."),
    (
        "/$defs/ServiceTokenWire/properties/public_key_path",
        "Where the public key is served. Default: /.well-known/lockgate/jwks.json.",
    ),
    ("/$defs/RevocationWire/properties/jti", "Ids of tokens of any issuer. Tokens then need a `jti`."),
    (
        "/$defs/RevocationWire/properties/not_before",
        "Issuers, and the Unix seconds before which their tokens are dead.",
    ),
    ("/$defs/RevocationWire/properties/remote", "Where a list is polled. Tokens then need a `jti`."),
    ("/$defs/CacheWire/properties/entries", "0: none. Default: 1,024 in each worker."),
    ("/$defs/LimitsWire/properties/max_token_bytes", "Default: 16,384."),
    ("/$defs/LimitsWire/properties/wait_ms", "How long a request waits for keys. Default: 2,000."),
    ("/$defs/LimitsWire/properties/max_waiting", "How many of a worker wait at once. Default: 256."),
    ("/$defs/LimitsWire/properties/failed_signatures", "When wrong signatures of an address are no longer looked at."),
    (
        "/$defs/FailedSignaturesWire/properties/limit",
        "Wrong signatures in the window; 0: they are not counted. Default: 5.",
    ),
    ("/$defs/FailedSignaturesWire/properties/window_s", "Default: 60."),
    ("/$defs/FailedSignaturesWire/properties/block_s", "For how long nothing more is looked at. Default: 60."),
    ("/$defs/FailedSignaturesWire/properties/addresses", "For how many addresses the table is made. Default: 4,096."),
    ("/$defs/MatchWire", "Paths, and methods if not all."),
    ("/$defs/MatchWire/properties/paths", "* is one segment, ** any number; exactly as written."),
    ("/$defs/MatchWire/properties/methods", "Upper case. Absent: all."),
    ("/$defs/RightsWire", "Any of these roles, or any of these permissions."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_addition_has_its_place() {
        let mut schema = schema();
        for (place, keyword, value) in additions() {
            let there = schema.pointer_mut(place).unwrap_or_else(|| panic!("nothing is at {place}"));
            assert_eq!(there.get(keyword), Some(&value), "{place}");
        }
        assert_eq!(schema.get("$schema"), Some(&json!("https://json-schema.org/draft/2020-12/schema")));
    }
}
