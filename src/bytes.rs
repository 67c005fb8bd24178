//! Texts looked at eight bytes at a time: the C library's comparison in Wasm takes one.

/// Whether two texts are the same. No protection of secrets: the time it takes tells where they differ.
#[inline]
pub(crate) fn same(one: &[u8], two: &[u8]) -> bool {
    if one.len() != two.len() {
        return false;
    }
    match (one.last_chunk::<8>(), two.last_chunk::<8>()) {
        // The last eight overlap those before them.
        (Some(last), Some(other)) => {
            let (words, _) = one.as_chunks::<8>();
            let (other_words, _) = two.as_chunks::<8>();
            word(last) == word(other) && words.iter().zip(other_words).all(|(one, two)| word(one) == word(two))
        }
        (_, _) => match (one.first_chunk::<4>(), two.first_chunk::<4>()) {
            (Some(first), Some(other)) => first == other && one.last_chunk::<4>() == two.last_chunk::<4>(),
            (_, _) => one.iter().zip(two).all(|(one, two)| one == two),
        },
    }
}

/// Whether any byte of a text is such a one. `eight` says it of eight at a time, by their high bits.
#[inline]
pub(crate) fn any(text: &[u8], eight: impl Fn(Word) -> u64, one: impl Fn(u8) -> bool) -> bool {
    let Some(last) = text.last_chunk::<8>() else { return text.iter().any(|&byte| one(byte)) };
    let (words, _) = text.as_chunks::<8>();
    // Without a way out; the last eight may be some of those before.
    let found = words.iter().fold(eight(Word(word(last))), |found, bytes| found | eight(Word(word(bytes))));
    found & (EACH * 0x80) != 0
}

/// Whether a name is this one in any case. Most differ in length.
#[inline(always)]
pub(crate) fn is_named(name: &[u8], known: &str) -> bool {
    name.len() == known.len() && is_alike(name, known)
}

/// One copy for all names that are constants: inlined, each is unrolled.
#[inline(never)]
fn is_alike(name: &[u8], known: &str) -> bool {
    name.eq_ignore_ascii_case(known.as_bytes())
}

/// Where the first such byte is.
#[inline(never)]
pub(crate) fn find(text: &[u8], byte: u8) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    for (n, bytes) in words.iter().enumerate() {
        let found = Word::of(bytes).is(byte);
        if found != 0 {
            return Some(n * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(|&other| other == byte).map(|at| text.len() - rest.len() + at)
}

/// Eight bytes.
#[derive(Clone, Copy)]
pub(crate) struct Word(u64);

impl Word {
    /// The first byte is the lowest.
    #[inline]
    pub(crate) fn of(bytes: &[u8; 8]) -> Self {
        Self(word(bytes))
    }

    /// The high bit of each byte that is less than `least` (1 to 0x80), and of no other.
    #[inline]
    pub(crate) fn below(self, least: u8) -> u64 {
        // Nothing is carried: seven bits of a byte and 0x7f are less than 0x100.
        let from = (self.0 & (EACH * 0x7f)) + EACH * u64::from(0x80 - least);
        !(from | self.0) & (EACH * 0x80)
    }

    /// The bytes that eight digits of hex stand for, of either case; `None` if one is none.
    #[inline]
    pub(crate) fn hex_digits(self) -> Option<[u8; 4]> {
        let lower = Self(self.0 | (EACH * 0x20));
        let number = self.below(b'9' + 1) & !self.below(b'0');
        let letter = lower.below(b'f' + 1) & !lower.below(b'a');
        if (number | letter) != EACH * 0x80 {
            return None;
        }
        // Nothing is carried: a value is 15 at most.
        let values = (self.0 & (EACH * 0xf)) + (letter >> 7) * 9;
        // The first digit of a pair is the high half, and the lower byte.
        let pairs = values << 4 | values >> 8;
        let [one, _, two, _, three, _, four, _] = pairs.to_le_bytes();
        Some([one, two, three, four])
    }

    /// The high bit of each byte that is not ASCII.
    #[inline]
    pub(crate) fn beyond_ascii(self) -> u64 {
        self.0
    }

    /// The high bit of each byte that is this one, and of no other.
    #[inline]
    pub(crate) fn is(self, byte: u8) -> u64 {
        // Nor here.
        let differ = self.0 ^ (EACH * u64::from(byte));
        !(((differ & (EACH * 0x7f)) + EACH * 0x7f) | differ) & (EACH * 0x80)
    }
}

/// One in each byte.
const EACH: u64 = 0x0101_0101_0101_0101;

#[inline]
fn word(bytes: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Word, any, find, same};

    /// Both find the same bytes, wherever they stand.
    pub(crate) fn assert_alike(eight: fn(Word) -> u64, one: fn(u8) -> bool) {
        for length in 0..=25 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    for others in [b'a', b' ', b'\t', 0x7f, 0x80, 0xff] {
                        let mut text = vec![others; length];
                        text[at] = byte;
                        let want = one(byte) || length > 1 && one(others);
                        assert_eq!(any(&text, eight, one), want, "{byte} at {at} of {length} among {others}");
                    }
                }
            }
        }
    }

    #[test]
    fn eight_digits_of_hex_are_read_as_one_by_one() {
        let value = |byte: u8| char::from(byte).to_digit(16);
        for at in 0..8 {
            for byte in 0..=u8::MAX {
                for others in *b"09afAF" {
                    let mut text = [others; 8];
                    text[at] = byte;
                    let digits: Option<Vec<u32>> = text.iter().map(|&byte| value(byte)).collect();
                    let want = digits.map(|digits| {
                        let bytes = digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8);
                        bytes.collect::<Vec<_>>()
                    });
                    assert_eq!(
                        Word::of(&text).hex_digits().map(|bytes| bytes.to_vec()),
                        want,
                        "{byte} at {at} of {others}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_first_of_several_bytes_is_found() {
        for length in 0..=25 {
            let mut text = vec![0x80; length];
            assert_eq!(find(&text, b'/'), None, "{length}");
            for at in (0..length).rev() {
                text[at] = b'/';
                assert_eq!(find(&text, b'/'), Some(at), "{at} of {length}");
                // Differs in the lowest bit, and stands before it.
                if let Some(before) = at.checked_sub(1) {
                    text[before] = b'/' ^ 1;
                    assert_eq!(find(&text, b'/'), Some(at), "{at} of {length}");
                }
            }
        }
    }

    #[test]
    fn texts_of_every_length_are_compared_to_the_last_byte() {
        let text: Vec<u8> = (0..40).collect();
        for length in 0..=text.len() {
            let one = &text[..length];
            let again = one.to_vec();
            assert!(same(one, &again), "{length}");
            for at in 0..length {
                let mut other = one.to_vec();
                other[at] ^= 0x80;
                assert!(!same(one, &other), "{length}, {at}");
            }
            assert!(!same(one, &[one, b"x"].concat()), "{length}");
        }
    }
}
