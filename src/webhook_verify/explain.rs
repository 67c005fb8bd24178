//! What a verification does, step by step, for people who look for the reason why one fails. Never a secret, and never the
//! signature that would be right.

use sha2::{Digest as _, Sha256};

use super::Policy;
use super::components;
use super::config::Endpoint;
use super::descriptor::{Encoding, Place, Style};
use super::error::Reason;
use super::keys::Key;
use super::message;
use super::request::{Kept, Request};
use super::signatures::{Candidate, encode};
use super::verify::{look, read};
use crate::head::Head;
use crate::host::Host;
use crate::path::{PathPattern, of_target};

/// Longest part of the signed string that is shown, in bytes.
pub const MAX_SHOWN_BYTES: usize = 2048;

/// The steps, and whether the request is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// One line each.
    pub lines: Vec<String>,
    /// Whether a signature fits; replay is not looked at.
    pub good: bool,
}

impl Policy {
    /// Explains what becomes of a request: `head` with its pseudo-headers, and the whole body.
    pub fn explain(&self, head: &Head, body: &[u8], now_ms: Option<u64>, host: &mut dyn Host) -> Explanation {
        let mut lines = Vec::new();
        let good = self.steps(head, body, now_ms, host, &mut lines).is_some();
        Explanation { lines, good }
    }

    fn steps(
        &self,
        head: &Head,
        body: &[u8],
        now_ms: Option<u64>,
        host: &mut dyn Host,
        lines: &mut Vec<String>,
    ) -> Option<()> {
        let method = head.values(":method").next().unwrap_or_default();
        let target = head.values(":path").next().unwrap_or_default();
        let Some((_, endpoint, pattern)) = self.0.config.endpoint(method, of_target(target)) else {
            lines.push("endpoint: none matches this method and path, so nothing is verified".to_owned());
            return None;
        };
        let pattern = endpoint.matches.paths().get(pattern).map_or("", PathPattern::as_str);
        lines.push(format!("endpoint: `{}`, by its path {pattern}", endpoint.name));
        let descriptor = &endpoint.descriptor;
        let now_ms = now_ms.and_then(|now| i64::try_from(now).ok());
        let kept = Kept::new(descriptor, method, target, head);
        let mut request = Request::new(&kept, endpoint, Some(body));
        for place in descriptor.places().into_iter().filter(|place| !matches!(place, Place::Pair(_))) {
            let value = match request.value(place) {
                Ok(Some(value)) => format!("`{}`", shown(&value)),
                Ok(None) => "not there".to_owned(),
                Err(_) => "there twice, or unreadable".to_owned(),
            };
            // What is sent as it is, is the secret; so is what a probe proves itself by.
            let by_token = matches!(endpoint.secrets.first().map(|secret| &secret.key), Some(Key::Token(_)));
            let of_probe = descriptor.challenges.iter().any(|challenge| challenge.secret.as_ref() == Some(place));
            let value = if by_token || of_probe { "…".to_owned() } else { value };
            lines.push(format!("{}: {value}", named(place)));
        }
        if let (Style::Components(wanted), Ok(Some(signatures))) =
            (&descriptor.signature.style, request.value(&Place::Header("signature".to_owned())))
        {
            match components::read(wanted, &request, &signatures, now_ms) {
                Ok(components::Signed { base, .. }) => lines.push(format!(
                    "signed string: {} bytes, SHA-256 {}, `{}`",
                    base.len(),
                    hex(&Sha256::digest(&base)),
                    shown(&base)
                )),
                Err(reason) => lines.push(format!("the signed string cannot be built: {}", why(reason, endpoint))),
            }
        }
        let by_token =
            matches!(descriptor.signature.style, Style::Token(_) | Style::Components(_) | Style::Detached(_));
        if descriptor.each.is_some() || by_token {
            lines.push(
                "the body is a list of signed parts, or the signature a token: it is verified as a whole".to_owned(),
            );
            return self.verdict(endpoint, &kept, body, now_ms, host, lines);
        }
        let looked = look(&mut request).and_then(|candidates| {
            let read = read(&request, candidates.as_deref(), now_ms)?;
            Ok((candidates, read))
        });
        let (candidates, read) = match looked {
            Ok(found) => found,
            Err(reason) => {
                lines.push(format!("refused before anything is computed: {}", why(reason, endpoint)));
                return None;
            }
        };
        if let Some(time) = &read.timestamp {
            lines.push(format!("time as it was received: `{}`, within the window", shown(time)));
        }
        let candidates = candidates.unwrap_or_default();
        lines.push(format!("signatures that can be decoded: {}", candidates.len()));
        let messages = match message::build(&request, &read) {
            Ok(messages) => messages,
            Err(reason) => {
                lines.push(format!("the signed string cannot be built: {}", why(reason, endpoint)));
                return None;
            }
        };
        for message in &messages {
            let whole = message.pieces(body).concat();
            lines.push(format!(
                "signed string: {} bytes, SHA-256 {}, `{}`",
                whole.len(),
                hex(&Sha256::digest(&whole)),
                shown(&whole)
            ));
        }
        let verdict = self.verdict(endpoint, &kept, body, now_ms, host, lines);
        if verdict.is_none() {
            hints(endpoint, &kept, body, now_ms, &candidates, host, lines);
        }
        verdict
    }

