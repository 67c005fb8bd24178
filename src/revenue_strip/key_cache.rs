//! A cache of decisions about names, and a guess which name comes next.

use super::matcher::RuleMask;
use crate::json::{WINDOW_BYTES, agrees};

/// A name of at most 32 bytes as four words: equal words and lengths mean equal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CachedKey {
    length: u64,
    words: [u64; 4],
}

impl CachedKey {
    const EMPTY: Self = Self { length: u64::MAX, words: [0; 4] };

    /// `None` for longer names, which are not cached.
    #[inline]
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

    #[inline]
    fn is(&self, other: &Self) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.words, other.words);
        (a ^ e) | (b ^ f) | (c ^ g) | (d ^ h) | (self.length ^ other.length) == 0
    }

    #[inline]
    fn hash(&self) -> u64 {
        let [a, b, c, d] = self.words;
        let mixed = a ^ b.rotate_left(23) ^ c.rotate_left(41) ^ d.rotate_left(7) ^ self.length;
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

#[inline]
fn word(name: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*name.get(at..)?.first_chunk()?))
}

/// A name and what is known of it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    key: CachedKey,
    rules: RuleMask,
    /// The name, a quotation mark and a colon, as they stand in a minified text; for names that do not fit,
    /// what stands in no text.
    text: [u8; WINDOW_BYTES],
    /// 0xff where `text` counts.
    care: [u8; WINDOW_BYTES],
    /// How many bytes of `text` count.
    length: usize,
    /// The slot of the name that came after this one when it last came.
    next: usize,
}

impl Slot {
    const EMPTY: Self = Self {
        key: CachedKey::EMPTY,
        rules: 0,
        text: [0xff; WINDOW_BYTES],
        care: [0xff; WINDOW_BYTES],
        length: 0,
        next: 0,
    };

    fn new(name: &[u8], key: CachedKey, rules: RuleMask) -> Self {
        let mut slot = Self { key, rules, ..Self::EMPTY };
        let length = name.len() + 2;
        if length <= WINDOW_BYTES {
            slot.care = [0; WINDOW_BYTES];
            for ((text, care), &byte) in slot.text.iter_mut().zip(&mut slot.care).zip(name.iter().chain(b"\":")) {
                (*text, *care) = (byte, 0xff);
            }
            slot.length = length;
        }
        slot
    }
}

/// A cache of decisions with two places for each hash: of fixed size, whatever names come. Entries are compared in
/// full, so a name never gets another one's decision.
///
/// Records of one kind have their names in one order, so each entry also remembers its successor: [`foresee`] compares
/// the text with that one name, which costs a fifth of reading, hashing and finding it.
///
/// [`foresee`]: Self::foresee
#[derive(Debug)]
pub(super) struct KeyCache {
    /// Two neighbours are a set.
    slots: Vec<Slot>,
    shift: u32,
    /// The slot of the last name.
    last: usize,
}

impl KeyCache {
    /// A cache of 2^`bits` sets of 256 bytes.
    pub(super) fn new(bits: u32) -> Self {
        Self { slots: vec![Slot::EMPTY; 2 << bits], shift: u64::BITS - bits, last: 0 }
    }

    #[inline]
    pub(super) fn find(&mut self, key: &CachedKey) -> Option<RuleMask> {
        let mut place = self.place(key);
        let mut slot = self.slots.get(place)?;
        if !slot.key.is(key) {
            place += 1;
            slot = self.slots.get(place)?;
            if !slot.key.is(key) {
                return None;
            }
        }
        let rules = slot.rules;
        self.follow(place);
        Some(rules)
    }

    /// `name` is that of `key`, as it stands in the text.
    pub(super) fn put(&mut self, name: &[u8], key: CachedKey, rules: RuleMask) {
        let place = self.place(&key);
        if let Some([first, second]) = self.slots.get_mut(place..).and_then(<[Slot]>::first_chunk_mut) {
            *second = *first;
            *first = Slot::new(name, key, rules);
        }
        self.follow(place);
    }

    /// Whether the text at `at` is the name that followed the last one before, with its quotation mark and colon: the rules
    /// that it falls under, and the place after the colon.
    #[inline(always)]
    pub(super) fn foresee(&mut self, text: &[u8], at: usize) -> Option<(RuleMask, usize)> {
        let next = self.slots.get(self.last)?.next;
        let slot = self.slots.get(next)?;
        let window = text.get(at..)?.first_chunk()?;
        if !agrees(window, &slot.text, &slot.care) {
            return None;
        }
        self.last = next;
        Some((slot.rules, at + slot.length))
    }

    #[inline]
    fn follow(&mut self, place: usize) {
        if let Some(last) = self.slots.get_mut(self.last) {
            last.next = place;
        }
        self.last = place;
    }

    #[inline]
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
            cache.put(&n.to_le_bytes(), key(n), n);
            assert_eq!(cache.find(&key(n)), Some(n));
        }
        let found: Vec<_> = (0..1000).filter_map(|n| cache.find(&key(n)).map(|mask| (n, mask))).collect();
        assert!(found.len() <= 8);
        assert!(found.into_iter().all(|(n, mask)| n == mask));
    }
    #[test]
    fn the_name_that_came_after_is_foreseen_and_no_other() {
        // With its quotation mark and colon this name has one byte too many.
        const LONG: &str = "a name that has thirty-one byte";
        let after = |name: &str, text: &str| {
            let mut cache = KeyCache::new(4);
            for (n, name) in (1..).zip(["id", LONG, "unit_cost", "x", "id"]) {
                cache.put(name.as_bytes(), CachedKey::of(name.as_bytes()).unwrap(), n);
            }
            assert!(cache.find(&CachedKey::of(name.as_bytes()).unwrap()).is_some(), "{name}");
            cache.foresee(format!("..{text:<40}").as_bytes(), 2)
        };
        let cases = [
            ("id", format!("{LONG}\":1"), None),
            (LONG, "unit_cost\":1".to_owned(), Some((3, 13))),
            ("unit_cost", "x\":1".to_owned(), Some((4, 5))),
            ("unit_cost", "x\" :1".to_owned(), None),
            ("unit_cost", "xy\":1".to_owned(), None),
            ("unit_cost", "y\":1".to_owned(), None),
            (LONG, "unit_cosT\":1".to_owned(), None),
            (LONG, "unit_cost\"".to_owned(), None),
        ];
        for (name, text, want) in cases {
            assert_eq!(after(name, &text), want, "{name}, {text}");
        }
        let mut cache = KeyCache::new(2);
        cache.put(b"a", CachedKey::of(b"a").unwrap(), 1);
        cache.put(b"a", CachedKey::of(b"a").unwrap(), 1);
        assert_eq!(cache.foresee(&[b"a\":".as_slice(), &[b' '; 29]].concat(), 0), Some((1, 3)));
        assert_eq!(cache.foresee(&[b"a\":".as_slice(), &[b' '; 28]].concat(), 0), None, "too near the end");
        assert_eq!(KeyCache::new(2).foresee(&[0; 64], 0), None, "an empty cache foresees nothing");
    }
}
