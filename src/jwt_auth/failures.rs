//! How many wrong signatures an address has sent: each costs a worker as much as a good one, and is forged.

use core::net::{IpAddr, SocketAddr};
use std::cell::Cell;

use sha2::{Digest as _, Sha256};

use super::config::FailedSignatures;
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
        Some(seed.key(&[b"failed_signatures", &whose(&address)]))
    }
}

/// Whose address it is: an IPv4 address, or the network of 64 bits that one IPv6 subscriber has at least. What is no address
/// (a Unix socket, nothing) is all one's.
fn whose(address: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(address).unwrap_or_default();
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = match text.parse::<SocketAddr>() {
        Ok(address) => Some(address.ip()),
        Err(_) => bare.parse::<IpAddr>().ok(),
    };
    match address.map(|address| address.to_canonical()) {
        None => Vec::new(),
        Some(IpAddr::V4(address)) => address.octets().to_vec(),
        Some(IpAddr::V6(address)) => address.octets().into_iter().take(8).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::whose;

    #[test]
    fn a_client_is_an_address_or_a_network() {
        for (one, two, same) in [
            ("192.0.2.1:1", "192.0.2.1:65535", true),
            ("192.0.2.1:1", "192.0.2.1", true),
            ("192.0.2.1:1", "[::ffff:192.0.2.1]:1", true),
            ("192.0.2.1:1", "::ffff:c000:201", true),
            ("[2001:db8::1]:1", "[2001:db8::ffff:2]:9", true),
            ("[2001:db8::1]:1", "2001:db8::2", true),
            ("[2001:db8::1]:1", "[2001:db8::1]", true),
            ("", "@socket", true),
            ("", "999.0.2.1:1", true),
            ("192.0.2.1:1", "192.0.2.2:1", false),
            ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
            ("192.0.2.1:1", "", false),
        ] {
            assert_eq!(whose(one.as_bytes()) == whose(two.as_bytes()), same, "{one} {two}");
        }
    }
}
