//! The configuration: wire form in, checked form out.

mod key;
mod penalty;
mod policy;

use serde::Deserialize;

use self::penalty::PenaltyWire;
use self::policy::PolicyWire;
use super::key::{METHOD_COUNTS, Part, Plan};
use super::shared::{Shared, SharedWire};
use crate::address::Prefixes;
use crate::config::{self, ConfigError};
use crate::identity::{Source, SourceWire};
use crate::table::{Counters, MAX_GROUP};

pub(super) use self::penalty::{Cause, Penalty};
pub(super) use self::policy::{Measured, Phase, Policy};

pub use self::key::{MAX_CONSTANT_BYTES, MAX_KEY_PARTS};
pub use self::penalty::{
    DEFAULT_FAILURE_STATUSES, DEFAULT_FLOOD_PER_SECOND, DEFAULT_FLOOD_SUSTAINED_S, MAX_FLOOD_PER_SECOND,
    MAX_FLOOD_SUSTAINED_S, MAX_PENALTIES,
};
pub use self::policy::{MAX_LIMIT, MAX_POLICIES, MAX_TIERS, MAX_WINDOW_S};

/// Longest name of a policy, penalty or tier, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// For how many callers at once there is room under each key, unless the configuration says otherwise.
pub const DEFAULT_KEYS: u32 = 10_000;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    policies: Option<Vec<PolicyWire>>,
    penalties: Option<Vec<PenaltyWire>>,
    identity: Option<SourceWire>,
    address: Option<AddressWire>,
    options: Option<Options>,
    on_contention: Option<OnTrouble>,
    on_error: Option<OnTrouble>,
    shared: Option<SharedWire>,
    table: Option<TableWire>,
    headers: Option<HeadersWire>,
    unnormalized: Option<Unnormalized>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct AddressWire {
    ipv4_prefix: Option<u32>,
    ipv6_prefix: Option<u32>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct TableWire {
    keys: u32,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct HeadersWire {
    rate_limit: Option<bool>,
    legacy: Option<bool>,
    others: Option<Others>,
}

/// Whether a rule acts or only watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    Enforce,
    Shadow,
}

/// What becomes of OPTIONS requests under policies that do not name the method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Options {
    /// They are exempt.
    Exempt,
    /// They count as any other.
    Count,
}

/// What becomes of a request that nobody can measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum OnTrouble {
    Deny,
    Allow,
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

/// What becomes of a portal's fields about limits that the filter has no own word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Others {
    /// They pass, and the answer's head is not read.
    Keep,
    /// They go.
    Remove,
}

