//! RSA signatures (RFC 8017): PKCS #1 v1.5 and PSS, with public keys alone.

mod modulus;
mod padding;

pub(super) use self::modulus::Modulus;
use super::algorithm::Hash;
use super::{KeyError, MAX_RSA_BITS, MAX_RSA_EXPONENT_BITS, MIN_RSA_BITS, der};

/// A public key.
pub(super) struct Key {
    modulus: Modulus,
    modulus_bytes: Vec<u8>,
    exponent: u64,
    spki: Vec<u8>,
}

impl Key {
    pub(super) fn new(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits(n)) {
            return Err(KeyError::ModulusSize);
        }
        let modulus = Modulus::new(n).ok_or(KeyError::ModulusEven)?;
        if bits(e) > MAX_RSA_EXPONENT_BITS {
            return Err(KeyError::Exponent);
        }
        let exponent = e.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        if exponent < 3 || exponent % 2 == 0 {
            return Err(KeyError::Exponent);
        }
        Ok(Self { modulus, modulus_bytes: n.to_vec(), exponent, spki: der::rsa_public_key(n, e)? })
    }

    pub(super) fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// Whether a signature is as long as the modulus, and smaller.
    pub(super) fn admits(&self, signature: &[u8]) -> bool {
        signature.len() == self.modulus_bytes.len() && signature < self.modulus_bytes.as_slice()
    }

    pub(super) fn verify_pkcs1(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        self.open(signature).is_some_and(|encoded| padding::is_pkcs1(&encoded, hash, message))
    }

    pub(super) fn verify_pkcs1_sha1(&self, message: &[u8], signature: &[u8]) -> bool {
        self.open(signature).is_some_and(|encoded| padding::is_pkcs1_sha1(&encoded, message))
    }

    pub(super) fn verify_pss(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let bits = bits(&self.modulus_bytes);
        self.open(signature).is_some_and(|encoded| padding::is_pss(&encoded, bits - 1, hash, message))
    }

    /// What was signed, in as many bytes as the modulus has.
    fn open(&self, signature: &[u8]) -> Option<Vec<u8>> {
        self.admits(signature).then(|| self.modulus.power(signature, self.exponent))
    }
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// The bits of a number without zeros in front.
fn bits(bytes: &[u8]) -> usize {
    let spare = bytes.first().map_or(0, |first| first.leading_zeros());
    bytes.len().saturating_mul(8).saturating_sub(spare as usize)
}
