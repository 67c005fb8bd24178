//! What people use today: Envoy's own filters, and a Lua script.

use lockgate::revenue_strip::{DEFAULT_NAMES, DEFAULT_PATTERNS};
use serde_json::{Value, json};

/// Whether verified tokens are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// They are.
    Warm,
    /// Each one is verified again.
    Off,
}

/// What becomes of a token's claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nobody needs them.
    Dropped,
    /// Later filters find them in metadata, under [`CLAIMS`].
    InMetadata,
}

/// Where claims stand in the metadata of `jwt_authn`.
pub const CLAIMS: &str = "claims";

/// `jwt_authn`: signature, issuer, audience and dates.
#[must_use]
pub fn jwt_authn(issuer: &str, key_set: &Value, cache: Cache, payload: Payload) -> Value {
    let mut provider = json!({
        "issuer": issuer, "audiences": ["lockgate"], "forward": true, "require_expiration": true,
        "local_jwks": {"inline_string": key_set.to_string()},
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
    });
    if let Some(members) = provider.as_object_mut() {
        if cache == Cache::Warm {
            members.insert("jwt_cache_config".to_owned(), json!({"jwt_cache_size": 1000, "jwt_max_token_size": 8192}));
        }
        if payload == Payload::InMetadata {
            members.insert("payload_in_metadata".to_owned(), json!(CLAIMS));
        }
    }
    // Deliveries of webhooks have no token.
    json!({"name": JWT_AUTHN, "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"issuer": provider},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "issuer"}}],
    }})
}

/// `local_ratelimit`: one bucket for everybody, which is never empty.
#[must_use]
pub fn local_ratelimit() -> Value {
    json!({"name": "envoy.filters.http.local_ratelimit", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "native",
        "token_bucket": {"max_tokens": 1_000_000_000, "tokens_per_fill": 1_000_000_000, "fill_interval": "60s"},
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "filter_enforced": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
    }})
}

/// `rbac`: managers may read parts, and nobody anything else, by the claims that `jwt_authn` left.
#[must_use]
pub fn rbac() -> Value {
    let role = json!({"list_match": {"one_of": {"string_match": {"exact": "MANAGER"}}}});
    let path = json!([{"key": CLAIMS}, {"key": "roles"}]);
    json!({"name": "envoy.filters.http.rbac", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        "rules": {"action": "ALLOW", "policies": {"read-parts": {
            "permissions": [{"and_rules": {"rules": [
                {"header": {"name": ":method", "string_match": {"exact": "GET"}}},
                {"url_path": {"path": {"prefix": "/api/maintenance/parts/"}}},
            ]}}],
            "principals": [{"metadata": {"filter": JWT_AUTHN, "path": path, "value": role}}],
        }}},
    }})
}

/// How a Lua script takes members out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// It parses the body into tables and prints what is left. Order and spelling of numbers are lost.
    Parse,
    /// It cuts them out of the text. It is not deceived by quotes or brackets inside strings.
    Scan,
}

/// `lua`: gathers the body and takes members out of it by the default lists.
#[must_use]
pub fn lua(script: Script) -> Value {
    let names: Vec<String> = DEFAULT_NAMES.iter().map(|name| format!("[\"{name}\"]=true")).collect();
    // The script puts names in lower case.
    let texts = DEFAULT_PATTERNS.iter().map(|text| text.trim_start_matches("(?i)"));
    let (patterns, plain): (Vec<&str>, Vec<&str>) = texts.partition(|text| text.contains(".*"));
    let list = |texts: Vec<&str>| texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(", ");
    let script = match script {
        Script::Parse => include_str!("parse.lua"),
        Script::Scan => include_str!("scan.lua"),
    };
    let script = script
        .replace("--NAMES", &names.join(", "))
        .replace("--PLAIN", &list(plain))
        .replace("--PATTERNS", &list(patterns));
    json!({"name": "envoy.filters.http.lua", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": script},
    }})
}

const JWT_AUTHN: &str = "envoy.filters.http.jwt_authn";
