//! Sixteen bytes at a time with WebAssembly SIMD; no `unsafe`: the compiler makes one load of [`load`].

use core::arch::wasm32::{u8x16, u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, v128, v128_or};

#[inline]
fn load(bytes: &[u8], at: usize) -> Option<v128> {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes.get(at..)?.first_chunk::<16>()?;
    Some(u8x16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p))
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
