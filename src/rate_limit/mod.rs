//! How often: requests are counted by who makes them, and refused when they come more often than a policy admits.
//!
//! [`Policy`] is the checked configuration, [`Exchange`] the steps of one request and its answer. Counts stand in the
//! [bounded table](crate::table), which all workers of the process share: exact across them, of a size that is known when the
//! configuration is ([`Policy::sizes`]), and kept when a worker dies or a new configuration leaves a policy as it was.
//! `filters/rate-limit/README.md` is the page for users.
//!
//! # All or nothing
//!
//! All policies that match a request are charged, or none is: [`charge`](crate::table::charge). Policies and penalties with one
//! key have their records in one slot, so that they cost one read and one write together.
//!
//! # What a decision costs
//!
//! In calls to the host: the time; the client's address, where a key has it or a caller without an identity falls back to it; the
//! identity, where a key, a tier or an exemption asks for it; for each *different key* one slot read and, when the
//! request is admitted, written; one counter for each policy. A refused request writes nothing, but where floods are counted.
//! The answer costs the fields that it gets, and a slot where it is a failure that a penalty is about. Once in each VM the
//! seed of the hashes is agreed on.

mod address;
mod config;
mod counters;
mod error;
mod exchange;
mod headers;
mod key;
#[cfg(feature = "schema")]
mod schema;
mod simulate;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use crate::audit;
use crate::config::{ConfigError, Environment};
use crate::exchange as steps;
use crate::head::Head;
use crate::host::Host;
use crate::table::{self, Seed};

use self::config::{Config, Phase};
use self::counters::Counters;

pub use self::config::{
    DEFAULT_FAILURE_STATUSES, DEFAULT_FLOOD_PER_SECOND, DEFAULT_FLOOD_SUSTAINED_S, DEFAULT_KEYS, MAX_CONSTANT_BYTES,
    MAX_FLOOD_PER_SECOND, MAX_FLOOD_SUSTAINED_S, MAX_KEY_PARTS, MAX_LIMIT, MAX_NAME_BYTES, MAX_PENALTIES, MAX_POLICIES,
    MAX_TIERS, MAX_WINDOW_S,
};
pub use self::error::Reason;
pub use self::exchange::Exchange;
#[cfg(feature = "schema")]
pub use self::schema::schema;
pub use self::simulate::{Line, MAX_SIMULATED_REQUESTS, Refused};

/// A checked configuration; one for each VM and plugin.
#[derive(Debug)]
pub struct Policy(Rc<Shared>);

/// What all exchanges of a policy share.
#[derive(Debug)]
struct Shared {
    config: Config,
    counters: Counters,
    /// What keys are hashed with, once it is known.
    seed: Cell<Option<Seed>>,
    digest: [u8; 32],
    version: u64,
}

impl Policy {
    /// The sizes of its tables, for people: one line each, and one for all together.
    #[must_use]
    pub fn sizes(&self) -> Vec<String> {
        let plans = &self.0.config.plans;
        let mut lines: Vec<String> = plans.iter().map(|plan| plan.table.describe()).collect();
        lines.push(format!("all tables: at most {} bytes", self.max_bytes()));
        lines
    }

    /// The most bytes that all its slots hold.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.0.config.plans.iter().fold(0, |sum: usize, plan| sum.saturating_add(plan.table.max_bytes()))
    }

    /// Whether something runs before it is known who calls: penalties, and policies with the phase `pre-auth`. A chain
    /// of filters runs that first ([`Exchange::pre_auth`]).
    #[must_use]
    pub fn has_pre_auth(&self) -> bool {
        let config = &self.0.config;
        !config.penalties.is_empty() || config.policies.iter().any(|policy| policy.phase == Phase::PreAuth)
    }
}

impl steps::Policy for Policy {
    type Exchange = Exchange;

    const NAME: &'static str = "rate_limit";

    fn read(text: &[u8], _environment: &dyn Environment) -> Result<Self, ConfigError> {
        let config = Config::from_json(text)?;
        Ok(Self(Rc::new(Shared {
            counters: Counters::new(&config),
            config,
            seed: Cell::new(None),
            digest: Sha256::digest(text).into(),
            version: audit::version(text),
        })))
    }

    fn counters(&self) -> Vec<String> {
        self.0.counters.names()
    }

    fn open(&self) -> Exchange {
        Exchange::new(Rc::clone(&self.0))
    }
}

impl Shared {
    /// What keys are hashed with.
    fn seed(&self, head: &Head, now_ms: u64, host: &mut dyn Host) -> Result<Seed, table::Error> {
        if let Some(seed) = self.seed.get() {
            return Ok(seed);
        }
        let seed = Seed::of_first(host, head, now_ms, &self.digest)?;
        self.seed.set(Some(seed));
        Ok(seed)
    }
}
