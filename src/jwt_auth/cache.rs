//! Tokens that were verified, with all that came of it. Times, revocation and the keys' generation are looked at again on
//! every use; what is here says only that the signature was good.

use std::rc::Rc;

/// Longest token that is remembered, in bytes.
pub const MAX_CACHED_TOKEN_BYTES: usize = 4096;
/// What all remembered tokens take, in bytes, by an estimate: six bytes for each of a token, and 512.
pub const MAX_CACHE_BYTES: usize = 8 * 1024 * 1024;
/// Places in which one token may stand.
const WAYS: usize = 4;
/// How many places are looked at for what is over, each time that one is filled.
const SWEPT: usize = 8;

/// What is remembered: `T` by token.
#[derive(Debug)]
pub(super) struct Cache<T> {
    places: Vec<Option<Box<Entry<T>>>>,
    ways: usize,
    seed: u64,
    /// Counts uses, to tell which place was used last.
    uses: u64,
    bytes: usize,
    /// The place from which to sweep.
    hand: usize,
}

#[derive(Debug)]
struct Entry<T> {
    hash: u64,
    token: Box<[u8]>,
    value: Rc<T>,
    used: u64,
}

impl<T> Cache<T> {
    /// A cache of so many tokens at most; 0 remembers none.
    pub(super) fn new(entries: usize, seed: u64) -> Self {
        let ways = entries.clamp(1, WAYS);
        let mut places = Vec::new();
        places.resize_with(entries / ways * ways, || None);
        Self { places, ways, seed, uses: 0, bytes: 0, hand: 0 }
    }

    /// What is remembered of a token.
    pub(super) fn find(&mut self, token: &[u8]) -> Option<Rc<T>> {
        if self.places.is_empty() || token.len() > MAX_CACHED_TOKEN_BYTES {
            return None;
        }
        let hash = hash(self.seed, token);
        let uses = self.uses.wrapping_add(1);
        let entry =
            self.bucket(hash).iter_mut().flatten().find(|entry| entry.hash == hash && same(&entry.token, token))?;
        entry.used = uses;
        let value = Rc::clone(&entry.value);
        self.uses = uses;
        Some(value)
    }

    /// Remembers a token in place of the one of its bucket that was used the longest ago. `over` says which need not be kept.
    pub(super) fn put(&mut self, token: &[u8], value: &Rc<T>, over: impl Fn(&T) -> bool) {
        if self.places.is_empty() || token.len() > MAX_CACHED_TOKEN_BYTES {
            return;
        }
        self.sweep(over);
        let hash = hash(self.seed, token);
        self.uses = self.uses.wrapping_add(1);
        let used = self.uses;
        let bucket = self.bucket(hash);
        let here = bucket
            .iter()
            .position(|place| place.as_ref().is_some_and(|entry| entry.hash == hash && same(&entry.token, token)));
        // Free places count as used never.
        let place = match here {
            Some(at) => bucket.get_mut(at),
            None => bucket.iter_mut().min_by_key(|place| place.as_ref().map_or(0, |entry| entry.used)),
        };
        let Some(place) = place else { return };
        let freed = place.take().map_or(0, |entry| cost(&entry.token));
        let added = cost(token);
        let bytes = self.bytes.saturating_sub(freed);
        self.bytes = bytes;
        if bytes.saturating_add(added) > MAX_CACHE_BYTES {
            return;
        }
        let entry = Entry { hash, token: token.into(), value: Rc::clone(value), used };
        if let Some(place) = self.bucket(hash).iter_mut().find(|place| place.is_none()) {
            *place = Some(Box::new(entry));
            self.bytes = bytes.saturating_add(added);
        }
    }

    /// Forgets a token.
    pub(super) fn forget(&mut self, token: &[u8]) {
        if self.places.is_empty() {
            return;
        }
        let hash = hash(self.seed, token);
        let mut freed = 0;
        for place in self.bucket(hash) {
            if place.as_ref().is_some_and(|entry| entry.hash == hash && same(&entry.token, token)) {
                freed += cost(token);
                *place = None;
            }
        }
        self.bytes = self.bytes.saturating_sub(freed);
    }

    fn sweep(&mut self, over: impl Fn(&T) -> bool) {
        for _ in 0..SWEPT.min(self.places.len()) {
            if let Some(place) = self.places.get_mut(self.hand)
                && place.as_ref().is_some_and(|entry| over(&entry.value))
            {
                let freed = place.take().map_or(0, |entry| cost(&entry.token));
                self.bytes = self.bytes.saturating_sub(freed);
            }
            self.hand = (self.hand + 1) % self.places.len().max(1);
        }
    }

    fn bucket(&mut self, hash: u64) -> &mut [Option<Box<Entry<T>>>] {
        let buckets = (self.places.len() / self.ways).max(1);
        let from = (hash >> 32) as usize % buckets * self.ways;
        self.places.get_mut(from..from + self.ways).unwrap_or_default()
    }
}

/// An estimate of what a token takes with its claims and what is made of them.
fn cost(token: &[u8]) -> usize {
    token.len() * 6 + 512
}

/// A fast hash of the token's end, which is the end of its signature: nobody can choose it for a good token, and only good
/// tokens are remembered. What matters is decided by comparing in full.
fn hash(seed: u64, token: &[u8]) -> u64 {
    let end = token.get(token.len().saturating_sub(32)..).unwrap_or_default();
    let (words, rest) = end.as_chunks::<8>();
    let mut hash = seed ^ token.len() as u64;
    for word in words.iter().map(|word| u64::from_le_bytes(*word)).chain(rest.iter().map(|&byte| u64::from(byte))) {
        hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
    }
    hash.wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Whether two texts are the same, in a time that says nothing of where they differ. Eight bytes at a time: the C library's
/// comparison in Wasm takes one.
fn same(one: &[u8], two: &[u8]) -> bool {
    if one.len() != two.len() {
        return false;
    }
    let (words, rest) = one.as_chunks::<8>();
    let (other_words, other_rest) = two.as_chunks::<8>();
    let mut differ = 0;
    for (one, two) in words.iter().zip(other_words) {
        differ |= u64::from_le_bytes(*one) ^ u64::from_le_bytes(*two);
    }
    for (one, two) in rest.iter().zip(other_rest) {
        differ |= u64::from(one ^ two);
    }
    std::hint::black_box(differ) == 0
}
