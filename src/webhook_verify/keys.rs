//! Secrets and keys, each bound to its scheme's algorithm when the configuration is read.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE_NO_PAD};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::descriptor::{Algorithm, Descriptor, Format, Style};
use super::nfkd::nfkd;
use super::signatures::Candidate;
use crate::claims::{Limits, Value};
use crate::host::Host;
use crate::secret::hex;
use crate::signature::{self, Curve, Mac, MacHash, VerifyingKey};

/// Longest secret, in bytes.
pub const MAX_SECRET_BYTES: usize = 1024;
/// Shortest secret of a scheme whose provider says nothing of its length, in bytes: what published test values have.
/// `lockgate check` warns below [`WEAK_SECRET_BYTES`].
pub const MIN_SECRET_BYTES: usize = 3;
/// Secrets shorter than this can be guessed.
pub const WEAK_SECRET_BYTES: usize = 16;

/// A secret or key. `Debug` shows its kind alone.
pub(super) enum Key {
    Mac(Box<Mac>),
    /// The digest of what must be sent.
    Token(Token),
    /// Goes before what is hashed.
    Prefix(Zeroizing<Vec<u8>>),
    Public(Box<VerifyingKey>),
    /// A secret for tokens, whose algorithm the token says.
    Shared(Zeroizing<Vec<u8>>),
}

/// Why a secret is refused. Says nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not in its format.
    Format,
    /// Too short for the scheme.
    Short {
        least: usize,
    },
    /// Longer than [`MAX_SECRET_BYTES`].
    Long,
    /// Ends in NUL, so that it is the same key without it.
    Nul,
    /// White space alone.
    Blank,
    /// No key of the scheme's kind.
    Kind,
    Key(signature::KeyError),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => f.write_str("names a variable that is not in the secret's format; see `format`"),
            Self::Short { least } => {
                write!(f, "names a variable with a secret that is too short; at least {least} bytes")
            }
            Self::Long => write!(f, "names a variable with a secret that is longer than {MAX_SECRET_BYTES} bytes"),
            Self::Nul => f.write_str(
                "names a variable with a secret that ends in NUL, which HMAC does not tell from one without",
            ),
            Self::Blank => f.write_str("names a variable with nothing but white space"),
            Self::Kind => f.write_str("names a variable with a key of another kind than the scheme's"),
            Self::Key(error) => write!(f, "names a variable with no key that can be used: {error}"),
        }
    }
}

impl Key {
    /// The key that a variable's text stands for.
    pub(super) fn read(text: &str, format: Format, descriptor: &Descriptor) -> Result<Self, Fault> {
        if text.trim().is_empty() {
            return Err(Fault::Blank);
        }
        match format {
            Format::Spki | Format::Certificate | Format::Jwk => Self::public(public_key(text, format)?, descriptor),
            Format::Raw
            | Format::Hex
            | Format::Base64
            | Format::Base64url
            | Format::Whsec
            | Format::Whpk
            | Format::Nfkd
            | Format::Sha1 => {
                let bytes = bytes(text, format)?;
                // What is hashed always comes out long enough.
                if format == Format::Sha1 && text.len() < MIN_SECRET_BYTES {
                    return Err(Fault::Short { least: MIN_SECRET_BYTES });
                }
                // A text with NULs at its end is the same key without them; what is decoded may well end so by chance.
                if matches!(format, Format::Raw | Format::Nfkd) && bytes.last() == Some(&0) {
                    return Err(Fault::Nul);
                }
                Self::of_bytes(bytes, descriptor)
            }
        }
    }

    /// Stands for a secret that is not here.
    pub(super) fn assumed(descriptor: &Descriptor) -> Self {
        match descriptor.mac().and_then(|hash| Mac::new(hash, &[0; 64])) {
            Some(mac) => Self::Mac(Box::new(mac)),
            None => Self::Shared(Zeroizing::new(Vec::new())),
        }
    }

