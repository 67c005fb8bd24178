//! `penalties`: who is blocked for a while.

use serde::Deserialize;

use super::key::{self, Known, PartWire};
use super::policy::{MAX_LIMIT, MAX_WINDOW_S};
use super::{Keys, Mode, at_most, within};
use crate::config::ConfigError;
use crate::matching::{Match, MatchWire};
use crate::table::{Rule, Stem};

/// Most penalties.
pub const MAX_PENALTIES: usize = 16;
/// The answers that are failures, unless the configuration says otherwise.
pub const DEFAULT_FAILURE_STATUSES: [u16; 2] = [401, 403];
/// How many requests a second are no flood.
pub const DEFAULT_FLOOD_PER_SECOND: u32 = 100;
/// Over how many seconds a flood is measured.
pub const DEFAULT_FLOOD_SUSTAINED_S: u32 = 10;
/// Most requests a second of a flood.
pub const MAX_FLOOD_PER_SECOND: u32 = 1_000_000;
/// Longest time over which a flood is measured, in seconds.
pub const MAX_FLOOD_SUSTAINED_S: u32 = 3_600;

const MAX_STATUSES: usize = 16;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PenaltyWire {
    name: String,
    #[serde(rename = "match")]
    matches: Option<MatchWire>,
    key: Option<Vec<PartWire>>,
    failures: Option<FailuresWire>,
    flood: Option<FloodWire>,
    block_s: u64,
    mode: Option<Mode>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct FailuresWire {
    statuses: Option<Vec<u16>>,
    limit: u64,
    window_s: u64,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct FloodWire {
    per_second: Option<u64>,
    sustained_s: Option<u64>,
}

/// Who is blocked for a while.
#[derive(Debug)]
pub(in crate::rate_limit) struct Penalty {
    pub(in crate::rate_limit) name: String,
    /// `None`: all requests.
    pub(in crate::rate_limit) matches: Option<Match>,
    /// The place of its key among the plans.
    pub(in crate::rate_limit) plan: usize,
    pub(in crate::rate_limit) cause: Cause,
    pub(in crate::rate_limit) rule: Rule,
    pub(in crate::rate_limit) mode: Mode,
    /// What makes its records' keys.
    pub(in crate::rate_limit) stem: Stem,
}

/// What leads to it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::rate_limit) enum Cause {
    /// Answers with one of these statuses.
    Failures(Vec<u16>),
    /// Requests.
    Flood,
}

impl PenaltyWire {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn check(self, path: &str, keys: &mut Keys) -> Result<Penalty, ConfigError> {
        let matches = self.matches.map(|matches| matches.check(&format!("{path}.match"))).transpose()?;
        let key_path = format!("{path}.key");
        let wire = self.key.unwrap_or_else(|| vec![PartWire::Address]);
        if matches.is_none() && wire.iter().any(|part| matches!(part, PartWire::Path)) {
            return Err(ConfigError::new(key_path, "has \"path\", and there is no `match` whose patterns it could be"));
        }
        let parts = key::check(&key_path, wire, Known::Nobody)?;
        let plan = keys.place(&key_path, parts, 1, matches.as_ref().map_or(1, |matches| matches.paths().len()))?;
        let block_s = within(&format!("{path}.block_s"), self.block_s, MAX_WINDOW_S)?;
        let (cause, limit, window_s) = match (self.failures, self.flood) {
            (Some(failures), None) => failures.check(&format!("{path}.failures"))?,
            (None, Some(flood)) => flood.check(&format!("{path}.flood"))?,
            (Some(_), Some(_)) | (None, None) => {
                return Err(ConfigError::new(path, "must have one cause: `failures` or `flood`"));
            }
        };
        let rule = Rule {
            limit,
            window_ms: u64::from(window_s).saturating_mul(1_000),
            block_ms: u64::from(block_s).saturating_mul(1_000),
        };
        Ok(Penalty {
            stem: Stem::new(format!("penalty\0{}\0{}", self.name, rule.window_ms)),
            name: self.name,
            matches,
            plan,
            cause,
            rule,
            mode: self.mode.unwrap_or(Mode::Enforce),
        })
    }
}

impl FailuresWire {
    fn check(self, path: &str) -> Result<(Cause, u32, u32), ConfigError> {
        let statuses = self.statuses.unwrap_or_else(|| DEFAULT_FAILURE_STATUSES.to_vec());
        at_most(&format!("{path}.statuses"), statuses.len(), MAX_STATUSES)?;
        if statuses.is_empty() {
            return Err(ConfigError::new(format!("{path}.statuses"), "is empty: nothing would ever be a failure"));
        }
        for (n, &status) in statuses.iter().enumerate() {
            let place = format!("{path}.statuses[{n}]");
            if !(400..=599).contains(&status) {
                return Err(ConfigError::new(place, format_args!("is {status} and must be 400..=599")));
            }
            if statuses.iter().take(n).any(|&earlier| earlier == status) {
                return Err(ConfigError::new(place, "stands there twice"));
            }
        }
        let limit = within(&format!("{path}.limit"), self.limit, MAX_LIMIT)?;
        let window_s = within(&format!("{path}.window_s"), self.window_s, MAX_WINDOW_S)?;
        Ok((Cause::Failures(statuses), limit, window_s))
    }
}

impl FloodWire {
    fn check(self, path: &str) -> Result<(Cause, u32, u32), ConfigError> {
        let number = |field: &str, given: Option<u64>, most, default| {
            given.map_or(Ok(default), |given| within(&format!("{path}.{field}"), given, most))
        };
        let per_second = number("per_second", self.per_second, MAX_FLOOD_PER_SECOND, DEFAULT_FLOOD_PER_SECOND)?;
        let sustained_s = number("sustained_s", self.sustained_s, MAX_FLOOD_SUSTAINED_S, DEFAULT_FLOOD_SUSTAINED_S)?;
        // At most 3,600,000,000. And one more: at the edge of a window the estimate counts both the request that comes and
        // the one that leaves.
        Ok((Cause::Flood, per_second.saturating_mul(sustained_s).saturating_add(1), sustained_s))
    }
}