/// Which fields tell clients how they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Headers {
    /// `RateLimit` and `RateLimit-Policy`.
    pub(super) rate_limit: bool,
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset`.
    pub(super) legacy: bool,
    pub(super) others: Others,
}

impl Headers {
    pub(super) fn any(self) -> bool {
        self.rate_limit || self.legacy
    }
}

/// A checked configuration.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) policies: Vec<Policy>,
    pub(super) penalties: Vec<Penalty>,
    /// Keys with their tables; policies and penalties name them by their place here.
    pub(super) plans: Vec<Plan>,
    pub(super) identity: Source,
    pub(super) prefixes: Prefixes,
    pub(super) options: Options,
    pub(super) on_contention: OnTrouble,
    pub(super) on_error: OnTrouble,
    /// Where hits of shared policies are leased.
    pub(super) shared: Option<Shared>,
    pub(super) headers: Headers,
    pub(super) unnormalized: Unnormalized,
}

impl Config {
    pub(super) fn from_json(text: &[u8]) -> Result<Self, ConfigError> {
        let wire: Wire = config::read(text)?;
        let policies = wire.policies.unwrap_or_default();
        let penalties = wire.penalties.unwrap_or_default();
        if policies.is_empty() && penalties.is_empty() {
            return Err(ConfigError::new("policies", "and penalties are both empty: the filter would do nothing"));
        }
        at_most("policies", policies.len(), MAX_POLICIES)?;
        at_most("penalties", penalties.len(), MAX_PENALTIES)?;
        let identity = wire.identity.map(|source| source.check("identity")).transpose()?.unwrap_or_default();
        let places = || {
            let policies = policies.iter().enumerate().map(|(n, policy)| (format!("policies[{n}]"), policy.name()));
            let penalties =
                penalties.iter().enumerate().map(|(n, penalty)| (format!("penalties[{n}]"), penalty.name()));
            policies.chain(penalties)
        };
        check_names(places())?;
        let shared = wire.shared.map(SharedWire::check).transpose()?;

        let mut keys = Keys::default();
        let mut checked = Vec::with_capacity(policies.len());
        for (n, policy) in policies.into_iter().enumerate() {
            checked.push(policy.check(&format!("policies[{n}]"), &identity, shared.as_ref(), &mut keys)?);
        }
        let policies = checked;
        policy::check_reach(&policies)?;
        if shared.is_some() && policies.iter().all(|policy| !policy.is_shared()) {
            return Err(ConfigError::new("shared", "is used by no policy; take it out"));
        }
        let mut checked = Vec::with_capacity(penalties.len());
        for (n, penalty) in penalties.into_iter().enumerate() {
            checked.push(penalty.check(&format!("penalties[{n}]"), &mut keys)?);
        }
        let prefix = |field: &str, given: Option<u32>, most: u8, default: u8| match given {
            None => Ok(default),
            Some(bits) => u8::try_from(bits).ok().filter(|bits| (1..=most).contains(bits)).ok_or_else(|| {
                ConfigError::new(format!("address.{field}"), format_args!("is {bits} and must be 1..={most}"))
            }),
        };
        let address = wire.address.unwrap_or(AddressWire { ipv4_prefix: None, ipv6_prefix: None });
        let headers = wire.headers.unwrap_or(HeadersWire { rate_limit: None, legacy: None, others: None });
        Ok(Self {
            plans: keys.plans(wire.table.map_or(DEFAULT_KEYS, |table| table.keys))?,
            policies,
            penalties: checked,
            identity,
            prefixes: Prefixes {
                ipv4: prefix("ipv4_prefix", address.ipv4_prefix, 32, 32)?,
                ipv6: prefix("ipv6_prefix", address.ipv6_prefix, 128, 64)?,
            },
            options: wire.options.unwrap_or(Options::Exempt),
            on_contention: wire.on_contention.unwrap_or(OnTrouble::Deny),
            on_error: wire.on_error.unwrap_or(OnTrouble::Deny),
            shared,
            headers: Headers {
                rate_limit: headers.rate_limit.unwrap_or(true),
                legacy: headers.legacy.unwrap_or(false),
                others: headers.others.unwrap_or(Others::Keep),
            },
            unnormalized: wire.unnormalized.unwrap_or(Unnormalized::Reject),
        })
    }
}

impl Config {
    /// The first policy that asks what jwt-auth says of the caller.
    pub(super) fn who_asks(&self) -> Option<String> {
        let of_caller = |part: &Part| matches!(part, Part::Consumer | Part::Tenant);
        let asks = |policy: &Policy| {
            let plan = self.plans.get(policy.plan);
            !policy.tiers.is_empty()
                || policy.unless.is_some()
                || plan.is_some_and(|plan| plan.parts.iter().any(of_caller))
        };
        let first = self.policies.iter().position(asks).filter(|_| self.identity.is_jwt_auth());
        first.map(|n| format!("policies[{n}]"))
    }
}

/// The keys of all rules; rules with the same parts share one.
#[derive(Debug, Default)]
struct Keys(Vec<Uses>);

#[derive(Debug)]
struct Uses {
    parts: Vec<Part>,
    /// Records that its rules have, one or two each.
    rules: usize,
    /// Their patterns, over all.
    patterns: usize,
}

impl Keys {
    /// The place of a key that a rule with so many records and patterns uses.
    fn place(&mut self, path: &str, parts: Vec<Part>, records: usize, patterns: usize) -> Result<usize, ConfigError> {
        let place = match self.0.iter().position(|uses| uses.parts == parts) {
            Some(place) => place,
            None => {
                self.0.push(Uses { parts, rules: 0, patterns: 0 });
                self.0.len().saturating_sub(1)
            }
        };
        if let Some(uses) = self.0.get_mut(place) {
            uses.rules = uses.rules.saturating_add(records);
            uses.patterns = uses.patterns.saturating_add(patterns);
            if uses.rules > MAX_GROUP {
                return Err(ConfigError::new(
                    path,
                    format_args!(
                        "is the key of more than {MAX_GROUP} policies and penalties (a shared policy counts twice), \
                         whose counts stand in one slot; give some of them a further part, such as {{\"constant\": \"second\"}}"
                    ),
                ));
            }
        }
        Ok(place)
    }

    fn plans(self, keys: u32) -> Result<Vec<Plan>, ConfigError> {
        let plan = |Uses { parts, rules, patterns }: Uses| {
            let name = parts.iter().map(Part::name).collect::<Vec<_>>().join("+");
            let keys = if parts.iter().any(Part::is_open) {
                keys
            } else {
                // There are no more values than this.
                let methods = if parts.contains(&Part::Method) { METHOD_COUNTS } else { 1 };
                let patterns = if parts.contains(&Part::Path) { patterns } else { 1 };
                keys.min(u32::try_from(patterns.saturating_mul(methods)).unwrap_or(keys))
            };
            let table =
                Counters::grouped(&format!("limits.{name}"), keys, rules).map_err(|error| error.within("table"))?;
            Ok(Plan::new(parts, name, table))
        };
        self.0.into_iter().map(plan).collect()
    }
}

/// Names stand in a structured field (RFC 9651, section 3.3.3) and in metrics: one rule each.
fn check_names<'a>(names: impl Iterator<Item = (String, &'a str)>) -> Result<(), ConfigError> {
    let mut seen: Vec<(String, &str)> = Vec::new();
    for (place, name) in names {
        check_name(&place, name)?;
        if let Some((first, _)) = seen.iter().find(|(_, other)| *other == name) {
            return Err(ConfigError::new(
                format!("{place}.name"),
                format_args!("`{name}` is already the name of {first}"),
            ));
        }
        seen.push((place, name));
    }
    Ok(())
}

fn check_name(place: &str, name: &str) -> Result<(), ConfigError> {
    let plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(plain) {
        return Err(ConfigError::new(
            format!("{place}.name"),
            format_args!(
                "must be 1..={MAX_NAME_BYTES} visible ASCII characters without quotation marks and backslashes: \
                 it stands in the RateLimit field"
            ),
        ));
    }
    Ok(())
}

fn at_most(path: &str, length: usize, most: usize) -> Result<(), ConfigError> {
    if length > most {
        return Err(ConfigError::new(path, format_args!("has {length} entries, at most {most} are allowed")));
    }
    Ok(())
}

/// A number of a range.
pub(super) fn within(path: &str, given: u64, most: u32) -> Result<u32, ConfigError> {
    u32::try_from(given)
        .ok()
        .filter(|given| (1..=most).contains(given))
        .ok_or_else(|| ConfigError::new(path, format_args!("is {given} and must be 1..={most}")))
}
