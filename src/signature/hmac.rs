//! HMAC (RFC 2104), with the hashes of JOSE.

use ::hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Sha256, Sha384, Sha512};

use super::algorithm::Hash;
use super::{KeyError, MAX_SECRET_BYTES, MIN_SECRET_BYTES};

/// A secret, as the states of the hashes after its padded blocks: two blocks less work for each message, and the secret
/// itself is not kept. The states are as good as the secret, and are wiped when they are dropped.
pub(super) struct Key {
    secret_bytes: usize,
    sha256: Hmac<Sha256>,
    sha384: Hmac<Sha384>,
    sha512: Hmac<Sha512>,
}

impl Key {
    pub(super) fn new(secret: &[u8]) -> Result<Self, KeyError> {
        if !(MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&secret.len()) {
            return Err(KeyError::SecretLength);
        }
        // They take keys of any length; the crate says so with a `Result` all the same.
        let refused = |_| KeyError::SecretLength;
        Ok(Self {
            secret_bytes: secret.len(),
            sha256: Hmac::new_from_slice(secret).map_err(refused)?,
            sha384: Hmac::new_from_slice(secret).map_err(refused)?,
            sha512: Hmac::new_from_slice(secret).map_err(refused)?,
        })
    }

    /// Whether the secret is as long as the hash at least.
    pub(super) fn fits(&self, hash: Hash) -> bool {
        self.secret_bytes >= hash.bytes()
    }

    /// Whether this is the whole tag; in constant time.
    pub(super) fn verify(&self, hash: Hash, message: &[u8], tag: &[u8]) -> bool {
        let verdict = match hash {
            Hash::Sha256 => self.sha256.clone().chain_update(message).verify_slice(tag),
            Hash::Sha384 => self.sha384.clone().chain_update(message).verify_slice(tag),
            Hash::Sha512 => self.sha512.clone().chain_update(message).verify_slice(tag),
        };
        verdict.is_ok()
    }

    /// The tag with SHA-256.
    pub(super) fn sign_sha256(&self, message: &[u8]) -> Vec<u8> {
        self.sha256.clone().chain_update(message).finalize().into_bytes().to_vec()
    }
}
