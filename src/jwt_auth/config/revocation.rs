//! Which tokens are dead before their time, and which are bound to their holder.

use serde::Deserialize;

use super::remote::Defaults;
use super::{MAX_ENTRIES, MAX_TEXT_BYTES, TargetWire, at_most, check_text, read_raw};
use crate::claims::{ClaimPath, Value};
use crate::config::{ConfigError, Raw};
use crate::identity::is_header_name;
use crate::jwt_auth::date::Date;
use crate::jwt_auth::revocation::{MAX_REVOKED, Revocation, Revoked};

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::jwt_auth) struct RevocationWire {
    jti: Option<Vec<String>>,
    not_before: Option<Raw>,
    remote: Option<TargetWire>,
}

/// Fetched every five seconds, counts for ten minutes.
const LIST: Defaults = Defaults { least_refresh_s: 1, refresh_s: 5, retry_s: 2, max_age_s: 600, max_bytes: 262_144 };

impl RevocationWire {
    pub(super) fn check(self) -> Result<Revocation, ConfigError> {
        let ids = self.jti.unwrap_or_default();
        at_most("revocation.jti", ids.len(), MAX_REVOKED)?;
        let mut fixed = Revoked::default();
        for (n, id) in ids.iter().enumerate() {
            check_text(&format!("revocation.jti[{n}]"), id, MAX_TEXT_BYTES)?;
            fixed.add(None, id);
        }
        if let Some(raw) = &self.not_before {
            const PATH: &str = "revocation.not_before";
            let Value::Object(members) = read_raw(PATH, raw)? else {
                return Err(ConfigError::new(PATH, "must be an object of issuers and Unix seconds"));
            };
            at_most(PATH, members.len(), MAX_ENTRIES)?;
            for (issuer, time) in members {
                let date = Date::read(&time)
                    .ok_or_else(|| ConfigError::new(format!("{PATH}.{issuer}"), "must be a time in Unix seconds"))?;
                fixed.not_before(&issuer, date);
            }
        }
        let remote = self.remote.map(|wire| wire.check("revocation.remote", &LIST)).transpose()?;
        let by_id = !ids.is_empty() || remote.is_some();
        if !by_id && self.not_before.is_none() {
            return Err(ConfigError::new(
                "revocation",
                "names neither jti nor not_before nor remote: it would do nothing",
            ));
        }
        fixed.settle();
        Ok(Revocation::new(fixed, by_id, remote))
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::jwt_auth) struct BindingWire {
    claim: Option<String>,
    cookie: Option<String>,
    header: Option<String>,
}

/// A claim that holds the SHA-256 of a value which only the token's holder has.
#[derive(Debug)]
pub(in crate::jwt_auth) struct Binding {
    pub(in crate::jwt_auth) claim: ClaimPath,
    pub(in crate::jwt_auth) place: BindingPlace,
}

/// Where the holder shows the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::jwt_auth) enum BindingPlace {
    Cookie(String),
    Header(String),
}

impl BindingWire {
    pub(super) fn check(self) -> Result<Binding, ConfigError> {
        let name_is_good = |field: &str, name: &str| {
            if is_header_name(name) {
                return Ok(());
            }
            Err(ConfigError::new(format!("fingerprint.{field}"), "is no name that a client could send"))
        };
        let place = match (self.cookie, self.header) {
            (Some(name), None) => {
                name_is_good("cookie", &name)?;
                BindingPlace::Cookie(name)
            }
            (None, Some(name)) => {
                name_is_good("header", &name)?;
                BindingPlace::Header(name.to_ascii_lowercase())
            }
            (_, _) => return Err(ConfigError::new("fingerprint", "must name one place: cookie or header")),
        };
        let claim = self.claim.unwrap_or_else(|| "fingerprint".to_owned());
        let claim = ClaimPath::parse(&claim).map_err(|error| error.at("fingerprint.claim"))?;
        Ok(Binding { claim, place })
    }
}
