//! The counters: `lockgate.revenue_strip.<rule>.<outcome>`, all known when the configuration is.

use super::config::Config;
use super::error::Reason;
use crate::metric::{metric, segment};

/// Where each counter stands in the list that the host was given.
#[derive(Debug)]
pub(super) struct Counters {
    rules: Vec<String>,
    protected: Vec<String>,
}

/// What is counted for a strip rule.
#[derive(Clone, Copy, Debug)]
pub(super) enum Strip {
    /// Fields removed or redacted.
    Fields,
    /// Body bytes inspected.
    Bytes,
    /// Messages for callers with the right, passed unread.
    Exempt,
    /// Fields that a shadow rule would have taken.
    ShadowFields,
    /// Bodies that a shadow rule would have blocked.
    ShadowBlocked,
    /// Events, and lines of them, left out of event streams.
    EventsDropped,
    /// Those that a shadow rule would have left out.
    ShadowEventsDropped,
    /// Bodies blocked, by reason.
    Blocked(Reason),
}

/// What is counted for a protected endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gate {
    Denied,
    ShadowDenied,
}

const STRIP: [&str; 7] = [
    "fields_stripped",
    "bytes_seen",
    "exempt",
    "shadow_fields",
    "shadow_blocked",
    "events_dropped",
    "shadow_events_dropped",
];
const GATE: [&str; 2] = ["denied", "shadow_denied"];
/// What is refused without a rule's name.
const REFUSED: [Reason; 11] = [
    Reason::UnsafePath,
    Reason::Upgrade,
    Reason::Connect,
    Reason::Grpc,
    Reason::GraphqlAlias,
    Reason::GraphqlDocument,
    Reason::GraphqlLength,
    Reason::ContentType,
    Reason::Charset,
    Reason::Encoding,
    Reason::Busy,
];
const PER_RULE: usize = STRIP.len() + Reason::BLOCKING.len();

impl Counters {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            rules: config.rules.iter().map(|rule| segment(&rule.name)).collect(),
            protected: config.protected.iter().map(|rule| segment(&rule.name)).collect(),
        }
    }

    /// All names, in the order that the places below follow.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut put = |rule: &str, outcome: &str| names.push(metric(&["revenue_strip", rule, outcome]));
        for rule in &self.rules {
            STRIP.iter().for_each(|outcome| put(rule, outcome));
            Reason::BLOCKING.iter().for_each(|reason| put(rule, &["blocked_", reason.code()].concat()));
        }
        for rule in &self.protected {
            GATE.iter().for_each(|outcome| put(rule, outcome));
        }
        REFUSED.iter().for_each(|reason| put("request", &["refused_", reason.code()].concat()));
        names
    }

    pub(super) fn strip(&self, rule: usize, what: Strip) -> usize {
        let within = match what {
            Strip::Fields => 0,
            Strip::Bytes => 1,
            Strip::Exempt => 2,
            Strip::ShadowFields => 3,
            Strip::ShadowBlocked => 4,
            Strip::EventsDropped => 5,
            Strip::ShadowEventsDropped => 6,
            Strip::Blocked(reason) => {
                // Several faults share a word.
                let known = Reason::BLOCKING.iter().position(|known| known.code() == reason.code());
                STRIP.len() + known.unwrap_or_default()
            }
        };
        rule * PER_RULE + within
    }

    pub(super) fn gate(&self, rule: usize, what: Gate) -> usize {
        let within = match what {
            Gate::Denied => 0,
            Gate::ShadowDenied => 1,
        };
        self.rules.len() * PER_RULE + rule * GATE.len() + within
    }

    pub(super) fn refused(&self, reason: Reason) -> usize {
        let known = REFUSED.iter().position(|&known| known == reason);
        self.rules.len() * PER_RULE + self.protected.len() * GATE.len() + known.unwrap_or_default()
    }
}
