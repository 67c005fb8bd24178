//! Who is calling, and what they may do: tokens (RFC 7519) are verified, and the access matrix decides.
//!
//! [`Policy`] is the checked configuration with its keys and caches, [`Exchange`] the one step of a request: nothing is
//! looked at but its head. A request that is not from a known caller who may do exactly this ends here.
//! `filters/jwt-auth/README.md` is the page for users.

pub mod access;
mod background;
mod binding;
mod cache;
mod config;
mod counters;
mod date;
mod error;
mod exchange;
mod failures;
mod handover;
mod keys;
mod lint;
mod remote;
mod revocation;
#[cfg(feature = "schema")]
mod schema;
mod session;
mod sources;
mod token;
mod verify;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::audit;
use crate::config::{ConfigError, Environment};
use crate::exchange as steps;
use crate::host::{CallId, CallResult, Host};
use crate::identity::FILTER_STATE;

use self::cache::Cache;
use self::config::Config;
use self::counters::Counters;
use self::failures::Failures;
use self::session::Session;

pub use self::binding::MAX_FINGERPRINT_BYTES;
pub use self::cache::{MAX_CACHE_BYTES, MAX_CACHED_TOKEN_BYTES};
pub use self::config::{
    DEFAULT_CACHE_ENTRIES, DEFAULT_LEEWAY_S, DEFAULT_PUBLIC_KEY_PATH, DEFAULT_SERVICE_LIFETIME_S, MAX_CACHE_ENTRIES,
    MAX_ENTRIES, MAX_FORWARD_HEADERS, MAX_LEEWAY_S, MAX_NAME_BYTES, MAX_PROVIDERS, MAX_SERVICE_LIFETIME_S,
    MAX_TEXT_BYTES, REMOVED_HEADERS, REMOVED_PREFIXES,
};
pub use self::error::Reason;
pub use self::exchange::{Exchange, WEBHOOK_STATE};
pub use self::handover::MAX_FORWARD_VALUE_BYTES;
pub use self::keys::{MAX_KEYS, MAX_KEYS_TRIED, MAX_SET_BYTES};
pub use self::revocation::{MAX_REVOKED, MAX_REVOKED_ISSUERS};
#[cfg(feature = "schema")]
pub use self::schema::schema;
pub(crate) use self::token::Token;
pub use self::token::{MAX_KID_BYTES, MAX_TOKEN_DEPTH, MAX_TOKEN_MEMBERS};

/// How often background work is looked at, in milliseconds. It is a few small reads while nothing is due.
pub const TICK_MS: u32 = 1000;

/// A checked configuration with its keys and caches; one for each VM and plugin.
#[derive(Debug)]
pub struct Policy(Rc<Shared>);

/// What all exchanges of a policy share.
#[derive(Debug)]
struct Shared {
    config: Config,
    counters: Counters,
    cache: RefCell<Cache<Session>>,
    failures: Option<Failures>,
    /// Requests that wait.
    waiting: Rc<Cell<usize>>,
    /// This VM's number, by which leases are held.
    owner: Cell<u64>,
    version: u64,
}

impl steps::Policy for Policy {
    type Exchange = Exchange;

    const NAME: &'static str = "jwt_auth";
    const HEARS_OF_THE_END: bool = false;

    fn read(text: &[u8], environment: &dyn Environment) -> Result<Self, ConfigError> {
        let config = Config::read(text, environment)?;
        let version = audit::version(text);
        Ok(Self(Rc::new(Shared {
            counters: Counters::new(&config),
            cache: RefCell::new(Cache::new(config.cache_entries, version)),
            failures: config.limits.failed_signatures.map(|limit| Failures::new(limit, text)).transpose()?,
            waiting: Rc::default(),
            owner: Cell::new(0),
            config,
            version,
        })))
    }

    fn counters(&self) -> Vec<String> {
        self.0.counters.names()
    }

    fn leaves(&self) -> Vec<steps::Left> {
        vec![steps::Left { state: FILTER_STATE, values: None }]
    }

    fn reads(&self) -> Vec<steps::Read> {
        let rules = self.0.config.access.rules().iter().enumerate();
        let webhooks = rules.filter_map(|(n, rule)| match rule.asks() {
            access::Asks::Webhook(endpoint) => Some((n, endpoint.clone())),
            access::Asks::Public | access::Asks::Token(_) => None,
        });
        let read = |(n, endpoint)| steps::Read {
            state: WEBHOOK_STATE,
            value: Some(endpoint),
            path: format!("access.rules[{n}].webhook"),
        };
        webhooks.map(read).collect()
    }

    fn takes_request_bodies(&self) -> bool {
        false
    }

    fn open(&self) -> Exchange {
        Exchange::new(Rc::clone(&self.0))
    }

    fn start(&self, host: &mut dyn Host) {
        self.0.start(host);
    }

    fn tick_ms(&self) -> Option<u32> {
        self.0.has_background().then_some(TICK_MS)
    }

    fn tick(&self, host: &mut dyn Host) {
        self.0.tick(host);
    }

    fn call_result(&self, id: CallId, result: CallResult, host: &mut dyn Host) {
        self.0.call_result(id, &result, host);
    }
}
