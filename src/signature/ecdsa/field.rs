//! Numbers modulo a prime of fixed size: a curve's field, and its order. For public keys alone: nothing here is secret, so
//! nothing runs in constant time.
//!
//! Montgomery's multiplication, a row at a time. Numbers are `N` limbs of `BITS` bits, the lowest first, and below 2 p. A sum
//! of 2 · N products of limbs and a carry fits a `u64`, so no carry is handled within a row. The modulus is a constant: the
//! compiler leaves the multiplications by its zeros out, and makes shifts of those by powers of two.
#![expect(clippy::indexing_slicing, reason = "all arrays have N limbs and all indices are below N")]

use std::marker::PhantomData;

/// A prime.
pub(super) trait Prime<const N: usize> {
    /// The bits of a limb: (p << 5) < 2^(N · BITS), and 2 · N · 2^(2 · BITS) < 2^63.
    const BITS: u32;
    /// p itself.
    const P: [u32; N];

    const MASK: u64 = (1 << Self::BITS) - 1;
    /// -1 / p modulo 2^BITS.
    const INVERSE: u64 = inverse(Self::P[0] as u64) & Self::MASK;
    const TWICE: [u32; N] = double(Self::P, Self::BITS);
    /// R^2 modulo p, where R = 2^(N · BITS): brings a number into Montgomery's form.
    const SQUARE: [u32; N] = power_of_two(2 * N as u32 * Self::BITS, Self::P, Self::BITS);
}

/// A number modulo p, in Montgomery's form unless said otherwise.
pub(super) struct Number<P, const N: usize> {
    limbs: [u32; N],
    prime: PhantomData<P>,
}

impl<P, const N: usize> Clone for Number<P, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, const N: usize> Copy for Number<P, N> {}

impl<P: Prime<N>, const N: usize> Number<P, N> {
    pub(super) const ZERO: Self = Self::of([0; N]);

    const fn of(limbs: [u32; N]) -> Self {
        Self { limbs, prime: PhantomData }
    }

    /// 1, in Montgomery's form.
    pub(super) fn one() -> Self {
        let mut one = [0; N];
        one[0] = 1;
        Self::of(one).into_form()
    }

    /// From limbs that are known to be below p, not in Montgomery's form.
    pub(super) const fn plain_limbs(limbs: [u32; N]) -> Self {
        Self::of(limbs)
    }

    /// From big-endian bytes, not in Montgomery's form: `None` when they are not below p.
    pub(super) fn plain(bytes: &[u8]) -> Option<Self> {
        let number = Self::truncated(bytes);
        let fits = bytes.len() * 8 <= N * P::BITS as usize;
        (fits && is_below(&number.limbs, &P::P)).then_some(number)
    }

    /// From big-endian bytes of which at most 2^(N · BITS) counts, not in Montgomery's form: may be p and more, which is good as
    /// a factor only.
    pub(super) fn truncated(bytes: &[u8]) -> Self {
        let mut limbs = [0; N];
        let (mut window, mut bits): (u64, u32) = (0, 0);
        let mut bytes = bytes.iter().rev();
        for limb in &mut limbs {
            while bits < P::BITS {
                window |= u64::from(bytes.next().copied().unwrap_or(0)) << bits;
                bits += 8;
            }
            *limb = (window & P::MASK) as u32;
            window >>= P::BITS;
            bits -= P::BITS;
        }
        Self::of(limbs)
    }

    /// Into Montgomery's form.
    pub(super) fn into_form(self) -> Self {
        self.times(&Self::of(P::SQUARE))
    }

    /// a · b / R: the product in Montgomery's form of two that are, or the plain product of one that is and one that is not.
    #[inline(never)]
    pub(super) fn times(&self, other: &Self) -> Self {
        let b = &other.limbs;
        let mut row = [0_u64; N];
        for &limb in &self.limbs {
            let limb = u64::from(limb);
            let low = row[0] + limb * u64::from(b[0]);
            let multiple = low.wrapping_mul(P::INVERSE) & P::MASK;
            let carry = (low + multiple * u64::from(P::P[0])) >> P::BITS;
            for place in 1..N {
                row[place - 1] = row[place] + limb * u64::from(b[place]) + multiple * u64::from(P::P[place]);
            }
            row[0] += carry;
            row[N - 1] = 0;
        }
        let mut product = [0; N];
        let mut carry = 0;
        for (limb, column) in product.iter_mut().zip(row) {
            carry += column;
            *limb = (carry & P::MASK) as u32;
            carry >>= P::BITS;
        }
        Self::of(product)
    }

