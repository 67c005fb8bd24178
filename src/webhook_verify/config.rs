//! The configuration: wire form in, checked form out. It names variables with secrets, so no error repeats a value.

mod endpoint;
mod scheme;
mod secret;
mod signer;

use serde::Deserialize;

use self::endpoint::EndpointWire;
use self::signer::SignWire;
use crate::config::{self, ConfigError, Environment};
use crate::table::{Claims, Longest};

pub(super) use self::endpoint::{Endpoint, Mode, Repeated, Replay};
pub(super) use self::signer::Signer;

pub use self::endpoint::{
    DEFAULT_LEASE_S, DEFAULT_MAX_BODY_BYTES, DEFAULT_REPLAY_S, MAX_BODY_BYTES, MAX_EVENTS, MAX_GATHERED_BODY_BYTES,
    MAX_JSON_BODY_BYTES, MAX_LEASE_S, MAX_NAME_BYTES, MAX_REPLAY_S, MAX_SECRETS, MAX_SETTINGS,
};
pub use self::signer::{MAX_SIGNER_SCHEMES, MAX_SIGNERS};

/// Most endpoints.
pub const MAX_ENDPOINTS: usize = 64;
/// How many deliveries an endpoint remembers at once, unless the configuration says otherwise.
pub const DEFAULT_KEYS: u32 = 10_000;
/// What the tables of all endpoints may take together, in bytes: those of [`MAX_ENDPOINTS`] with [`DEFAULT_KEYS`] each.
pub const MAX_REPLAY_BYTES: usize = 64 * 1024 * 1024;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    endpoints: Option<Vec<EndpointWire>>,
    sign: Option<Vec<SignWire>>,
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
    pub(super) signers: Vec<Signer>,
    /// What was delivered: a table for each memory. See [`Replay::table`].
    pub(super) tables: Vec<Claims>,
    pub(super) unnormalized: Unnormalized,
}

