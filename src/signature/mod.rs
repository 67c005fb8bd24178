//! Keys and signatures, without any knowledge of tokens: what JOSE's algorithms are, which key fits which, and strict
//! verification.
//!
//! - HMAC (RFC 2104): the whole tag in constant time; a secret at least as long as the hash (RFC 7518, section 3.2).
//! - RSA (RFC 8017): 2048 to 4096 bits; a signature exactly as long as the modulus and smaller than it; PKCS #1 v1.5 by
//!   comparing with the one right encoding; PSS with a salt as long as the hash and MGF1 over the same hash.
//! - ECDSA (FIPS 186-5): `r` and `s` side by side, each as long as the field and in `1..n` (RFC 7518, section 3.4). Of `s`
//!   and `n - s` both are valid in JOSE: a signature is no identity.
//! - Ed25519 (RFC 8032, RFC 8037): canonical points and `S < L`, nothing of small order, no cofactor.
//!
//! Nothing here panics or answers "valid" when in doubt, and the answer to a bad signature does not say why.

mod algorithm;
mod der;
mod ecdsa;
mod ed25519;
mod error;
mod hmac;
mod mac;
mod rsa;
mod signing;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;

use crate::host::{Check, Host};

use self::algorithm::Family;

pub use self::algorithm::{Algorithm, Curve};
pub use self::error::KeyError;
pub use self::mac::{Mac, MacHash, Tag};
pub use self::signing::SigningKey;

/// Shortest HMAC secret, in bytes: the shortest hash.
pub const MIN_SECRET_BYTES: usize = 32;
/// Longest HMAC secret, in bytes.
pub const MAX_SECRET_BYTES: usize = 1024;
/// Smallest RSA modulus, in bits.
pub const MIN_RSA_BITS: usize = 2048;
/// Largest RSA modulus, in bits: the work for one signature grows with the square.
pub const MAX_RSA_BITS: usize = 4096;
/// Largest RSA exponent, in bits: the work grows with it. What BoringSSL takes, too.
pub const MAX_RSA_EXPONENT_BITS: usize = 33;
/// Longest key in DER, in bytes; in PEM, twice as many.
pub const MAX_DER_BYTES: usize = 2048;

/// A key that verifies. `Debug` shows its kind alone; an HMAC secret is wiped when it is dropped.
pub struct VerifyingKey(Kind);

enum Kind {
    Hmac(Box<hmac::Key>),
    Rsa(Box<rsa::Key>),
    Ecdsa(Box<ecdsa::Key>),
    Ed25519(Box<ed25519::Key>),
}

impl VerifyingKey {
    /// A secret that both sides know, as its bytes.
    ///
    /// # Errors
    /// Fewer than [`MIN_SECRET_BYTES`] or more than [`MAX_SECRET_BYTES`].
    pub fn hmac(secret: &[u8]) -> Result<Self, KeyError> {
        hmac::Key::new(secret).map(|key| Self(Kind::Hmac(Box::new(key))))
    }

