//! `secrets`: where they come from, and when they are valid.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use sha2::{Digest as _, Sha256};

use crate::config::{ConfigError, Environment};
use crate::secret;
use crate::webhook_verify::descriptor::{Descriptor, Format};
use crate::webhook_verify::keys::{self, Key, WEAK_SECRET_BYTES};
use crate::webhook_verify::timestamp;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SecretWire {
    env: String,
    format: Option<Format>,
    not_before: Option<Instant>,
    not_after: Option<Instant>,
}

/// Unix seconds, or RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instant(i64);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl Visitor<'_> for Either {
    type Value = Instant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unix seconds or a time such as 2026-01-02T03:04:05Z")
    }

    fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Instant, E> {
        let ms = timestamp::Format::Unix.read(seconds.to_string().as_bytes());
        ms.map(Instant).ok_or_else(|| E::custom(format_args!("invalid value, {}", Expected)))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Instant, E> {
        let ms = timestamp::Format::Rfc3339.read(text.as_bytes());
        ms.map(Instant).ok_or_else(|| E::custom(format_args!("invalid value, {}", Expected)))
    }
}

struct Expected;

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected Unix seconds or a time such as 2026-01-02T03:04:05Z")
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Instant {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "format": "date-time"}]})
    }
}

/// A secret of an endpoint.
#[derive(Debug)]
pub(in crate::webhook_verify) struct Secret {
    pub(in crate::webhook_verify) key: Key,
    /// Unix milliseconds, from this one on.
    not_before_ms: Option<i64>,
    /// Up to this one.
    not_after_ms: Option<i64>,
    /// Whether it is so short that it can be guessed.
    pub(in crate::webhook_verify) weak: bool,
    /// The SHA-256 of its variable's name, which tells whether another one is the same, and shows nothing.
    pub(in crate::webhook_verify) variable: [u8; 32],
}

impl Secret {
    /// Whether it is valid at this time; without a clock only if it always is.
    pub(in crate::webhook_verify) fn is_valid(&self, now_ms: Option<i64>) -> bool {
        let from = self.not_before_ms.is_none_or(|from| now_ms.is_some_and(|now| now >= from));
        from && self.not_after_ms.is_none_or(|until| now_ms.is_some_and(|now| now <= until))
    }

    /// Whether its time is limited.
    pub(in crate::webhook_verify) fn needs_clock(&self) -> bool {
        self.not_before_ms.is_some() || self.not_after_ms.is_some()
    }
}

impl SecretWire {
    pub(super) fn check(
        self,
        path: &str,
        descriptor: &Descriptor,
        environment: &dyn Environment,
    ) -> Result<Secret, ConfigError> {
        let (not_before_ms, not_after_ms) = (self.not_before.map(|time| time.0), self.not_after.map(|time| time.0));
        if let (Some(from), Some(until)) = (not_before_ms, not_after_ms)
            && from >= until
        {
            return Err(ConfigError::new(format!("{path}.not_after"), "is not after not_before: it is never valid"));
        }
        let format = self.format.unwrap_or(descriptor.format);
        let (key, weak) = match secret::read(path, &self.env, environment)? {
            None => (Key::assumed(descriptor), false),
            Some(text) => {
                let key = Key::read(&text, format, descriptor)
                    .map_err(|fault| ConfigError::new(format!("{path}.env"), fault))?;
                let shared = !matches!(key, Key::Public(_));
                (key, shared && keys::length(&text, format) < WEAK_SECRET_BYTES)
            }
        };
        Ok(Secret { key, not_before_ms, not_after_ms, weak, variable: Sha256::digest(self.env.as_bytes()).into() })
    }
}
