//! The filters that the command knows.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use clap::ValueEnum;
use lockgate::config::{Assumed, ConfigError};
use lockgate::exchange::Policy;
use lockgate::replay::{self, Answer, Heads, MemoryHost, Outcome, Request};
use lockgate::{chain, jwt_auth, rate_limit, revenue_strip, webhook_verify};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Filter {
    /// Who is calling, and what they may do.
    JwtAuth,
    /// How often a caller may come.
    RateLimit,
    /// Fields that a caller may not see.
    RevenueStrip,
    /// Forged webhooks.
    WebhookVerify,
    /// Several of them in one: the chain.
    Lockgate,
}

/// The variables that a filter's secrets come from.
pub(crate) type Variables = BTreeMap<String, String>;

/// What outlives an exchange: the host with all that is shared, and the filters that were started on it, by configuration.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) host: MemoryHost,
    jwt_auth: Started<jwt_auth::Policy>,
    chains: Started<chain::Policy>,
}

/// Policies that were started, by configuration.
type Started<P> = BTreeMap<(Vec<u8>, Variables), P>;

impl Filter {
    pub(crate) const ALL: [Self; 5] =
        [Self::JwtAuth, Self::RateLimit, Self::RevenueStrip, Self::WebhookVerify, Self::Lockgate];

    /// As it is written on the command line and in files of policy tests.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::JwtAuth => "jwt-auth",
            Self::RateLimit => "rate-limit",
            Self::RevenueStrip => "revenue-strip",
            Self::WebhookVerify => "webhook-verify",
            Self::Lockgate => "lockgate",
        }
    }

    /// Whether it reads and edits bodies, so that encodings, caches and held heads matter to it. A chain does what its blocks do.
    pub(crate) fn edits_bodies(self) -> bool {
        match self {
            Self::RevenueStrip | Self::Lockgate => true,
            Self::JwtAuth | Self::RateLimit | Self::WebhookVerify => false,
        }
    }

    /// Whether it protects nothing where a head cannot wait for its body.
    pub(crate) fn must_hold_heads(self) -> bool {
        match self {
            Self::WebhookVerify | Self::Lockgate => true,
            Self::JwtAuth | Self::RateLimit | Self::RevenueStrip => false,
        }
    }

    /// Reads a configuration as the filter does when Envoy starts; its secrets need not be here.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub(crate) fn check(self, configuration: &[u8]) -> Result<(), ConfigError> {
        match self {
            Self::JwtAuth => jwt_auth::Policy::read(configuration, &Assumed).map(drop),
            Self::RateLimit => rate_limit::Policy::from_json(configuration).map(drop),
            Self::RevenueStrip => revenue_strip::Policy::from_json(configuration).map(drop),
            Self::WebhookVerify => webhook_verify::Policy::read(configuration, &Assumed).map(drop),
            Self::Lockgate => chain::Policy::read(configuration, &Assumed).map(drop),
        }
    }

    /// Runs one exchange as the filter would in Envoy.
    ///
    /// # Errors
    /// The configuration is refused.
    pub(crate) fn run(
        self,
        configuration: &[u8],
        variables: &Variables,
        session: &mut Session,
        request: &Request,
        answer: &Answer,
    ) -> Result<Outcome, ConfigError> {
        let Session { host, jwt_auth, chains } = session;
        match self {
            Self::JwtAuth => run_started(jwt_auth, configuration, variables, host, request, answer),
            Self::Lockgate => {
                // As for rate-limit, where a block is one.
                host.now_ms.get_or_insert(0);
                run_started(chains, configuration, variables, host, request, answer)
            }
            Self::RateLimit => {
                let policy = rate_limit::Policy::from_json(configuration)?;
                // A case without a time is one of a clock that stands still.
                host.now_ms.get_or_insert(0);
                Ok(replay::run(&policy, host, request, answer, Heads::Wait))
            }
            Self::RevenueStrip => {
                let policy = revenue_strip::Policy::from_json(configuration)?;
                Ok(replay::run(&policy, host, request, answer, Heads::Wait))
            }
            Self::WebhookVerify => {
                let policy = webhook_verify::Policy::read(configuration, variables)?;
                // A case without a time is one of a clock that stands still.
                host.now_ms.get_or_insert(0);
                Ok(replay::run(&policy, host, request, answer, Heads::Wait))
            }
        }
    }

    /// The JSON Schema of its configuration.
    pub(crate) fn schema(self) -> Value {
        match self {
            Self::JwtAuth => jwt_auth::schema().to_value(),
            Self::RateLimit => rate_limit::schema().to_value(),
            Self::RevenueStrip => revenue_strip::schema().to_value(),
            Self::WebhookVerify => webhook_verify::schema().to_value(),
            Self::Lockgate => chain::schema().to_value(),
        }
    }
}

/// Runs one exchange of a policy that is started once in a session.
fn run_started<P: Policy>(
    started: &mut Started<P>,
    configuration: &[u8],
    variables: &Variables,
    host: &mut MemoryHost,
    request: &Request,
    answer: &Answer,
) -> Result<Outcome, ConfigError> {
    let policy = match started.entry((configuration.to_vec(), variables.clone())) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => {
            let policy = P::read(configuration, variables)?;
            policy.start(host);
            place.insert(policy)
        }
    };
    // Since the last exchange, or since the start, time has passed.
    host.work(&*policy);
    Ok(replay::run(&*policy, host, request, answer, Heads::Wait))
}
