//! JSON Web Signatures without their payload (RFC 7515, appendix F): the payload is what the scheme's segments say, and the
//! token's header names the header fields among them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::descriptor::Detached;
use super::error::Reason;
use super::verify::MAX_TOKEN_BYTES;
use crate::claims::{Limits, Value};
use crate::signature::Algorithm;

const HEADER: Limits = Limits { max_depth: 4, max_members: 32 };

/// A token without a payload.
pub(super) struct Token<'a> {
    /// Its header as it is signed: encoded.
    pub(super) header: &'a [u8],
    pub(super) algorithm: Algorithm,
    /// The header fields that it names, in its order and spelling.
    pub(super) headers: Vec<String>,
    pub(super) signature: Vec<u8>,
}

/// Reads a token. Where its key could be fetched (`jku`) is not looked at: keys are the configuration's.
pub(super) fn read<'a>(wanted: &Detached, text: &'a [u8]) -> Result<Token<'a>, Reason> {
    if text.len() > MAX_TOKEN_BYTES {
        return Err(Reason::Malformed);
    }
    let mut parts = text.split(|&byte| byte == b'.');
    let (Some(header), Some([]), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Reason::Malformed);
    };
    let decoded = |text: &[u8]| URL_SAFE_NO_PAD.decode(text).map_err(|_| Reason::Malformed);
    let said = Value::read(&decoded(header)?, HEADER).map_err(|_| Reason::Malformed)?;
    // Extensions that must be understood; none is.
    if said.member("crit").is_some() || said.member("b64").is_some() {
        return Err(Reason::Malformed);
    }
    let member = |name: &str| said.member(name).and_then(Value::text);
    let algorithm = member("alg").and_then(Algorithm::from_name).filter(|given| wanted.algorithms.contains(given));
    if !wanted.is.iter().all(|(name, value)| member(name) == Some(value)) {
        return Err(Reason::Malformed);
    }
    let headers = match member(&wanted.headers) {
        None if said.member(&wanted.headers).is_some() => return Err(Reason::Malformed),
        None | Some("") => Vec::new(),
        Some(names) => names.split(',').map(|name| name.trim().to_owned()).collect(),
    };
    Ok(Token { header, algorithm: algorithm.ok_or(Reason::Malformed)?, headers, signature: decoded(signature)? })
}
