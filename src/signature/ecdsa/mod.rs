//! ECDSA over the NIST curves (FIPS 186-5, section 6.4.2), with signatures in JOSE's form.

mod curves;
mod field;
mod point;

use self::curves::{P256, P384, P521, Parameters};
use self::field::Number;
use self::point::{Affine, Comb};
use super::algorithm::Hash;
use super::{Curve, KeyError, der};

/// A public key: about 5, 8 and 10 KB for the three curves, most of it sums of the point's multiples.
pub(super) struct Key {
    point: Point,
    spki: Vec<u8>,
}

enum Point {
    P256(Comb<P256, 9>),
    P384(Comb<P384, 14>),
    P521(Comb<P521, 19>),
}

impl Key {
    pub(super) fn new(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        if x.len() != curve.bytes() || y.len() != curve.bytes() {
            return Err(KeyError::Length);
        }
        let point = match curve {
            Curve::P256 => Affine::new(x, y).and_then(Comb::new).map(Point::P256),
            Curve::P384 => Affine::new(x, y).and_then(Comb::new).map(Point::P384),
            Curve::P521 => Affine::new(x, y).and_then(Comb::new).map(Point::P521),
        };
        let point = point.ok_or(KeyError::Point)?;
        Ok(Self { point, spki: der::ec_public_key(curve, &[&[4], x, y].concat())? })
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

    /// `r` and `s`, if the signature has the right length and both are in `1..n`.
    pub(super) fn split<'a>(&self, signature: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let (r, s) = halves(signature, self.curve().bytes())?;
        let in_range = match self.point {
            Point::P256(_) => numbers::<P256, 9>(r, s).is_some(),
            Point::P384(_) => numbers::<P384, 14>(r, s).is_some(),
            Point::P521(_) => numbers::<P521, 19>(r, s).is_some(),
        };
        in_range.then_some((r, s))
    }

    pub(super) fn verify(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let digest = hash.digest(&[message]);
        let verdict = match &self.point {
            Point::P256(point) => verify(point, &digest, signature),
            Point::P384(point) => verify(point, &digest, signature),
            Point::P521(point) => verify(point, &digest, signature),
        };
        verdict.unwrap_or(false)
    }
}

fn halves(signature: &[u8], bytes: usize) -> Option<(&[u8], &[u8])> {
    signature.split_at_checked(bytes).filter(|(_, s)| s.len() == bytes)
}

/// Both numbers, if they are in `1..n`.
fn numbers<C: Parameters<N>, const N: usize>(r: &[u8], s: &[u8]) -> Option<(Number<C::Order, N>, Number<C::Order, N>)> {
    let (r, s) = (Number::plain(r)?, Number::plain(s)?);
    (!r.is_zero() && !s.is_zero()).then_some((r, s))
}

/// The verdict; `None` for a signature that is not one of any message.
fn verify<C: Parameters<N>, const N: usize>(point: &Comb<C, N>, digest: &[u8], signature: &[u8]) -> Option<bool> {
    let (r, s) = halves(signature, C::BYTES)?;
    let (r, s) = numbers::<C, N>(r, s)?;
    // In JOSE no digest has more bits than the order, so nothing is cut off.
    let z = Number::truncated(digest);
    let w = s.into_form().inverted();
    let (u1, u2) = (z.times(&w).canonical(), r.times(&w).canonical());
    Some(point.sum_of_products(&u1, &u2).has_x(&r))
}
