//! The configuration: wire form in, checked form out. It names variables with secrets, so no error repeats a value.

mod endpoint;
mod scheme;
mod secret;

use serde::Deserialize;

use self::endpoint::EndpointWire;
use crate::config::{self, ConfigError, Environment};
use crate::table::{Claims, Longest};

pub(super) use self::endpoint::{Endpoint, Mode, Repeated, Replay};

pub use self::endpoint::{
    DEFAULT_LEASE_S, DEFAULT_MAX_BODY_BYTES, DEFAULT_REPLAY_S, MAX_BODY_BYTES, MAX_EVENTS, MAX_GATHERED_BODY_BYTES,
    MAX_JSON_BODY_BYTES, MAX_LEASE_S, MAX_NAME_BYTES, MAX_REPLAY_S, MAX_SECRETS, MAX_SETTINGS,
};

/// Most endpoints.
pub const MAX_ENDPOINTS: usize = 64;
/// How many deliveries are remembered at once, unless the configuration says otherwise.
pub const DEFAULT_KEYS: u32 = 10_000;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    endpoints: Vec<EndpointWire>,
    table: Option<TableWire>,
    unnormalized: Option<Unnormalized>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct TableWire {
    keys: u32,
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

/// A checked configuration.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) endpoints: Vec<Endpoint>,
    /// What was delivered; `None` where no endpoint asks.
    pub(super) claims: Option<Claims>,
    pub(super) unnormalized: Unnormalized,
}

impl Config {
    pub(super) fn read(text: &[u8], environment: &dyn Environment) -> Result<Self, ConfigError> {
        let wire: Wire = config::read_secret(text)?;
        if wire.endpoints.is_empty() {
            return Err(ConfigError::new("endpoints", "is empty: the filter would do nothing"));
        }
        if wire.endpoints.len() > MAX_ENDPOINTS {
            return Err(ConfigError::new("endpoints", format_args!("has more than {MAX_ENDPOINTS} entries")));
        }
        let mut endpoints: Vec<Endpoint> = Vec::with_capacity(wire.endpoints.len());
        for (n, endpoint) in wire.endpoints.into_iter().enumerate() {
            let path = format!("endpoints[{n}]");
            let endpoint = endpoint.check(&path, environment)?;
            if let Some(m) = endpoints.iter().position(|other| other.name == endpoint.name) {
                return Err(ConfigError::new(
                    format!("{path}.name"),
                    format_args!("is already that of endpoints[{m}]"),
                ));
            }
            if let Some(m) = endpoints.iter().position(|other| other.takes_all_of(&endpoint)) {
                return Err(ConfigError::new(
                    format!("{path}.match"),
                    format_args!("can never match: endpoints[{m}] takes all its requests; put this one before it"),
                ));
            }
            endpoints.push(endpoint);
        }
        let replays = || endpoints.iter().filter_map(|endpoint| endpoint.replay.as_ref());
        let longest = |of: fn(&Replay) -> u64| replays().map(of).max();
        let claims = match (longest(|replay| replay.lease_ms), longest(|replay| replay.keep_ms)) {
            (Some(hold_ms), Some(keep_ms)) => {
                let keys = wire.table.map_or(DEFAULT_KEYS, |table| table.keys);
                let claims = Claims::new("replay", keys, Longest { hold_ms, keep_ms });
                Some(claims.map_err(|error| error.within("table"))?)
            }
            (_, _) => None,
        };
        Ok(Self { endpoints, claims, unnormalized: wire.unnormalized.unwrap_or(Unnormalized::Reject) })
    }

    /// The endpoint of a request: the first that matches, and no other is tried.
    pub(super) fn endpoint(&self, method: &[u8], path: &[u8]) -> Option<(usize, &Endpoint, &str)> {
        let find = |(n, endpoint): (usize, &'_ Endpoint)| endpoint.matches.takes_away(method, path).map(|_| n);
        let n = self.endpoints.iter().enumerate().find_map(find)?;
        let endpoint = self.endpoints.get(n)?;
        let pattern = endpoint.matches.takes_away(method, path)?;
        Some((n, endpoint, pattern.as_str()))
    }
}
