//! Keys and tokens of tests. The keys protect nothing.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer as _;
use hmac::{KeyInit as _, Mac as _};
use rsa::traits::PublicKeyParts as _;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A key that signs tokens.
#[derive(Clone, Debug)]
pub struct Key {
    kid: Option<String>,
    secret: Secret,
}

#[derive(Clone, Debug)]
enum Secret {
    Es256(p256::ecdsa::SigningKey),
    EdDsa(ed25519_dalek::SigningKey),
    Rs256(Box<rsa::PrivateKey>),
    Hs256(Vec<u8>),
}

impl Key {
    /// P-256; another number is another key.
    ///
    /// # Panics
    /// Never: each of these numbers is a key.
    pub fn es256(number: u8) -> Self {
        Self::of(Secret::Es256(p256::ecdsa::SigningKey::from_slice(&[number.max(1); 32]).unwrap()))
    }

    /// Ed25519.
    pub fn eddsa(number: u8) -> Self {
        Self::of(Secret::EdDsa(ed25519_dalek::SigningKey::from_bytes(&[number; 32])))
    }

    /// RSA with 2048 bits: the same in the whole process.
    ///
    /// # Panics
    /// The system has no random bytes.
    pub fn rs256() -> Self {
        static KEY: OnceLock<rsa::PrivateKey> = OnceLock::new();
        let key = KEY.get_or_init(|| rsa::PrivateKey::new(&mut getrandom::SysRng, 2048).unwrap());
        Self::of(Secret::Rs256(Box::new(key.clone())))
    }

    /// A shared secret.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Self {
        Self::of(Secret::Hs256(secret.as_ref().to_vec()))
    }

    fn of(secret: Secret) -> Self {
        Self { kid: None, secret }
    }

    /// The same key under a name.
    #[must_use]
    pub fn kid(mut self, kid: &str) -> Self {
        self.kid = Some(kid.to_owned());
        self
    }

    /// `ES256`, …
    pub fn alg(&self) -> &'static str {
        match self.secret {
            Secret::Es256(_) => "ES256",
            Secret::EdDsa(_) => "EdDSA",
            Secret::Rs256(_) => "RS256",
            Secret::Hs256(_) => "HS256",
        }
    }

    /// As it stands in a key set.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.secret {
            Secret::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let [x, y] =
                    [point.x(), point.y()].map(|half| encode(half.map(|half| half.as_slice()).unwrap_or_default()));
                json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
            }
            Secret::EdDsa(key) => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.verifying_key().as_bytes())}),
            Secret::Rs256(key) => json!({"kty": "RSA", "n": encode(key.n_bytes()), "e": encode(key.e_bytes())}),
            Secret::Hs256(key) => json!({"kty": "oct", "k": encode(key)}),
        };
        jwk["alg"] = json!(self.alg());
        if let Some(kid) = &self.kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    /// A token with these claims.
    ///
    /// # Panics
    /// The claims are none.
    pub fn sign(&self, claims: &impl Serialize) -> String {
        let mut header = json!({"alg": self.alg()});
        if let Some(kid) = &self.kid {
            header["kid"] = json!(kid);
        }
        self.sign_with(&header, claims)
    }

    /// The same with another header, which need not say what is true.
    ///
    /// # Panics
    /// The claims are none.
    pub fn sign_with(&self, header: &Value, claims: &impl Serialize) -> String {
        let claims = serde_json::to_vec(claims).unwrap();
        let text = format!("{}.{}", encode(header.to_string()), encode(claims));
        let signature = self.signature(text.as_bytes());
        format!("{text}.{}", encode(signature))
    }

    fn signature(&self, text: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(text);
                signature.to_bytes().to_vec()
            }
            Secret::EdDsa(key) => key.sign(text).to_bytes().to_vec(),
            Secret::Rs256(key) => {
                let padding = rsa::Pkcs1v15Sign::new::<Sha256>();
                key.sign_with_rng(&mut getrandom::SysRng, padding, &Sha256::digest(text)).unwrap()
            }
            Secret::Hs256(key) => {
                let mut mac = hmac::Hmac::<Sha256>::new_from_slice(key).unwrap();
                mac.update(text);
                mac.finalize().into_bytes().to_vec()
            }
        }
    }
}

/// A key set (RFC 7517).
pub fn key_set<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Value {
    json!({"keys": keys.into_iter().map(Key::jwk).collect::<Value>()})
}

/// Base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Who signs the tokens of a test for Envoy's own `jwt_authn`.
#[derive(Debug)]
pub struct Issuer {
    key: Key,
}

impl Issuer {
    /// With a fixed key.
    pub fn new() -> Self {
        Self { key: Key::es256(7) }
    }

    /// The key set as it stands in a configuration.
    pub fn jwks(&self) -> String {
        key_set([&self.key]).to_string()
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &impl Serialize) -> String {
        self.key.sign(claims)
    }
}

impl Default for Issuer {
    fn default() -> Self {
        Self::new()
    }
}

/// Claims in this order, each as often as it stands there.
#[derive(Debug)]
pub struct Repeated(pub Vec<(&'static str, Value)>);

impl Serialize for Repeated {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
