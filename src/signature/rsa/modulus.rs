//! Powers modulo an RSA modulus, for public keys alone: nothing here is secret, so nothing runs in constant time.
//!
//! Montgomery's multiplication by columns. Numbers are limbs of 27 bits, the lowest first. A column of a product is the sum
//! of at most 2 · 152 products of 54 bits and a carry, which a `u64` holds: no carry is handled within a column, and the
//! compiler makes vector instructions of its loop.

/// The bits of a limb.
const LIMB_BITS: usize = 27;
const LIMB_MASK: u64 = (1 << LIMB_BITS) - 1;

/// Most limbs, so that columns do not overflow: 2 · 152 · (2^27 - 1)^2 + 2^37 < 2^63.
const MAX_LIMBS: usize = (super::MAX_RSA_BITS + 2).div_ceil(LIMB_BITS).next_multiple_of(STEP);

/// So many limbs are handled at once, so that a loop costs little itself. All numbers have a multiple of it.
const STEP: usize = 4;

/// An odd modulus, and what multiplication modulo it needs.
pub(in crate::signature) struct Modulus {
    limbs: Vec<u32>,
    /// -1 / n modulo 2^27.
    inverse: u64,
    /// R^2 modulo n, where R is 2^27 to the number of limbs: brings a number into Montgomery's form.
    square: Vec<u32>,
}

impl Modulus {
    /// From an odd number's big-endian bytes without zeros in front; `None` for what is not that, or too long.
    pub(in crate::signature) fn new(bytes: &[u8]) -> Option<Self> {
        let spare = bytes.first()?.leading_zeros() as usize;
        let bits = (bytes.len() * 8).checked_sub(spare)?;
        // R is more than 4 n: products of numbers below 2 n are below 2 n again, and nothing has to be subtracted.
        let count = (bits + 2).div_ceil(LIMB_BITS).next_multiple_of(STEP);
        let limbs = to_limbs(bytes, count);
        let lowest = u64::from(*limbs.first()?);
        if spare == 8 || lowest % 2 == 0 || count > MAX_LIMBS {
            return None;
        }
        // Newton: each step doubles the bits that are right. An odd number is its own inverse modulo 8.
        let mut inverse = lowest;
        for _ in 0..4 {
            inverse = inverse.wrapping_mul(2_u64.wrapping_sub(lowest.wrapping_mul(inverse)));
        }
        let mut modulus = Self { limbs, inverse: inverse.wrapping_neg() & LIMB_MASK, square: Vec::new() };

        // R modulo n, from the highest power of two below n; then 2^k R for k the bits of R, most significant bit first.
        let mut power = vec![0; count];
        if let Some(limb) = power.get_mut((bits - 1) / LIMB_BITS) {
            *limb = 1 << ((bits - 1) % LIMB_BITS);
        }
        let r_bits = count * LIMB_BITS;
        for _ in bits - 1..r_bits {
            modulus.double(&mut power);
        }
        modulus.double(&mut power);
        for bit in (0..usize::BITS - 1 - r_bits.leading_zeros()).rev() {
            power = modulus.square(&power);
            if r_bits >> bit & 1 == 1 {
                modulus.double(&mut power);
            }
        }
        modulus.square = power;
        Some(modulus)
    }

    /// The power of a number below the modulus, both as big-endian bytes, of the base's length. The exponent is odd.
    pub(in crate::signature) fn power(&self, base: &[u8], exponent: u64) -> Vec<u8> {
        let plain = to_limbs(base, self.limbs.len());
        let form = self.multiply(&plain, &self.square);
        let mut power = form.clone();
        let bits = u64::BITS - exponent.leading_zeros();
        for bit in (1..bits.saturating_sub(1)).rev() {
            power = self.square(&power);
            if exponent >> bit & 1 == 1 {
                power = self.multiply(&power, &form);
            }
        }
        // The last factor is not in Montgomery's form, so that the product is not either.
        power = if bits > 1 { self.multiply(&self.square(&power), &plain) } else { plain };
        if !self.is_above(&power) {
            subtract(&mut power, &self.limbs);
        }
        to_bytes(&power, base.len())
    }

    /// a · b / R modulo n: below 2 n when both are.
    fn multiply(&self, a: &[u32], b: &[u32]) -> Vec<u32> {
        let mut columns = vec![0; 2 * self.limbs.len()];
        for (place, &limb) in a.iter().enumerate() {
            add_row(&mut columns, place, u64::from(limb), b);
        }
        self.reduce(columns)
    }

