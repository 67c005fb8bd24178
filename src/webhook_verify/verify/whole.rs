//! The verdict over a request that is here as a whole.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::{Keys, Live, MAX_TOKEN_BYTES, TOKEN_LEEWAY_MS, is_handed, look, read, to_text};
use crate::claims::{Decimal, Value};
use crate::host::Host;
use crate::jwt_auth;
use crate::table::Seed;
use crate::webhook_verify::challenge;
use crate::webhook_verify::config::Endpoint;
use crate::webhook_verify::descriptor::{Components, Detached, Encoding, MAX_PARTS, Style, Token};
use crate::webhook_verify::error::Reason;
use crate::webhook_verify::message::{self, Message, Read};
use crate::webhook_verify::request::{Kept, Request};
use crate::webhook_verify::signatures::{Candidate, encode};
use crate::webhook_verify::{components, detached};

/// Which secret has signed a request that is here as a whole; nothing is remembered.
pub(in crate::webhook_verify) fn verdict(
    endpoint: &Endpoint,
    kept: &Kept,
    body: &[u8],
    now_ms: Option<i64>,
    host: &mut dyn Host,
) -> Result<usize, Reason> {
    if challenge::signs_for_anybody(&endpoint.descriptor.challenges) && challenge::is_mac_token(body) {
        return Err(Reason::Malformed);
    }
    let live = Live(now_ms);
    if !live.is_any(endpoint) {
        return Err(Reason::NoSecret);
    }
    whole(Request::new(kept, endpoint, Some(body)), live, now_ms, None, host).map(|(secret, _, _)| secret)
}

/// The verdict over a request that is here as a whole.
pub(super) fn whole(
    request: Request<'_>,
    live: Live,
    now_ms: Option<i64>,
    seed: Option<&Seed>,
    host: &mut dyn Host,
) -> Result<(usize, Keys, Option<String>), Reason> {
    let endpoint = request.endpoint;
    let hasher = || seed.map(|seed| seed.hasher(endpoint.purpose.as_bytes()));
    let (keys, (secret, id)) = match &endpoint.descriptor.each {
        None => {
            let mut digest = hasher();
            let mut put = |piece: &[u8]| digest.iter_mut().for_each(|digest| digest.update(piece));
            let good = part(request, live, now_ms, &mut put, host)?;
            (digest.map_or(Keys::None, |digest| Keys::One(digest.finish())), good)
        }
        Some(path) => {
            let Some(Value::List(parts)) = path.find(request.json()?) else { return Err(Reason::Malformed) };
            if parts.is_empty() || parts.len() > MAX_PARTS {
                return Err(Reason::Malformed);
            }
            // Each part is remembered by itself: nothing signs which parts come together, or how often one does.
            let (mut first, mut seen, mut all) = (None, BTreeSet::new(), Vec::new());
            for value in parts {
                let mut signed = Vec::new();
                let mut put = |piece: &[u8]| signed.extend_from_slice(piece);
                let good = part(request.of_part(value), live, now_ms, &mut put, host)?;
                if let Some(mut digest) = hasher() {
                    digest.update(&signed);
                    all.push(digest.finish());
                }
                if !seen.insert(signed) {
                    return Err(Reason::Malformed);
                }
                first = first.or(Some(good));
            }
            (Keys::Parts(all), first.ok_or(Reason::Malformed)?)
        }
    };
    Ok((secret, keys, id))
}

/// The verdict over one signed part: which secret, and the id; `signed` is given what was signed.
fn part(
    mut request: Request<'_>,
    live: Live,
    now_ms: Option<i64>,
    signed: &mut dyn FnMut(&[u8]),
    host: &mut dyn Host,
) -> Result<(usize, Option<String>), Reason> {
    let endpoint = request.endpoint;
    let descriptor = &endpoint.descriptor;
    let candidates = look(&mut request)?;
    let read = read(&request, candidates.as_deref(), now_ms)?;
    let candidates = candidates.ok_or(Reason::Missing)?;
    match &descriptor.signature.style {
        Style::Token(token) => return token_verdict(token, &request, &candidates, live, now_ms, signed, host),
        Style::Components(wanted) => {
            return components_verdict(wanted, &request, &candidates, live, now_ms, signed, host);
        }
        Style::Detached(wanted) => return detached_verdict(wanted, &request, read, &candidates, live, signed, host),
        Style::Whole { .. } | Style::Pairs { .. } | Style::Versions { .. } => {}
    }
    let body = request.body.unwrap_or_default();
    let messages = if descriptor.signed.is_empty() {
        // The secret itself was sent; what came with it tells deliveries apart.
        vec![Message { before: Vec::new(), body: true, after: Vec::new() }]
    } else {
        message::build(&request, &read)?
    };
    let secret = signer_of(&messages, body, signed, |message| {
        live.signer(endpoint, &mut |n, key| {
            let fits = candidates.iter().filter(|candidate| candidate.secret.is_none_or(|secret| secret == n));
            key.verifies(descriptor.algorithm, message.pieces(body), &fits.collect::<Vec<_>>(), host)
        })
    })?;
    Ok((secret, read.id.and_then(to_text)))
}

/// Which secret has signed one of the texts that a sender may have meant; that text is `signed`. All are tried, however early one fits.
fn signer_of(
    messages: &[Message],
    body: &[u8],
    signed: &mut dyn FnMut(&[u8]),
    mut signer: impl FnMut(&Message) -> Option<usize>,
) -> Result<usize, Reason> {
    let good = messages.iter().fold(None, |good, message| {
        let secret = signer(message);
        good.or(secret.map(|secret| (secret, message)))
    });
    let (secret, message) = good.ok_or(Reason::Mismatch)?;
    message.pieces(body).into_iter().for_each(signed);
    Ok(secret)
}

