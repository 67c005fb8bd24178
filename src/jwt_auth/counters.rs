//! The counters: `lockgate.jwt_auth.<rule or provider>.<outcome>`, all known when the configuration is.

use super::config::Config;
use super::error::Reason;
use crate::metric::{metric, segment};

/// Where each counter stands in the list that the host was given.
#[derive(Debug)]
pub(super) struct Counters {
    rules: Vec<String>,
    providers: Vec<String>,
}

/// What became of a request that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Allowed,
    /// No good token.
    Refused,
    /// A good token without the right.
    Denied,
    ShadowAllowed,
    ShadowRefused,
    ShadowDenied,
}

/// What happened with a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    /// Signatures found good; those remembered are not counted.
    Verified,
    BadSignature,
    Fetched,
    FetchFailed,
    /// Keys of a set that are left out.
    KeysSkipped,
}

const RULE: [(Rule, &str); 6] = [
    (Rule::Allowed, "allowed"),
    (Rule::Refused, "refused"),
    (Rule::Denied, "denied"),
    (Rule::ShadowAllowed, "shadow_allowed"),
    (Rule::ShadowRefused, "shadow_refused"),
    (Rule::ShadowDenied, "shadow_denied"),
];
const PROVIDER: [(Provider, &str); 5] = [
    (Provider::Verified, "verified"),
    (Provider::BadSignature, "bad_signature"),
    (Provider::Fetched, "fetched"),
    (Provider::FetchFailed, "fetch_failed"),
    (Provider::KeysSkipped, "keys_skipped"),
];
const REVOCATION: [&str; 2] = ["fetched", "fetch_failed"];

impl Counters {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            rules: config.access.rules().iter().map(|rule| segment(rule.name())).collect(),
            providers: config.providers.iter().map(|provider| segment(&provider.name)).collect(),
        }
    }

    /// All names, in the order that the places below follow.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut put = |of: &str, outcome: &str| names.push(metric(&["jwt_auth", of, outcome]));
        Reason::COUNTED.iter().for_each(|reason| put("request", &["refused_", reason.code()].concat()));
        REVOCATION.iter().for_each(|outcome| put("revocation", outcome));
        for provider in &self.providers {
            PROVIDER.iter().for_each(|(_, outcome)| put(&["provider-", provider].concat(), outcome));
        }
        for rule in &self.rules {
            RULE.iter().for_each(|(_, outcome)| put(rule, outcome));
        }
        names
    }

    /// `None` for what the matrix denies: that is counted for its rule.
    pub(super) fn refused(&self, reason: Reason) -> Option<usize> {
        Reason::COUNTED.iter().position(|&known| known == reason)
    }

    pub(super) fn revocation(&self, fetched: bool) -> usize {
        Reason::COUNTED.len() + usize::from(!fetched)
    }

    pub(super) fn provider(&self, provider: usize, what: Provider) -> usize {
        let within = PROVIDER.iter().position(|(known, _)| *known == what).unwrap_or_default();
        Reason::COUNTED.len() + REVOCATION.len() + provider * PROVIDER.len() + within
    }

    pub(super) fn rule(&self, rule: usize, what: Rule) -> usize {
        let within = RULE.iter().position(|(known, _)| *known == what).unwrap_or_default();
        let before = Reason::COUNTED.len() + REVOCATION.len() + self.providers.len() * PROVIDER.len();
        before + rule * RULE.len() + within
    }
}
