//! Keys: hashes of what is counted or claimed, under a seed that all workers agree on.

use std::cell::Cell;
use std::fmt;
use std::hash::Hasher as _;

use sha2::{Digest as _, Sha256};
use siphasher::sip128::{Hasher128 as _, SipHasher13, SipHasher24};

use super::Error;
use super::slots::{Change, Found, Kind, Place, update};
use crate::head::Head;
use crate::host::Host;

/// A key in a table: 128 bits of SipHash-2-4 (of signed texts SipHash-1-3) under the [`Seed`], never the text itself. `Debug`
/// hides it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub(super) [u8; 16]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// What keys are hashed with: one for all workers and for as long as the process lives, so that counters and claims
/// survive a new configuration.
///
/// Whoever knows it can look for keys that fall into one slot and so evict a neighbour's counter or fill the slot of a
/// claim. No answer depends on a hash in a way that tells about it: clients see only whether their own key is
/// refused. So it has to be hard to guess, and that is the proposal's part: random bytes, mixed with whatever else differs
/// between processes. `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 16]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(<redacted>)")
    }
}

impl Seed {
    /// The seed of this process: the first worker's proposal wins. A worker asks once and keeps it.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Corrupt`] when somebody else wrote into its slot, as a new seed would forget
    /// every claim; [`Error::Contended`].
    pub fn agree(host: &mut dyn Host, proposal: [u8; 16]) -> Result<Self, Error> {
        let place = Place::fixed("seed");
        update(host, &place.slot(0), |bytes, found| match found {
            Found::Nothing => {
                bytes.clear();
                bytes.extend_from_slice(&place.header(Kind::Seed, 0));
                bytes.extend_from_slice(&proposal);
                Ok(Change::Write(Self(proposal)))
            }
            Found::Bytes => {
                let Some((0, rest)) = place.open(Kind::Seed, bytes) else { return Err(Error::Corrupt) };
                rest.try_into().map(|seed| Change::Keep(Self(seed))).map_err(|_| Error::Corrupt)
            }
        })
    }

    /// The same, with a proposal made of all that is hard to guess about a VM's first request: its correlation id, which the
    /// proxy makes at random, its other fields, when it came, and the `configuration`'s digest.
    ///
    /// # Errors
    /// See [`Seed::agree`].
    pub fn of_first(host: &mut dyn Host, head: &Head, now_ms: u64, configuration: &[u8; 32]) -> Result<Self, Error> {
        let mut hasher = Sha256::new();
        hasher.update(configuration);
        hasher.update(now_ms.to_le_bytes());
        for (name, value) in head.fields() {
            hasher.update(name);
            hasher.update([0]);
            hasher.update(value);
            hasher.update([0]);
        }
        for path in [&["source", "address"][..], &["connection", "id"]] {
            hasher.update(host.attribute(path).unwrap_or_default());
        }
        for _ in 0..2 {
            hasher.update(host.random().unwrap_or_default().to_le_bytes());
        }
        let mut proposal = [0; 16];
        for (to, from) in proposal.iter_mut().zip(hasher.finalize()) {
            *to = from;
        }
        Self::agree(host, proposal)
    }

    /// The key of these parts. Their lengths are hashed with them: `["ab", "c"]` and `["a", "bc"]` are two keys. The first one
    /// says what is counted, so that one address has a key for each purpose.
    #[must_use]
    pub fn key(&self, parts: &[&[u8]]) -> Key {
        let mut key = self.begin();
        parts.iter().for_each(|part| key.part(b"", part));
        key.end()
    }

    /// The same, part by part.
    pub(crate) fn begin(&self) -> Parts {
        Parts(SipHasher24::new_with_key(&self.0))
    }

