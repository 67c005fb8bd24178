//! Ed25519 (RFC 8032), verified strictly: canonical encodings, `S < L`, no point of small order, no cofactor.
//!
//! Points and their sums are the crate's; the equation is here, because keys live long: with a table for each key as for the
//! base point, a check takes a sixth of the doublings of `verify_strict`, which sees each key for the first time. All is
//! public, so that nothing runs in constant time.

use std::sync::LazyLock;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;

use super::KeyError;
use super::algorithm::Hash;

/// A public key: about 10 KB, nearly all of it sums of the point's multiples.
pub(super) struct Key {
    bytes: [u8; 32],
    /// Of -A.
    comb: Comb,
}

impl Key {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Length)?;
        let point = CompressedEdwardsY(bytes).decompress().ok_or(KeyError::Point)?;
        // The crate takes y >= p, too, and the sign of zero.
        if point.compress().0 != bytes {
            return Err(KeyError::Point);
        }
        if point.is_small_order() {
            return Err(KeyError::SmallOrder);
        }
        Ok(Self { bytes, comb: Comb::new(-point) })
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.check(message, signature).is_some()
    }

    /// RFC 8032, section 5.1.7: [S]B = R + [k]A, as R = [S]B - [k]A. R is compared as it is written, so that it is canonical;
    /// that it is not of small order shows on the right side as well.
    fn check(&self, message: &[u8], signature: &[u8]) -> Option<()> {
        /// A constant, which is computed when it is first needed.
        static BASE: LazyLock<Comb> = LazyLock::new(|| Comb::new(ED25519_BASEPOINT_POINT));

        let (r, s) = signature.split_first_chunk::<32>()?;
        let s: Option<Scalar> = Scalar::from_canonical_bytes(s.try_into().ok()?).into();
        let digest: [u8; 64] = Hash::Sha512.digest(&[r, &self.bytes, message]).try_into().ok()?;
        let k = Scalar::from_bytes_mod_order_wide(&digest);
        let point = sum_of_products([(&*BASE, &s?), (&self.comb, &k)]);
        (point.compress().as_bytes() == r && !point.is_small_order()).then_some(())
    }
}

/// The teeth of a comb.
const TEETH: usize = 6;
/// The distance of the teeth: scalars have 253 bits.
const DISTANCE: usize = 253_usize.div_ceil(TEETH);

/// The place `t` is the sum of 2^(i · [`DISTANCE`]) times the point for all bits i of `t`, as in `ecdsa/point.rs`.
struct Comb(Vec<EdwardsPoint>);

impl Comb {
    fn new(point: EdwardsPoint) -> Self {
        let mut tooth = point;
        let mut sums = vec![EdwardsPoint::identity()];
        for _ in 0..TEETH {
            let more: Vec<EdwardsPoint> = sums.iter().map(|sum| sum + tooth).collect();
            sums.extend(more);
            for _ in 0..DISTANCE {
                tooth += tooth;
            }
        }
        Self(sums)
    }
}

fn sum_of_products(products: [(&Comb, &Scalar); 2]) -> EdwardsPoint {
    let mut sum = EdwardsPoint::identity();
    for column in (0..DISTANCE).rev() {
        sum += sum;
        for (comb, scalar) in products {
            let place = (0..TEETH).fold(0, |place, tooth| place | bit(scalar, column + tooth * DISTANCE) << tooth);
            if let Some(point) = comb.0.get(place).filter(|_| place > 0) {
                sum += point;
            }
        }
    }
    sum
}

fn bit(scalar: &Scalar, bit: usize) -> usize {
    scalar.as_bytes().get(bit / 8).map_or(0, |byte| usize::from(byte >> (bit % 8) & 1))
}
