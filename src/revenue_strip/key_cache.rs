//! A cache of decisions about names.

use super::matcher::RuleMask;

/// A name of at most 32 bytes as four words: equal words and lengths mean equal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CachedKey {
    length: u64,
    words: [u64; 4],
}

impl CachedKey {
    const EMPTY: Self = Self { length: u64::MAX, words: [0; 4] };

    /// `None` for longer names, which are not cached.
    #[inline(always)]
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        let words = match name.len() {
            0 => [0; 4],
            length @ 1..=3 => {
                let byte = |at: usize| name.get(at).copied().map_or(0, u64::from);
                [byte(0) | byte(length / 2) << 8 | byte(length - 1) << 16, 0, 0, 0]
            }
            4..=7 => {
                let first = u32::from_le_bytes(*name.first_chunk()?);
                let last = u32::from_le_bytes(*name.last_chunk()?);
                [u64::from(first) | u64::from(last) << 32, 0, 0, 0]
            }
            8..=16 => [word(name, 0)?, u64::from_le_bytes(*name.last_chunk()?), 0, 0],
            length @ 17..=32 => {
                let near_end = word(name, length - 16)?;
                [word(name, 0)?, word(name, 8)?, near_end, u64::from_le_bytes(*name.last_chunk()?)]
            }
            _ => return None,
        };
        Some(Self { length: name.len() as u64, words })
    }

    #[inline(always)]
    fn is(&self, other: &Self) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.words, other.words);
        (a ^ e) | (b ^ f) | (c ^ g) | (d ^ h) | (self.length ^ other.length) == 0
    }

    #[inline(always)]
    fn hash(&self) -> u64 {
        let [a, b, c, d] = self.words;
        let mixed = a ^ b.rotate_left(23) ^ c.rotate_left(41) ^ d.rotate_left(7) ^ self.length;
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

#[inline(always)]
fn word(name: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*name.get(at..)?.first_chunk()?))
}

/// A name and what is known of it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    key: CachedKey,
    rules: RuleMask,
}

impl Slot {
    const EMPTY: Self = Self { key: CachedKey::EMPTY, rules: 0 };
}

/// A cache of decisions with two places for each hash: of fixed size, whatever names come. Entries are compared in
/// full, so a name never gets another one's decision.
#[derive(Debug)]
pub(super) struct KeyCache {
    /// Two neighbours are a set.
    slots: Vec<Slot>,
    shift: u32,
}

impl KeyCache {
    /// A cache of 2^`bits` sets of 96 bytes.
    pub(super) fn new(bits: u32) -> Self {
        Self { slots: vec![Slot::EMPTY; 2 << bits], shift: u64::BITS - bits }
    }

    #[inline(always)]
    pub(super) fn find(&self, key: &CachedKey) -> Option<RuleMask> {
        let [first, second] = self.slots.get(self.place(key)..)?.first_chunk()?;
        if first.key.is(key) {
            return Some(first.rules);
        }
        second.key.is(key).then_some(second.rules)
    }

    pub(super) fn put(&mut self, key: CachedKey, rules: RuleMask) {
        let place = self.place(&key);
        if let Some([first, second]) = self.slots.get_mut(place..).and_then(<[Slot]>::first_chunk_mut) {
            *second = *first;
            *first = Slot { key, rules };
        }
    }

    #[inline(always)]
    fn place(&self, key: &CachedKey) -> usize {
        usize::try_from(key.hash() >> self.shift).unwrap_or_default() * 2
    }
}

#[cfg(test)]
mod tests {
    use super::{CachedKey, KeyCache};

    #[test]
    fn equal_words_mean_equal_names() {
        let mut all = Vec::new();
        for length in 0..=32_usize {
            for place in 0..length.max(1) {
                let mut name = vec![b'a'; length];
                if let Some(byte) = name.get_mut(place) {
                    *byte = b'b';
                }
                all.push(name);
            }
        }
        for one in &all {
            for other in &all {
                let same = CachedKey::of(one) == CachedKey::of(other);
                assert_eq!(same, one == other, "{one:?} {other:?}");
            }
        }
        assert_eq!(CachedKey::of(&[b'a'; 33]), None);
    }

    #[test]
    fn a_full_cache_forgets_and_never_mixes_up() {
        let mut cache = KeyCache::new(2);
        let key = |n: u64| CachedKey::of(&n.to_le_bytes()).unwrap();
        for n in 0_u64..1000 {
            cache.put(key(n), n);
            assert_eq!(cache.find(&key(n)), Some(n));
        }
        let found: Vec<_> = (0..1000).filter_map(|n| cache.find(&key(n)).map(|mask| (n, mask))).collect();
        assert!(found.len() <= 8);
        assert!(found.into_iter().all(|(n, mask)| n == mask));
    }
}
