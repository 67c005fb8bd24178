//! Keys that sign: for tokens of our own.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer as _;

use super::algorithm::Algorithm;
use super::{KeyError, der, hmac};

/// A key that signs. Wiped when it is dropped; `Debug` hides it.
pub struct SigningKey(Kind);

enum Kind {
    Hmac(Box<hmac::Key>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl SigningKey {
    /// A shared secret, for HS256.
    ///
    /// # Errors
    /// Fewer than [`MIN_SECRET_BYTES`](super::MIN_SECRET_BYTES) or more than [`MAX_SECRET_BYTES`](super::MAX_SECRET_BYTES).
    pub fn hmac(secret: &[u8]) -> Result<Self, KeyError> {
        hmac::Key::new(secret).map(|key| Self(Kind::Hmac(Box::new(key))))
    }

    /// An Ed25519 private key, in the 32 bytes of RFC 8032.
    ///
    /// # Errors
    /// Another length.
    pub fn ed25519_seed(seed: &[u8]) -> Result<Self, KeyError> {
        let seed: &[u8; 32] = seed.try_into().map_err(|_| KeyError::Length)?;
        Ok(Self(Kind::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed)))))
    }

    /// An Ed25519 private key in PKCS #8 (RFC 8410), in PEM with the label `PRIVATE KEY`: what `openssl genpkey -algorithm
    /// ed25519` writes.
    ///
    /// # Errors
    /// Damaged PEM, another label (an encrypted key too), another kind of key, or a public key in it that is not its own.
    pub fn ed25519_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        Self::ed25519_pkcs8_der(&der::unwrap_pem(pem, "PRIVATE KEY")?)
    }

    /// The same in DER.
    ///
    /// # Errors
    /// As above.
    pub fn ed25519_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let (seed, public) = der::read_ed25519_private_key(der)?;
        let key = Self::ed25519_seed(&seed)?;
        match (&key.0, public) {
            (Kind::Ed25519(pair), Some(public)) if pair.verifying_key().as_bytes().as_slice() != public => {
                Err(KeyError::Point)
            }
            (Kind::Ed25519(_) | Kind::Hmac(_), _) => Ok(key),
        }
    }

    /// The algorithm of its signatures.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Kind::Hmac(_) => Algorithm::Hs256,
            Kind::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Signs. The same message gives the same signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0 {
            Kind::Hmac(key) => key.sign_sha256(message),
            Kind::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        }
    }

    /// The members of the public key's JWK (RFC 8037, section 2): `kty`, `crv` and `x`. A secret has no public key.
    #[must_use]
    pub fn public_jwk_members(&self) -> Option<[(&'static str, String); 3]> {
        match &self.0 {
            Kind::Hmac(_) => None,
            Kind::Ed25519(key) => Some([
                ("kty", "OKP".to_owned()),
                ("crv", "Ed25519".to_owned()),
                ("x", URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes())),
            ]),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Hmac(_) => "SigningKey(hmac <redacted>)",
            Kind::Ed25519(_) => "SigningKey(ed25519 <redacted>)",
        })
    }
}