    pub(super) fn squared(&self) -> Self {
        self.times(self)
    }

    #[inline(never)]
    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut sum = [0; N];
        let mut carry = 0;
        for ((sum, &a), &b) in sum.iter_mut().zip(&self.limbs).zip(&other.limbs) {
            carry += a + b;
            *sum = carry & P::MASK as u32;
            carry >>= P::BITS;
        }
        let (difference, borrowed) = difference(&sum, &P::TWICE, P::BITS);
        Self::of(if borrowed { sum } else { difference })
    }

    #[inline(never)]
    pub(super) fn minus(&self, other: &Self) -> Self {
        let (mut limbs, borrowed) = difference(&self.limbs, &other.limbs, P::BITS);
        if borrowed {
            let mut carry = 0;
            for (limb, &twice) in limbs.iter_mut().zip(&P::TWICE) {
                carry += *limb + twice;
                *limb = carry & P::MASK as u32;
                carry >>= P::BITS;
            }
        }
        Self::of(limbs)
    }

    pub(super) fn doubled(&self) -> Self {
        self.plus(self)
    }

    /// The same number below p.
    fn reduced(&self) -> [u32; N] {
        let (difference, borrowed) = difference(&self.limbs, &P::P, P::BITS);
        if borrowed { self.limbs } else { difference }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.limbs == [0; N] || self.limbs == P::P
    }

    pub(super) fn equals(&self, other: &Self) -> bool {
        self.minus(other).is_zero()
    }

    /// Whether a bit of a plain number is set.
    pub(super) fn bit(&self, bit: u32) -> bool {
        self.limbs.get((bit / P::BITS) as usize).is_some_and(|limb| limb >> (bit % P::BITS) & 1 == 1)
    }

    /// The same number below p.
    pub(super) fn canonical(&self) -> Self {
        Self::of(self.reduced())
    }

    /// a + p as a plain number, if that is still below another prime of this size.
    pub(super) fn plus_prime_below<Q: Prime<N>>(&self) -> Option<Number<Q, N>> {
        let mut sum = [0; N];
        let mut carry = 0;
        for ((sum, &a), &b) in sum.iter_mut().zip(&self.limbs).zip(&P::P) {
            carry += a + b;
            *sum = carry & P::MASK as u32;
            carry >>= P::BITS;
        }
        is_below(&sum, &Q::P).then_some(Number::of(sum))
    }

    /// The same plain number modulo another prime of this size, if it is below that.
    pub(super) fn modulo<Q: Prime<N>>(&self) -> Option<Number<Q, N>> {
        is_below(&self.limbs, &Q::P).then_some(Number::of(self.limbs))
    }

    /// 1 / a, in Montgomery's form as a is; 0 for 0.
    pub(super) fn inverted(&self) -> Self {
        if self.is_zero() {
            return Self::ZERO;
        }
        // a was multiplied by R, and so its inverse is divided by it: twice R^2 / R mends that.
        Self::of(inverted(self.reduced(), &P::P, P::BITS)).into_form().into_form()
    }
}

/// 1 / a modulo an odd prime p, for 0 < a < p.
///
/// The binary algorithm of Euclid (Menezes et al., Handbook of Applied Cryptography, 14.61, for an odd modulus): u = a · s and
/// v = a · t modulo p all the time, while u and v become smaller. One for all primes of a size: that of a curve's field and that of its order
/// would each be 5 KB of Wasm wherever they are called.
#[inline(never)]
fn inverted<const N: usize>(a: [u32; N], p: &[u32; N], bits: u32) -> [u32; N] {
    let (mut u, mut v) = (a, *p);
    let mut one = [0; N];
    one[0] = 1;
    let (mut s, mut t) = (one, [0; N]);
    while u != one && v != one {
        while u[0] % 2 == 0 {
            halve(&mut u, bits);
            halve_modulo(&mut s, p, bits);
        }
        while v[0] % 2 == 0 {
            halve(&mut v, bits);
            halve_modulo(&mut t, p, bits);
        }
        let (less, borrowed) = difference(&u, &v, bits);
        if borrowed {
            v = difference(&v, &u, bits).0;
            t = difference_modulo(&t, &s, p, bits);
        } else {
            u = less;
            s = difference_modulo(&s, &t, p, bits);
        }
    }
    if u == one { s } else { t }
}

