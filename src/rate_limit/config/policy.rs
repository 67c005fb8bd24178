//! `policies`: how often whom.

use std::rc::Rc;

use serde::Deserialize;

use super::key::{self, Known, PartWire};
use super::{Keys, Mode, at_most, check_names, within};
use crate::config::ConfigError;
use crate::identity::{Rights, RightsWire, Source};
use crate::matching::{Match, MatchWire};
use crate::rate_limit::headers::told;
use crate::rate_limit::key::Caller;
use crate::rate_limit::shared::Shared;
use crate::table::{MAX_LEASED, MAX_SPAN_MS, Quota, Stem, Terms};

/// Most policies.
pub const MAX_POLICIES: usize = 64;
/// Most tiers of one policy.
pub const MAX_TIERS: usize = 16;
/// Largest limit, burst and cost.
pub const MAX_LIMIT: u32 = 4_000_000_000;
/// Longest window, in seconds (a day).
pub const MAX_WINDOW_S: u32 = 86_400;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyWire {
    name: String,
    #[serde(rename = "match")]
    matches: MatchWire,
    key: Vec<PartWire>,
    limit: u64,
    window_s: u64,
    algorithm: Option<Algorithm>,
    burst: Option<u64>,
    tiers: Option<Vec<TierWire>>,
    cost: Option<u64>,
    unless: Option<RightsWire>,
    phase: Option<Phase>,
    shared: Option<bool>,
    mode: Option<Mode>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct TierWire {
    name: String,
    when: RightsWire,
    limit: u64,
    window_s: Option<u64>,
    burst: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Algorithm {
    Sliding,
    Gcra,
}

/// When a policy is asked: before or after it is known who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::rate_limit) enum Phase {
    PreAuth,
    PostAuth,
}

/// How often whom.
#[derive(Debug)]
pub(in crate::rate_limit) struct Policy {
    pub(in crate::rate_limit) name: String,
    pub(in crate::rate_limit) matches: Match,
    /// The place of its key among the plans.
    pub(in crate::rate_limit) plan: usize,
    /// For whoever is in no tier.
    pub(in crate::rate_limit) base: Measured,
    pub(in crate::rate_limit) tiers: Vec<Tier>,
    pub(in crate::rate_limit) cost: u32,
    pub(in crate::rate_limit) unless: Option<Rights>,
    pub(in crate::rate_limit) phase: Phase,
    pub(in crate::rate_limit) mode: Mode,
    /// Whether it is about OPTIONS by name.
    pub(in crate::rate_limit) names_options: bool,
}

/// Callers with a quota of their own.
#[derive(Debug)]
pub(in crate::rate_limit) struct Tier {
    pub(in crate::rate_limit) name: String,
    pub(in crate::rate_limit) when: Rights,
    pub(in crate::rate_limit) measured: Measured,
}

/// A quota, and what makes its records' keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rate_limit) struct Measured {
    pub(in crate::rate_limit) quota: Quota,
    pub(in crate::rate_limit) limit: u32,
    pub(in crate::rate_limit) window_s: u32,
    /// What clients are told of it.
    pub(in crate::rate_limit) told: Rc<str>,
    /// The policy's name, and those numbers that say what its records mean. A new limit of a sliding window is none of them:
    /// who changes the tier keeps what he has spent.
    pub(in crate::rate_limit) stem: Stem,
    /// Of a shared policy: what is leased instead.
    pub(in crate::rate_limit) leased: Option<Leased>,
}

/// What makes the keys of a lease, and how it is sized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rate_limit) struct Leased {
    /// The service counts each tier for itself.
    pub(in crate::rate_limit) tier: Option<String>,
    pub(in crate::rate_limit) terms: Terms,
    pub(in crate::rate_limit) stem: Stem,
    /// Of who asks for one.
    pub(in crate::rate_limit) asking: Stem,
}

impl Policy {
    /// The quota of a caller: that of the first tier that it is in, else the policy's own.
    pub(in crate::rate_limit) fn measured(&self, caller: &mut Caller<'_>) -> &Measured {
        if self.tiers.is_empty() {
            return &self.base;
        }
        let identity = caller.identity();
        self.tiers.iter().find(|tier| identity.holds(&tier.when)).map_or(&self.base, |tier| &tier.measured)
    }
}

impl Policy {
    /// Whether several gateways share it.
    pub(in crate::rate_limit) fn is_shared(&self) -> bool {
        self.base.leased.is_some()
    }
}

