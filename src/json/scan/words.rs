//! Eight bytes at a time in an integer register.

use super::{BLOCK_BYTES, Block};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// How pretty texts are indented.
const SPACES: u64 = ONES * 0x20;

/// [`super::is_filler`], by byte.
static FILLER: [bool; 256] = {
    let mut filler = [false; 256];
    let mut byte = 0;
    while byte < filler.len() {
        #[expect(clippy::indexing_slicing, reason = "at compile time, and below the length")]
        {
            filler[byte] = super::is_filler(byte as u8);
        }
        byte += 1;
    }
    filler
};

/// Marks (in each byte's high bit) the bytes equal to `byte`. Exact up to and including the first one.
fn equal(word: u64, byte: u8) -> u64 {
    let zero = word ^ (ONES * u64::from(byte));
    zero.wrapping_sub(ONES) & !zero & HIGHS
}

/// Marks the bytes below 0x20. Exact up to and including the first one.
fn control(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word & HIGHS
}

fn load(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*eight))
}

/// Whether two texts have the same bytes where `care` says so, which is a run from the first.
#[inline(always)]
pub(super) fn begins(text: &[u8; 64], start: &[u8; 64], care: &[u32; 4]) -> bool {
    let (text, start) = (text.as_chunks::<16>().0, start.as_chunks::<16>().0);
    for ((one, other), &care) in text.iter().zip(start).zip(care) {
        let differ = u128::from_le_bytes(*one) ^ u128::from_le_bytes(*other);
        if care == 0xffff {
            if differ != 0 {
                return false;
            }
        } else {
            // The first byte that differs, if any, is behind the last that counts.
            return care >> (differ.trailing_zeros() / 8) == 0;
        }
    }
    true
}

/// Sixty-four bytes one by one cost more than they save.
pub(super) const READS_BLOCKS: bool = false;

/// All are in the code.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Constants;

impl Constants {
    pub(super) fn new() -> Self {
        Self
    }

    /// What stands where in sixty-four bytes.
    pub(super) fn block(self, bytes: &[u8; BLOCK_BYTES]) -> Block {
        let mut block = Block { quotes: 0, brackets: 0, odd: 0, strange: 0 };
        for (&byte, place) in bytes.iter().zip(0..) {
            let bit = |fits: bool| u64::from(fits) << place;
            block.quotes |= bit(byte == b'"');
            block.brackets |= bit(b"{}[]".contains(&byte));
            block.odd |= bit(byte >= 0x80 || byte != b'"' && super::is_special(byte, b'\\'));
            block.strange |= bit(byte != b'"' && !b"{}[]".contains(&byte) && !super::is_filler(byte));
        }
        block
    }
}

/// Sixteen bytes.
#[derive(Clone, Copy)]
pub(super) struct Sixteen([u8; 16]);

impl Sixteen {
    #[inline(always)]
    pub(super) fn new(bytes: &[u8; 16]) -> Self {
        Self(*bytes)
    }

    #[inline(always)]
    pub(super) fn plain_bytes(self, _: &Constants) -> usize {
        plain_end(&self.0, 0).unwrap_or(16)
    }

    /// The places of the first two bytes that are no digits; 16 or more where there is none.
    #[inline(always)]
    pub(super) fn digits_lengths(self, _: &Constants) -> (usize, usize) {
        const ONES: u128 = u128::MAX / 255;
        const HIGHS: u128 = ONES * 0x80;
        let sixteen = u128::from_le_bytes(self.0) ^ (ONES * 0x30);
        let others = (((sixteen & !HIGHS) + ONES * 0x76) | sixteen) & HIGHS;
        let rest = others & others.wrapping_sub(1);
        ((others.trailing_zeros() / 8) as usize, (rest.trailing_zeros() / 8) as usize)
    }

    /// Whether they begin with the first `length` bytes of `other`.
    #[inline(always)]
    pub(super) fn begins_with(self, other: &[u8; 16], length: u32) -> bool {
        (u128::from_le_bytes(self.0) ^ u128::from_le_bytes(*other)).trailing_zeros() >= 8 * length
    }
}

/// The first byte that is special in a string or not ASCII, or how far the search came.
#[inline(always)]
pub(super) fn plain_end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    while let Some(word) = load(bytes, at) {
        let marks = equal(word, b'"') | equal(word, b'\\') | control(word) | word & HIGHS;
        if marks != 0 {
            return Ok(at + (marks.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    Err(at)
}

/// The first byte that is no filler, or how far the search came.
#[inline]
pub(super) fn filler_end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    // Filler has no pattern that words could test at once, and runs of it are short: all but the spaces that begin a line.
    while let Some(&byte) = bytes.get(at) {
        if !FILLER.get(usize::from(byte)).copied().unwrap_or_default() {
            return Ok(at);
        }
        at += 1;
        while byte == b'\n' && load(bytes, at) == Some(SPACES) {
            at += 8;
        }
    }
    Err(at)
}

/// The first two bytes that are no digits, when both are in the next sixteen.
#[inline(always)]
pub(super) fn digits_ends(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    const ONES: u128 = u128::MAX / 255;
    const HIGHS: u128 = ONES * 0x80;
    let sixteen = u128::from_le_bytes(*bytes.get(at..)?.first_chunk()?) ^ (ONES * 0x30);
    let others = (((sixteen & !HIGHS) + ONES * 0x76) | sixteen) & HIGHS;
    let rest = others & others.wrapping_sub(1);
    (rest != 0).then(|| (at + (others.trailing_zeros() / 8) as usize, at + (rest.trailing_zeros() / 8) as usize))
}

/// The end of the plain part, or how far the search came; and whether it saw a byte that is not ASCII.
#[inline]
pub(super) fn run_until(bytes: &[u8], mut at: usize, stop: u8) -> (Option<usize>, usize, bool) {
    let mut high = false;
    while let Some(word) = load(bytes, at) {
        let marks = equal(word, b'"') | equal(word, stop) | control(word);
        if marks != 0 {
            let first = marks.trailing_zeros() / 8;
            let before = (1_u64 << (first * 8)) - 1;
            high |= word & HIGHS & before != 0;
            return (Some(at + first as usize), at, high);
        }
        high |= word & HIGHS != 0;
        at += 8;
    }
    (None, at, high)
}

/// The first byte that is no white space, or how far the search came.
pub(super) fn space_end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    while let Some(word) = load(bytes, at) {
        if word == SPACES {
            at += 8;
            continue;
        }
        for byte in word.to_le_bytes() {
            if !super::is_space(byte) {
                return Ok(at);
            }
            at += 1;
        }
    }
    Err(at)
}
