//! The issuer's keys, and how one follows another.

use std::sync::{PoisonError, RwLock};

use serde::Serialize;
use serde_json::{Value, json};

use crate::signer::{Algorithm, KeyError, Signer};

/// The keys of an issuer. All of them are published: the ones that sign, the one after it, and for a while those before it. So
/// verifiers know a key before it signs, and tokens of the last one stay good.
pub(crate) struct Keys(RwLock<Set>);

/// The key of ES256 is followed by others; those of the other algorithms stay.
struct Set {
    now: Signer,
    next: Signer,
    /// The latest first, with the Unix second in which it ceased to sign.
    before: Vec<(Signer, u64)>,
    others: Vec<Signer>,
}

/// Which key signs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follower {
    /// The published one.
    Next,
    /// One that nobody has seen: a verifier has to fetch the set again.
    Unseen,
}

impl Keys {
    pub(crate) fn new() -> Result<Self, KeyError> {
        let es256 = || Signer::random(Algorithm::Es256);
        let others = [Algorithm::Rs256, Algorithm::EdDsa].into_iter().map(Signer::random);
        let set =
            Set { now: es256()?, next: es256()?, before: Vec::new(), others: others.collect::<Result<_, KeyError>>()? };
        Ok(Self(RwLock::new(set)))
    }

    /// The public keys (RFC 7517).
    pub(crate) fn published(&self, now_s: u64) -> Value {
        let Set { now, next, before, others } = &*self.0.read().unwrap_or_else(PoisonError::into_inner);
        let before = before.iter().filter(|(_, since_s)| is_kept(*since_s, now_s)).map(|(signer, _)| signer);
        let all = [now, next].into_iter().chain(before).chain(others);
        json!({ "keys": all.map(Signer::public_key).collect::<Value>() })
    }

    pub(crate) fn sign(&self, algorithm: Algorithm, claims: &impl Serialize) -> Result<String, KeyError> {
        let set = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let signer = set.others.iter().find(|signer| signer.algorithm() == algorithm).unwrap_or(&set.now);
        signer.token(claims)
    }

    pub(crate) fn rotate(&self, follower: Follower, now_s: u64) -> Result<(), KeyError> {
        let fresh = Signer::random(Algorithm::Es256)?;
        let set = &mut *self.0.write().unwrap_or_else(PoisonError::into_inner);
        let now = match follower {
            Follower::Next => std::mem::replace(&mut set.next, fresh),
            Follower::Unseen => fresh,
        };
        set.before.retain(|(_, since_s)| is_kept(*since_s, now_s));
        set.before.insert(0, (std::mem::replace(&mut set.now, now), now_s));
        set.before.truncate(KEPT_MOST);
        Ok(())
    }
}

fn is_kept(since_s: u64, now_s: u64) -> bool {
    now_s.saturating_sub(since_s) < KEPT_S
}

/// As long as a token that it has signed may live, and a minute.
const KEPT_S: u64 = crate::issuer::TTL_MAX_S + 60;
const KEPT_MOST: usize = 8;
