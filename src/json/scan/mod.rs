//! Finding the next byte that matters: sixteen at a time with `simd128`, eight at a time elsewhere, one at a time at
//! a chunk's end. All three give the same answers.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
mod words;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use simd128 as fast;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use words as fast;

/// Where the plain part of a text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextRun {
    /// The first byte that is not plain, or the end of the bytes.
    pub(crate) end: usize,
    /// Whether a byte before `end` is not ASCII.
    pub(crate) high: bool,
}

/// Reads a string's plain part from `at` on: to a quotation mark, backslash or control character.
#[inline(always)]
pub(crate) fn text_run(bytes: &[u8], at: usize) -> TextRun {
    run_until(bytes, at, b'\\')
}

/// Reads on from `at` to a quotation mark, a control character or `stop`.
#[inline(always)]
pub(crate) fn run_until(bytes: &[u8], at: usize, stop: u8) -> TextRun {
    let (found, at, high) = fast::run_until(bytes, at, stop);
    match found {
        Some(end) => TextRun { end, high },
        None => run_until_slowly(bytes, at, stop, high),
    }
}

/// Whether these bytes are printable ASCII and neither a quotation mark nor `stop`: for pieces that are too short for more.
#[inline(always)]
pub(crate) fn is_plain(piece: &[u8], stop: u8) -> bool {
    piece.iter().all(|&byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != stop)
}

/// The first byte from `at` on that is no white space (RFC 8259, section 2), or the end of the bytes.
#[inline]
pub(crate) fn space_end(bytes: &[u8], at: usize) -> usize {
    // Most gaps are empty or one byte.
    match bytes.get(at) {
        Some(&byte) if is_space(byte) => {}
        Some(_) | None => return at,
    }
    match fast::space_end(bytes, at + 1) {
        Ok(end) => end,
        Err(at) => space_end_slowly(bytes, at),
    }
}

/// The bytes that [`begins`] compares.
pub(super) const JOINT_BYTES: usize = 64;

/// Whether two texts have the same bytes where `care` says so, which is a run from the first on: sixteen bits each.
#[inline(always)]
pub(super) fn begins(text: &[u8; JOINT_BYTES], start: &[u8; JOINT_BYTES], care: &[u32; 4]) -> bool {
    fast::begins(text, start, care)
}

/// Searches of a loop. What they compare with is in memory and not in the code: V8 makes three instructions of a constant each time
/// that it is used, and keeps in a register what a loop has loaded before it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Searches(fast::Constants);

impl Searches {
    pub(super) fn new() -> Self {
        Self(fast::Constants::new())
    }

    /// Sixteen bytes in a register.
    #[inline(always)]
    pub(super) fn sixteen(&self, bytes: &[u8; 16]) -> Sixteen<'_> {
        Sixteen { bytes: fast::Sixteen::new(bytes), constants: &self.0 }
    }

    /// The first byte from `at` on that is a quotation mark, a backslash, a control character or not ASCII; `None` near the end.
    #[inline(always)]
    pub(super) fn plain_end(&self, bytes: &[u8], mut at: usize) -> Option<usize> {
        loop {
            let plain = self.sixteen(bytes.get(at..)?.first_chunk()?).plain_bytes();
            at += plain;
            if plain < 16 {
                return Some(at);
            }
        }
    }
}

impl Searches {
    /// What stands where in a block.
    #[inline(always)]
    pub(super) fn block(&self, bytes: &[u8; BLOCK_BYTES]) -> Block {
        self.0.block(bytes)
    }
}

/// Sixteen bytes in a register.
#[derive(Clone, Copy)]
pub(super) struct Sixteen<'a> {
    bytes: fast::Sixteen,
    constants: &'a fast::Constants,
}

impl Sixteen<'_> {
    /// How many bytes come before the first that is a quotation mark, a backslash, a control character or not ASCII.
    #[inline(always)]
    pub(super) fn plain_bytes(self) -> usize {
        self.bytes.plain_bytes(self.constants)
    }

    /// The length of a number without sign and exponent, of which `first` is the first digit; `at` gives the byte at a place. `None` for
    /// what is no number, and for one that may go on. What comes after it is not looked at.
    #[inline(always)]
    pub(super) fn number_length(self, first: u8, at: impl Fn(usize) -> Option<u8>) -> Option<usize> {
        let (integer, end) = self.bytes.digits_lengths(self.constants);
        if integer == 16 || first == b'0' && integer > 1 {
            return None;
        }
        if at(integer)? != b'.' {
            return Some(integer);
        }
        (end > integer + 1 && end < 16).then_some(end)
    }

    /// The length of `true`, `false` or `null`.
    #[inline(always)]
    pub(super) fn literal_length(self) -> Option<usize> {
        if self.bytes.begins_with(b"true            ", 4) || self.bytes.begins_with(b"null            ", 4) {
            Some(4)
        } else {
            self.bytes.begins_with(b"false           ", 5).then_some(5)
        }
    }
}