    fn verdict(
        &self,
        endpoint: &Endpoint,
        kept: &Kept,
        body: &[u8],
        now_ms: Option<i64>,
        host: &mut dyn Host,
        lines: &mut Vec<String>,
    ) -> Option<()> {
        match super::verify::verdict(endpoint, kept, body, now_ms, host) {
            Ok(secret) => {
                lines.push(format!("good: secrets[{secret}] makes this signature"));
                Some(())
            }
            Err(reason) => {
                lines.push(format!("refused: {}", why(reason, endpoint)));
                None
            }
        }
    }
}

/// What senders and proxies do to bodies: would the signature be right without it?
fn hints(
    endpoint: &Endpoint,
    kept: &Kept,
    body: &[u8],
    now_ms: Option<i64>,
    candidates: &[Candidate],
    host: &mut dyn Host,
    lines: &mut Vec<String>,
) {
    if candidates.is_empty() {
        return;
    }
    let trimmed = body.trim_ascii().to_vec();
    let ended = [body, b"\n"].concat();
    let unix: Vec<u8> = String::from_utf8_lossy(body).replace("\r\n", "\n").into_bytes();
    let compact = serde_json::from_slice::<serde_json::Value>(body).map(|json| json.to_string().into_bytes());
    let tries = [
        ("without the white space around it: something added some on the way", Some(trimmed)),
        ("with a line feed at its end: something cut it off", Some(ended)),
        ("with LF for CR LF: something has changed line ends", Some(unix)),
        ("as compact JSON: something has formatted it on the way", compact.ok()),
        ("empty: the body got lost before it was signed, or is not signed", Some(Vec::new())),
    ];
    for (what, changed) in tries {
        if let Some(changed) = changed.filter(|changed| changed != body)
            && super::verify::verdict(endpoint, kept, &changed, now_ms, host).is_ok()
        {
            lines.push(format!("hint: the signature is that of the body {what}"));
            return;
        }
    }
    lines.push(
        "hint: the secret is another one, or in another format, or the scheme is; a body is signed byte by byte"
            .to_owned(),
    );
}

fn why(reason: Reason, endpoint: &Endpoint) -> String {
    let (past_s, future_s) = (endpoint.past_ms / 1000, endpoint.future_ms / 1000);
    match reason {
        Reason::Missing => "missing: a value that the scheme needs is not there".to_owned(),
        Reason::Malformed => "malformed: a value stands twice, or is not written as the scheme writes it".to_owned(),
        Reason::Stale => format!("stale: its time is more than {past_s} s ago; compare the clocks"),
        Reason::Future => format!("future: its time is more than {future_s} s ahead; compare the clocks"),
        Reason::Mismatch => "mismatch: none of the secrets makes this signature".to_owned(),
        Reason::NoSecret => "no_secret: no secret is valid at this time".to_owned(),
        Reason::NoClock => "no_clock: say when, with --now".to_owned(),
        reason => reason.code().to_owned(),
    }
}

fn named(place: &Place) -> String {
    match place {
        Place::Header(name) => format!("header {name}"),
        Place::Query(name) => format!("query {name}"),
        Place::Form(name) => format!("form field {name}"),
        Place::Json(path) => format!("JSON /{}", path.steps().join("/")),
        Place::Pair(name) => format!("beside the signature, {name}"),
    }
}

/// Bytes as text, with escapes, cut.
fn shown(bytes: &[u8]) -> String {
    let text = bytes.get(..MAX_SHOWN_BYTES).unwrap_or(bytes).escape_ascii().to_string().replace("\\\"", "\"");
    if bytes.len() > MAX_SHOWN_BYTES { format!("{text}…") } else { text }
}

fn hex(bytes: &[u8]) -> String {
    String::from_utf8(encode(bytes, Encoding::Hex)).unwrap_or_default()
}
