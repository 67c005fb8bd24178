//! No forged webhook passes: a request to an endpoint goes on only if its sender holds the secret, it is fresh, and it was not
//! delivered before.
//!
//! [`Policy`] is the checked configuration, [`Exchange`] the steps of one delivery and its answer. What a provider signs, and how,
//! is data: `presets.json` has the known ones, and a configuration may write out its own in the same form.
//! `filters/webhook-verify/README.md` is the page for users.
//!
//! # How
//!
//! The head waits until the last byte of the body was seen: nothing unverified opens a connection to a portal. Where the signed
//! string has the body in one piece, every chunk goes into the MACs of all valid secrets as it comes, and nothing of it stays
//! here; schemes that read fields of the body, or have a public key, keep it, within [`MAX_GATHERED_BYTES`] for all together.
//! All secrets are compared with all signatures, in constant time and without early exit.
//!
//! # Replay
//!
//! A delivery is the endpoint and the signed string, as a keyed 128-bit hash, in [`Claims`](crate::table::Claims): claimed
//! when it is verified, settled when the portal answers 2xx, released otherwise. Never the signature: there may be several
//! of one message. Each endpoint has a table of its own, together with those that share a secret with it: whoever fills one with good
//! deliveries takes no room from the others.

mod challenge;
mod components;
mod config;
mod counters;
mod descriptor;
mod detached;
mod error;
mod exchange;
mod explain;
mod form;
mod keys;
mod lint;
mod message;
mod nfkd;
mod pick;
mod presets;
mod request;
#[cfg(feature = "schema")]
mod schema;
mod sign;
mod signatures;
mod timestamp;
mod verify;

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
use crate::jwt_auth::WEBHOOK_STATE;
use crate::table::{self, Seed};

use self::config::Config;
use self::counters::Counters;
use self::verify::Memory;

pub use self::challenge::{MAX_ANSWERED_BYTES, MAX_MAC_TOKEN_BYTES};
pub use self::components::MAX_COMPONENTS;
pub use self::config::{
    DEFAULT_KEYS, DEFAULT_LEASE_S, DEFAULT_MAX_BODY_BYTES, DEFAULT_REPLAY_S, MAX_BODY_BYTES, MAX_ENDPOINTS, MAX_EVENTS,
    MAX_GATHERED_BODY_BYTES, MAX_JSON_BODY_BYTES, MAX_LEASE_S, MAX_NAME_BYTES, MAX_REPLAY_BYTES, MAX_REPLAY_S,
    MAX_SECRETS, MAX_SETTINGS, MAX_SIGNER_SCHEMES, MAX_SIGNERS,
};
pub use self::descriptor::{
    MAX_PARTS, MAX_SEGMENTS, MAX_SIGNATURE_BYTES, MAX_SIGNATURES, MAX_TEXT_BYTES, MAX_WINDOW_S,
};
pub use self::error::Reason;
pub use self::exchange::{EVENT_HEADER, Exchange, HANDED_HEADERS, ID_HEADER, VERIFIED_HEADER};
pub use self::explain::{Explanation, MAX_SHOWN_BYTES};
pub use self::form::MAX_FIELDS;
pub use self::keys::{MAX_SECRET_BYTES, MIN_SECRET_BYTES, WEAK_SECRET_BYTES};
pub use self::lint::Finding;
pub use self::message::{MAX_LISTED_HEADERS, MAX_URLS};
pub use self::pick::{MAX_PICK_DEPTH, MAX_PICKED_BYTES};
pub use self::presets::{Preset, presets};
pub use self::request::{MAX_BODY_DEPTH, MAX_BODY_MARKS, MAX_BODY_MEMBERS};
#[cfg(feature = "schema")]
pub use self::schema::schema;
pub use self::sign::{Outgoing, Unsigned};
pub use self::signatures::MAX_PUBLIC_SIGNATURES;
pub use self::verify::{MAX_GATHERED_BYTES, MAX_HANDED_BYTES};

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
    /// Tells the deliveries of this VM apart.
    deliveries: Cell<u64>,
    memory: Memory,
    digest: [u8; 32],
    version: u64,
}

impl Policy {
    /// The sizes of its tables, for people: one line each.
    #[must_use]
    pub fn sizes(&self) -> Vec<String> {
        self.0.config.tables.iter().map(table::Claims::describe).collect()
    }

    /// The most bytes that all its slots hold.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.0.config.tables.iter().map(table::Claims::max_bytes).sum()
    }
}

impl steps::Policy for Policy {
    type Exchange = Exchange;

    const NAME: &'static str = "webhook_verify";
    const HEARS_OF_THE_END: bool = false;

    fn read(text: &[u8], environment: &dyn Environment) -> Result<Self, ConfigError> {
        let config = Config::read(text, environment)?;
        Ok(Self(Rc::new(Shared {
            counters: Counters::new(&config),
            config,
            seed: Cell::new(None),
            deliveries: Cell::new(0),
            memory: Memory::default(),
            digest: Sha256::digest(text).into(),
            version: audit::version(text),
        })))
    }

    fn counters(&self) -> Vec<String> {
        self.0.counters.names()
    }

    fn leaves(&self) -> Vec<steps::Left> {
        let names = self.0.config.endpoints.iter().map(|endpoint| endpoint.name.clone());
        vec![steps::Left { state: WEBHOOK_STATE, values: Some(names.collect()) }]
    }

    fn signs_bodies(&self) -> Option<String> {
        (!self.0.config.signers.is_empty()).then(|| "sign".to_owned())
    }

    fn holds_request_bodies(&self) -> Option<(String, usize)> {
        let config = &self.0.config;
        let field = |list: &str, n: usize| format!("{list}[{n}].max_body_bytes");
        let endpoints = config.endpoints.iter().map(|endpoint| endpoint.max_body_bytes).enumerate();
        let signers = config.signers.iter().map(|signer| signer.max_body_bytes).enumerate();
        let all =
            endpoints.map(|(n, bytes)| ("endpoints", n, bytes)).chain(signers.map(|(n, bytes)| ("sign", n, bytes)));
        all.max_by_key(|&(_, _, bytes)| bytes).map(|(list, n, bytes)| (field(list, n), bytes))
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

    /// Who claims a delivery: another one each time, in all VMs, by random bits. Where a host has none, a connection is one worker's,
    /// and each of its requests has another number here; elsewhere it is not asked for, as that is dear.
    fn owner(&self, seed: &Seed, now_ms: u64, correlation_id: Option<&str>, host: &mut dyn Host) -> u64 {
        let delivery = self.deliveries.get().wrapping_add(1);
        self.deliveries.set(delivery);
        let random = host.random();
        let connection = match random {
            Some(_) => None,
            None => host.attribute(&["connection", "id"]),
        };
        let numbers = [random.unwrap_or_default(), delivery, now_ms].map(u64::to_le_bytes);
        let id = correlation_id.unwrap_or_default().as_bytes();
        seed.number(&[numbers.as_flattened(), &connection.unwrap_or_default(), id])
    }
}
