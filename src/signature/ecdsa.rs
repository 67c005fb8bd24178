//! ECDSA over the NIST curves (FIPS 186-5), with signatures in JOSE's form.

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;

use super::algorithm::Hash;
use super::{Curve, KeyError, der};

/// A public key.
pub(super) struct Key {
    point: Point,
    spki: Vec<u8>,
}

enum Point {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
}

impl Key {
    pub(super) fn new(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        if x.len() != curve.bytes() || y.len() != curve.bytes() {
            return Err(KeyError::Length);
        }
        let sec1 = [&[4], x, y].concat();
        let off = |_| KeyError::Point;
        let point = match curve {
            Curve::P256 => Point::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(&sec1).map_err(off)?),
            Curve::P384 => Point::P384(p384::ecdsa::VerifyingKey::from_sec1_bytes(&sec1).map_err(off)?),
            Curve::P521 => Point::P521(p521::ecdsa::VerifyingKey::from_sec1_bytes(&sec1).map_err(off)?),
        };
        Ok(Self { point, spki: der::ec_public_key(curve, &sec1)? })
    }

    pub(super) fn curve(&self) -> Curve {
        match self.point {
            Point::P256(_) => Curve::P256,
            Point::P384(_) => Curve::P384,
            Point::P521(_) => Curve::P521,
        }
    }

    pub(super) fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// `r` and `s`, if both are in range.
    pub(super) fn split<'a>(&self, signature: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        if !match self.point {
            Point::P256(_) => p256::ecdsa::Signature::from_slice(signature).is_ok(),
            Point::P384(_) => p384::ecdsa::Signature::from_slice(signature).is_ok(),
            Point::P521(_) => p521::ecdsa::Signature::from_slice(signature).is_ok(),
        } {
            return None;
        }
        signature.split_at_checked(self.curve().bytes())
    }

    pub(super) fn verify(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let digest = hash.digest(&[message]);
        match &self.point {
            Point::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok()),
            Point::P384(key) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok()),
            Point::P521(key) => p521::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok()),
        }
    }
}
