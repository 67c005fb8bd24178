//! Tokens of benchmarks. Their key protects nothing.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate::signature::SigningKey;
use serde_json::{Map, Value, json};

use crate::Error;

/// Who issues them.
pub const ISSUER: &str = "https://issuer.bench";

/// Signs tokens with EdDSA, a key that is the same in every run.
#[derive(Debug)]
pub struct Issuer(SigningKey);

impl Issuer {
    /// # Errors
    /// The core refuses the key, which would be a fault of the core.
    pub fn new() -> Result<Self, Error> {
        let key = SigningKey::ed25519_seed(&[7; 32]);
        key.map(Self).map_err(|error| Error::wrong(format!("the benchmark's key: {error}")))
    }

    /// Its key set (RFC 7517).
    #[must_use]
    pub fn key_set(&self) -> Value {
        let members = self.0.public_jwk_members().into_iter().flatten();
        let mut key: Map<String, Value> =
            members.map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
        key.insert("kid".to_owned(), json!(KEY_ID));
        key.insert("alg".to_owned(), json!(self.0.algorithm().name()));
        json!({"keys": [key]})
    }

    /// A manager's token of the unified payload, valid for a day.
    #[must_use]
    pub fn token(&self, subject: &str) -> String {
        let header = json!({"alg": self.0.algorithm().name(), "kid": KEY_ID, "typ": "JWT"});
        let claims = claims(subject, subject, 86_400);
        let text = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(text.as_bytes()));
        format!("{text}.{signature}")
    }
}

/// The unified payload of a manager.
#[must_use]
pub fn claims(subject: &str, jti: &str, lifetime_s: u64) -> Value {
    let now_s = now_ms() / 1000;
    json!({
        "iss": ISSUER, "aud": "lockgate", "sub": subject, "jti": jti, "iat": now_s, "exp": now_s + lifetime_s,
        "type": "access", "tenantId": "tenant-nordhavn", "roles": ["MANAGER"],
        "permissions": ["equipment.review", "equipment.approve", "fault.create", "maintenance.approve"],
        "systems": {
            "onboarding": {
                "companyId": "c0000000-0000-4000-8000-000000000001", "role": "MANAGER",
                "permissions": ["equipment.review", "equipment.approve"],
            },
            "maintenance": {
                "companyId": 1, "role": "manager", "specialization": "engine",
                "permissions": ["fault.create", "maintenance.approve"],
            },
        },
        "federation": {
            "primarySystem": "onboarding", "lastSync": "2026-03-02T06:00:00Z",
            "syncedSystems": ["onboarding", "maintenance"],
        },
    })
}

/// The same token with another signature. Its first character is changed: the last ones hold bits that do not count.
#[must_use]
pub fn forged(token: &str) -> String {
    let (text, signature) = token.rsplit_once('.').unwrap_or_default();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    format!("{text}.{other}{}", signature.get(1..).unwrap_or_default())
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "tokens and deliveries are valid now")]
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

const KEY_ID: &str = "bench";
