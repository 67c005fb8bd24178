//! The counters: `lockgate.webhook_verify.<endpoint>.<outcome>`, all known when the configuration is.

use super::config::Config;
use super::error::Reason;
use crate::metric::{metric, segment};

/// Where each counter stands in the list that the host was given.
#[derive(Debug)]
pub(super) struct Counters {
    /// Each endpoint's name, and how many secrets it has.
    endpoints: Vec<(String, usize)>,
    signers: Vec<String>,
}

/// What became of a request at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is good, and goes on.
    Verified,
    Refused,
    /// A probe of the provider was answered.
    Challenged,
    /// The portal took it, and it is remembered.
    Settled,
    /// The portal did not take it: it may come again.
    Released,
    /// It was delivered, and could not be remembered for the whole time.
    Unsettled,
    ShadowVerified,
    ShadowRefused,
}

const OUTCOMES: [(Outcome, &str); 8] = [
    (Outcome::Verified, "verified"),
    (Outcome::Refused, "refused"),
    (Outcome::Challenged, "challenged"),
    (Outcome::Settled, "settled"),
    (Outcome::Released, "released"),
    (Outcome::Unsettled, "unsettled"),
    (Outcome::ShadowVerified, "shadow_verified"),
    (Outcome::ShadowRefused, "shadow_refused"),
];

impl Counters {
    pub(super) fn new(config: &Config) -> Self {
        let endpoints = config.endpoints.iter().map(|endpoint| (segment(&endpoint.name), endpoint.secrets.len()));
        let signers = config.signers.iter().map(|signer| segment(&signer.name));
        Self { endpoints: endpoints.collect(), signers: signers.collect() }
    }

    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut put = |of: &[&str]| names.push(metric(&[&["webhook_verify"], of].concat()));
        Reason::ALL.iter().for_each(|reason| put(&[reason.code()]));
        for (name, secrets) in &self.endpoints {
            OUTCOMES.iter().for_each(|(_, outcome)| put(&[name, outcome]));
            (0..*secrets).for_each(|n| put(&[name, &["secret_", &n.to_string()].concat()]));
        }
        for name in &self.signers {
            put(&["sign", name, "signed"]);
            put(&["sign", name, "refused"]);
        }
        names
    }

    pub(super) fn reason(&self, reason: Reason) -> usize {
        Reason::ALL.iter().position(|&known| known == reason).unwrap_or_default()
    }

    pub(super) fn endpoint(&self, endpoint: usize, outcome: Outcome) -> usize {
        self.start(endpoint) + OUTCOMES.iter().position(|(known, _)| *known == outcome).unwrap_or_default()
    }

    /// The secret that a request was signed with.
    pub(super) fn secret(&self, endpoint: usize, secret: usize) -> usize {
        self.start(endpoint) + OUTCOMES.len() + secret
    }

    /// What became of a request that leaves.
    pub(super) fn signer(&self, signer: usize, signed: bool) -> usize {
        self.start(self.endpoints.len()) + 2 * signer + usize::from(!signed)
    }

    fn start(&self, endpoint: usize) -> usize {
        let before = self.endpoints.iter().take(endpoint).map(|(_, secrets)| OUTCOMES.len() + secrets).sum::<usize>();
        Reason::ALL.len() + before
    }
}
