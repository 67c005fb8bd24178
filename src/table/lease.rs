//! Leases: who does a piece of work that is done once in a process.

use super::slots::{Change, Found, Kind, Place, update};
use super::{Error, SKEW_MS};
use crate::host::Host;

/// A lease that ends by itself. For work that may be done twice, but should not be: fetching, polling.
///
/// The trial VM that Envoy starts first has no end for its calls: take leases in [`tick`](crate::exchange::Policy::tick), not in
/// [`start`](crate::exchange::Policy::start).
#[derive(Clone, Debug)]
pub struct Lease {
    slot: String,
    place: Place,
}

/// Longest lease, in milliseconds (an hour); a longer one is that long.
pub const MAX_LEASE_MS: u64 = 3_600_000;

/// Since when, for how long, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Term {
    owner: u64,
    since_ms: u64,
    ttl_ms: u64,
}

impl Lease {
    /// The lease of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let place = Place::fixed(name);
        Self { slot: place.slot(0), place }
    }

    /// Takes the lease for `ttl_ms`, or renews it when it is the owner's. The owner is this VM's: random bits. False when it is
    /// somebody else's, or somebody came between. On a host that shares nothing each VM is alone: true.
    ///
    /// When the clock stepped back, the lease runs on from the new time.
    pub fn try_acquire(&self, host: &mut dyn Host, now_ms: u64, ttl_ms: u64, owner: u64) -> bool {
        let taken = update(host, &self.slot, |bytes, found| {
            let held = self.read(bytes, found).filter(|held| held.owner != owner);
            let (held, taken) = match held {
                Some(held) if now_ms.saturating_add(SKEW_MS) < held.since_ms => {
                    (Term { since_ms: now_ms, ..held }, false)
                }
                Some(held) if now_ms < held.since_ms.saturating_add(held.ttl_ms) => return Ok(Change::Keep(false)),
                Some(_) | None => (Term { owner, since_ms: now_ms, ttl_ms: ttl_ms.clamp(1, MAX_LEASE_MS) }, true),
            };
            self.write(bytes, held);
            Ok(Change::Write(taken))
        });
        matches!(taken, Ok(true) | Err(Error::Unavailable))
    }

    /// Gives the lease back, if it is the owner's.
    pub fn release(&self, host: &mut dyn Host, owner: u64) {
        // Without it the lease ends by time.
        let _ = update(host, &self.slot, |bytes, found| {
            if self.read(bytes, found).is_none_or(|held| held.owner != owner) {
                return Ok(Change::Keep(()));
            }
            self.write(bytes, Term { owner: 0, since_ms: 0, ttl_ms: 0 });
            Ok(Change::Write(()))
        });
    }

    fn read(&self, bytes: &[u8], found: Found) -> Option<Term> {
        if found == Found::Nothing {
            return None;
        }
        let (ttl_ms, rest) = self.place.open(Kind::Lease, bytes)?;
        let ([owner, since_ms], []) = rest.as_chunks::<8>() else { return None };
        let term = Term { owner: u64::from_le_bytes(*owner), since_ms: u64::from_le_bytes(*since_ms), ttl_ms };
        (1..=MAX_LEASE_MS).contains(&ttl_ms).then_some(term)
    }

    fn write(&self, bytes: &mut Vec<u8>, term: Term) {
        bytes.clear();
        bytes.extend_from_slice(&self.place.header(Kind::Lease, term.ttl_ms));
        bytes.extend_from_slice(&term.owner.to_le_bytes());
        bytes.extend_from_slice(&term.since_ms.to_le_bytes());
    }
}
