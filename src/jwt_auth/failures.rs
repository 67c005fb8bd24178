//! How many wrong signatures an address has sent: each costs a worker as much as a good one, and is forged.

use std::cell::Cell;

use sha2::{Digest as _, Sha256};

use super::config::FailedSignatures;
use crate::address::Prefixes;
use crate::config::ConfigError;
use crate::host::Host;
use crate::table::{Counters, Key, Rule, Seed, Standing};

/// The count of wrong signatures, by address.
#[derive(Debug)]
pub(super) struct Failures {
    counters: Counters,
    rule: Rule,
    seed: Cell<Option<Seed>>,
    /// Hard to guess where the configuration is: what the seed is proposed from.
    digest: [u8; 32],
}

impl Failures {
    pub(super) fn new(limit: FailedSignatures, config: &[u8]) -> Result<Self, ConfigError> {
        let counters = Counters::new("failures", limit.addresses)
            .map_err(|error| error.at("limits.failed_signatures.addresses"))?;
        let rule = Rule { limit: limit.limit, window_ms: limit.window_ms, block_ms: limit.block_ms };
        Ok(Self { counters, rule, seed: Cell::new(None), digest: Sha256::digest(config).into() })
    }

    pub(super) fn prepare(&self, host: &mut dyn Host) {
        // What cannot be prepared is made when it is needed.
        let _ = self.counters.prepare(host);
    }

    /// How long no signature of this request's client is looked at, in milliseconds. Where nothing can be counted nobody
    /// is refused: wrong signatures are refused in any case.
    pub(super) fn refused_ms(&self, host: &mut dyn Host, now_ms: u64) -> Option<u64> {
        let key = self.key(host, now_ms)?;
        match self.counters.peek(host, now_ms, key, self.rule) {
            Ok(Standing::Refused { wait_ms }) => Some(wait_ms),
            Ok(Standing::Free { .. }) | Err(_) => None,
        }
    }

    /// Counts a wrong signature.
    pub(super) fn note(&self, host: &mut dyn Host, now_ms: u64) {
        if let Some(key) = self.key(host, now_ms) {
            let _ = self.counters.hit(host, now_ms, key, self.rule, 1);
        }
    }

    fn key(&self, host: &mut dyn Host, now_ms: u64) -> Option<Key> {
        let seed = match self.seed.get() {
            Some(seed) => seed,
            None => {
                let mut hasher = Sha256::new();
                hasher.update(self.digest);
                hasher.update(now_ms.to_le_bytes());
                for _ in 0..2 {
                    hasher.update(host.random().unwrap_or_default().to_le_bytes());
                }
                let (proposal, _) =
                    hasher.finalize().split_first_chunk::<16>().map(|(first, rest)| (*first, rest.len()))?;
                let seed = Seed::agree(host, proposal).ok()?;
                self.seed.set(Some(seed));
                seed
            }
        };
        let address = host.attribute(&["source", "address"]).unwrap_or_default();
        // What is no address (a Unix socket, nothing) is all one's.
        let client = Prefixes::SUBSCRIBER.client(&address).unwrap_or_default();
        Some(seed.key(&[b"failed_signatures", &client]))
    }
}
