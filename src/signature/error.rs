//! Why a key is refused. Never holds a part of it.

use std::fmt;

use super::{MAX_RSA_BITS, MAX_RSA_EXPONENT_BITS, MAX_SECRET_BYTES, MIN_RSA_BITS, MIN_SECRET_BYTES};

/// Why a key is refused; says nothing of the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// An HMAC secret is shorter than the shortest hash (RFC 7518, section 3.2), or too long.
    SecretLength,
    /// The RSA modulus is too small (RFC 7518, section 3.3) or too large.
    ModulusSize,
    /// The RSA modulus is even.
    ModulusEven,
    /// The RSA exponent is even, below 3 or too large.
    Exponent,
    /// A coordinate is not as long as the curve's field (RFC 7518, section 6.2.1.2), or an Ed25519 key is not of 32 bytes.
    Length,
    /// The coordinates are no point of the curve, or not written in the one way.
    Point,
    /// The Ed25519 point is of small order: anybody could sign for it.
    SmallOrder,
    /// The DER is not that of a key, or not canonical.
    Der,
    /// The PEM is damaged, or of another kind than asked for.
    Pem,
    /// A kind of key or curve that is not supported.
    Unsupported,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretLength => write!(f, "a secret must have {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes"),
            Self::ModulusSize => write!(f, "an RSA modulus must have {MIN_RSA_BITS} to {MAX_RSA_BITS} bits"),
            Self::ModulusEven => write!(f, "an RSA modulus must be odd"),
            Self::Exponent => {
                write!(f, "an RSA exponent must be odd, at least 3, and of at most {MAX_RSA_EXPONENT_BITS} bits")
            }
            Self::Length => write!(f, "the key does not have the length that its curve asks for"),
            Self::Point => write!(f, "the key is no point of its curve"),
            Self::SmallOrder => write!(f, "the key is a point of small order"),
            Self::Der => write!(f, "the key is not well-formed DER of the expected kind"),
            Self::Pem => write!(f, "the key is not well-formed PEM of the expected kind"),
            Self::Unsupported => write!(f, "the kind of key is not supported"),
        }
    }
}

impl std::error::Error for KeyError {}