impl PolicyWire {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn check(
        self,
        path: &str,
        identity: &Source,
        shared: Option<&Shared>,
        keys: &mut Keys,
    ) -> Result<Policy, ConfigError> {
        let shared = self.service(path, shared)?;
        let phase = self.phase.unwrap_or(Phase::PostAuth);
        let known = match phase {
            Phase::PreAuth => Known::Nobody,
            Phase::PostAuth => Known::By(identity),
        };
        for (field, is_there) in [("unless", self.unless.is_some()), ("tiers", self.tiers.is_some())] {
            if is_there && phase == Phase::PreAuth {
                return Err(ConfigError::new(
                    format!("{path}.{field}"),
                    "could never apply: a pre-auth policy runs before the caller is known; leave `phase` out",
                ));
            }
        }
        let matches = self.matches.check(&format!("{path}.match"))?;
        let key_path = format!("{path}.key");
        let parts = key::check(&key_path, self.key, known)?;
        // A shared one has a lease, and a count for when the service is out of reach.
        let records = if shared.is_some() { 2 } else { 1 };
        let plan = keys.place(&key_path, parts, records, matches.paths().len())?;
        let cost = self.cost.map_or(Ok(1), |cost| within(&format!("{path}.cost"), cost, MAX_LIMIT))?;
        let algorithm = self.algorithm.unwrap_or(Algorithm::Sliding);
        let numbers = Numbers { name: &self.name, algorithm, cost, shared };
        let base = numbers.check(path, None, self.limit, self.window_s, self.burst)?;
        let unless = match self.unless {
            None => None,
            Some(unless) => Some(rights(&format!("{path}.unless"), unless, identity)?),
        };
        let tiers = self.tiers.map_or(Ok(Vec::new()), |tiers| {
            check_tiers(path, tiers, &numbers, self.window_s, unless.as_ref(), identity)
        })?;
        Ok(Policy {
            names_options: matches.methods().is_some_and(|methods| methods.iter().any(|method| method == "OPTIONS")),
            matches,
            plan,
            base,
            tiers,
            cost,
            unless,
            phase,
            mode: self.mode.unwrap_or(Mode::Enforce),
            name: self.name,
        })
    }
}

impl PolicyWire {
    /// The service that a policy is shared through, if it is.
    fn service<'a>(&self, path: &str, shared: Option<&'a Shared>) -> Result<Option<&'a Shared>, ConfigError> {
        if self.shared == Some(true) && shared.is_none() {
            let message = "is true, and there is no service: say which one in the configuration's own `shared`";
            return Err(ConfigError::new(format!("{path}.shared"), message));
        }
        let service = shared.filter(|_| self.shared != Some(false));
        for (field, is_there) in [("algorithm", self.algorithm.is_some()), ("burst", self.burst.is_some())] {
            if is_there && service.is_some() {
                let message = "means nothing here: the window of the rate-limit service holds; leave it out, or say \
                               \"shared\": false";
                return Err(ConfigError::new(format!("{path}.{field}"), message));
            }
        }
        if let Some(cost) = self.cost.filter(|cost| service.is_some() && *cost > u64::from(MAX_LEASED)) {
            let message = format_args!("is {cost}, and at most {MAX_LEASED} are leased at a time");
            return Err(ConfigError::new(format!("{path}.cost"), message));
        }
        Ok(service)
    }
}

/// What all numbers of a policy are checked with.
struct Numbers<'a> {
    name: &'a str,
    algorithm: Algorithm,
    cost: u32,
    shared: Option<&'a Shared>,
}

impl Numbers<'_> {
    fn check(
        &self,
        path: &str,
        tier: Option<&str>,
        limit: u64,
        window_s: u64,
        burst: Option<u64>,
    ) -> Result<Measured, ConfigError> {
        let limit = within(&format!("{path}.limit"), limit, MAX_LIMIT)?;
        let window_s = within(&format!("{path}.window_s"), window_s, MAX_WINDOW_S)?;
        let window_ms = u64::from(window_s).saturating_mul(1_000);
        let burst_path = format!("{path}.burst");
        let burst = burst.map(|burst| within(&burst_path, burst, MAX_LIMIT)).transpose()?;
        let (quota, most, most_name) = match (self.algorithm, burst) {
            (Algorithm::Sliding, None) => (Quota::Sliding { limit, window_ms }, limit, "limit"),
            (Algorithm::Sliding, Some(_)) => {
                return Err(ConfigError::new(
                    burst_path,
                    "means nothing to a sliding window; leave it out, or say \"algorithm\": \"gcra\"",
                ));
            }
            (Algorithm::Gcra, burst) => {
                let size = burst.unwrap_or(limit);
                // How long an empty bucket takes.
                let full_ms = u64::from(size).saturating_mul(window_ms).div_ceil(u64::from(limit).max(1));
                if full_ms > MAX_SPAN_MS {
                    return Err(ConfigError::new(
                        burst_path,
                        format_args!("of {size} would take more than a day to come back at {limit} in {window_s} s"),
                    ));
                }
                let most_name = if burst.is_some() { "burst" } else { "limit" };
                (Quota::Paced { limit, window_ms, burst: size }, size, most_name)
            }
        };
        if self.cost > most {
            return Err(ConfigError::new(
                format!("{path}.{most_name}"),
                format_args!("is {most}, below the cost of one request ({}): none would ever pass", self.cost),
            ));
        }
        let mut stem = format!("{}\0{window_ms}", self.name);
        if let Quota::Paced { limit, burst, .. } = quota {
            stem = format!("{stem}\0{limit}\0{burst}");
        }
        let leased = self.shared.map(|shared| {
            let name = format!("{stem}\0{}", tier.unwrap_or_default());
            Leased {
                tier: tier.map(str::to_owned),
                terms: shared.terms(limit, self.cost),
                stem: Stem::new(format!("{name}\0lease")),
                asking: Stem::new(format!("{name}\0asking")),
            }
        });
        Ok(Measured { quota, limit, window_s, told: told(self.name, limit, window_s), stem: Stem::new(stem), leased })
    }
}

