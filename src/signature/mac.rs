//! HMAC (RFC 2104) over a message that comes in pieces, with secrets of any length: for webhooks, whose senders choose both.

use std::fmt;

use ::hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacHash {
    /// SHA-1: broken for signatures, not for HMAC (RFC 6194, section 3.3). For providers that have nothing else.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl MacHash {
    /// The length of a tag, in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// A secret, as the state of its hash after the padded block; wiped when it is dropped. `Debug` hides it. A clone of it
/// starts a message.
#[derive(Clone)]
pub struct Mac(State);

#[derive(Clone)]
enum State {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

impl Mac {
    /// A secret of any length. How long it must be is the caller's rule. `None` never happens: HMAC takes keys of all lengths.
    #[must_use]
    pub fn new(hash: MacHash, secret: &[u8]) -> Option<Self> {
        Some(Self(match hash {
            MacHash::Sha1 => State::Sha1(Hmac::new_from_slice(secret).ok()?),
            MacHash::Sha256 => State::Sha256(Hmac::new_from_slice(secret).ok()?),
            MacHash::Sha384 => State::Sha384(Hmac::new_from_slice(secret).ok()?),
            MacHash::Sha512 => State::Sha512(Hmac::new_from_slice(secret).ok()?),
        }))
    }

    /// The next piece of the message.
    pub fn update(&mut self, piece: &[u8]) {
        match &mut self.0 {
            State::Sha1(mac) => mac.update(piece),
            State::Sha256(mac) => mac.update(piece),
            State::Sha384(mac) => mac.update(piece),
            State::Sha512(mac) => mac.update(piece),
        }
    }

    /// The tag over all pieces.
    #[must_use]
    pub fn finish(self) -> Tag {
        match self.0 {
            State::Sha1(mac) => Tag::of(&mac.finalize().into_bytes()),
            State::Sha256(mac) => Tag::of(&mac.finalize().into_bytes()),
            State::Sha384(mac) => Tag::of(&mac.finalize().into_bytes()),
            State::Sha512(mac) => Tag::of(&mac.finalize().into_bytes()),
        }
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(<redacted>)")
    }
}

/// A tag, which is compared and never shown: whoever sees the right one can forge the message. Wiped when it is dropped.
pub struct Tag(Zeroizing<Vec<u8>>);

impl Tag {
    fn of(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Whether this is the whole tag; in constant time but for the length, which is known. Four bytes at a time, which tags are made of:
    /// each comparison takes as long.
    #[must_use]
    pub fn matches(&self, given: &[u8]) -> bool {
        let ((ours, rest), (theirs, more)) = (self.0.as_chunks::<4>(), given.as_chunks::<4>());
        let mut same = rest.ct_eq(more) & ours.len().ct_eq(&theirs.len());
        for (one, other) in ours.iter().zip(theirs) {
            same &= u32::from_ne_bytes(*one).ct_eq(&u32::from_ne_bytes(*other));
        }
        same.into()
    }

    /// The bytes, for what we sign ourselves.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::{Mac, MacHash};

    /// RFC 2202, test case 2, and RFC 4231, test case 2.
    #[test]
    fn tags_are_those_of_the_rfcs() {
        let (key, message) = (b"Jefe", b"what do ya want for nothing?");
        for (hash, want) in [
            (MacHash::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (MacHash::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                MacHash::Sha384,
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            ),
            (
                MacHash::Sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd\
                 caeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            for width in 1..=message.len() {
                let mut mac = Mac::new(hash, key).unwrap();
                message.chunks(width).for_each(|piece| mac.update(piece));
                let tag = mac.finish();
                let hex: String = tag.expose().iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(hex, want, "{hash:?} in pieces of {width}");
                assert_eq!(tag.expose().len(), hash.bytes());
                assert!(tag.matches(tag.expose()));
                assert!(!tag.matches(tag.expose().split_last().unwrap().1), "shorter");
                assert!(!tag.matches(&[tag.expose(), &[0]].concat()), "longer");
                for at in 0..hash.bytes() {
                    let mut other = tag.expose().to_vec();
                    other[at] ^= 0x80 >> (at % 8);
                    assert!(!tag.matches(&other), "{hash:?}, byte {at}");
                }
                assert!(!tag.matches(&[]) && !tag.matches(&[tag.expose(); 2].concat()), "{hash:?}");
                assert!(
                    !tag.matches(&tag.expose()[4..]) && !tag.matches(&[&[0; 4], tag.expose()].concat()),
                    "{hash:?}"
                );
            }
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let mac = Mac::new(MacHash::Sha256, b"secret").unwrap();
        assert_eq!(format!("{mac:?}"), "Mac(<redacted>)");
        assert_eq!(format!("{:?}", mac.finish()), "Tag(<redacted>)");
    }
}