    /// a · a / R modulo n: each product of two different limbs once, doubled.
    fn square(&self, a: &[u32]) -> Vec<u32> {
        let mut columns = vec![0; 2 * self.limbs.len()];
        let mut rest = a.to_vec();
        for (place, &limb) in a.iter().enumerate() {
            let limb = u64::from(limb);
            if let Some(column) = columns.get_mut(2 * place) {
                *column += limb * limb;
            }
            // Whole steps from here on; what has been a factor counts for nothing.
            if let Some(done) = rest.get_mut(place) {
                *done = 0;
            }
            let start = place / STEP * STEP;
            add_row(&mut columns, place + start, 2 * limb, rest.get(start..).unwrap_or_default());
        }
        self.reduce(columns)
    }

    /// Adds the multiple of n that makes the lower half zero, and takes the upper half.
    fn reduce(&self, mut columns: Vec<u64>) -> Vec<u32> {
        let count = self.limbs.len();
        let mut carry = 0;
        for place in 0..count {
            let low = columns.get(place).map_or(0, |column| column + carry);
            let multiple = low.wrapping_mul(self.inverse) & LIMB_MASK;
            add_row(&mut columns, place, multiple, &self.limbs);
            carry = (columns.get(place).map_or(0, |column| column + carry)) >> LIMB_BITS;
        }
        let mut sum = Vec::with_capacity(count);
        for column in columns.get(count..).unwrap_or_default() {
            carry += column;
            sum.push((carry & LIMB_MASK) as u32);
            carry >>= LIMB_BITS;
        }
        sum
    }

    /// Whether a number is below n.
    fn is_above(&self, number: &[u32]) -> bool {
        self.limbs.iter().rev().gt(number.iter().rev())
    }

    /// 2 · a modulo n, for a below n.
    fn double(&self, number: &mut [u32]) {
        let mut carry = 0;
        for limb in &mut *number {
            carry += *limb << 1;
            *limb = carry & LIMB_MASK as u32;
            carry >>= LIMB_BITS;
        }
        if !self.is_above(number) {
            subtract(number, &self.limbs);
        }
    }
}

/// Adds `factor` · `row` to the columns from `place` on. Rows have whole steps.
#[inline(always)]
fn add_row(columns: &mut [u64], place: usize, factor: u64, row: &[u32]) {
    let columns = columns.get_mut(place..).unwrap_or_default();
    for (columns, row) in columns.as_chunks_mut::<STEP>().0.iter_mut().zip(row.as_chunks::<STEP>().0) {
        for (column, &limb) in columns.iter_mut().zip(row) {
            *column += factor * u64::from(limb);
        }
    }
}

/// a - b, which is not below zero.
fn subtract(a: &mut [u32], b: &[u32]) {
    let mut borrow = 0;
    for (a, &b) in a.iter_mut().zip(b) {
        let difference = a.wrapping_sub(b).wrapping_sub(borrow);
        *a = difference & LIMB_MASK as u32;
        borrow = difference >> 31;
    }
}

/// Limbs of a number in big-endian bytes; what is beyond `count` of them is lost.
fn to_limbs(bytes: &[u8], count: usize) -> Vec<u32> {
    let mut limbs = Vec::with_capacity(count);
    let (mut window, mut bits): (u64, usize) = (0, 0);
    let mut bytes = bytes.iter().rev();
    while limbs.len() < count {
        while bits < LIMB_BITS {
            window |= u64::from(bytes.next().copied().unwrap_or(0)) << bits;
            bits += 8;
        }
        limbs.push((window & LIMB_MASK) as u32);
        window >>= LIMB_BITS;
        bits -= LIMB_BITS;
    }
    limbs
}

/// The lowest bytes of a number, big-endian.
fn to_bytes(limbs: &[u32], count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count);
    let (mut window, mut bits): (u64, usize) = (0, 0);
    let mut limbs = limbs.iter();
    while bytes.len() < count {
        if bits < 8 {
            window |= u64::from(limbs.next().copied().unwrap_or(0)) << bits;
            bits += LIMB_BITS;
        }
        bytes.push(window as u8);
        window >>= 8;
        bits -= 8;
    }
    bytes.reverse();
    bytes
}
