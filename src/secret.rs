//! Secrets from the environment. No error ever repeats one, nor a name that may be one by mistake.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::bytes::Word;
use crate::config::{ConfigError, Environment};

/// Longest name of a variable, in bytes.
const MAX_VARIABLE_BYTES: usize = 128;

/// How the variable's text stands for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Its UTF-8 is the secret.
    Raw,
    Hex,
    Base64,
    Base64url,
    /// PEM with its lines; `\n` in two characters counts as a line end.
    Pem,
}

/// Reads a variable; `path` is the field with `env` in it. `None` where variables cannot be asked for.
pub(crate) fn read(
    path: &str,
    name: &str,
    environment: &dyn Environment,
) -> Result<Option<Zeroizing<String>>, ConfigError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.len() > MAX_VARIABLE_BYTES || !name.bytes().all(good) {
        return Err(ConfigError::new(
            format!("{path}.env"),
            "must be the name of an environment variable: letters, digits and _; the secret itself never stands here",
        ));
    }
    if !environment.is_here() {
        return Ok(None);
    }
    let value = environment.variable(name).map(Zeroizing::new).filter(|value| !value.is_empty());
    value.map(Some).ok_or_else(|| {
        ConfigError::new(
            format!("{path}.env"),
            format_args!(
                "names a variable{} that is not set, or empty; give it to the VM in vm_config.environment_variables",
                Shown(name)
            ),
        )
    })
}

/// Longest part of a name between `_` that is shown, in bytes.
const MAX_SHOWN_PART_BYTES: usize = 20;

/// Longest run of digits in a name that is shown.
const MAX_SHOWN_DIGITS: usize = 3;

/// The name of a variable, where it cannot be a secret that was written in its place: capitals and few digits, in short parts with `_`
/// between them. What generators write of capitals alone has no `_` in it.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        let short = |part: &str| part.len() <= MAX_SHOWN_PART_BYTES && part.bytes().all(plain);
        let many = self.0.as_bytes().split(|byte| !byte.is_ascii_digit()).any(|run| run.len() > MAX_SHOWN_DIGITS);
        if self.0.contains('_') && self.0.split('_').all(short) && !many { write!(f, ", {},", self.0) } else { Ok(()) }
    }
}

/// Stands for a secret that is not here: as long as any hash.
pub(crate) fn assumed() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![0; 64])
}

/// The bytes that the text stands for.
pub(crate) fn decode(path: &str, text: &str, format: Format) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let bytes = match format {
        Format::Raw | Format::Pem => Some(text.as_bytes().to_vec()),
        Format::Hex => hex(text.trim()),
        Format::Base64 => STANDARD.decode(text.trim()).ok(),
        Format::Base64url => URL_SAFE_NO_PAD.decode(text.trim()).ok(),
    };
    bytes
        .map(Zeroizing::new)
        .ok_or_else(|| ConfigError::new(format!("{path}.format"), "is not the format of what the variable holds"))
}

pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    // Eight digits at a time: every signature in hex comes by here.
    let (eights, rest) = text.as_bytes().as_chunks::<8>();
    let (pairs, []) = rest.as_chunks::<2>() else { return None };
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for digits in eights {
        bytes.extend_from_slice(&Word::of(digits).hex_digits()?);
    }
    for &[high, low] in pairs {
        bytes.push(digit(high)? << 4 | digit(low)?);
    }
    Some(bytes)
}
