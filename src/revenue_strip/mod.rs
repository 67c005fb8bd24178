//! No revenue field leaves: members of JSON bodies, header fields and trailers that a caller may not see are removed
//! or redacted; endpoints that are about them are closed.
//!
//! [`Policy`] is the checked configuration, [`Exchange`] the steps of one request and its answer. Whatever cannot be
//! inspected on a matched path is refused. `filters/revenue-strip/README.md` is the page for users.

mod body;
mod config;
mod counters;
mod error;
mod exchange;
mod guard;
mod headers;
mod key_cache;
mod matcher;
mod media;
mod modes;
mod pairs;
#[cfg(feature = "schema")]
mod schema;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::audit;
use crate::config::{ConfigError, Environment};
use crate::exchange as steps;
use crate::identity;

use self::config::Config;
use self::counters::Counters;
use self::matcher::Matcher;

pub use self::body::{MAX_PREFIX_BYTES, MAX_PREFIXES};
pub use self::config::{
    DEFAULT_DETAIL, DEFAULT_NAMES, DEFAULT_PATTERNS, MAX_DETAIL_BYTES, MAX_LIST, MAX_PROTECTED, MAX_REDACTION_BYTES,
    MAX_RULE_NAME_BYTES, MAX_SHORT_LIST,
};
pub use self::error::Reason;
pub use self::exchange::Exchange;
#[doc(hidden)]
pub use self::guard::fuzz_guard;
pub use self::matcher::MAX_RULES;
pub use self::modes::{DEFAULT_SENTINELS, MAX_SENTINEL_BYTES, MAX_SENTINELS};
pub use self::pairs::{MAX_ALL_PAIRS, MAX_PAIR_NAME_BYTES, MAX_PAIRS};
#[cfg(feature = "schema")]
pub use self::schema::schema;

/// A checked configuration with its caches; one for each VM and plugin.
#[derive(Debug)]
pub struct Policy(Rc<Shared>);

/// What all exchanges of a policy share.
#[derive(Debug)]
struct Shared {
    config: Config,
    matcher: RefCell<Matcher>,
    counters: Counters,
    /// Bytes that all bodies together hold for later.
    held_bytes: Cell<usize>,
    version: u64,
}

impl steps::Policy for Policy {
    type Exchange = Exchange;

    const NAME: &'static str = "revenue_strip";

    fn read(text: &[u8], _environment: &dyn Environment) -> Result<Self, ConfigError> {
        let (config, matcher) = Config::from_json(text)?;
        Ok(Self(Rc::new(Shared {
            counters: Counters::new(&config),
            matcher: RefCell::new(matcher),
            config,
            held_bytes: Cell::new(0),
            version: audit::version(text),
        })))
    }

    fn counters(&self) -> Vec<String> {
        self.0.counters.names()
    }

    fn reads(&self) -> Vec<steps::Read> {
        // Rules from which nobody is exempt still write audit lines that say who.
        let reads = self.0.config.identity.is_jwt_auth();
        reads.then(|| identity::read_at("identity".to_owned())).into_iter().collect()
    }

    fn edits_bodies(&self) -> Option<String> {
        // A rule in shadow edits nothing.
        let edits = |rule: &config::Rule| rule.request && rule.mode == config::Mode::Enforce;
        self.0.config.rules.iter().position(edits).map(|n| format!("rules[{n}].direction"))
    }

    fn takes_request_bodies(&self) -> bool {
        let config = &self.0.config;
        config.modes.graphql.is_some() || config.rules.iter().any(|rule| rule.request)
    }

    fn open(&self) -> Exchange {
        Exchange::new(Rc::clone(&self.0))
    }
}