fn check_tiers(
    path: &str,
    wire: Vec<TierWire>,
    numbers: &Numbers<'_>,
    window_s: u64,
    unless: Option<&Rights>,
    identity: &Source,
) -> Result<Vec<Tier>, ConfigError> {
    at_most(&format!("{path}.tiers"), wire.len(), MAX_TIERS)?;
    if wire.is_empty() {
        return Err(ConfigError::new(format!("{path}.tiers"), "is empty; leave it out"));
    }
    check_names(wire.iter().enumerate().map(|(n, tier)| (format!("{path}.tiers[{n}]"), tier.name.as_str())))?;
    let mut tiers: Vec<Tier> = Vec::with_capacity(wire.len());
    for (n, tier) in wire.into_iter().enumerate() {
        let path = format!("{path}.tiers[{n}]");
        let when = rights(&format!("{path}.when"), tier.when, identity)?;
        let earlier: Vec<&Rights> = unless.into_iter().chain(tiers.iter().map(|tier| &tier.when)).collect();
        if when.is_within(&earlier) {
            return Err(ConfigError::new(
                format!("{path}.when"),
                "could never be asked: whoever has one of these is in an earlier tier, or exempt",
            ));
        }
        let measured =
            numbers.check(&path, Some(&tier.name), tier.limit, tier.window_s.unwrap_or(window_s), tier.burst)?;
        tiers.push(Tier { name: tier.name, when, measured });
    }
    Ok(tiers)
}

/// Rights that a caller of this source can have.
fn rights(path: &str, wire: RightsWire, identity: &Source) -> Result<Rights, ConfigError> {
    let rights = wire.check(path)?;
    let (roles, permissions) = match identity {
        Source::FilterState(_) => (true, true),
        Source::JwtAuthn { roles, permissions, .. } => (roles.is_some(), permissions.is_some()),
        Source::TrustedHeader { roles, permissions, .. } => (roles.is_some(), permissions.is_some()),
    };
    if !rights.can_be_held(roles, permissions) {
        return Err(ConfigError::new(path, "can never hold: `identity` names no source of such rights"));
    }
    Ok(rights)
}

/// No policy may be out of reach behind another one about the same requests.
pub(super) fn check_reach(policies: &[Policy]) -> Result<(), ConfigError> {
    let plain = |policy: &Policy| {
        let is_sliding = matches!(policy.base.quota, Quota::Sliding { .. });
        is_sliding && policy.tiers.is_empty() && policy.unless.is_none() && policy.mode == Mode::Enforce
    };
    for (n, policy) in policies.iter().enumerate() {
        for (m, other) in policies.iter().enumerate() {
            let same_requests = n != m
                && policy.plan == other.plan
                && policy.matches == other.matches
                && policy.cost == other.cost
                && policy.phase == other.phase
                // What one gateway admits is less than what all do, however much more that is.
                && policy.is_shared() == other.is_shared();
            let (one, two) = (&policy.base, &other.base);
            let out_of_reach = one.window_s <= two.window_s && one.limit >= two.limit;
            if same_requests && plain(policy) && plain(other) && out_of_reach {
                return Err(ConfigError::new(
                    format!("policies[{n}].limit"),
                    format_args!(
                        "can never be reached: policies[{m}] (`{}`) has the same requests and key, and admits {} in {} s",
                        other.name, two.limit, two.window_s
                    ),
                ));
            }
        }
    }
    Ok(())
}
