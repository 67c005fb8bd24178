//! The keys of a provider: from its configuration, or fetched.

mod jwk;
mod ring;

use std::fmt;

use crate::claims::{Fault, Limits, Value};
use crate::host::Host;
use crate::signature::{Algorithm, VerifyingKey};

use self::jwk::{Bad, read_key};

pub(super) use self::ring::Ring;

/// Objects and arrays inside each other in a key set.
const MAX_SET_DEPTH: usize = 16;
/// Members of one object in a key set.
const MAX_SET_MEMBERS: usize = 64;
/// Longest inline key set, in bytes, and the default for one that is fetched.
pub const MAX_SET_BYTES: usize = 64 * 1024;
/// Most keys of one set.
pub const MAX_KEYS: usize = 64;
/// Most keys that are tried for a token without `kid`. Where more fit, none is: one that is left out might be the right one, so
/// nobody could say that the signature is wrong, and each would cost a worker so much.
pub const MAX_KEYS_TRIED: usize = 8;

/// A key and what it may be used for.
#[derive(Debug)]
pub(super) struct Key {
    kid: Option<String>,
    /// Its JWK's `alg`.
    algorithm: Option<Algorithm>,
    key: VerifyingKey,
    /// Whether it serves tokens with any `kid`: a secret that was configured without one.
    any_kid: bool,
    /// Whether it is a secret that stands outside the configuration.
    from_environment: bool,
}

/// The keys of a provider.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<Key>,
    /// How many of the set are left out: unknown kinds, weak or broken keys, keys for other uses.
    pub(super) skipped: usize,
}

/// Where a set comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Inline,
    Remote,
}

/// Why a set is refused as a whole. Holds nothing of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetError {
    TooLong,
    Json(Fault),
    NoKeys,
    TooManyKeys,
    /// `kid` and `kty` stand twice.
    Twice,
    /// Secrets and public keys.
    Mixed,
    /// Secrets that came over the network.
    Secret,
    NoneUsable,
}

/// What a set says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Verified,
    /// There is a key, and the signature is wrong.
    Wrong,
    /// There is no key for it.
    NoKey,
}

impl KeySet {
    /// The one secret of a provider.
    pub(super) fn of_secret(kid: Option<String>, key: VerifyingKey) -> Self {
        Self {
            keys: vec![Key { any_kid: kid.is_none(), kid, algorithm: None, key, from_environment: true }],
            skipped: 0,
        }
    }

    /// Reads a JWK set (RFC 7517, section 5). What is unknown or unusable in it is left out.
    pub(super) fn read(text: &[u8], max_bytes: usize, origin: Origin) -> Result<Self, SetError> {
        if text.len() > max_bytes {
            return Err(SetError::TooLong);
        }
        let limits = Limits { max_depth: MAX_SET_DEPTH, max_members: MAX_SET_MEMBERS };
        let set = Value::read(text, limits).map_err(SetError::Json)?;
        let Some(Value::List(jwks)) = set.member("keys") else {
            return Err(SetError::NoKeys);
        };
        if jwks.len() > MAX_KEYS {
            return Err(SetError::TooManyKeys);
        }
        let mut keys = Vec::new();
        let mut skipped = 0;
        let mut names: Vec<(&str, &str)> = Vec::new();
        let (mut secrets, mut publics) = (false, false);
        for jwk in jwks {
            let kty = jwk.member("kty").and_then(Value::text).unwrap_or_default();
            match kty {
                "oct" => secrets = true,
                "RSA" | "EC" | "OKP" => publics = true,
                _ => {}
            }
            if let Some(kid) = jwk.member("kid").and_then(Value::text) {
                if names.contains(&(kid, kty)) {
                    return Err(SetError::Twice);
                }
                names.push((kid, kty));
            }
            match read_key(jwk) {
                Ok(key) => keys.push(key),
                Err(Bad) => skipped += 1,
            }
        }
        match (secrets, publics, origin) {
            (true, true, _) => Err(SetError::Mixed),
            (true, false, Origin::Remote) => Err(SetError::Secret),
            (true, false, Origin::Inline) | (false, _, _) if keys.is_empty() => Err(SetError::NoneUsable),
            (true, false, Origin::Inline) | (false, _, _) => Ok(Self { keys, skipped }),
        }
    }

    /// Whether the set was written with secrets in it. The one of [`KeySet::of_secret`] was not.
    pub(super) fn has_inline_secrets(&self) -> bool {
        self.keys.iter().any(|key| key.key.is_symmetric() && !key.from_environment)
    }

    /// Whether a key of the set could verify one of these algorithms.
    pub(super) fn serves(&self, algorithm: Algorithm) -> bool {
        self.keys.iter().any(|key| key.fits(algorithm))
    }

    /// Whether tokens of this algorithm must name their key, as too many fit to try them all.
    pub(super) fn needs_kid(&self, algorithm: Algorithm) -> bool {
        self.candidates(algorithm, None).nth(MAX_KEYS_TRIED).is_some()
    }

    /// Whether the set has a key for a token with this header.
    pub(super) fn has(&self, algorithm: Algorithm, kid: Option<&str>) -> bool {
        self.candidates(algorithm, kid).next().is_some() && !(kid.is_none() && self.needs_kid(algorithm))
    }

    /// Verifies a signature with the key that the token names, or with each that fits when it names none; [`KeySet::has`] is
    /// asked first.
    pub(super) fn verify(
        &self,
        host: &mut dyn Host,
        algorithm: Algorithm,
        kid: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> Verdict {
        let mut verdict = Verdict::NoKey;
        for key in self.candidates(algorithm, kid).take(MAX_KEYS_TRIED) {
            if key.key.verify_on(host, algorithm, message, signature) {
                return Verdict::Verified;
            }
            verdict = Verdict::Wrong;
        }
        verdict
    }

    fn candidates<'a>(&'a self, algorithm: Algorithm, kid: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        self.keys.iter().filter(move |key| {
            let named = match kid {
                None => true,
                Some(kid) => key.any_kid || key.kid.as_deref() == Some(kid),
            };
            named && key.fits(algorithm)
        })
    }
}

impl Key {
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|own| same(own, algorithm)) && self.key.fits(algorithm)
    }
}

/// Whether two names stand for one algorithm: RFC 9864 gives EdDSA over Ed25519 a name of its own.
fn same(one: Algorithm, two: Algorithm) -> bool {
    let plain = |algorithm| if algorithm == Algorithm::Ed25519 { Algorithm::EdDsa } else { algorithm };
    plain(one) == plain(two)
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("is too long"),
            Self::Json(fault) => fault.fmt(f),
            Self::NoKeys => f.write_str("is no JWK set: an object with a list `keys` (RFC 7517, section 5)"),
            Self::TooManyKeys => write!(f, "has more than {MAX_KEYS} keys"),
            Self::Twice => f.write_str("has two keys with the same kid and kty"),
            Self::Mixed => f.write_str("has secrets (oct) beside public keys: make them two providers"),
            Self::Secret => f.write_str("has secrets (oct), which never come over the network"),
            Self::NoneUsable => f.write_str(
                "has no usable key: RSA of 2048 to 4096 bits, P-256, P-384, P-521 or Ed25519, for signatures",
            ),
        }
    }
}