    fn of_bytes(bytes: Zeroizing<Vec<u8>>, descriptor: &Descriptor) -> Result<Self, Fault> {
        if descriptor.algorithm == Algorithm::Ed25519 {
            return Self::public(VerifyingKey::ed25519(&bytes).map_err(Fault::Key)?, descriptor);
        }
        let least = descriptor.min_secret_bytes.max(MIN_SECRET_BYTES);
        if bytes.len() < least {
            return Err(Fault::Short { least });
        }
        if bytes.len() > MAX_SECRET_BYTES {
            return Err(Fault::Long);
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Fault::Blank);
        }
        let shared = match &descriptor.signature.style {
            Style::Token(token) => token.algorithms.iter().all(|algorithm| algorithm.is_symmetric()),
            Style::Whole { .. }
            | Style::Pairs { .. }
            | Style::Versions { .. }
            | Style::Components(_)
            | Style::Detached(_) => false,
        };
        match descriptor.algorithm {
            Algorithm::StaticToken => Ok(Self::Token(Token::new(&bytes))),
            Algorithm::Sha256SecretPrefix => Ok(Self::Prefix(bytes)),
            Algorithm::Jws if shared => Ok(Self::Shared(bytes)),
            algorithm => {
                let mac = algorithm.mac().and_then(|hash| Mac::new(hash, &bytes));
                mac.map(Box::new).map(Self::Mac).ok_or(Fault::Kind)
            }
        }
    }

    fn public(key: VerifyingKey, descriptor: &Descriptor) -> Result<Self, Fault> {
        let fits = match (descriptor.algorithm, &descriptor.signature.style) {
            (Algorithm::Jws, Style::Token(token)) => token.algorithms.iter().any(|&algorithm| key.fits(algorithm)),
            (Algorithm::Jws, Style::Detached(token)) => token.algorithms.iter().any(|&algorithm| key.fits(algorithm)),
            (algorithm, _) => jose(algorithm).is_some_and(|algorithm| key.fits(algorithm)),
        };
        if fits && !key.is_symmetric() { Ok(Self::Public(Box::new(key))) } else { Err(Fault::Kind) }
    }

    /// Whether one of the signatures is this key's over the pieces: all are compared.
    pub(super) fn verifies(
        &self,
        algorithm: Algorithm,
        pieces: [&[u8]; 3],
        candidates: &[&Candidate],
        host: &mut dyn Host,
    ) -> bool {
        match self {
            Self::Mac(mac) => {
                let mut mac = mac.clone();
                pieces.iter().for_each(|piece| mac.update(piece));
                let tag = mac.finish();
                candidates.iter().fold(false, |good, candidate| good | tag.matches(&candidate.bytes))
            }
            Self::Token(wanted) => {
                candidates.iter().fold(false, |good, candidate| good | wanted.matches(&candidate.bytes))
            }
            Self::Prefix(secret) => {
                let mut hash = Sha256::new();
                hash.update(secret.as_slice());
                pieces.iter().for_each(|piece| hash.update(piece));
                let want = Zeroizing::new(<[u8; 32]>::from(hash.finalize()));
                candidates
                    .iter()
                    .fold(false, |good, candidate| good | bool::from(want.as_slice().ct_eq(&candidate.bytes)))
            }
            Self::Public(key) => {
                let Some(jose) = jose(algorithm) else { return false };
                let message = pieces.concat();
                let verifies = |candidate: &&Candidate, host: &mut dyn Host| match algorithm {
                    Algorithm::EcdsaP256Sha256Der => key.verify_der(jose, &message, &candidate.bytes),
                    Algorithm::RsaPkcs1Sha1 => key.verify_pkcs1_sha1(&message, &candidate.bytes),
                    _ => key.verify_on(host, jose, &message, &candidate.bytes),
                };
                candidates.iter().any(|candidate| verifies(candidate, host))
            }
            Self::Shared(_) => false,
        }
    }

    /// Whether this is a token's signature by this key.
    pub(super) fn verifies_token(
        &self,
        algorithm: signature::Algorithm,
        message: &[u8],
        signature: &[u8],
        host: &mut dyn Host,
    ) -> bool {
        match self {
            Self::Public(key) => key.verify_on(host, algorithm, message, signature),
            Self::Shared(secret) => {
                let hash = match algorithm {
                    signature::Algorithm::Hs256 => MacHash::Sha256,
                    signature::Algorithm::Hs384 => MacHash::Sha384,
                    signature::Algorithm::Hs512 => MacHash::Sha512,
                    _ => return false,
                };
                let Some(mut mac) = Mac::new(hash, secret) else { return false };
                mac.update(message);
                mac.finish().matches(signature)
            }
            Self::Mac(_) | Self::Token(_) | Self::Prefix(_) => false,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mac(_) => "Key(mac <redacted>)",
            Self::Token(_) => "Key(token <redacted>)",
            Self::Prefix(_) => "Key(prefix <redacted>)",
            Self::Public(_) => "Key(public)",
            Self::Shared(_) => "Key(shared <redacted>)",
        })
    }
}

