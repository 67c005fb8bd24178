//! Sixteen bytes at a time with WebAssembly SIMD; no `unsafe`: the compiler makes one load of [`load`].

use core::arch::wasm32::{
    i8x16_lt, i8x16_splat, u8x16, u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u8x16_sub, v128, v128_and,
    v128_any_true, v128_or, v128_xor,
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

/// Whether two texts have the same bytes where `care` is 0xff.
#[inline(always)]
pub(super) fn agrees(one: &[u8; 32], other: &[u8; 32], care: &[u8; 32]) -> bool {
    let halves = |bytes: &[u8; 32]| match bytes.as_chunks() {
        ([first, second], _) => (vector(first), vector(second)),
        (_, _) => (u8x16_splat(0), u8x16_splat(0)),
    };
    let ((a, b), (c, d), (first, second)) = (halves(one), halves(other), halves(care));
    let differ = v128_or(v128_and(v128_xor(a, c), first), v128_and(v128_xor(b, d), second));
    !v128_any_true(differ)
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

/// The first two bytes that are no digits, when both are in the next sixteen.
#[inline(always)]
pub(super) fn digits_ends(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let block = load(bytes, at)?;
    let digits = u8x16_lt(u8x16_sub(block, u8x16_splat(b'0')), u8x16_splat(10));
    let others = u32::from(!u8x16_bitmask(digits));
    let rest = others & others.wrapping_sub(1);
    (rest != 0).then(|| (at + others.trailing_zeros() as usize, at + rest.trailing_zeros() as usize))
}

/// The end of a string's plain part, or how far the search came; and whether it saw a byte that is not ASCII.
#[inline]
pub(super) fn text_run(bytes: &[u8], mut at: usize) -> (Option<usize>, usize, bool) {
    let mut high = 0;
    while let Some(block) = load(bytes, at) {
        let quote = u8x16_eq(block, u8x16_splat(b'"'));
        let backslash = u8x16_eq(block, u8x16_splat(b'\\'));
        let control = u8x16_lt(block, u8x16_splat(0x20));
        let marks = u8x16_bitmask(v128_or(v128_or(quote, backslash), control));
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
