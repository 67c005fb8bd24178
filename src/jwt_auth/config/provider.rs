//! Who issues tokens, with which keys, and what must stand in them.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;

use super::remote::Defaults;
use super::{MAX_ENTRIES, MAX_NAME_BYTES, MAX_TEXT_BYTES, TargetWire, at_most, check_text, present, read_raw, within};
use crate::claims::{ClaimPath, Value};
use crate::config::{ConfigError, Environment, Raw};
use crate::jwt_auth::keys::{KeySet, MAX_SET_BYTES, Origin, Ring};
use crate::jwt_auth::remote::Remote;
use crate::jwt_auth::token::{MAX_KID_BYTES, media_type};
use crate::secret::{self, Format};
use crate::signature::{Algorithm, VerifyingKey};

/// Most providers.
pub const MAX_PROVIDERS: usize = 16;
/// Leeway for clocks that differ, in seconds, unless the configuration says otherwise. 0 means 0.
pub const DEFAULT_LEEWAY_S: u32 = 30;
/// Largest leeway, in seconds.
pub const MAX_LEEWAY_S: u32 = 60;

/// The wire form of [`Provider`]. `issuer` and `audiences` must be written out.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::jwt_auth) struct ProviderWire {
    name: String,
    #[serde(default, deserialize_with = "present")]
    issuer: Option<Option<String>>,
    audiences: Option<Vec<String>>,
    algorithms: Vec<String>,
    jwks: Option<JwksWire>,
    hmac_secret: Option<SecretWire>,
    leeway_s: Option<u32>,
    max_lifetime_s: Option<u32>,
    typ: Option<Vec<String>>,
    required: Option<Vec<String>>,
    require: Option<Raw>,
}

/// One of its members.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::jwt_auth) struct JwksWire {
    inline: Option<Raw>,
    remote: Option<TargetWire>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::jwt_auth) struct SecretWire {
    env: String,
    format: Option<Format>,
    kid: Option<String>,
}

/// A provider.
#[derive(Debug)]
pub(in crate::jwt_auth) struct Provider {
    pub(in crate::jwt_auth) name: String,
    /// `None`: any issuer, or none.
    pub(in crate::jwt_auth) issuer: Option<String>,
    /// Empty: not checked.
    pub(in crate::jwt_auth) audiences: Vec<String>,
    pub(in crate::jwt_auth) algorithms: Vec<Algorithm>,
    pub(in crate::jwt_auth) keys: Ring,
    pub(in crate::jwt_auth) leeway_ms: i64,
    pub(in crate::jwt_auth) max_lifetime_ms: Option<i64>,
    /// As [`media_type`] writes them; empty: not checked.
    pub(in crate::jwt_auth) typ: Vec<String>,
    pub(in crate::jwt_auth) required: Vec<ClaimPath>,
    /// A claim and the values that it may have.
    pub(in crate::jwt_auth) require: Vec<(ClaimPath, Vec<Value>)>,
}

/// A set is fetched every five minutes, counts for a day, and holds 64 KiB.
const KEY_SET: Defaults =
    Defaults { least_refresh_s: 10, refresh_s: 300, retry_s: 5, max_age_s: 86_400, max_bytes: 65_536 };

impl ProviderWire {
    pub(super) fn check(self, path: &str, environment: &dyn Environment) -> Result<Provider, ConfigError> {
        let field = |name: &str| format!("{path}.{name}");
        check_text(&field("name"), &self.name, MAX_NAME_BYTES)?;
        let issuer = self.issuer.ok_or_else(|| {
            ConfigError::new(field("issuer"), "is missing; write the issuer, or null to take tokens of any issuer")
        })?;
        if let Some(issuer) = &issuer {
            check_text(&field("issuer"), issuer, MAX_TEXT_BYTES)?;
        }
        let audiences = self.audiences.ok_or_else(|| {
            ConfigError::new(
                field("audiences"),
                "is missing; write the audiences, any of which a token must name, or [] to take tokens for anybody",
            )
        })?;
        at_most(&field("audiences"), audiences.len(), MAX_ENTRIES)?;
        for (n, audience) in audiences.iter().enumerate() {
            check_text(&field(&format!("audiences[{n}]")), audience, MAX_TEXT_BYTES)?;
        }
        let algorithms = read_algorithms(&field("algorithms"), &self.algorithms)?;
        let keys = match (self.jwks, self.hmac_secret) {
            (Some(jwks), None) => jwks.check(&field("jwks"), &algorithms, (&self.name, &issuer))?,
            (None, Some(secret)) => Ring::fixed(secret.check(&field("hmac_secret"), &algorithms, environment)?),
            (_, _) => {
                return Err(ConfigError::new(
                    path,
                    "must have either jwks or hmac_secret: secrets and public keys never stand in for each other",
                ));
            }
        };
        let typ = self.typ.unwrap_or_default();
        at_most(&field("typ"), typ.len(), MAX_ENTRIES)?;
        for (n, typ) in typ.iter().enumerate() {
            check_text(&field(&format!("typ[{n}]")), typ, MAX_TEXT_BYTES)?;
        }
        let leeway_s = within(&field("leeway_s"), self.leeway_s, 0, MAX_LEEWAY_S, DEFAULT_LEEWAY_S)?;
        let max_lifetime_s = match self.max_lifetime_s {
            None => None,
            given => Some(within(&field("max_lifetime_s"), given, 1, 31_536_000, 1)?),
        };
        Ok(Provider {
            name: self.name,
            issuer,
            audiences,
            algorithms,
            keys,
            leeway_ms: i64::from(leeway_s).saturating_mul(1000),
            max_lifetime_ms: max_lifetime_s.map(|seconds| i64::from(seconds).saturating_mul(1000)),
            typ: typ.iter().map(|typ| media_type(typ)).collect(),
            required: read_required(&field("required"), &self.required.unwrap_or_default())?,
            require: self.require.map(|raw| read_require(&field("require"), &raw)).transpose()?.unwrap_or_default(),
        })
    }
}

