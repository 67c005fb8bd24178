//! The configuration: wire form in, checked form out.

mod forward;
mod limits;
mod provider;
mod remote;
mod revocation;
mod source;

use serde::Deserialize;

use super::access::{Access, AccessWire, Asks, ClaimsWire, Place, SystemWire, Tenant};
use super::revocation::Revocation;
use crate::claims::{Limits as JsonLimits, Value};
use crate::config::{self, ConfigError, Environment, Named, Raw};

pub(super) use self::forward::{Forward, ForwardWire, Handover, ServiceKey};
pub(super) use self::limits::{CacheWire, FailedSignatures, Limits, LimitsWire};
pub(super) use self::provider::{Provider, ProviderWire};
pub(super) use self::remote::{Target, TargetWire, Timing};
pub(super) use self::revocation::{Binding, BindingPlace, BindingWire, RevocationWire};
pub(super) use self::source::{HeaderSource, SourceWire, Sources};

pub use self::forward::{
    DEFAULT_PUBLIC_KEY_PATH, DEFAULT_SERVICE_LIFETIME_S, MAX_FORWARD_HEADERS, MAX_SERVICE_LIFETIME_S, REMOVED_HEADERS,
    REMOVED_PREFIXES,
};
pub use self::limits::{DEFAULT_CACHE_ENTRIES, MAX_CACHE_ENTRIES};
pub use self::provider::{DEFAULT_LEEWAY_S, MAX_LEEWAY_S, MAX_PROVIDERS};

/// Most entries of any list that has no ceiling of its own.
pub const MAX_ENTRIES: usize = 64;
/// Longest name of a provider, and longest realm, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// Longest text of an issuer, an audience, a claim's value, in bytes.
pub const MAX_TEXT_BYTES: usize = 1024;

/// The wire form.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    providers: Vec<ProviderWire>,
    sources: Option<Vec<SourceWire>>,
    systems: Option<Named<SystemWire>>,
    claims: Option<ClaimsWire>,
    access: AccessWire,
    forward: Option<ForwardWire>,
    revocation: Option<RevocationWire>,
    fingerprint: Option<BindingWire>,
    cache: Option<CacheWire>,
    limits: Option<LimitsWire>,
    unnormalized: Option<Unnormalized>,
    preflight: Option<Preflight>,
    realm: Option<String>,
}

/// What becomes of a path with two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Unnormalized {
    /// 400.
    Reject,
    /// The normal form goes on.
    Rewrite,
}

/// What becomes of a CORS preflight (an OPTIONS request with `origin` and `access-control-request-method`), which never
/// carries a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Preflight {
    /// As any other request.
    Check,
    /// It goes on, as nobody's.
    Pass,
}

/// A checked configuration.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) providers: Vec<Provider>,
    pub(super) sources: Sources,
    pub(super) access: Access,
    pub(super) forward: Forward,
    pub(super) revocation: Option<Revocation>,
    pub(super) binding: Option<Binding>,
    pub(super) cache_entries: usize,
    pub(super) limits: Limits,
    pub(super) unnormalized: Unnormalized,
    pub(super) preflight: Preflight,
    pub(super) realm: String,
}

impl Config {
    pub(super) fn read(text: &[u8], environment: &dyn Environment) -> Result<Self, ConfigError> {
        let wire: Wire = config::read_secret(text)?;
        let providers = check_providers(wire.providers, environment)?;
        let has_systems = wire.systems.is_some();
        let access = Access::check(wire.systems, wire.claims, wire.access)?;
        let forward = wire.forward.unwrap_or_default().check(has_systems, environment)?;
        let sources = Sources::check(wire.sources)?;
        let binding = wire.fingerprint.map(BindingWire::check).transpose()?;
        if let Some(n) = sources.headers.iter().position(|source| forward.removed.takes(source.name.as_bytes())) {
            return Err(ConfigError::new(
                format!("sources[{n}].header"),
                "is a header that is removed from every request, as only the gateway may set it; take another one",
            ));
        }
        for (n, rule) in access.rules().iter().enumerate() {
            if let Asks::Token(requirement) = rule.asks()
                && let Some(Place::Header(name)) = requirement.tenant().map(Tenant::place)
                && forward.removed.takes(name.as_bytes())
            {
                return Err(ConfigError::new(
                    format!("access.rules[{n}].require.tenant.header"),
                    "is a header that is removed from every request, so the portal would never see what was compared; name \
                     another one, or the segment of the path",
                ));
            }
        }
        let realm = wire.realm.unwrap_or_else(|| "lockgate".to_owned());
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\' || byte == b' ';
        if realm.is_empty() || realm.len() > MAX_NAME_BYTES || !realm.bytes().all(plain) {
            return Err(ConfigError::new(
                "realm",
                format_args!(
                    "must be 1..={MAX_NAME_BYTES} visible ASCII characters without quotation marks and backslashes"
                ),
            ));
        }
        Ok(Self {
            revocation: wire.revocation.map(RevocationWire::check).transpose()?,
            providers,
            sources,
            access,
            forward,
            binding,
            cache_entries: wire.cache.unwrap_or_default().check()?,
            limits: wire.limits.unwrap_or_default().check()?,
            unnormalized: wire.unnormalized.unwrap_or(Unnormalized::Reject),
            preflight: wire.preflight.unwrap_or(Preflight::Check),
            realm,
        })
    }
}

fn check_providers(wire: Vec<ProviderWire>, environment: &dyn Environment) -> Result<Vec<Provider>, ConfigError> {
    if wire.is_empty() {
        return Err(ConfigError::new("providers", "is empty: no token could ever be good"));
    }
    at_most("providers", wire.len(), MAX_PROVIDERS)?;
    let mut providers: Vec<Provider> = Vec::with_capacity(wire.len());
    for (n, provider) in wire.into_iter().enumerate() {
        let provider = provider.check(&format!("providers[{n}]"), environment)?;
        if let Some(first) = providers.iter().position(|other| other.name == provider.name) {
            return Err(ConfigError::new(
                format!("providers[{n}].name"),
                format_args!("is already the name of providers[{first}]"),
            ));
        }
        providers.push(provider);
    }
    Ok(providers)
}

pub(super) fn at_most(path: &str, length: usize, most: usize) -> Result<(), ConfigError> {
    if length > most {
        return Err(ConfigError::new(path, format_args!("has {length} entries, at most {most} are allowed")));
    }
    Ok(())
}

/// A text of 1 to `most` bytes without control characters. It is not repeated: nobody knows what was written there.
pub(super) fn check_text(path: &str, text: &str, most: usize) -> Result<(), ConfigError> {
    if text.is_empty() || text.len() > most || text.contains(char::is_control) {
        return Err(ConfigError::new(path, format_args!("must be 1..={most} bytes without control characters")));
    }
    Ok(())
}

/// A number of a range, or its default.
pub(super) fn within(path: &str, given: Option<u32>, least: u32, most: u32, default: u32) -> Result<u32, ConfigError> {
    match given {
        None => Ok(default),
        Some(given) if (least..=most).contains(&given) => Ok(given),
        Some(given) => Err(ConfigError::new(path, format_args!("is {given} and must be {least}..={most}"))),
    }
}

/// An object whose names the operator chooses, or any value, as strictly as a token's.
pub(super) fn read_raw(path: &str, raw: &Raw) -> Result<Value, ConfigError> {
    Value::read(raw.get().as_bytes(), JsonLimits { max_depth: 16, max_members: 256 })
        .map_err(|fault| ConfigError::new(path, fault))
}

/// Tells null from absent.
pub(super) fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
