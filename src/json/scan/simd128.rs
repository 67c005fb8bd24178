//! Sixteen bytes at a time with WebAssembly SIMD; no `unsafe`: the compiler makes one load of [`load`].

use super::{BLOCK_BYTES, Block};

use core::arch::wasm32::{
    i8x16_lt, i8x16_splat, u8x16, u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_shr, u8x16_splat, u8x16_sub, u8x16_swizzle,
    u16x8_shr, v128, v128_and, v128_or, v128_xor,
};

#[inline(always)]
fn load(bytes: &[u8], at: usize) -> Option<v128> {
    Some(vector(bytes.get(at..)?.first_chunk()?))
}

#[inline(always)]
fn vector(bytes: &[u8; 16]) -> v128 {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
    u8x16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
}

/// Whether two texts have the same bytes where `care` says so.
#[inline(always)]
pub(super) fn begins(text: &[u8; 64], start: &[u8; 64], care: &[u32; 4]) -> bool {
    let ([a, b, c, d], [e, f, g, h]) = (sixteens(text), sixteens(start));
    // Most are short.
    let &[first, second, third, fourth] = care;
    same(a, e) & first == first
        && (second == 0
            || same(b, f) & second == second
                && (third == 0 || same(c, g) & third == third && same(d, h) & fourth == fourth))
}

#[inline(always)]
fn same(one: &[u8; 16], other: &[u8; 16]) -> u32 {
    u32::from(u8x16_bitmask(u8x16_eq(vector(one), vector(other))))
}

#[inline(always)]
fn sixteens(bytes: &[u8; 64]) -> [&[u8; 16]; 4] {
    const NOTHING: &[u8; 16] = &[0; 16];
    match bytes.as_chunks() {
        ([a, b, c, d], _) => [a, b, c, d],
        (_, _) => [NOTHING; 4],
    }
}

pub(super) const READS_BLOCKS: bool = true;

/// What is compared with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Constants {
    /// With this bit turned, quotation marks come right after the control characters and blanks after them.
    turn: [u8; 16],
    above_quote: [u8; 16],
    backslash: [u8; 16],
    /// Less this, digits are the least signed numbers.
    zero: [u8; 16],
    above_nine: [u8; 16],
    /// Control characters and what is not ASCII are below it as signed numbers; and a bit between square and curly brackets.
    blank: [u8; 16],
    open: [u8; 16],
    close: [u8; 16],
    columns: [u8; 16],
    rows: [u8; 16],
    low: [u8; 16],
}

impl Constants {
    pub(super) fn new() -> Self {
        Self {
            turn: [b' ' ^ b'"'; 16],
            above_quote: [b' ' + 1; 16],
            backslash: [b'\\'; 16],
            zero: [b'0' ^ 0x80; 16],
            above_nine: [10 ^ 0x80; 16],
            blank: [b' '; 16],
            open: [b'{'; 16],
            close: [b'}'; 16],
            columns: class::COLUMNS,
            rows: class::ROWS,
            low: [0x0f; 16],
        }
    }

    /// What stands where in sixty-four bytes.
    #[inline(always)]
    pub(super) fn block(&self, bytes: &[u8; BLOCK_BYTES]) -> Block {
        let mut block = Block { quotes: 0, brackets: 0, odd: 0, strange: 0 };
        let low = vector(&self.low);
        for (sixteen, shift) in sixteens(bytes).into_iter().zip([0, 16, 32, 48]) {
            let sixteen = vector(sixteen);
            let column = u8x16_swizzle(vector(&self.columns), v128_and(sixteen, low));
            let row = u8x16_swizzle(vector(&self.rows), v128_and(u16x8_shr(sixteen, 4), low));
            let class = v128_and(column, row);
            let odd = v128_or(i8x16_lt(sixteen, vector(&self.blank)), u8x16_eq(sixteen, vector(&self.backslash)));
            let bits = |mask: v128| u64::from(u8x16_bitmask(mask)) << shift;
            let lower = v128_or(sixteen, vector(&self.blank));
            let bracket = v128_or(u8x16_eq(lower, vector(&self.open)), u8x16_eq(lower, vector(&self.close)));
            // The sign bits.
            block.quotes |= bits(class);
            block.brackets |= bits(bracket);
            block.odd |= bits(odd);
            block.strange |= bits(u8x16_eq(class, u8x16_splat(0)));
        }
        block
    }
}

/// Sixteen bytes.
#[derive(Clone, Copy)]
pub(super) struct Sixteen(v128);

impl Sixteen {
    #[inline(always)]
    pub(super) fn new(bytes: &[u8; 16]) -> Self {
        Self(vector(bytes))
    }

    #[inline(always)]
    pub(super) fn plain_bytes(self, constants: &Constants) -> usize {
        // As signed numbers the bytes that are not ASCII are below zero.
        let others = i8x16_lt(v128_xor(self.0, vector(&constants.turn)), vector(&constants.above_quote));
        let backslash = u8x16_eq(self.0, vector(&constants.backslash));
        let marks = u32::from(u8x16_bitmask(v128_or(others, backslash)));
        (marks | 1 << 16).trailing_zeros() as usize
    }

    /// The places of the first two bytes that are no digits; 16 or more where there is none.
    #[inline(always)]
    pub(super) fn digits_lengths(self, constants: &Constants) -> (usize, usize) {
        let digits = i8x16_lt(u8x16_sub(self.0, vector(&constants.zero)), vector(&constants.above_nine));
        // Beyond the sixteen there are others.
        let others = !u32::from(u8x16_bitmask(digits));
        (others.trailing_zeros() as usize, (others & (others - 1)).trailing_zeros() as usize)
    }