fn read_algorithms(path: &str, names: &[String]) -> Result<Vec<Algorithm>, ConfigError> {
    if names.is_empty() {
        return Err(ConfigError::new(path, "is empty; name the algorithms that the issuer uses, such as RS256"));
    }
    at_most(path, names.len(), MAX_ENTRIES)?;
    let mut algorithms = Vec::with_capacity(names.len());
    for (n, name) in names.iter().enumerate() {
        let algorithm = Algorithm::from_name(name).ok_or_else(|| {
            let known = Algorithm::ALL.map(Algorithm::name).join(", ");
            ConfigError::new(format!("{path}[{n}]"), format_args!("is no algorithm that can be verified here: {known}"))
        })?;
        if algorithms.contains(&algorithm) {
            return Err(ConfigError::new(format!("{path}[{n}]"), "stands there twice"));
        }
        algorithms.push(algorithm);
    }
    if algorithms.iter().any(|algorithm| algorithm.is_symmetric() != algorithms.iter().all(|a| a.is_symmetric())) {
        return Err(ConfigError::new(
            path,
            "has HS* beside public-key algorithms, which never share a key; make them two providers",
        ));
    }
    Ok(algorithms)
}

impl JwksWire {
    fn check(
        self,
        path: &str,
        algorithms: &[Algorithm],
        bound_to: (&String, &Option<String>),
    ) -> Result<Ring, ConfigError> {
        let symmetric = algorithms.iter().any(|algorithm| algorithm.is_symmetric());
        match (self.inline, self.remote) {
            (Some(raw), None) => {
                let path = format!("{path}.inline");
                let set = KeySet::read(raw.get().as_bytes(), MAX_SET_BYTES, Origin::Inline)
                    .map_err(|error| ConfigError::new(&path, error))?;
                let served = |&algorithm: &Algorithm| set.serves(algorithm);
                // Where the secret is one, each algorithm needs it to be long enough.
                if symmetric && !algorithms.iter().all(served) || !algorithms.iter().any(served) {
                    return Err(ConfigError::new(
                        path,
                        "has no key that fits the provider's algorithms; a secret must be as long as each one's hash",
                    ));
                }
                Ok(Ring::fixed(set))
            }
            (None, Some(wire)) => {
                let (target, timing) = wire.check(&format!("{path}.remote"), &KEY_SET)?;
                if symmetric {
                    return Err(ConfigError::new(
                        format!("{path}.remote"),
                        "serves HS*, whose secrets never come over the network; use hmac_secret",
                    ));
                }
                let mut hasher = DefaultHasher::new();
                // All that says which keys count: another configuration has its document in another slot.
                (bound_to, algorithms, &target).hash(&mut hasher);
                Ok(Ring::remote(Remote::new(&format!("keys-{:016x}", hasher.finish()), target, timing)))
            }
            (_, _) => Err(ConfigError::new(path, "must be either inline or remote")),
        }
    }
}

impl SecretWire {
    fn check(self, path: &str, algorithms: &[Algorithm], environment: &dyn Environment) -> Result<KeySet, ConfigError> {
        if !algorithms.iter().all(|algorithm| algorithm.is_symmetric()) {
            return Err(ConfigError::new(path, "verifies HS* alone; the provider's algorithms are others"));
        }
        if let Some(kid) = &self.kid {
            check_text(&format!("{path}.kid"), kid, MAX_KID_BYTES)?;
        }
        let secret = match secret::read(path, &self.env, environment)? {
            Some(text) => secret::decode(path, &text, self.format.unwrap_or(Format::Raw))?,
            None => secret::assumed(),
        };
        let key = VerifyingKey::hmac(&secret).map_err(|error| ConfigError::new(format!("{path}.env"), error))?;
        if let Some(algorithm) = algorithms.iter().find(|&&algorithm| !key.fits(algorithm)) {
            return Err(ConfigError::new(
                format!("{path}.env"),
                format_args!(
                    "holds a secret that is shorter than the hash of {} (RFC 7518, section 3.2)",
                    algorithm.name()
                ),
            ));
        }
        Ok(KeySet::of_secret(self.kid, key))
    }
}

fn read_required(path: &str, names: &[String]) -> Result<Vec<ClaimPath>, ConfigError> {
    at_most(path, names.len(), MAX_ENTRIES)?;
    let each = |(n, name): (usize, &String)| ClaimPath::parse(name).map_err(|error| error.at(format!("{path}[{n}]")));
    names.iter().enumerate().map(each).collect()
}

fn read_require(path: &str, raw: &Raw) -> Result<Vec<(ClaimPath, Vec<Value>)>, ConfigError> {
    let Value::Object(members) = read_raw(path, raw)? else {
        return Err(ConfigError::new(path, "must be an object of claims and their values"));
    };
    at_most(path, members.len(), MAX_ENTRIES)?;
    let mut require = Vec::with_capacity(members.len());
    for (claim, value) in members {
        let place = format!("{path}.{claim}");
        let claim = ClaimPath::parse(&claim).map_err(|error| error.at(&place))?;
        let values = match value {
            Value::List(values) if values.is_empty() => {
                return Err(ConfigError::new(place, "is an empty list: no token could ever be good"));
            }
            Value::List(values) => values,
            value => vec![value],
        };
        if values.iter().any(|value| matches!(value, Value::Object(_) | Value::List(_))) {
            return Err(ConfigError::new(place, "must be a text, a number, true, false or null, or a list of these"));
        }
        require.push((claim, values));
    }
    Ok(require)
}
