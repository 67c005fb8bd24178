//! Strip rules.

use serde::Deserialize;
use serde_json::Value;

use super::{DEFAULT_NAMES, DEFAULT_PATTERNS, MAX_LIST, MAX_REDACTION_BYTES, Mode, at_most, check_name};
use crate::config::{ConfigError, Raw};
use crate::identity::{Rights, RightsWire};
use crate::matching::{Match, MatchWire};
use crate::revenue_strip::matcher::Names;
use crate::revenue_strip::pairs::{PairNames, PairWire};

/// A strip rule.
#[derive(Debug)]
pub(in crate::revenue_strip) struct Rule {
    pub(in crate::revenue_strip) name: String,
    pub(in crate::revenue_strip) matches: Match,
    pub(in crate::revenue_strip) action: Action,
    pub(in crate::revenue_strip) unless: Option<Rights>,
    pub(in crate::revenue_strip) request: bool,
    pub(in crate::revenue_strip) mode: Mode,
}

/// What becomes of what a rule takes.
#[derive(Debug)]
pub(in crate::revenue_strip) enum Action {
    Remove,
    /// The literal as JSON and as a header's value.
    Redact {
        json: String,
        header: String,
    },
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RuleWire {
    pub(super) name: String,
    #[serde(rename = "match")]
    matches: MatchWire,
    names: Option<Vec<String>>,
    patterns: Option<Vec<String>>,
    headers: Option<bool>,
    keep: Option<Vec<String>>,
    texts: Option<Vec<String>>,
    pairs: Option<Vec<PairWire>>,
    action: ActionWire,
    unless: Option<RightsWire>,
    direction: Option<DirectionWire>,
    mode: Option<Mode>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum ActionWire {
    Remove,
    Redact(Raw),
}

#[derive(Deserialize, Clone, Copy)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum DirectionWire {
    Request,
    Response,
}

impl RuleWire {
    pub(super) fn check(self, path: &str) -> Result<(Rule, Names), ConfigError> {
        check_name(path, &self.name)?;
        let matches = self.matches.check(&format!("{path}.match"))?;
        let lists =
            [("names", &self.names), ("patterns", &self.patterns), ("keep", &self.keep), ("texts", &self.texts)];
        for (field, list) in lists {
            at_most(&format!("{path}.{field}"), list.as_ref().map_or(0, Vec::len), MAX_LIST)?;
        }
        let (exact, patterns) = match (self.names, self.patterns) {
            (None, None) => {
                let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
                (owned(&DEFAULT_NAMES), owned(&DEFAULT_PATTERNS))
            }
            (names, patterns) => (names.unwrap_or_default(), patterns.unwrap_or_default()),
        };
        let texts = self.texts.unwrap_or_default();
        if exact.is_empty() && patterns.is_empty() && texts.is_empty() {
            return Err(ConfigError::new(
                format!("{path}.names"),
                "and patterns are both empty: the rule could never match; leave both out for the default lists",
            ));
        }
        if let Some(n) = patterns.iter().position(String::is_empty) {
            return Err(ConfigError::new(
                format!("{path}.patterns[{n}]"),
                "is empty and would match every name; write `.*` if that is meant",
            ));
        }
        let keep = self.keep.unwrap_or_default();
        if let Some(n) = texts.iter().position(|name| keep.contains(name)) {
            return Err(ConfigError::new(format!("{path}.texts[{n}]"), "is kept by the same rule"));
        }
        if patterns.is_empty() && texts.is_empty() && exact.iter().all(|name| keep.contains(name)) {
            return Err(ConfigError::new(format!("{path}.keep"), "keeps every name of the rule: it could never match"));
        }
        let pairs = PairNames::check(self.pairs, &format!("{path}.pairs"))?;
        let action = self.action.check(&format!("{path}.action"))?;
        if let Action::Redact { json, .. } = &action
            && !pairs.is_empty()
            && json.starts_with(['{', '['])
        {
            return Err(ConfigError::new(
                format!("{path}.action.redact"),
                "must be a text, a number, true, false or null in a rule with pairs",
            ));
        }
        let rule = Rule {
            name: self.name,
            matches,
            action,
            unless: self.unless.map(|unless| unless.check(&format!("{path}.unless"))).transpose()?,
            request: matches!(self.direction, Some(DirectionWire::Request)),
            mode: self.mode.unwrap_or(Mode::Enforce),
        };
        Ok((rule, Names { exact, patterns, keep, texts, pairs, in_headers: self.headers.unwrap_or(true) }))
    }
}

impl ActionWire {
    fn check(self, path: &str) -> Result<Action, ConfigError> {
        let literal = match self {
            Self::Remove => return Ok(Action::Remove),
            Self::Redact(literal) => literal,
        };
        // Byte for byte as it is written: numbers keep their digits. Its line ends, which stand between tokens only,
        // would end a line of NDJSON or of an event.
        let json = literal.get().replace(['\n', '\r'], " ");
        at_most(&format!("{path}.redact"), json.len(), MAX_REDACTION_BYTES)?;
        let header = match serde_json::from_str(&json) {
            Ok(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') => text,
            Ok(_) if json.is_ascii() => json.clone(),
            // A header takes ASCII only.
            Ok(_) | Err(_) => "redacted".to_owned(),
        };
        Ok(Action::Redact { json, header })
    }
}