    /// An RSA key from its modulus and exponent, big-endian; zeros in front count for nothing.
    ///
    /// # Errors
    /// A modulus that is even or not of [`MIN_RSA_BITS`] to [`MAX_RSA_BITS`], an exponent that is even, below 3 or longer than
    /// [`MAX_RSA_EXPONENT_BITS`].
    pub fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        rsa::Key::new(n, e).map(|key| Self(Kind::Rsa(Box::new(key))))
    }

    /// A point on a curve, from coordinates as long as its field.
    ///
    /// # Errors
    /// Another length, or no point of the curve.
    pub fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        ecdsa::Key::new(curve, x, y).map(|key| Self(Kind::Ecdsa(Box::new(key))))
    }

    /// An Ed25519 key, in the 32 bytes of RFC 8032.
    ///
    /// # Errors
    /// Another length, no point, a point not written in the one canonical way, or one of small order.
    pub fn ed25519(x: &[u8]) -> Result<Self, KeyError> {
        ed25519::Key::new(x).map(|key| Self(Kind::Ed25519(Box::new(key))))
    }

    /// A public key as `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7) in DER: RSA, P-256, P-384, P-521 or Ed25519.
    ///
    /// # Errors
    /// What is no such DER (trailing bytes included), another kind of key, and what the other constructors refuse.
    pub fn spki_der(der: &[u8]) -> Result<Self, KeyError> {
        der::read_public_key(der)
    }

    /// The same in PEM, with the label `PUBLIC KEY` (RFC 7468).
    ///
    /// # Errors
    /// Damaged PEM, another label, and what [`Self::spki_der`] refuses.
    pub fn spki_pem(pem: &str) -> Result<Self, KeyError> {
        der::read_public_key(&der::unwrap_pem(pem, "PUBLIC KEY")?)
    }

    /// The public key of a certificate (RFC 5280) in PEM. The key alone: neither dates nor issuer are looked at, so that it is
    /// for a certificate that the operator has pinned.
    ///
    /// # Errors
    /// Damaged PEM, what is no certificate, and what [`Self::spki_der`] refuses.
    pub fn certificate_pem(pem: &str) -> Result<Self, KeyError> {
        der::read_public_key(&der::key_of_certificate(&der::unwrap_certificate(pem)?)?)
    }

    /// Whether the key is a secret, which signs as well.
    #[must_use]
    pub fn is_symmetric(&self) -> bool {
        matches!(self.0, Kind::Hmac(_))
    }

    /// Whether the key may be used with an algorithm: kind, curve, and strength.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        match (&self.0, algorithm.family()) {
            (Kind::Hmac(key), Family::Hmac) => key.fits(algorithm.hash()),
            (Kind::Rsa(_), Family::Pkcs1 | Family::Pss) | (Kind::Ed25519(_), Family::Ed25519) => true,
            (Kind::Ecdsa(key), Family::Ecdsa(curve)) => key.curve() == curve,
            (Kind::Hmac(_) | Kind::Rsa(_) | Kind::Ecdsa(_) | Kind::Ed25519(_), _) => false,
        }
    }

    /// Whether `signature` is one of this key over `message`; never with an algorithm that it does not fit.
    #[must_use]
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let hash = algorithm.hash();
        match (&self.0, algorithm.family()) {
            (Kind::Hmac(key), _) => key.verify(hash, message, signature),
            (Kind::Rsa(key), Family::Pss) => key.verify_pss(hash, message, signature),
            (Kind::Rsa(key), _) => key.verify_pkcs1(hash, message, signature),
            (Kind::Ecdsa(key), _) => key.verify(hash, message, signature),
            (Kind::Ed25519(key), _) => key.verify(message, signature),
        }
    }

    /// The same for ECDSA with a signature in DER (RFC 3279, section 2.2.3), in its one form.
    #[must_use]
    pub fn verify_der(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Family::Ecdsa(curve) = algorithm.family() else { return false };
        der::ecdsa_numbers(signature, curve.bytes()).is_some_and(|sides| self.verify(algorithm, message, &sides))
    }

    /// RSA PKCS #1 v1.5 with SHA-1, which is no algorithm of JOSE: for senders that have nothing else. Who makes two messages
    /// with one hash can swap them, if the sender signs one of them for him.
    #[must_use]
    pub fn verify_pkcs1_sha1(&self, message: &[u8], signature: &[u8]) -> bool {
        matches!(&self.0, Kind::Rsa(key) if key.verify_pkcs1_sha1(message, signature))
    }

    /// The same with the proxy's cryptography, where it has what is needed: RSA PKCS #1 v1.5 and P-256. Lengths and ranges
    /// are checked here in any case, so that the verdict is that of [`Self::verify`].
    #[must_use]
    pub fn verify_on(&self, host: &mut dyn Host, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let hash = algorithm.hash().of_check();
        let verdict = match (&self.0, algorithm.family()) {
            (Kind::Rsa(key), Family::Pkcs1) => {
                if !key.admits(signature) {
                    return false;
                }
                host.verify(&Check { hash, key_der: key.spki_der(), signature, message })
            }
            (Kind::Ecdsa(key), Family::Ecdsa(Curve::P256)) => {
                let Some((r, s)) = key.split(signature) else {
                    return false;
                };
                let Ok(signature) = der::ecdsa_signature(r, s) else {
                    return false;
                };
                host.verify(&Check { hash, key_der: key.spki_der(), signature: &signature, message })
            }
            (Kind::Hmac(_) | Kind::Rsa(_) | Kind::Ecdsa(_) | Kind::Ed25519(_), _) => None,
        };
        verdict.unwrap_or_else(|| self.verify(algorithm, message, signature))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Hmac(_) => "VerifyingKey(hmac <redacted>)",
            Kind::Rsa(_) => "VerifyingKey(rsa)",
            Kind::Ecdsa(_) => "VerifyingKey(ec)",
            Kind::Ed25519(_) => "VerifyingKey(ed25519)",
        })
    }
}
