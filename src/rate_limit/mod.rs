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
//! # Shared between gateways
//!
//! `shared` has the rules of leases, and what they admit at most.
//!
//! # What a decision costs
//!
//! In calls to the host: the time; the client's address, where a key has it or a caller without an identity falls back to it; the
//! identity, where a key, a tier or an exemption asks for it; for each *different key* one slot read and, when the
//! request is admitted, written; one counter for each policy. A refused request writes nothing, but where floods are counted.
//! The answer costs the fields that it gets, and a slot where it is a failure that a penalty is about. Once in each VM the
//! seed of the hashes is agreed on.

mod config;
mod counters;
mod error;
mod exchange;
mod headers;
mod key;
#[cfg(feature = "schema")]
mod schema;
mod shared;
mod simulate;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use crate::audit;
use crate::config::{ConfigError, Environment};
use crate::exchange as steps;
use crate::head::Head;
use crate::host::{CallId, CallResult, Host};
use crate::identity;
use crate::table::{self, Charge, Lease, Seed};

use self::config::{Config, Phase};
use self::counters::Counters;
use self::shared::Service;

pub use self::config::{
    DEFAULT_FAILURE_STATUSES, DEFAULT_FLOOD_PER_SECOND, DEFAULT_FLOOD_SUSTAINED_S, DEFAULT_KEYS, MAX_CONSTANT_BYTES,
    MAX_FLOOD_PER_SECOND, MAX_FLOOD_SUSTAINED_S, MAX_KEY_PARTS, MAX_LIMIT, MAX_NAME_BYTES, MAX_PENALTIES, MAX_POLICIES,
    MAX_TIERS, MAX_WINDOW_S,
};
pub use self::error::Reason;
pub use self::exchange::Exchange;
#[cfg(feature = "schema")]
pub use self::schema::schema;
pub use self::shared::{
    DEFAULT_CIRCUIT_FAILURES, DEFAULT_CIRCUIT_OPEN_MS, DEFAULT_LEASE_PERIOD_MS, DEFAULT_SERVICE_TIMEOUT_MS,
    MAX_CIRCUIT_FAILURES, MAX_CIRCUIT_OPEN_MS, MAX_LEASE_PERIOD_MS, MAX_PENDING, MAX_RESPONSE_BYTES,
    MAX_SERVICE_TEXT_BYTES, MAX_SERVICE_TIMEOUT_MS, MAX_WAITING, MAX_WISHES,
};
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
    /// Where hits of shared policies are leased.
    service: Option<Service>,
    /// Where charges are listed: of the first slot, which is mostly the only one.
    charges: RefCell<Vec<Charge>>,
    /// Where its name is put together.
    slot: RefCell<String>,
    /// Where the values of an answer's fields are written: one place for all, no longer than all policies' are.
    value: RefCell<Vec<u8>>,
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
}

impl steps::Policy for Policy {
    type Exchange = Exchange;

    const NAME: &'static str = "rate_limit";
    const HEARS_OF_THE_END: bool = false;

    fn read(text: &[u8], _environment: &dyn Environment) -> Result<Self, ConfigError> {
        let config = Config::from_json(text)?;
        Ok(Self(Rc::new(Shared {
            counters: Counters::new(&config),
            service: config.shared.as_ref().map(|shared| {
                let sharing = config.policies.iter().filter(|policy| policy.is_shared()).count();
                Service::new(shared, config.policies.len(), sharing)
            }),
            config,
            seed: Cell::new(None),
            charges: RefCell::default(),
            slot: RefCell::default(),
            value: RefCell::default(),
            digest: Sha256::digest(text).into(),
            version: audit::version(text),
        })))
    }

    fn counters(&self) -> Vec<String> {
        self.0.counters.names()
    }

    fn reads(&self) -> Vec<steps::Read> {
        self.0.config.who_asks().map(identity::read_at).into_iter().collect()
    }

    fn has_pre_auth(&self) -> bool {
        let config = &self.0.config;
        !config.penalties.is_empty() || config.policies.iter().any(|policy| policy.phase == Phase::PreAuth)
    }

    fn takes_request_bodies(&self) -> bool {
        false
    }

    fn open(&self) -> Exchange {
        Exchange::new(Rc::clone(&self.0))
    }

    /// Says how large the tables are: once for all workers of a process that load the same configuration.
    fn start(&self, host: &mut dyn Host) {
        let (now_ms, owner) = (host.now_ms().unwrap_or(0), host.random().unwrap_or(0));
        let first = Lease::new(&format!("sizes-{:016x}", self.0.version));
        if first.try_acquire(host, now_ms, SIZES_ONCE_MS, owner) {
            for line in self.sizes() {
                host.note(&format!("{}: {line}", Self::NAME));
            }
        }
        if let Some(service) = &self.0.service {
            service.start(host);
        }
    }

    fn tick_ms(&self) -> Option<u32> {
        self.0.service.as_ref().map(|_| shared::TICK_MS)
    }

    fn tick(&self, host: &mut dyn Host) {
        if let Some(service) = &self.0.service {
            service.tick(&self.0.config.plans, &self.0.counters, host);
        }
    }

    fn call_result(&self, id: CallId, result: CallResult, host: &mut dyn Host) {
        if let Some(service) = &self.0.service {
            service.call_result(id, &result, &self.0.config.plans, &self.0.counters, host);
        }
    }
}

/// For how long a table's sizes are not said again, in milliseconds: workers start within it.
const SIZES_ONCE_MS: u64 = 60_000;

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
