//! Probes of providers, which the gate answers itself: only those of the scheme, and to the letter.
//!
//! Some providers ask for a MAC over a text of theirs, under the key that signs deliveries. Whoever could choose that text
//! freely would be given a delivery's signature: so it is short, and has only letters, digits, `-` and `_`, which no object in
//! JSON and no form with a value has. What has no more than that as its body (`true`, `42`) is no delivery where anybody may ask.

use serde_json::json;

use super::config::Endpoint;
use super::descriptor::{Answer, Challenge, Place};
use super::keys::Key;
use super::pick::Picked;
use super::request::{Kept, Request};
use super::signatures::encode;
use crate::reply::Reply;

/// Longest text that is sent back, in bytes.
pub const MAX_ANSWERED_BYTES: usize = 256;
/// Longest text that is signed for a probe, in bytes.
pub const MAX_MAC_TOKEN_BYTES: usize = 64;

/// The answer to a probe that is not signed; `None`: it is none of the scheme's, and has to be signed.
pub(super) fn unsigned(endpoint: &Endpoint, kept: &Kept) -> Option<Reply> {
    answer(endpoint, kept, false, &[], None)
}

/// The answer to a probe that was verified as any delivery, with the secret at this place.
pub(super) fn signed(endpoint: &Endpoint, kept: &Kept, picked: &[Picked], secret: usize) -> Option<Reply> {
    answer(endpoint, kept, true, picked, Some(secret))
}

fn answer(endpoint: &Endpoint, kept: &Kept, signed: bool, picked: &[Picked], secret: Option<usize>) -> Option<Reply> {
    let request = Request::new(kept, endpoint, None);
    let value = |place: &Place| match place {
        Place::Json(path) => picked.iter().find(|(there, _)| **there == *path).and_then(|(_, value)| value.clone()),
        Place::Header(_) | Place::Query(_) | Place::Form(_) | Place::Pair(_) => {
            request.value(place).ok().flatten().and_then(|value| String::from_utf8(value.into_owned()).ok())
        }
    };
    let is = |challenge: &&Challenge| {
        challenge.signed == signed
            && challenge.method.as_bytes() == kept.method()
            && challenge.when.iter().all(|(place, wanted)| value(place).is_some_and(|given| given == *wanted))
            && challenge.token.as_ref().is_none_or(|place| value(place).is_some())
    };
    let challenge = endpoint.descriptor.challenges.iter().find(is)?;
    if let Some(place) = &challenge.secret {
        let given = value(place)?;
        if !endpoint.verify_token.as_ref()?.matches(given.as_bytes()) {
            return None;
        }
    }
    let token = challenge.token.as_ref().and_then(value).unwrap_or_default();
    let (content_type, body) = match &challenge.answer {
        Answer::Empty => ("", Vec::new()),
        Answer::Text => ("text/plain; charset=utf-8", plain(&token)?.as_bytes().to_vec()),
        Answer::Json { member } => ("application/json", json!({ member: plain(&token)? }).to_string().into_bytes()),
        Answer::Mac { token_member, member, prefix, encoding } => {
            if !(1..=MAX_MAC_TOKEN_BYTES).contains(&token.len()) || !token.bytes().all(is_of_mac_token) {
                return None;
            }
            let place = secret.or_else(|| endpoint.secrets.iter().position(|secret| !secret.needs_clock()))?;
            let Key::Mac(mac) = &endpoint.secrets.get(place)?.key else { return None };
            let mut mac = mac.clone();
            mac.update(token.as_bytes());
            let tag = String::from_utf8(encode(mac.finish().expose(), *encoding)).ok()?;
            let mut answer = json!({ member: format!("{prefix}{tag}") });
            if let (Some(name), Some(members)) = (token_member, answer.as_object_mut()) {
                members.insert(name.clone(), token.into());
            }
            ("application/json", answer.to_string().into_bytes())
        }
    };
    let mut reply = Reply::empty(200, "challenge");
    if !content_type.is_empty() {
        reply.headers.push(("content-type".into(), content_type.to_owned()));
        // What a caller chose comes back: no browser may take it for a page.
        reply.headers.push(("x-content-type-options".into(), "nosniff".to_owned()));
    }
    reply.body = body;
    Some(reply)
}

/// Whether a text that is signed for a probe may have this byte.
pub(super) fn is_of_mac_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Whether a whole body could be a text that is signed for a probe.
pub(super) fn is_mac_token(body: &[u8]) -> bool {
    (1..=MAX_MAC_TOKEN_BYTES).contains(&body.len()) && body.iter().copied().all(is_of_mac_token)
}

/// Whether anybody may have a text signed.
pub(super) fn signs_for_anybody(challenges: &[Challenge]) -> bool {
    challenges.iter().any(|challenge| !challenge.signed && matches!(challenge.answer, Answer::Mac { .. }))
}

/// A text that may be sent back: short, visible ASCII.
fn plain(token: &str) -> Option<&str> {
    let good = (1..=MAX_ANSWERED_BYTES).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    good.then_some(token)
}
