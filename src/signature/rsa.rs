//! RSA signatures (RFC 8017): PKCS #1 v1.5 and PSS, with public keys alone.

use ::rsa::{BoxedUint, Pkcs1v15Sign, Pss, PublicKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::algorithm::Hash;
use super::{KeyError, MAX_RSA_BITS, MAX_RSA_EXPONENT_BITS, MIN_RSA_BITS, der};

/// A public key.
pub(super) struct Key {
    key: PublicKey,
    modulus: Vec<u8>,
    spki: Vec<u8>,
}

impl Key {
    pub(super) fn new(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits(n)) {
            return Err(KeyError::ModulusSize);
        }
        if n.last().is_none_or(|last| last % 2 == 0) {
            return Err(KeyError::ModulusEven);
        }
        if bits(e) > MAX_RSA_EXPONENT_BITS || e.last().is_none_or(|last| last % 2 == 0) || e == [1] {
            return Err(KeyError::Exponent);
        }
        let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
        let key = PublicKey::new_with_size_limits(number(n), number(e), MIN_RSA_BITS..=MAX_RSA_BITS)
            .map_err(|_| KeyError::Unsupported)?;
        Ok(Self { key, modulus: n.to_vec(), spki: der::rsa_public_key(n, e)? })
    }

    pub(super) fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// Whether a signature is as long as the modulus, and smaller.
    pub(super) fn admits(&self, signature: &[u8]) -> bool {
        signature.len() == self.modulus.len() && signature < self.modulus.as_slice()
    }

    pub(super) fn verify_pkcs1(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        self.admits(signature)
            && match hash {
                Hash::Sha256 => {
                    self.key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature).is_ok()
                }
                Hash::Sha384 => {
                    self.key.verify(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(message), signature).is_ok()
                }
                Hash::Sha512 => {
                    self.key.verify(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(message), signature).is_ok()
                }
            }
    }

    pub(super) fn verify_pss(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        self.admits(signature)
            && match hash {
                Hash::Sha256 => self.key.verify(Pss::<Sha256>::new(), &Sha256::digest(message), signature).is_ok(),
                Hash::Sha384 => self.key.verify(Pss::<Sha384>::new(), &Sha384::digest(message), signature).is_ok(),
                Hash::Sha512 => self.key.verify(Pss::<Sha512>::new(), &Sha512::digest(message), signature).is_ok(),
            }
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
