//! Tokens for Envoy's own `jwt_authn`.

use jwt_compact::alg::Es256;
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{AlgorithmExt as _, Claims, Header};
use p256::ecdsa::SigningKey;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// Who signs the tokens of a test.
#[derive(Debug)]
pub struct Issuer {
    key: SigningKey,
}

impl Issuer {
    /// With a fixed key: it protects nothing.
    ///
    /// # Panics
    /// The key is not one.
    pub fn new() -> Self {
        Self { key: SigningKey::from_slice(&[7; 32]).unwrap() }
    }

    /// The key set as it stands in a configuration.
    ///
    /// # Panics
    /// The key cannot be written.
    pub fn jwks(&self) -> String {
        let mut key = serde_json::to_value(JsonWebKey::from(self.key.verifying_key())).unwrap();
        key["alg"] = json!("ES256");
        json!({ "keys": [key] }).to_string()
    }

    /// A token with these claims.
    ///
    /// # Panics
    /// It cannot be signed.
    pub fn sign(&self, claims: &impl Serialize) -> String {
        Es256.token(&Header::empty(), &Claims::new(claims), &self.key).unwrap()
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