/// The first byte from `at` on that is a quotation mark, a backslash, a control character or not ASCII, or the end.
#[inline(always)]
pub(super) fn plain_end(bytes: &[u8], at: usize) -> usize {
    match fast::plain_end(bytes, at) {
        Ok(end) => end,
        Err(at) => plain_end_slowly(bytes, at),
    }
}

/// The places of the first byte from `at` on that is no digit, and of the first such byte after that; `None` when either is
/// more than fifteen bytes away or near the end of the bytes.
#[inline(always)]
pub(super) fn digits_ends(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    fast::digits_ends(bytes, at)
}

/// The bytes of a [`Block`].
pub(super) const BLOCK_BYTES: usize = 64;

/// Whether reading block by block pays. Tests do it in every build.
pub(super) const READS_BLOCKS: bool = cfg!(test) || fast::READS_BLOCKS;

/// What stands where in the next bytes: bit n for byte n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Quotation marks.
    pub(super) quotes: u64,
    /// Square and curly brackets.
    pub(super) brackets: u64,
    /// Backslashes, control characters and what is not ASCII.
    pub(super) odd: u64,
    /// What no JSON text has outside its strings.
    pub(super) strange: u64,
}

/// The first byte from `at` on that no JSON text has outside its strings and brackets, or the end of the bytes.
#[inline]
pub(super) fn filler_end(bytes: &[u8], at: usize) -> usize {
    match fast::filler_end(bytes, at) {
        Ok(end) => end,
        Err(at) => filler_end_slowly(bytes, at),
    }
}

/// White space, commas, colons and what numbers, `true`, `false` and `null` are made of.
#[inline]
const fn is_filler(byte: u8) -> bool {
    is_space(byte)
        || matches!(byte, b',' | b':' | b'0'..=b'9' | b'+' | b'-' | b'.' | b'E')
        || matches!(byte, b'a' | b'e' | b'f' | b'l' | b'n' | b'r' | b's' | b't' | b'u')
}

#[inline(never)]
fn filler_end_slowly(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|&byte| is_filler(byte)) {
        at += 1;
    }
    at
}

#[inline(never)]
fn plain_end_slowly(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|&byte| byte < 0x80 && !is_special(byte, b'\\')) {
        at += 1;
    }
    at
}

#[inline]
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[inline]
fn is_special(byte: u8, stop: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == stop
}

fn run_until_slowly(bytes: &[u8], mut at: usize, stop: u8, mut high: bool) -> TextRun {
    while let Some(&byte) = bytes.get(at) {
        if is_special(byte, stop) {
            break;
        }
        high |= byte >= 0x80;
        at += 1;
    }
    TextRun { end: at, high }
}

fn space_end_slowly(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|&byte| is_space(byte)) {
        at += 1;
    }
    at
}

/// What runs are ended by in the checks: as in JSON, as in CSV.
const STOPS: [u8; 3] = [b'\\', b',', b'|'];

/// Checks that the fast searches answer as the plain loops do, from every place in `bytes`.
///
/// # Panics
/// When they do not: an oracle for tests and fuzzing.
#[doc(hidden)]
pub fn fuzz_scan(bytes: &[u8]) {
    for at in 0..=bytes.len() {
        for stop in STOPS {
            assert_eq!(run_until(bytes, at, stop), run_until_slowly(bytes, at, stop, false), "{stop:?} from {at}");
        }
        assert_eq!(space_end(bytes, at), space_end_slowly(bytes, at), "space from {at}");
        assert_eq!(plain_end(bytes, at), plain_end_slowly(bytes, at), "plain from {at}");
        assert_eq!(filler_end(bytes, at), filler_end_slowly(bytes, at), "filler from {at}");
        if let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| Searches::new().block(bytes)) {
            let mask = |fits: fn(u8) -> bool| {
                let bits = bytes.iter().skip(at).take(BLOCK_BYTES).map(|&byte| u64::from(fits(byte)));
                bits.zip(0..).fold(0, |mask, (bit, place)| mask | bit << place)
            };
            let want = Block {
                quotes: mask(|byte| byte == b'"'),
                brackets: mask(|byte| b"{}[]".contains(&byte)),
                odd: mask(|byte| byte >= 0x80 || byte != b'"' && is_special(byte, b'\\')),
                strange: mask(|byte| byte != b'"' && !b"{}[]".contains(&byte) && !is_filler(byte)),
            };
            assert_eq!(block, want, "block from {at}");
        }
        if let Some(sixteen) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
            check_sixteen(sixteen);
        }
        if let Some((first, second)) = digits_ends(bytes, at) {
            assert_eq!(Some(first), no_digit(bytes, at), "no digit from {at}");
            assert_eq!(Some(second), no_digit(bytes, first + 1), "no digit from {first}");
        }
    }
}

