//! Signing keys, and tokens in compact form (RFC 7515).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer as _;
use rsa::traits::PublicKeyParts as _;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::resource::random_uuid;

/// How tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Es256,
    Rs256,
    EdDsa,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 3] = [Self::Es256, Self::Rs256, Self::EdDsa];

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A key of the issuer, made by the process and gone with it.
pub(crate) struct Signer {
    key: Key,
    key_id: String,
}

enum Key {
    Es256(p256::ecdsa::SigningKey),
    Rs256(Box<rsa::PrivateKey>),
    EdDsa(Box<ed25519_dalek::SigningKey>),
}

impl Signer {
    /// # Errors
    /// The operating system gives no random bytes.
    pub(crate) fn random(algorithm: Algorithm) -> Result<Self, KeyError> {
        let key_id = random_uuid().ok_or(KeyError)?.hyphenated().to_string();
        let key = match algorithm {
            Algorithm::Es256 => Key::Es256(random_p256()?),
            Algorithm::Rs256 => {
                let key = rsa::PrivateKey::new(&mut getrandom::SysRng, RSA_BITS).map_err(|_| KeyError)?;
                Key::Rs256(Box::new(key))
            }
            Algorithm::EdDsa => Key::EdDsa(Box::new(ed25519_dalek::SigningKey::from_bytes(&random_bytes()?))),
        };
        Ok(Self { key, key_id })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self.key {
            Key::Es256(_) => Algorithm::Es256,
            Key::Rs256(_) => Algorithm::Rs256,
            Key::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// The public key as it stands in a key set (RFC 7517, 7518, 8037).
    pub(crate) fn public_key(&self) -> Value {
        let mut key = match &self.key {
            Key::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let [x, y] =
                    [point.x(), point.y()].map(|half| encode(half.map(|half| half.as_slice()).unwrap_or_default()));
                json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
            }
            Key::Rs256(key) => json!({"kty": "RSA", "n": encode(&key.n_bytes()), "e": encode(&key.e_bytes())}),
            Key::EdDsa(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.verifying_key().as_bytes())})
            }
        };
        if let Some(members) = key.as_object_mut() {
            members.insert("kid".to_owned(), json!(self.key_id));
            members.insert("use".to_owned(), json!("sig"));
            members.insert("alg".to_owned(), json!(self.algorithm().name()));
        }
        key
    }

    /// A token with these claims.
    pub(crate) fn token(&self, claims: &impl Serialize) -> Result<String, KeyError> {
        let header = json!({"alg": self.algorithm().name(), "kid": self.key_id, "typ": "JWT"});
        let claims = serde_json::to_vec(claims).map_err(|_| KeyError)?;
        let mut token = format!("{}.{}", encode(header.to_string().as_bytes()), encode(&claims));
        let signature = match &self.key {
            Key::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(token.as_bytes());
                signature.to_bytes().to_vec()
            }
            Key::Rs256(key) => {
                let padding = rsa::Pkcs1v15Sign::new::<Sha256>();
                key.sign_with_rng(&mut getrandom::SysRng, padding, &Sha256::digest(&token)).map_err(|_| KeyError)?
            }
            Key::EdDsa(key) => key.sign(token.as_bytes()).to_bytes().to_vec(),
        };
        token.push('.');
        token.push_str(&encode(&signature));
        Ok(token)
    }
}

/// Fewer than one in 2^32 draws is no key (zero, or not below the curve's order): a second draw is ample.
fn random_p256() -> Result<p256::ecdsa::SigningKey, KeyError> {
    let first = p256::ecdsa::SigningKey::from_slice(&random_bytes()?);
    first.or(p256::ecdsa::SigningKey::from_slice(&random_bytes()?)).map_err(|_| KeyError)
}

fn random_bytes() -> Result<[u8; 32], KeyError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| KeyError)?;
    Ok(bytes)
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// No key or no signature could be made.
#[derive(Debug)]
pub(crate) struct KeyError;

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system gives no random bytes")
    }
}

/// The least that RFC 7518 takes.
const RSA_BITS: usize = 2048;
