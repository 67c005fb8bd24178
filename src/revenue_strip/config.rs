//! The configuration: wire form in, checked form out.

mod limits;
mod rule;

use serde::Deserialize;

use crate::config::{self, ConfigError};
use crate::identity::{Rights, RightsWire, Source, SourceWire, is_header_name};
use crate::matching::{Match, MatchWire};

use super::matcher::{MAX_RULES, Matcher};
use super::media::{DEFAULT_PASS_TYPES, PassType};
use super::modes::{EventsWire, GraphqlWire, Modes};
use super::pairs::PairNames;

use self::limits::LimitsWire;
use self::rule::RuleWire;

pub(super) use self::limits::Limits;
pub(super) use self::rule::{Action, Rule};

/// Names that a rule without `names` and `patterns` takes, in the spellings in which portals write them.
pub const DEFAULT_NAMES: [&str; 20] = [
    "markup_percentage",
    "markupPercentage",
    "markup-percentage",
    "MarkupPercentage",
    "markup_amount",
    "markupAmount",
    "markup-amount",
    "MarkupAmount",
    "unit_cost",
    "unitCost",
    "unit-cost",
    "UnitCost",
    "total_cost",
    "totalCost",
    "total-cost",
    "TotalCost",
    "profit_margin",
    "profitMargin",
    "profit-margin",
    "ProfitMargin",
];
/// Patterns that a rule without `names` and `patterns` takes.
pub const DEFAULT_PATTERNS: [&str; 6] =
    ["(?i)markup", "(?i)profit", "(?i)margin", "(?i)revenue", "(?i)pricing", "(?i)cost.*internal"];
/// What a client reads who may not use a protected endpoint, unless the rule says otherwise.
pub const DEFAULT_DETAIL: &str = "Access denied to revenue data";

/// Longest name of a rule, in bytes.
pub const MAX_RULE_NAME_BYTES: usize = 64;
/// Most names, patterns or kept names of one rule.
pub const MAX_LIST: usize = 1000;
/// Longest `detail`, in bytes.
pub const MAX_DETAIL_BYTES: usize = 4096;
/// Longest redaction literal, in bytes: it may stand for values of one byte, many in a chunk.
pub const MAX_REDACTION_BYTES: usize = 256;
/// Most `protected` rules.
pub const MAX_PROTECTED: usize = 256;
/// Most `pass_types` and most `vary` entries.
pub const MAX_SHORT_LIST: usize = 64;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    rules: Option<Vec<RuleWire>>,
    protected: Option<Vec<ProtectedWire>>,
    on_uninspectable: Option<OnUninspectable>,
    pass_types: Option<Vec<String>>,
    identity: Option<SourceWire>,
    unnormalized: Option<Unnormalized>,
    vary: Option<Vec<String>>,
    prefixes: Option<Vec<String>>,
    events: Option<EventsWire>,
    graphql: Option<GraphqlWire>,
    guard: Option<bool>,
    limits: Option<LimitsWire>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct ProtectedWire {
    name: String,
    #[serde(rename = "match")]
    matches: MatchWire,
    unless: RightsWire,
    detail: Option<String>,
    mode: Option<Mode>,
}

/// Whether a rule acts or only watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    Enforce,
    Shadow,
}

/// What the client gets for an answer that cannot be inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum OnUninspectable {
    /// A 502 problem.
    Block,
    /// The portal's status, no body.
    Empty,
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

/// A rule about who may use an endpoint.
#[derive(Debug)]
pub(super) struct Protected {
    pub(super) name: String,
    pub(super) matches: Match,
    pub(super) unless: Rights,
    pub(super) detail: String,
    pub(super) mode: Mode,
}

/// A checked configuration.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) rules: Vec<Rule>,
    pub(super) protected: Vec<Protected>,
    pub(super) on_uninspectable: OnUninspectable,
    pub(super) pass_types: Vec<PassType>,
    pub(super) identity: Source,
    pub(super) unnormalized: Unnormalized,
    pub(super) vary: Vec<String>,
    pub(super) modes: Modes,
    pub(super) limits: Limits,
}