#[inline(never)]
fn halve_modulo<const N: usize>(limbs: &mut [u32; N], p: &[u32; N], bits: u32) {
    if limbs[0] % 2 == 1 {
        add(limbs, p, bits);
    }
    halve(limbs, bits);
}

/// a - b modulo p, of numbers below p.
#[inline(never)]
fn difference_modulo<const N: usize>(a: &[u32; N], b: &[u32; N], p: &[u32; N], bits: u32) -> [u32; N] {
    let (mut limbs, borrowed) = difference(a, b, bits);
    if borrowed {
        add(&mut limbs, p, bits);
    }
    limbs
}

/// Adds p, modulo 2^(N · BITS).
fn add<const N: usize>(limbs: &mut [u32; N], p: &[u32; N], bits: u32) {
    let mut carry = 0;
    for (limb, &p) in limbs.iter_mut().zip(p) {
        carry += *limb + p;
        *limb = carry & ((1 << bits) - 1);
        carry >>= bits;
    }
}

fn halve<const N: usize>(limbs: &mut [u32; N], bits: u32) {
    let mut above = 0;
    for limb in limbs.iter_mut().rev() {
        let all = above << bits | *limb;
        above = all & 1;
        *limb = all >> 1;
    }
}

/// a - b, and whether that is below zero; then 2^(N · BITS) was added.
#[inline(always)]
fn difference<const N: usize>(a: &[u32; N], b: &[u32; N], bits: u32) -> ([u32; N], bool) {
    let mut difference = [0; N];
    let mut borrow = 0;
    for ((place, &a), &b) in difference.iter_mut().zip(a).zip(b) {
        let limb = a.wrapping_sub(b).wrapping_sub(borrow);
        *place = limb & ((1 << bits) - 1);
        borrow = limb >> 31;
    }
    (difference, borrow == 1)
}

fn is_below<const N: usize>(a: &[u32; N], b: &[u32; N]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// Limbs of a number in hexadecimal digits.
pub(super) const fn from_hex<const N: usize>(text: &str, bits: u32) -> [u32; N] {
    let text = text.as_bytes();
    let mut limbs = [0; N];
    let (mut bit, mut place) = (0, text.len());
    while place > 0 {
        place -= 1;
        let digit = (text[place] as char).to_digit(16);
        let digit = match digit {
            Some(digit) => digit as u64,
            None => 0,
        };
        let limb = (bit / bits) as usize;
        let all = digit << (bit % bits);
        limbs[limb] |= (all & ((1 << bits) - 1)) as u32;
        if all >> bits != 0 {
            limbs[limb + 1] |= (all >> bits) as u32;
        }
        bit += 4;
    }
    limbs
}

/// -1 / an odd number, modulo 2^64, by Newton's method: each step doubles the bits that are right.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut step = 0;
    while step < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        step += 1;
    }
    inverse.wrapping_neg()
}

const fn double<const N: usize>(limbs: [u32; N], bits: u32) -> [u32; N] {
    let mut double = [0; N];
    let (mut carry, mut place) = (0, 0);
    while place < N {
        carry += limbs[place] << 1;
        double[place] = carry & ((1 << bits) - 1);
        carry >>= bits;
        place += 1;
    }
    double
}

/// 2^exponent modulo p.
const fn power_of_two<const N: usize>(exponent: u32, p: [u32; N], bits: u32) -> [u32; N] {
    let mut power = [0; N];
    power[0] = 1;
    let mut step = 0;
    while step < exponent {
        power = double(power, bits);
        let mut less = [0; N];
        let (mut borrow, mut place) = (0, 0);
        while place < N {
            let limb = power[place].wrapping_sub(p[place]).wrapping_sub(borrow);
            less[place] = limb & ((1 << bits) - 1);
            borrow = limb >> 31;
            place += 1;
        }
        if borrow == 0 {
            power = less;
        }
        step += 1;
    }
    power
}