    /// A number for these parts, for owners of claims where the host has no random bits.
    pub(crate) fn number(&self, parts: &[&[u8]]) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.key(parts).0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// Starts the key of a text that comes in pieces, for one purpose: however it is cut, the key is the same. For texts of
    /// any length that somebody with a secret has signed: SipHash-1-3, which takes half as long.
    #[must_use]
    pub fn hasher(&self, purpose: &[u8]) -> KeyHasher {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write_u64(u64::try_from(purpose.len()).unwrap_or(u64::MAX));
        hasher.write(purpose);
        KeyHasher(hasher)
    }
}

/// One thing of several whose records stand at one place, such as one policy of those that are about a caller. What it has to do
/// with a key is hashed once, not for every request.
#[derive(Clone, Debug)]
pub struct Stem {
    what: Vec<u8>,
    /// Under which seed, and its hash.
    hashed: Cell<Option<(Seed, Key)>>,
}

impl Stem {
    /// Of what is told apart from all others at the same place.
    pub fn new(what: impl Into<Vec<u8>>) -> Self {
        Self { what: what.into(), hashed: Cell::new(None) }
    }

    /// Its key at a place. Nobody without the seed knows a bit of either hash, so their exclusive or is as good as a hash of both.
    #[must_use]
    pub fn at(&self, seed: &Seed, place: Key) -> Key {
        let Key(hash) = match self.hashed.get() {
            Some((known, hash)) if known == *seed => hash,
            Some(_) | None => {
                let hash = seed.key(&[b"stem", &self.what]);
                self.hashed.set(Some((*seed, hash)));
                hash
            }
        };
        Key((u128::from_le_bytes(place.0) ^ u128::from_le_bytes(hash)).to_le_bytes())
    }
}

impl PartialEq for Stem {
    fn eq(&self, other: &Self) -> bool {
        self.what == other.what
    }
}

impl Eq for Stem {}

/// A key of which not all parts are known yet. `Debug` hides it.
#[derive(Clone, Copy)]
pub(crate) struct Parts(SipHasher24);

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts(..)")
    }
}

impl Parts {
    /// The next part, in two pieces.
    pub(crate) fn part(&mut self, lead: &[u8], rest: &[u8]) {
        self.0.write_u64(u64::try_from(lead.len().saturating_add(rest.len())).unwrap_or(u64::MAX));
        self.0.write(lead);
        self.0.write(rest);
    }

    /// The key.
    pub(crate) fn end(self) -> Key {
        Key(u128::from(self.0.finish128()).to_le_bytes())
    }
}

/// A key under way. `Debug` hides it.
#[derive(Clone)]
pub struct KeyHasher(SipHasher13);

impl KeyHasher {
    /// The next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.write(piece);
    }

    /// The key of all pieces.
    #[must_use]
    pub fn finish(&self) -> Key {
        Key(u128::from(self.0.finish128()).to_le_bytes())
    }
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHasher(..)")
    }
}

impl Key {
    /// The slot that holds its record, of so many.
    pub(super) fn slot(self, slots: u16) -> u16 {
        let [a, b, c, d, ..] = self.0;
        // The high half of the product: as even as the hash, and always below `slots`.
        // 32 bits times 16: nothing wraps.
        let product = u64::from(u32::from_le_bytes([a, b, c, d])).wrapping_mul(u64::from(slots));
        u16::try_from(product >> 32).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Seed, Stem};

    #[test]
    fn a_stem_has_a_key_of_its_own_at_each_place_under_each_seed() {
        let (one, two) = (Seed([1; 16]), Seed([2; 16]));
        let (this, that) = (Stem::new("this"), Stem::new("that"));
        let mut keys = Vec::new();
        for seed in [one, two, one] {
            for place in ["a", "b"] {
                let place = seed.key(&[place.as_bytes()]);
                assert_eq!(this.at(&seed, place), Stem::new("this").at(&seed, place));
                keys.extend([place, this.at(&seed, place), that.at(&seed, place)]);
            }
        }
        let again = keys.split_off(12);
        assert_eq!(again, keys[..6], "the seed of before");
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 12);
        assert!(this == Stem::new("this") && this != that);
    }
}