/// The algorithm under JOSE's name, of those with public keys.
fn jose(algorithm: Algorithm) -> Option<signature::Algorithm> {
    Some(match algorithm {
        Algorithm::Ed25519 => signature::Algorithm::Ed25519,
        Algorithm::EcdsaP256Sha256 | Algorithm::EcdsaP256Sha256Der => signature::Algorithm::Es256,
        Algorithm::RsaPkcs1Sha1 | Algorithm::RsaPkcs1Sha256 => signature::Algorithm::Rs256,
        Algorithm::RsaPssSha512 => signature::Algorithm::Ps512,
        Algorithm::HmacSha1
        | Algorithm::HmacSha256
        | Algorithm::HmacSha384
        | Algorithm::HmacSha512
        | Algorithm::StaticToken
        | Algorithm::Sha256SecretPrefix
        | Algorithm::Jws => return None,
    })
}

/// Standard base64, with padding or without, and whatever its last bits are: what senders' libraries take, of a secret alone.
const PADDED_OR_NOT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How many bytes somebody would have to guess; 0 for what is no secret in this format.
pub(super) fn length(text: &str, format: Format) -> usize {
    match format {
        Format::Sha1 => text.len(),
        _ => bytes(text, format).map_or(0, |bytes| bytes.len()),
    }
}

pub(super) fn bytes(text: &str, format: Format) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let stripped = |prefix| text.strip_prefix(prefix).unwrap_or(text);
    let bytes = match format {
        Format::Raw => Some(text.as_bytes().to_vec()),
        Format::Nfkd => return nfkd(text).ok_or(Fault::Format),
        Format::Sha1 => Some(Sha1::digest(text).to_vec()),
        Format::Hex => hex(text.trim()),
        Format::Base64 => STANDARD.decode(text.trim()).ok(),
        Format::Base64url => URL_SAFE_NO_PAD.decode(text.trim()).ok(),
        Format::Whsec => PADDED_OR_NOT.decode(stripped("whsec_").trim()).ok(),
        Format::Whpk => PADDED_OR_NOT.decode(stripped("whpk_").trim()).ok(),
        Format::Spki | Format::Certificate | Format::Jwk => None,
    };
    bytes.map(Zeroizing::new).ok_or(Fault::Format)
}

fn public_key(text: &str, format: Format) -> Result<VerifyingKey, Fault> {
    let text = text.trim().replace("\\n", "\n");
    match format {
        Format::Certificate => VerifyingKey::certificate_pem(&text).map_err(Fault::Key),
        Format::Jwk => {
            let value = Value::read(text.as_bytes(), Limits { max_depth: 4, max_members: 32 });
            let value = value.map_err(|_| Fault::Format)?;
            let part = |name: &str| value.member(name).and_then(Value::text).ok_or(Fault::Format);
            let number = |name: &str| URL_SAFE_NO_PAD.decode(part(name)?).map_err(|_| Fault::Format);
            match part("kty")? {
                "EC" => {
                    let curve = Curve::from_name(part("crv")?).ok_or(Fault::Kind)?;
                    VerifyingKey::ec(curve, &number("x")?, &number("y")?).map_err(Fault::Key)
                }
                "RSA" => VerifyingKey::rsa(&number("n")?, &number("e")?).map_err(Fault::Key),
                "OKP" if part("crv")? == "Ed25519" => VerifyingKey::ed25519(&number("x")?).map_err(Fault::Key),
                _ => Err(Fault::Kind),
            }
        }
        _ if text.starts_with("-----BEGIN") => VerifyingKey::spki_pem(&text).map_err(Fault::Key),
        _ => VerifyingKey::spki_der(&STANDARD.decode(&text).map_err(|_| Fault::Format)?).map_err(Fault::Key),
    }
}

/// A text that must be sent, as its digest: compared in constant time whatever its length. `Debug` hides it.
pub(super) struct Token(Zeroizing<[u8; 32]>);

impl Token {
    pub(super) fn new(text: &[u8]) -> Self {
        Self(Zeroizing::new(Sha256::digest(text).into()))
    }

    pub(super) fn matches(&self, given: &[u8]) -> bool {
        self.0.ct_eq(Sha256::digest(given).as_slice()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(<redacted>)")
    }
}
