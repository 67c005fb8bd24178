//! `sign`: what is signed that leaves.

use serde::Deserialize;

use super::endpoint::{self, Endpoint, EndpointWire, ReplayWire};
use super::scheme::SchemeWire;
use super::secret::SecretWire;
use crate::config::{ConfigError, Environment, Named};
use crate::identity::is_header_name;
use crate::matching::{Match, MatchWire};
use crate::webhook_verify::sign::{is_signable, written_fields};

/// Most rules of `sign`.
pub const MAX_SIGNERS: usize = 64;
/// Most schemes of one rule.
pub const MAX_SIGNER_SCHEMES: usize = 4;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SignWire {
    name: String,
    #[serde(rename = "match")]
    matches: MatchWire,
    schemes: Vec<SignSchemeWire>,
    id_from: Option<String>,
    max_body_bytes: Option<u32>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct SignSchemeWire {
    scheme: SchemeWire,
    secrets: Vec<SecretWire>,
    settings: Option<Named<String>>,
    base_url: Option<String>,
}

/// Which events are signed, and how.
#[derive(Debug)]
pub(in crate::webhook_verify) struct Signer {
    pub(in crate::webhook_verify) name: String,
    pub(in crate::webhook_verify) matches: Match,
    /// Each signs for itself; what it is verified with does not count.
    pub(in crate::webhook_verify) schemes: Vec<Endpoint>,
    /// The header that the portal names the event in, in lower case; else each has a new id.
    pub(in crate::webhook_verify) id_from: Option<String>,
    pub(in crate::webhook_verify) max_body_bytes: usize,
}

impl SignWire {
    pub(super) fn check(self, path: &str, environment: &dyn Environment) -> Result<Signer, ConfigError> {
        let at = |field: &str| format!("{path}.{field}");
        if self.schemes.is_empty() || self.schemes.len() > MAX_SIGNER_SCHEMES {
            return Err(ConfigError::new(at("schemes"), format_args!("must have 1..={MAX_SIGNER_SCHEMES} entries")));
        }
        let mut schemes: Vec<Endpoint> = Vec::with_capacity(self.schemes.len());
        let mut written: Vec<(String, &'static str)> = Vec::new();
        for (n, wire) in self.schemes.into_iter().enumerate() {
            let path = at(&format!("schemes[{n}]"));
            let wire = EndpointWire {
                settings: wire.settings,
                base_url: wire.base_url,
                max_body_bytes: self.max_body_bytes,
                replay: Some(ReplayWire::OFF),
                ..EndpointWire::new(self.name.clone(), self.matches.clone(), wire.scheme, wire.secrets)
            };
            let scheme = wire.check(&path, environment)?;
            if !is_signable(&scheme.descriptor) {
                return Err(ConfigError::new(
                    format!("{path}.scheme"),
                    "cannot be signed here: HMACs in header fields over the body as it is can, such as portal, \
                     standard-webhooks and rfc9421-hmac-sha256",
                ));
            }
            let fields = written_fields(&scheme.descriptor);
            // One id or time for both is one field.
            let clash = |field: &&(String, &str)| {
                written.iter().any(|other| other.0 == field.0 && (other.1 != field.1 || field.1 == "signature"))
            };
            if let Some((name, _)) = fields.iter().find(clash) {
                return Err(ConfigError::new(
                    format!("{path}.scheme"),
                    format_args!("writes `{name}`, which a scheme before it writes otherwise"),
                ));
            }
            written.extend(fields);
            schemes.push(scheme);
        }
        let id_from = self.id_from.map(|name| name.to_ascii_lowercase());
        if id_from.as_ref().is_some_and(|name| !is_header_name(name)) {
            return Err(ConfigError::new(at("id_from"), "is no name of a header"));
        }
        Ok(Signer {
            name: self.name,
            matches: self.matches.check(&at("match"))?,
            max_body_bytes: schemes.first().map_or(0, |scheme| scheme.max_body_bytes),
            schemes,
            id_from,
        })
    }
}

impl Signer {
    /// Whether every request of `other` comes here first.
    pub(super) fn takes_all_of(&self, other: &Self) -> bool {
        endpoint::covers(&self.matches, &other.matches)
    }
}
