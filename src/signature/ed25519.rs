//! Ed25519 (RFC 8032), verified strictly.

use ed25519_dalek::{Signature, VerifyingKey};

use super::KeyError;

/// A public key.
pub(super) struct Key(VerifyingKey);

impl Key {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| KeyError::Length)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Point)?;
        // The crate takes y >= p, too, and the sign of zero.
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err(KeyError::Point);
        }
        if key.is_weak() {
            return Err(KeyError::SmallOrder);
        }
        Ok(Self(key))
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}
