//! Configuration of the formats beside plain JSON, and of the second guard.

use std::rc::Rc;

use serde::Deserialize;

use super::body::Prefixes;
use super::config::Limits;
use crate::config::ConfigError;
use crate::matching::{Match, MatchWire};
use crate::sse::{NotJson, Settings};

/// Data of events that passes although it is no JSON, unless the configuration names other.
pub const DEFAULT_SENTINELS: [&str; 1] = ["[DONE]"];
/// Most sentinels.
pub const MAX_SENTINELS: usize = 16;
/// Longest sentinel, in bytes.
pub const MAX_SENTINEL_BYTES: usize = 64;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct EventsWire {
    sentinels: Option<Vec<String>>,
    not_json: Option<NotJsonWire>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct GraphqlWire {
    #[serde(rename = "match")]
    matches: MatchWire,
    #[expect(dead_code, reason = "there is one choice, and it must be written out")]
    aliases: AliasesWire,
}

#[derive(Deserialize, Clone, Copy)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum AliasesWire {
    Block,
}

#[derive(Deserialize, Clone, Copy)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum NotJsonWire {
    Drop,
    Refuse,
}

/// How bodies of other formats are read.
#[derive(Debug)]
pub(super) struct Modes {
    /// What may stand before a JSON text.
    pub(super) prefixes: Prefixes,
    pub(super) events: Rc<Settings>,
    /// Where GraphQL requests come in, when aliases on fields that rules take are blocked.
    pub(super) graphql: Option<Match>,
    /// Whether what goes on is looked at once more.
    pub(super) guard: bool,
}

impl Modes {
    pub(super) fn check(
        prefixes: Option<Vec<String>>,
        events: Option<EventsWire>,
        graphql: Option<GraphqlWire>,
        guard: Option<bool>,
        limits: &Limits,
    ) -> Result<Self, ConfigError> {
        let (sentinels, not_json) = events.map_or((None, None), |events| (events.sentinels, events.not_json));
        let settings = Settings {
            sentinels: sentinels.map_or_else(|| Ok(DEFAULT_SENTINELS.map(str::to_owned).to_vec()), check_sentinels)?,
            not_json: match not_json {
                None | Some(NotJsonWire::Drop) => NotJson::Drop,
                Some(NotJsonWire::Refuse) => NotJson::Refuse,
            },
            max_event_bytes: limits.max_event_bytes,
            json: limits.json,
        };
        Ok(Self {
            prefixes: Prefixes::check(prefixes.unwrap_or_default())?,
            events: Rc::new(settings),
            graphql: graphql.map(|graphql| graphql.matches.check("graphql.match")).transpose()?,
            guard: guard.unwrap_or(false),
        })
    }
}

fn check_sentinels(list: Vec<String>) -> Result<Vec<String>, ConfigError> {
    if list.len() > MAX_SENTINELS {
        return Err(ConfigError::new(
            "events.sentinels",
            format_args!("has {} entries, at most {MAX_SENTINELS} are allowed", list.len()),
        ));
    }
    for (n, text) in list.iter().enumerate() {
        let path = || format!("events.sentinels[{n}]");
        if text.is_empty() || text.len() > MAX_SENTINEL_BYTES || text.contains(char::is_control) {
            return Err(ConfigError::new(
                path(),
                format_args!("must be 1..={MAX_SENTINEL_BYTES} bytes without control characters"),
            ));
        }
        // It would pass without a look at its members.
        if text.contains('"') {
            return Err(ConfigError::new(path(), "has a quotation mark: what may be JSON with members is no sentinel"));
        }
    }
    Ok(list)
}
