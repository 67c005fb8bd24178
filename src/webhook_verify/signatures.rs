//! The signatures that a request carries: read to the letter, and few.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::descriptor::{Encoding, MAX_SIGNATURE_BYTES, MAX_SIGNATURES, Prefix, Signature, SignatureSource, Style};
use super::error::Reason;
use super::request::{Request, trimmed};
use crate::secret::hex;

/// Most headers that end in a number.
const MAX_NUMBER: u32 = 100;
/// Most signatures by a public key: each costs hundreds of thousands of instructions.
pub const MAX_PUBLIC_SIGNATURES: usize = 4;

/// A signature as it was received, decoded.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) bytes: Vec<u8>,
    /// The secret that it must be made with, by its place; `None`: any.
    pub(super) secret: Option<usize>,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    /// Values beside them.
    pub(super) pairs: Vec<(String, String)>,
}

/// Reads all signatures, at most so many. In a list, what cannot be decoded is passed over, so that none may be left.
///
/// # Errors
/// [`Reason::Missing`]; [`Reason::Malformed`] for one that is not as the scheme writes it.
pub(super) fn read(signature: &Signature, request: &Request<'_>, most: usize) -> Result<Found, Reason> {
    let mut found = Found::default();
    let mut values = 0_usize;
    each_value(&signature.source, request, &mut |value, secret| {
        values += 1;
        if values > MAX_SIGNATURES || value.len() > MAX_SIGNATURE_BYTES {
            return Err(Reason::Malformed);
        }
        if value.is_empty() {
            return Err(Reason::Missing);
        }
        read_one(signature, value, secret, &mut found)?;
        if found.candidates.len() > most {
            return Err(Reason::Malformed);
        }
        Ok(())
    })?;
    if values == 0 { Err(Reason::Missing) } else { Ok(found) }
}

/// Takes each value that holds signatures, with its secret's place where it has one of its own, until one is refused.
fn each_value(
    source: &SignatureSource,
    request: &Request<'_>,
    take: &mut dyn FnMut(&[u8], Option<usize>) -> Result<(), Reason>,
) -> Result<(), Reason> {
    let head = &request.kept.head;
    match source {
        SignatureSource::One(place) => request.value(place)?.map_or(Ok(()), |value| take(&value, None)),
        SignatureSource::Lines(name) => {
            let mut values = head.values(name).flat_map(|value| value.split(|&byte| byte == b','));
            values.try_for_each(|value| take(trimmed(value), None))
        }
        SignatureSource::Keyed(names) => names.iter().enumerate().try_for_each(|(place, name)| {
            let value = request.header(name)?;
            value.map_or(Ok(()), |value| take(value, Some(place)))
        }),
        SignatureSource::Numbered(stem) => {
            for (name, value) in head.fields() {
                let Some(number) = name.strip_prefix(stem.as_str()) else { continue };
                let plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
                if !plain || !number.parse().is_ok_and(|number: u32| (1..=MAX_NUMBER).contains(&number)) {
                    continue;
                }
                if head.values(name).count() > 1 {
                    return Err(Reason::Malformed);
                }
                take(trimmed(value), None)?;
            }
            Ok(())
        }
    }
}

fn read_one(signature: &Signature, value: &[u8], secret: Option<usize>, found: &mut Found) -> Result<(), Reason> {
    let text = std::str::from_utf8(value).map_err(|_| Reason::Malformed)?;
    let decoded = |text: &str| decode(text, signature.encoding).filter(|bytes| !bytes.is_empty());
    match &signature.style {
        Style::Whole { prefix } => {
            let text = match prefix {
                Prefix::None => text,
                Prefix::Must(prefix) => text.strip_prefix(prefix.as_str()).ok_or(Reason::Malformed)?,
                Prefix::May(prefix) => text.strip_prefix(prefix.as_str()).unwrap_or(text),
            };
            let bytes = decoded(text).ok_or(Reason::Malformed)?;
            found.candidates.push(Candidate { bytes, secret });
        }
        Style::Pairs { separator, names, strict } => {
            let mut any = false;
            for (n, entry) in text.split(*separator).enumerate() {
                let (name, value) = blanks(entry).split_once('=').ok_or(Reason::Malformed)?;
                if n >= MAX_SIGNATURES {
                    return Err(Reason::Malformed);
                }
                if names.iter().any(|wanted| wanted == name) {
                    any = true;
                    found.candidates.extend(decoded(value).map(|bytes| Candidate { bytes, secret }));
                } else {
                    found.pairs.push((name.to_owned(), value.to_owned()));
                }
            }
            if !any || *strict && found.pairs.len() > 1 {
                return Err(Reason::Malformed);
            }
        }
        Style::Versions { separator, mark, versions } => {
            for (n, entry) in text.split(*separator).enumerate() {
                if n >= MAX_SIGNATURES {
                    return Err(Reason::Malformed);
                }
                let Some((version, value)) = entry.split_once(*mark) else { continue };
                if versions.is_empty() || versions.iter().any(|known| known == version) {
                    found.candidates.extend(decoded(value).map(|bytes| Candidate { bytes, secret }));
                }
            }
        }
        Style::Token(_) | Style::Components(_) | Style::Detached(_) => {
            found.candidates.push(Candidate { bytes: value.to_vec(), secret })
        }
    }
    Ok(())
}

fn blanks(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// In the one spelling that there is of it; letters of hex may be of either case.
pub(super) fn decode(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Hex => hex(text),
        Encoding::Base64 => STANDARD.decode(text).ok(),
        Encoding::Base64url => URL_SAFE_NO_PAD.decode(text).ok(),
        Encoding::Raw => Some(text.as_bytes().to_vec()),
    }
}

/// The same the other way.
pub(super) fn encode(bytes: &[u8], encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Hex => bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(),
        Encoding::Base64 => STANDARD.encode(bytes).into_bytes(),
        Encoding::Base64url => URL_SAFE_NO_PAD.encode(bytes).into_bytes(),
        Encoding::Raw => bytes.to_vec(),
    }
}
