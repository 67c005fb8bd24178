//! Tokens that are bound to their holder: a claim holds the SHA-256 of a value that only he has, in a cookie or a header.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::config::{Binding, BindingPlace};
use super::sources::cookies;
use crate::claims::Value;
use crate::head::{Head, Single};

/// Longest value whose hash is taken, in bytes.
pub const MAX_FINGERPRINT_BYTES: usize = 1024;

/// The hash that the holder's value must have.
pub(super) type Print = [u8; 32];

impl Binding {
    /// What the token says: 64 hex digits, or base64url without padding. `None` for anything else, and no holder fits then.
    pub(super) fn print(&self, payload: &Value) -> Option<Print> {
        let text = self.claim.find(payload)?.text()?;
        let mut print = Print::default();
        if text.len() != 2 * print.len() {
            return URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok();
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (pairs, _) = text.as_bytes().as_chunks::<2>();
        for (byte, &[high, low]) in print.iter_mut().zip(pairs) {
            *byte = digit(high)? << 4 | digit(low)?;
        }
        Some(print)
    }

    /// Whether the request shows the value. One that shows it twice does not.
    pub(super) fn holds(&self, print: &Print, head: &Head) -> bool {
        let value = match &self.place {
            BindingPlace::Header(name) => match head.single(name) {
                Single::One(value) => value,
                Single::Absent | Single::Many => return false,
            },
            BindingPlace::Cookie(name) => {
                let mut values = cookies(head).filter(|(given, _)| *given == name.as_bytes()).map(|(_, value)| value);
                match (values.next(), values.next()) {
                    (Some(value), None) => value,
                    (_, _) => return false,
                }
            }
        };
        if value.is_empty() || value.len() > MAX_FINGERPRINT_BYTES {
            return false;
        }
        let shown: Print = Sha256::digest(value).into();
        let differ = shown.iter().zip(print).fold(0, |differ, (one, two)| differ | (one ^ two));
        std::hint::black_box(differ) == 0
    }
}
