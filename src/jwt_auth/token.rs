//! A token's three parts (RFC 7515, compact serialization), read strictly and before anything is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::Reason;
use crate::claims::{Limits, Value};
use crate::signature::Algorithm;

/// Objects and arrays inside each other in a token's header or payload.
pub const MAX_TOKEN_DEPTH: usize = 64;
/// Members of one object in a token's header or payload.
pub const MAX_TOKEN_MEMBERS: usize = 256;
/// Longest `kid`, in bytes.
pub const MAX_KID_BYTES: usize = 512;

const JSON: Limits = Limits { max_depth: MAX_TOKEN_DEPTH, max_members: MAX_TOKEN_MEMBERS };

/// A token as it claims to be: nothing of it is verified.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
    pub(crate) payload: Value,
    /// What is signed: header and payload as they were received.
    pub(crate) message: &'a [u8],
    pub(crate) signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Reads a token of at most `max_bytes`.
    pub(crate) fn read(text: &'a [u8], max_bytes: usize) -> Result<Self, Reason> {
        if text.len() > max_bytes {
            return Err(Reason::TokenLength);
        }
        let mut dots = text.iter().enumerate().filter(|&(_, &byte)| byte == b'.').map(|(at, _)| at);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(Reason::TokenFormat);
        };
        let message = text.get(..second).ok_or(Reason::TokenFormat)?;
        let header = decode(message.get(..first))?;
        let payload = decode(message.get(first + 1..))?;
        let signature = decode(text.get(second + 1..))?;
        let header = Value::read(&header, JSON).ok().filter(is_object).ok_or(Reason::HeaderFormat)?;
        // An extension that must be understood; none is. `b64` changes what is signed (RFC 7797).
        if header.member("crit").is_some() || header.member("b64").is_some() {
            return Err(Reason::Critical);
        }
        let algorithm = header.member("alg").and_then(Value::text).and_then(Algorithm::from_name);
        let algorithm = algorithm.ok_or(Reason::Algorithm)?;
        if let Some(cty) = header.member("cty")
            && media_type(cty.text().ok_or(Reason::HeaderFormat)?) == "jwt"
        {
            return Err(Reason::Nested);
        }
        let text = |name: &str, reason| match header.member(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Object(_)) => Err(reason),
        };
        let kid = text("kid", Reason::KeyIdFormat)?;
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(Reason::KeyIdFormat);
        }
        let typ = text("typ", Reason::HeaderFormat)?;
        let payload = Value::read(&payload, JSON).ok().filter(is_object).ok_or(Reason::PayloadFormat)?;
        Ok(Self { algorithm, kid, typ, payload, message, signature })
    }
}

/// A media type as header parameters name it (RFC 7515, section 4.1.9): letters of either case, `application/` left out.
pub(crate) fn media_type(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("application/") {
        Some(rest) if !rest.contains('/') => rest.to_owned(),
        Some(_) | None => lower,
    }
}

fn is_object(value: &Value) -> bool {
    matches!(value, Value::Object(_))
}

/// Base64url without padding, in its one form: unused bits are zero.
fn decode(part: Option<&[u8]>) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD.decode(part.unwrap_or_default()).map_err(|_| Reason::TokenFormat)
}
