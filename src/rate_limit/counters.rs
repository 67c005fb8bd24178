//! The counters: `lockgate.rate_limit.<policy or penalty>.<outcome>`, all known when the configuration is.

use super::config::Config;
use super::error::Reason;
use crate::metric::{metric, segment};

/// Where each counter stands in the list that the host was given.
#[derive(Debug)]
pub(super) struct Counters {
    policies: Vec<String>,
    penalties: Vec<String>,
    shared: bool,
}

/// What became of a request under a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// It was charged.
    Allowed,
    /// It was over the quota.
    Refused,
    /// For callers and methods that the policy is not about.
    Exempt,
    ShadowAllowed,
    ShadowRefused,
}

/// What became of a request under a penalty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// A block began.
    Imposed,
    /// The request was refused by one.
    Refused,
    ShadowImposed,
    ShadowRefused,
}

/// What concerns no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// It passed though it could not be measured.
    Unmeasured,
    /// A live record of another key was evicted.
    Evicted,
    /// A slot held foreign bytes and began anew.
    Repaired,
}

/// What became of asking the rate-limit service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// It was asked.
    Asked,
    /// It has granted a lease.
    Granted,
    /// It has refused one.
    Refused,
    /// It has not answered, or not with sense.
    Failed,
    /// It is left alone for a while.
    CircuitOpened,
    /// A request was decided without it.
    Unanswered,
}

const LIMIT: [(Limit, &str); 5] = [
    (Limit::Allowed, "allowed"),
    (Limit::Refused, "refused"),
    (Limit::Exempt, "exempt"),
    (Limit::ShadowAllowed, "shadow_allowed"),
    (Limit::ShadowRefused, "shadow_refused"),
];
const BLOCK: [(Block, &str); 4] = [
    (Block::Imposed, "imposed"),
    (Block::Refused, "refused"),
    (Block::ShadowImposed, "shadow_imposed"),
    (Block::ShadowRefused, "shadow_refused"),
];
const BESIDE: [(Beside, &str, &str); 3] = [
    (Beside::Unmeasured, "request", "unmeasured"),
    (Beside::Evicted, "table", "evicted"),
    (Beside::Repaired, "table", "repaired"),
];

const SERVICE: [(Service, &str); 6] = [
    (Service::Asked, "asked"),
    (Service::Granted, "granted"),
    (Service::Refused, "refused"),
    (Service::Failed, "failed"),
    (Service::CircuitOpened, "circuit_opened"),
    (Service::Unanswered, "unanswered"),
];

impl Counters {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            policies: config.policies.iter().map(|policy| segment(&policy.name)).collect(),
            penalties: config.penalties.iter().map(|penalty| segment(&penalty.name)).collect(),
            shared: config.shared.is_some(),
        }
    }

    /// All names, in the order that the places below follow.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut put = |of: &str, outcome: &str| names.push(metric(&["rate_limit", of, outcome]));
        Reason::ALL.iter().for_each(|reason| put("request", &["refused_", reason.code()].concat()));
        BESIDE.iter().for_each(|(_, of, outcome)| put(of, outcome));
        for policy in &self.policies {
            LIMIT.iter().for_each(|(_, outcome)| put(policy, outcome));
        }
        for penalty in &self.penalties {
            BLOCK.iter().for_each(|(_, outcome)| put(penalty, outcome));
        }
        if self.shared {
            SERVICE.iter().for_each(|(_, outcome)| put("service", outcome));
        }
        names
    }

    pub(super) fn refused(&self, reason: Reason) -> usize {
        Reason::ALL.iter().position(|&known| known == reason).unwrap_or_default()
    }

    pub(super) fn beside(&self, what: Beside) -> usize {
        Reason::ALL.len() + BESIDE.iter().position(|(known, ..)| *known == what).unwrap_or_default()
    }

    pub(super) fn policy(&self, policy: usize, what: Limit) -> usize {
        let within = LIMIT.iter().position(|(known, _)| *known == what).unwrap_or_default();
        Reason::ALL.len() + BESIDE.len() + policy * LIMIT.len() + within
    }

    /// Only of a configuration with a service.
    pub(super) fn service(&self, what: Service) -> usize {
        let within = SERVICE.iter().position(|(known, _)| *known == what).unwrap_or_default();
        let rules = self.policies.len() * LIMIT.len() + self.penalties.len() * BLOCK.len();
        Reason::ALL.len() + BESIDE.len() + rules + within
    }

    pub(super) fn penalty(&self, penalty: usize, what: Block) -> usize {
        let within = BLOCK.iter().position(|(known, _)| *known == what).unwrap_or_default();
        Reason::ALL.len() + BESIDE.len() + self.policies.len() * LIMIT.len() + penalty * BLOCK.len() + within
    }
}