impl Config {
    pub(super) fn from_json(text: &[u8]) -> Result<(Self, Matcher), ConfigError> {
        let wire: Wire = config::read(text)?;
        let rules = wire.rules.unwrap_or_default();
        let protected = wire.protected.unwrap_or_default();
        if rules.is_empty() && protected.is_empty() {
            return Err(ConfigError::new("rules", "and protected are both empty: the filter would do nothing"));
        }
        at_most("rules", rules.len(), MAX_RULES)?;
        at_most("protected", protected.len(), MAX_PROTECTED)?;
        unique("rules", rules.iter().map(|rule| &rule.name))?;
        unique("protected", protected.iter().map(|rule| &rule.name))?;

        let mut names = Vec::with_capacity(rules.len());
        let mut checked = Vec::with_capacity(rules.len());
        for (n, rule) in rules.into_iter().enumerate() {
            let (rule, its_names) = rule.check(&format!("rules[{n}]"))?;
            checked.push(rule);
            names.push(its_names);
        }
        let protected = protected
            .into_iter()
            .enumerate()
            .map(|(n, rule)| rule.check(&format!("protected[{n}]")))
            .collect::<Result<_, _>>()?;

        let pass_types =
            wire.pass_types.unwrap_or_else(|| DEFAULT_PASS_TYPES.iter().map(|&text| text.to_owned()).collect());
        at_most("pass_types", pass_types.len(), MAX_SHORT_LIST)?;
        let pass_types = pass_types
            .iter()
            .enumerate()
            .map(|(n, text)| PassType::parse(text).map_err(|error| error.at(format!("pass_types[{n}]"))))
            .collect::<Result<_, _>>()?;

        let identity = wire.identity.map(|source| source.check("identity")).transpose()?.unwrap_or_default();
        if wire.graphql.is_some() && !checked.iter().any(|rule| !rule.request && rule.mode == Mode::Enforce) {
            return Err(ConfigError::new("graphql", "could never block anything: no rule acts on answers"));
        }
        let limits = wire.limits.map_or(Ok(Limits::default()), LimitsWire::check)?;
        let config = Self {
            modes: Modes::check(wire.prefixes, wire.events, wire.graphql, wire.guard, &limits)?,
            rules: checked,
            protected,
            on_uninspectable: wire.on_uninspectable.unwrap_or(OnUninspectable::Block),
            pass_types,
            vary: vary(wire.vary, &identity)?,
            identity,
            unnormalized: wire.unnormalized.unwrap_or(Unnormalized::Reject),
            limits,
        };
        let mut matcher = Matcher::new(&names)?;
        matcher.limit_pairs(limits.max_pair_bytes);
        for (n, rule) in names.iter().enumerate() {
            let taken = |pair: &PairNames| matcher.member_named(&pair.value) & 1 << n != 0;
            if let Some(m) = rule.pairs.iter().position(taken) {
                return Err(ConfigError::new(
                    format!("rules[{n}].pairs[{m}].value"),
                    "is itself taken by the rule's names or patterns: the pair could never decide anything",
                ));
            }
        }
        Ok((config, matcher))
    }
}

/// The headers that carry the identity, for `vary`.
fn vary(given: Option<Vec<String>>, identity: &Source) -> Result<Vec<String>, ConfigError> {
    if let Some(given) = given {
        at_most("vary", given.len(), MAX_SHORT_LIST)?;
        for (n, name) in given.iter().enumerate() {
            if !is_header_name(name) || name == "*" {
                return Err(ConfigError::new(format!("vary[{n}]"), format_args!("`{name}` is no header name")));
            }
        }
        if given.is_empty() {
            return Err(ConfigError::new("vary", "is empty; leave it out for the default"));
        }
        return Ok(given.iter().map(|name| name.to_ascii_lowercase()).collect());
    }
    let headers = identity.headers();
    if headers.is_empty() {
        return Ok(vec!["authorization".to_owned()]);
    }
    Ok(headers.into_iter().map(str::to_owned).collect())
}

impl ProtectedWire {
    fn check(self, path: &str) -> Result<Protected, ConfigError> {
        check_name(path, &self.name)?;
        let detail = self.detail.unwrap_or_else(|| DEFAULT_DETAIL.to_owned());
        at_most(&format!("{path}.detail"), detail.len(), MAX_DETAIL_BYTES)?;
        Ok(Protected {
            matches: self.matches.check(&format!("{path}.match"))?,
            unless: self.unless.check(&format!("{path}.unless"))?,
            name: self.name,
            detail,
            mode: self.mode.unwrap_or(Mode::Enforce),
        })
    }
}

fn check_name(path: &str, name: &str) -> Result<(), ConfigError> {
    if name.is_empty() || name.len() > MAX_RULE_NAME_BYTES || name.contains(char::is_control) {
        return Err(ConfigError::new(
            format!("{path}.name"),
            format_args!("must be 1..={MAX_RULE_NAME_BYTES} bytes without control characters"),
        ));
    }
    Ok(())
}

fn unique<'a>(path: &str, names: impl Iterator<Item = &'a String>) -> Result<(), ConfigError> {
    let mut seen: Vec<&String> = Vec::new();
    for (n, name) in names.enumerate() {
        if let Some(first) = seen.iter().position(|&other| other == name) {
            return Err(ConfigError::new(
                format!("{path}[{n}].name"),
                format_args!("`{name}` is already the name of {path}[{first}]"),
            ));
        }
        seen.push(name);
    }
    Ok(())
}

fn at_most(path: &str, length: usize, most: usize) -> Result<(), ConfigError> {
    if length > most {
        return Err(ConfigError::new(path, format_args!("has {length} entries or bytes, at most {most} are allowed")));
    }
    Ok(())
}