    /// Whether they begin with the first `length` bytes of `other`.
    #[inline(always)]
    pub(super) fn begins_with(self, other: &[u8; 16], length: u32) -> bool {
        u32::from(u8x16_bitmask(u8x16_eq(self.0, vector(other)))).trailing_ones() >= length
    }
}

/// The first byte that is special in a string or not ASCII, or how far the search came.
#[inline(always)]
pub(super) fn plain_end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    while let Some(block) = load(bytes, at) {
        let quote = u8x16_eq(block, u8x16_splat(b'"'));
        let backslash = u8x16_eq(block, u8x16_splat(b'\\'));
        // As signed numbers the bytes that are not ASCII are below zero.
        let others = i8x16_lt(block, i8x16_splat(0x20));
        let marks = u8x16_bitmask(v128_or(v128_or(quote, backslash), others));
        if marks != 0 {
            return Ok(at + marks.trailing_zeros() as usize);
        }
        at += 16;
    }
    Err(at)
}

/// A bit for each row of sixteen characters that has filler, and one for brackets and one for the quotation mark. What a byte
/// is: the bits that its column and its row share.
mod class {
    pub(super) const CONTROL: u8 = 1;
    pub(super) const SIGNS: u8 = 2;
    pub(super) const DIGITS: u8 = 4;
    pub(super) const E: u8 = 8;
    pub(super) const A_TO_O: u8 = 16;
    pub(super) const P_TO_Z: u8 = 32;
    pub(super) const BRACKET: u8 = 64;
    pub(super) const QUOTE: u8 = 128;

    /// By the lower half of a byte.
    pub(super) const COLUMNS: [u8; 16] = [
        DIGITS | SIGNS,
        DIGITS | A_TO_O,
        DIGITS | P_TO_Z | QUOTE,
        DIGITS | P_TO_Z,
        DIGITS | P_TO_Z,
        DIGITS | E | A_TO_O | P_TO_Z,
        DIGITS | A_TO_O,
        DIGITS,
        DIGITS,
        DIGITS | CONTROL,
        DIGITS | CONTROL,
        SIGNS | BRACKET,
        SIGNS | A_TO_O,
        SIGNS | CONTROL | BRACKET,
        SIGNS | A_TO_O,
        0,
    ];
    /// By its upper half.
    pub(super) const ROWS: [u8; 16] =
        [CONTROL, 0, SIGNS | QUOTE, DIGITS, E, BRACKET, A_TO_O, P_TO_Z | BRACKET, 0, 0, 0, 0, 0, 0, 0, 0];
}

/// The classes of sixteen bytes; 0 for what no JSON text has outside its strings.
#[inline(always)]
fn classes(block: v128) -> v128 {
    let column = u8x16_swizzle(vector(&class::COLUMNS), v128_and(block, u8x16_splat(0x0f)));
    let row = u8x16_swizzle(vector(&class::ROWS), u8x16_shr(block, 4));
    v128_and(column, row)
}

/// The first byte that is no filler, or how far the search came.
#[inline(always)]
pub(super) fn filler_end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    while let Some(block) = load(bytes, at) {
        let class = classes(block);
        // Quotation marks have the sign bit: below 1 as signed numbers, as has 0.
        let others = v128_or(i8x16_lt(class, i8x16_splat(1)), u8x16_eq(class, u8x16_splat(class::BRACKET)));
        let others = u8x16_bitmask(others);
        if others != 0 {
            return Ok(at + others.trailing_zeros() as usize);
        }
        at += 16;
    }
    Err(at)
}

/// The first two bytes that are no digits, when both are in the next sixteen.
#[inline(always)]
pub(super) fn digits_ends(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let block = load(bytes, at)?;
    let digits = u8x16_lt(u8x16_sub(block, u8x16_splat(b'0')), u8x16_splat(10));
    let others = u32::from(!u8x16_bitmask(digits));
    let rest = others & others.wrapping_sub(1);
    (rest != 0).then(|| (at + others.trailing_zeros() as usize, at + rest.trailing_zeros() as usize))
}

/// The end of the plain part, or how far the search came; and whether it saw a byte that is not ASCII.
#[inline(always)]
pub(super) fn run_until(bytes: &[u8], mut at: usize, stop: u8) -> (Option<usize>, usize, bool) {
    let mut high = 0;
    while let Some(block) = load(bytes, at) {
        let quote = u8x16_eq(block, u8x16_splat(b'"'));
        let other = u8x16_eq(block, u8x16_splat(stop));
        let control = u8x16_lt(block, u8x16_splat(0x20));
        let marks = u8x16_bitmask(v128_or(v128_or(quote, other), control));
        if marks != 0 {
            high |= u8x16_bitmask(block) & (marks - 1) & !marks;
            return (Some(at + marks.trailing_zeros() as usize), at, high != 0);
        }
        high |= u8x16_bitmask(block);
        at += 16;
    }
    (None, at, high != 0)
}

/// The first byte that is no white space, or how far the search came.
#[inline]
pub(super) fn space_end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    while let Some(block) = load(bytes, at) {
        let blank = u8x16_eq(block, u8x16_splat(b' '));
        let line = u8x16_eq(block, u8x16_splat(b'\n'));
        let tab = u8x16_eq(block, u8x16_splat(b'\t'));
        let back = u8x16_eq(block, u8x16_splat(b'\r'));
        let others = !u8x16_bitmask(v128_or(v128_or(blank, line), v128_or(tab, back)));
        if others != 0 {
            return Ok(at + others.trailing_zeros() as usize);
        }
        at += 16;
    }
    Err(at)
}