/// As [`fuzz_scan`], of what is done with sixteen bytes.
fn check_sixteen(bytes: &[u8; 16]) {
    let searches = Searches::new();
    let sixteen = searches.sixteen(bytes);
    assert_eq!(sixteen.plain_bytes(), plain_end_slowly(bytes, 0), "plain in {bytes:x?}");
    let names: [&[u8]; 3] = [b"true", b"null", b"false"];
    let name = names.into_iter().find(|name| bytes.starts_with(name));
    assert_eq!(sixteen.literal_length(), name.map(<[u8]>::len), "literal name in {bytes:x?}");
    let [first, ..] = *bytes;
    if first.is_ascii_digit() {
        let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        let integer = digits(0);
        let fraction = digits(integer + 1);
        let want = match bytes.get(integer) {
            None => None,
            Some(_) if first == b'0' && integer > 1 => None,
            Some(b'.') => Some(integer + 1 + fraction).filter(|&end| fraction > 0 && end < 16),
            Some(_) => Some(integer),
        };
        assert_eq!(sixteen.number_length(first, |at| bytes.get(at).copied()), want, "number in {bytes:x?}");
    }
}

/// The first byte from `at` on that is no digit.
fn no_digit(bytes: &[u8], at: usize) -> Option<usize> {
    let after = bytes.get(at..)?.iter().position(|byte| !byte.is_ascii_digit())?;
    Some(at + after)
}

#[cfg(test)]
mod tests {
    use super::{JOINT_BYTES, STOPS, fuzz_scan, run_until_slowly, space_end_slowly, words};

    #[test]
    fn fast_searches_agree_with_plain_loops_for_each_byte_at_each_place() {
        for byte in 0..=u8::MAX {
            for place in [0, 1, 7, 8, 15, 16, 17, 31, 40] {
                for fill in [b'a', b' ', 0xc3, 0x1f, 0x20, 0x21, 0x7f, 0x80, 0xff] {
                    let mut bytes = [fill; 81];
                    bytes[place] = byte;
                    fuzz_scan(&bytes);
                }
            }
        }
    }

    #[test]
    fn texts_begin_alike_up_to_what_counts() {
        let window: [u8; JOINT_BYTES] = std::array::from_fn(|n| b'a' + (n % 26) as u8);
        for length in 1..JOINT_BYTES {
            let care = [0, 16, 32, 48].map(|first| (0..16).map(|n| u32::from(first + n < length) << n).sum());
            for place in 0..JOINT_BYTES {
                let mut other = window;
                other[place] ^= 0x40;
                for begins in [super::begins, words::begins] {
                    assert!(begins(&window, &window, &care), "itself, {length}");
                    assert_eq!(begins(&window, &other, &care), place >= length, "{place} of {length}");
                }
            }
        }
    }

    #[test]
    fn the_scalar_build_agrees_too() {
        let mut bytes = Vec::new();
        for n in 0_u32..4000 {
            let [byte, ..] = (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes();
            bytes.push(if n % 5 == 0 { byte } else { b' ' + byte % 3 });
        }
        for at in 0..bytes.len() {
            for stop in STOPS {
                let (found, came, high) = words::run_until(&bytes, at, stop);
                let want = run_until_slowly(&bytes, at, stop, false);
                match found {
                    Some(end) => assert_eq!((end, high), (want.end, want.high), "text from {at}"),
                    None => assert_eq!(run_until_slowly(&bytes, came, stop, high), want, "text from {at}"),
                }
            }
            let end = words::space_end(&bytes, at).unwrap_or_else(|stop| space_end_slowly(&bytes, stop));
            assert_eq!(end, space_end_slowly(&bytes, at), "space from {at}");
        }
    }
}
