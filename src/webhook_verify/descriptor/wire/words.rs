//! The words for algorithms, encodings and formats.

use serde::Deserialize;

use crate::signature::MacHash;

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::webhook_verify) enum Algorithm {
    HmacSha1,
    HmacSha256,
    HmacSha384,
    HmacSha512,
    /// The secret itself is sent.
    StaticToken,
    /// SHA-256 over the secret and then the rest: no MAC, as it can be extended.
    Sha256SecretPrefix,
    Ed25519,
    /// `r` and `s` side by side.
    EcdsaP256Sha256,
    /// In DER.
    EcdsaP256Sha256Der,
    RsaPkcs1Sha1,
    RsaPkcs1Sha256,
    RsaPssSha512,
    /// A JSON Web Signature, by one of the algorithms that `signature.style` lists.
    Jws,
}

impl Algorithm {
    /// The hash of its MAC, where it is one.
    pub(in crate::webhook_verify) const fn mac(self) -> Option<MacHash> {
        Some(match self {
            Self::HmacSha1 => MacHash::Sha1,
            Self::HmacSha256 => MacHash::Sha256,
            Self::HmacSha384 => MacHash::Sha384,
            Self::HmacSha512 => MacHash::Sha512,
            Self::StaticToken
            | Self::Sha256SecretPrefix
            | Self::Ed25519
            | Self::EcdsaP256Sha256
            | Self::EcdsaP256Sha256Der
            | Self::RsaPkcs1Sha1
            | Self::RsaPkcs1Sha256
            | Self::RsaPssSha512
            | Self::Jws => return None,
        })
    }
}

/// How a signature or a digest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::webhook_verify) enum Encoding {
    Hex,
    Base64,
    /// Without padding.
    Base64url,
    /// As it is.
    Raw,
}

/// How a variable holds a secret or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::webhook_verify) enum Format {
    /// Its UTF-8.
    Raw,
    Hex,
    Base64,
    Base64url,
    /// Base64, `whsec_` before it or not, with or without padding.
    Whsec,
    /// An Ed25519 key in base64, `whpk_` before it or not.
    Whpk,
    /// A public key as SubjectPublicKeyInfo: PEM, or its DER in base64.
    Spki,
    /// A certificate, whose key is pinned: PEM. Its dates and issuer are not looked at.
    Certificate,
    /// A public key as JSON Web Key.
    Jwk,
    /// UTF-8 in the normal form NFKD; of Latin letters alone.
    Nfkd,
    /// The SHA-1 of its UTF-8, as a key.
    Sha1,
}
