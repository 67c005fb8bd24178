//! Ed25519 (RFC 8032), verified strictly: canonical encodings, `S < L`, no point of small order, no cofactor.
//!
//! Points and their products are the crate's; the equation is here, because keys live long: with a table for each key as for
//! the base point, a check takes an eighth of the doublings that `verify_strict` takes for a point it sees for the first time.

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsBasepointTable, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::BasepointTable as _;

use super::KeyError;
use super::algorithm::Hash;

/// A public key: about 30 KB, all of it multiples of the point.
pub(super) struct Key {
    bytes: [u8; 32],
    /// Of -A.
    multiples: EdwardsBasepointTable,
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
        Ok(Self { bytes, multiples: EdwardsBasepointTable::create(&-point) })
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.check(message, signature).is_some()
    }

    /// RFC 8032, section 5.1.7: [S]B = R + [k]A, as R = [S]B - [k]A. R is compared as it is written, so that it is canonical;
    /// then it is not of small order either.
    fn check(&self, message: &[u8], signature: &[u8]) -> Option<()> {
        let (r, s) = signature.split_first_chunk::<32>()?;
        let s: Option<Scalar> = Scalar::from_canonical_bytes(s.try_into().ok()?).into();
        let digest: [u8; 64] = Hash::Sha512.digest(&[r, &self.bytes, message]).try_into().ok()?;
        let k = Scalar::from_bytes_mod_order_wide(&digest);
        let point = EdwardsPoint::mul_base(&s?) + self.multiples.mul_base(&k);
        (point.compress().as_bytes() == r && !point.is_small_order()).then_some(())
    }
}