impl Config {
    pub(super) fn read(text: &[u8], environment: &dyn Environment) -> Result<Self, ConfigError> {
        let wire: Wire = config::read_secret(text)?;
        if wire.endpoints.is_none() && wire.sign.is_none() {
            return Err(ConfigError::new("endpoints", "is missing, and so is `sign`: the filter would do nothing"));
        }
        for (field, empty) in [
            ("endpoints", wire.endpoints.as_ref().is_some_and(Vec::is_empty)),
            ("sign", wire.sign.as_ref().is_some_and(Vec::is_empty)),
        ] {
            if empty {
                return Err(ConfigError::new(field, "is empty: leave it out, or say what it is to do"));
            }
        }
        let (wire_endpoints, sign) = (wire.endpoints.unwrap_or_default(), wire.sign.unwrap_or_default());
        if wire_endpoints.len() > MAX_ENDPOINTS {
            return Err(ConfigError::new("endpoints", format_args!("has more than {MAX_ENDPOINTS} entries")));
        }
        let mut endpoints: Vec<Endpoint> = Vec::with_capacity(wire_endpoints.len());
        for (n, endpoint) in wire_endpoints.into_iter().enumerate() {
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
        let owners = share_memory(&mut endpoints);
        let tables = tables(&mut endpoints, &owners, wire.table.map_or(DEFAULT_KEYS, |table| table.keys))?;
        let signers = check_signers(sign, environment)?;
        Ok(Self { endpoints, signers, tables, unnormalized: wire.unnormalized.unwrap_or(Unnormalized::Reject) })
    }

    /// The endpoint of a request: the first that matches, and no other is tried.
    /// With it the place of its path that fits.
    pub(super) fn endpoint(&self, method: &[u8], path: &[u8]) -> Option<(usize, &Endpoint, usize)> {
        let mut endpoints = self.endpoints.iter().enumerate();
        endpoints.find_map(|(n, endpoint)| Some((n, endpoint, endpoint.matches.taken_by(method, path)?)))
    }

    /// What a request that leaves is signed with: the first that matches.
    pub(super) fn signer(&self, method: &[u8], path: &[u8]) -> Option<(usize, &Signer, usize)> {
        let mut signers = self.signers.iter().enumerate();
        signers.find_map(|(n, signer)| Some((n, signer, signer.matches.taken_by(method, path)?)))
    }
}

/// Endpoints with a secret in common remember in common: else what was delivered to one could be sent to the others. Their order and
/// what else is configured do not matter for what they know. One that only watches keeps apart: it must not use up a delivery.
/// Whose each one's memory is.
fn share_memory(endpoints: &mut [Endpoint]) -> Vec<String> {
    let common = |one: &Endpoint, other: &Endpoint| {
        let enforced = one.mode == Mode::Enforce && other.mode == Mode::Enforce;
        enforced && one.secrets.iter().any(|secret| other.secrets.iter().any(|its| its.variable == secret.variable))
    };
    // Of each the first in the alphabet that it can be reached from; a step more for each endpoint is enough.
    let mut owners: Vec<(String, u64)> = endpoints
        .iter()
        .map(|endpoint| (endpoint.name.clone(), endpoint.replay.map_or(0, |replay| replay.keep_ms)))
        .collect();
    for _ in 0..endpoints.len() {
        let before = owners.clone();
        for (owner, endpoint) in owners.iter_mut().zip(endpoints.iter()) {
            let theirs = before.iter().zip(endpoints.iter()).filter(|(_, other)| common(endpoint, other));
            for ((name, keep_ms), _) in theirs {
                if *name < owner.0 {
                    owner.0.clone_from(name);
                }
                owner.1 = owner.1.max(*keep_ms);
            }
        }
        if owners == before {
            break;
        }
    }
    for (endpoint, (name, keep_ms)) in endpoints.iter_mut().zip(&owners) {
        endpoint.purpose = format!("webhook {name}");
        if let Some(replay) = &mut endpoint.replay {
            replay.keep_ms = *keep_ms;
        }
    }
    owners.into_iter().map(|(name, _)| name).collect()
}

/// A table for each memory, of the largest size that one of its endpoints asks for. Its name and size depend on no other endpoint, so
/// that it outlives a configuration in which others come and go.
fn tables(endpoints: &mut [Endpoint], owners: &[String], default_keys: u32) -> Result<Vec<Claims>, ConfigError> {
    let mut tables: Vec<Claims> = Vec::new();
    let mut bytes = 0_usize;
    for (n, owner) in owners.iter().enumerate() {
        if owners.iter().take(n).any(|before| before == owner) {
            continue;
        }
        let all = endpoints.iter().enumerate().zip(owners).filter(|(_, theirs)| *theirs == owner);
        let members: Vec<(usize, Replay)> = all.filter_map(|((n, endpoint), _)| Some((n, endpoint.replay?))).collect();
        let longest = |of: fn(&Replay) -> u64| members.iter().map(|(_, replay)| of(replay)).max();
        let (Some(hold_ms), Some(keep_ms)) = (longest(|replay| replay.lease_ms), longest(|replay| replay.keep_ms))
        else {
            continue;
        };
        let asked = members.iter().map(|&(n, replay)| match replay.keys {
            Some(keys) => (keys, format!("endpoints[{n}].replay")),
            None => (default_keys, "table".to_owned()),
        });
        let (keys, place) = asked.max_by_key(|(keys, _)| *keys).unwrap_or_default();
        let table = Claims::new(&["replay.", owner].concat(), keys, Longest { hold_ms, keep_ms });
        let table = table.map_err(|error| error.within(&place))?;
        bytes = bytes.saturating_add(table.max_bytes());
        if bytes > MAX_REPLAY_BYTES {
            let why = format_args!(
                "is {keys}: with it, what is remembered could take {bytes} bytes, and {MAX_REPLAY_BYTES} is the most"
            );
            return Err(ConfigError::new(format!("{place}.keys"), why));
        }
        for (endpoint, _) in endpoints.iter_mut().zip(owners).filter(|(_, theirs)| *theirs == owner) {
            if let Some(replay) = &mut endpoint.replay {
                replay.table = tables.len();
            }
        }
        tables.push(table);
    }
    Ok(tables)
}

fn check_signers(wire: Vec<SignWire>, environment: &dyn Environment) -> Result<Vec<Signer>, ConfigError> {
    if wire.len() > MAX_SIGNERS {
        return Err(ConfigError::new("sign", format_args!("has more than {MAX_SIGNERS} entries")));
    }
    let mut signers: Vec<Signer> = Vec::with_capacity(wire.len());
    for (n, wire) in wire.into_iter().enumerate() {
        let path = format!("sign[{n}]");
        let signer = wire.check(&path, environment)?;
        if let Some(m) = signers.iter().position(|other| other.name == signer.name) {
            return Err(ConfigError::new(format!("{path}.name"), format_args!("is already that of sign[{m}]")));
        }
        if let Some(m) = signers.iter().position(|other| other.takes_all_of(&signer)) {
            return Err(ConfigError::new(
                format!("{path}.match"),
                format_args!("can never match: sign[{m}] takes all its requests; put this one before it"),
            ));
        }
        signers.push(signer);
    }
    Ok(signers)
}