fn components_verdict(
    wanted: &Components,
    request: &Request<'_>,
    candidates: &[Candidate],
    live: Live,
    now_ms: Option<i64>,
    signed: &mut dyn FnMut(&[u8]),
    host: &mut dyn Host,
) -> Result<(usize, Option<String>), Reason> {
    let endpoint = request.endpoint;
    let [all] = candidates else { return Err(Reason::Malformed) };
    let components::Signed { base, signature } = components::read(wanted, request, &all.bytes, now_ms)?;
    let candidate = Candidate { bytes: signature, secret: None };
    let signer = live.signer(endpoint, &mut |_, key| {
        key.verifies(endpoint.descriptor.algorithm, [&base, &[], &[]], &[&candidate], host)
    });
    let secret = signer.ok_or(Reason::Mismatch)?;
    signed(&base);
    Ok((secret, None))
}

fn detached_verdict(
    wanted: &Detached,
    request: &Request<'_>,
    mut read: Read<'_>,
    candidates: &[Candidate],
    live: Live,
    signed: &mut dyn FnMut(&[u8]),
    host: &mut dyn Host,
) -> Result<(usize, Option<String>), Reason> {
    let endpoint = request.endpoint;
    let [candidate] = candidates else { return Err(Reason::Malformed) };
    let token = detached::read(wanted, &candidate.bytes)?;
    read.listed = token.headers;
    let messages = message::build(request, &read)?;
    let body = request.body.unwrap_or_default();
    let secret = signer_of(&messages, body, signed, |message| {
        let payload = message.pieces(body).concat();
        let whole = [token.header, b".", &encode(&payload, Encoding::Base64url)].concat();
        live.signer(endpoint, &mut |_, key| key.verifies_token(token.algorithm, &whole, &token.signature, host))
    })?;
    Ok((secret, read.id.and_then(to_text)))
}

fn token_verdict(
    wanted: &Token,
    request: &Request<'_>,
    candidates: &[Candidate],
    live: Live,
    now_ms: Option<i64>,
    signed: &mut dyn FnMut(&[u8]),
    host: &mut dyn Host,
) -> Result<(usize, Option<String>), Reason> {
    let endpoint = request.endpoint;
    let [candidate] = candidates else { return Err(Reason::Malformed) };
    let token = jwt_auth::Token::read(&candidate.bytes, MAX_TOKEN_BYTES).map_err(|_| Reason::Malformed)?;
    if !wanted.algorithms.contains(&token.algorithm) {
        return Err(Reason::Malformed);
    }
    let text = |name: &str| token.payload.member(name).and_then(Value::text);
    if wanted.issuer.is_some() && text("iss") != wanted.issuer.as_deref() {
        return Err(Reason::Malformed);
    }
    let now_ms = now_ms.ok_or(Reason::NoClock)?;
    let date = |name: &str| match token.payload.member(name) {
        None => Ok(None),
        Some(Value::Number(text)) => {
            Decimal::read(text).and_then(|date| date.thousandths()).map(Some).ok_or(Reason::Malformed)
        }
        Some(_) => Err(Reason::Malformed),
    };
    match &wanted.issued {
        Some(name) => {
            let (issued_ms, _) = date(name)?.ok_or(Reason::Missing)?;
            if now_ms.saturating_sub(issued_ms) > endpoint.past_ms {
                return Err(Reason::Stale);
            }
            if issued_ms.saturating_sub(now_ms) > endpoint.future_ms {
                return Err(Reason::Future);
            }
        }
        None => {
            let (expires_ms, _) = date("exp")?.ok_or(Reason::Missing)?;
            let (_, begins_ms) = date("nbf")?.ok_or(Reason::Missing)?;
            if now_ms > expires_ms.saturating_add(TOKEN_LEEWAY_MS) {
                return Err(Reason::Stale);
            }
            if now_ms < begins_ms.saturating_sub(TOKEN_LEEWAY_MS) {
                return Err(Reason::Future);
            }
            // It must not stay good for longer than it is remembered.
            if expires_ms.saturating_sub(now_ms) > endpoint.past_ms.saturating_add(endpoint.future_ms) {
                return Err(Reason::Future);
            }
        }
    }
    let signer =
        live.signer(endpoint, &mut |_, key| key.verifies_token(token.algorithm, token.message, &token.signature, host));
    let secret = signer.ok_or(Reason::Mismatch)?;
    let body = request.body.unwrap_or_default();
    let is_digest_of = |claim: &str, bytes: &[u8]| {
        text(claim).is_some_and(|text| text.as_bytes() == encode(&Sha256::digest(bytes), Encoding::Hex))
    };
    if let Some(claim) = &wanted.body_sha256 {
        let holds = match token.payload.member(claim) {
            None => wanted.empty_without && body.is_empty(),
            Some(_) if wanted.empty_without && body.is_empty() => false,
            Some(_) => is_digest_of(claim, body),
        };
        if !holds {
            return Err(Reason::Mismatch);
        }
    }
    if let Some(claim) = &wanted.url_sha256 {
        let urls = message::urls(request, endpoint.descriptor.urls)?;
        if !urls.iter().any(|url| is_digest_of(claim, url)) {
            return Err(Reason::Mismatch);
        }
    }
    signed(token.message);
    let id = text("jti").filter(|id| is_handed(id.as_bytes())).map(str::to_owned);
    Ok((secret, id))
}
