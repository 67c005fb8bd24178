//! The signed string: what the sender's secret was applied to, rebuilt from what was received.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use super::descriptor::{FieldSource, Fields, Listed, Segment, Urls};
use super::error::Reason;
use super::form;
use super::request::{Request, trimmed};
use super::signatures::encode;
use crate::head::Single;
use crate::identity::is_header_name;

/// Most header fields that a sender may name as signed.
pub const MAX_LISTED_HEADERS: usize = 32;
/// Most spellings of one URL.
pub const MAX_URLS: usize = 4;

/// A signed string: what stands before the body, whether the body is in it, and what stands behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) before: Vec<u8>,
    pub(super) body: bool,
    pub(super) after: Vec<u8>,
}

impl Message {
    /// Its pieces in their order.
    pub(super) fn pieces<'a>(&'a self, body: &'a [u8]) -> [&'a [u8]; 3] {
        [&self.before, if self.body { body } else { &[] }, &self.after]
    }
}

/// What was read before the signed string is built.
#[derive(Clone, Debug, Default)]
pub(super) struct Read<'a> {
    /// As it was received.
    pub(super) timestamp: Option<Cow<'a, [u8]>>,
    pub(super) id: Option<Cow<'a, [u8]>>,
    /// The header fields that a token names.
    pub(super) listed: Vec<String>,
}

/// All signed strings that the sender may have meant: one, or one for each spelling of the URL.
pub(super) fn build(request: &Request<'_>, read: &Read<'_>) -> Result<Vec<Message>, Reason> {
    check_joints(request)?;
    let descriptor = &request.endpoint.descriptor;
    if !descriptor.facts.signs_url {
        return Ok(vec![build_with(&[], request, read)?]);
    }
    let mut messages: Vec<Message> = Vec::new();
    for url in urls(request, descriptor.urls)? {
        let message = build_with(&url, request, read)?;
        if !messages.contains(&message) {
            messages.push(message);
        }
    }
    Ok(messages)
}

/// The signed string with this spelling of the URL.
fn build_with(url: &[u8], request: &Request<'_>, read: &Read<'_>) -> Result<Message, Reason> {
    let mut message = Message { before: Vec::new(), body: false, after: Vec::new() };
    for segment in &request.endpoint.descriptor.signed {
        if *segment == Segment::Body {
            message.body = true;
            continue;
        }
        let to = if message.body { &mut message.after } else { &mut message.before };
        match segment {
            Segment::Optional(inner) => {
                let mut part = Vec::new();
                let mut there = true;
                for segment in inner {
                    there &= append(segment, request, read, url, &mut part)?;
                }
                if there {
                    to.extend_from_slice(&part);
                }
            }
            segment => {
                if !append(segment, request, read, url, to)? {
                    return Err(Reason::Missing);
                }
            }
        }
    }
    Ok(message)
}

/// Whether every signed value ends where the sender ended it: one that holds the text behind it could be cut there, and its rest
/// be taken for other values, under the same signature. The last value is bounded by the text before it.
fn check_joints(request: &Request<'_>) -> Result<(), Reason> {
    let descriptor = &request.endpoint.descriptor;
    if !descriptor.facts.has_values {
        return Ok(());
    }
    let segments: Vec<&Segment> = descriptor.segments().collect();
    let literal = |at: Option<usize>| match at.and_then(|at| segments.get(at)) {
        Some(Segment::Text(text)) => Some(text.as_slice()),
        Some(_) | None => None,
    };
    for (n, segment) in segments.iter().enumerate() {
        let (Segment::Value(place) | Segment::ValueOrNothing(place)) = segment else { continue };
        let beside = if n + 1 == segments.len() { n.checked_sub(1) } else { Some(n + 1) };
        let (Some(joint), false) = (literal(beside), descriptor.free.as_ref() == Some(place)) else { continue };
        let Some(value) = request.value(place)? else { continue };
        // With the joint behind it, so that none begins in the value and ends beyond.
        let joined = [&value, joint].concat();
        if joined.windows(joint.len()).position(|window| window == joint) != Some(value.len()) {
            return Err(Reason::Malformed);
        }
    }
    Ok(())
}

/// Appends one segment; false when its value is not there.
fn append(
    segment: &Segment,
    request: &Request<'_>,
    read: &Read<'_>,
    url: &[u8],
    to: &mut Vec<u8>,
) -> Result<bool, Reason> {
    let body = || request.body.ok_or(Reason::Malformed);
    let mut put = |value: Option<&[u8]>| {
        to.extend_from_slice(value.unwrap_or_default());
        value.is_some()
    };
    Ok(match segment {
        Segment::Text(text) => put(Some(text)),
        Segment::Timestamp => put(read.timestamp.as_deref()),
        Segment::Id => put(read.id.as_deref()),
        Segment::Method => put(Some(request.kept.method())),
        Segment::Url => put(Some(url)),
        Segment::Target => put(Some(request.kept.target())),
        Segment::Value(place) => put(request.value(place)?.as_deref()),
        Segment::ValueOrNothing(place) => {
            put(request.value(place)?.as_deref());
            true
        }
        Segment::Setting(name) => put(request.endpoint.setting(name).map(str::as_bytes)),
        Segment::BodySha256(encoding) => put(Some(&encode(&Sha256::digest(body()?), *encoding))),
        Segment::BodyCrc32 => put(Some(crc32(body()?).to_string().as_bytes())),
        Segment::Fields(fields) => {
            append_fields(fields, request, to)?;
            true
        }
        Segment::Listed(listed) => {
            append_listed(listed, request, read, to)?;
            true
        }
        // Both are the caller's.
        Segment::Body | Segment::Optional(_) => true,
    })
}

fn append_listed(listed: &Listed, request: &Request<'_>, read: &Read<'_>, to: &mut Vec<u8>) -> Result<(), Reason> {
    let mut names = match &listed.from {
        None => read.listed.clone(),
        Some(place) => {
            let text = request.value(place)?.ok_or(Reason::Missing)?;
            let text = std::str::from_utf8(&text).map_err(|_| Reason::Malformed)?;
            // In their order; a sort of its own would be more code than all the rest of this.
            let mut names: Vec<String> = Vec::new();
            for name in text.split(',').take(MAX_LISTED_HEADERS + 1) {
                let name = name.trim().to_ascii_lowercase();
                let at = names.iter().position(|other| *other > name).unwrap_or(names.len());
                names.insert(at, name);
            }
            names
        }
    };
    names.truncate(MAX_LISTED_HEADERS + 1);
    let is_there = |wanted: &String| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    if names.len() > MAX_LISTED_HEADERS || !listed.covered.iter().all(is_there) {
        return Err(Reason::Malformed);
    }
    for (n, name) in names.iter().enumerate() {
        let again = names.iter().take(n).any(|other| other.eq_ignore_ascii_case(name));
        if again || !is_header_name(name) {
            return Err(Reason::Malformed);
        }
        let value = match request.kept.head.single(name) {
            Single::One(value) => trimmed(value),
            Single::Absent => return Err(Reason::Missing),
            Single::Many => return Err(Reason::Malformed),
        };
        if n > 0 {
            to.extend_from_slice(listed.between.as_bytes());
        }
        to.extend_from_slice(name.as_bytes());
        to.extend_from_slice(listed.equals.as_bytes());
        to.extend_from_slice(value);
        // Nothing in a value may be taken for the field behind it.
        let joint = names.get(n + 1).map(|next| [&listed.between, next, &listed.equals].map(String::as_str).concat());
        if joint.is_some_and(|joint| value.windows(joint.len()).any(|window| window == joint.as_bytes())) {
            return Err(Reason::Malformed);
        }
    }
    if !names.is_empty() {
        to.extend_from_slice(listed.end.as_bytes());
    }
    Ok(())
}

fn append_fields(fields: &Fields, request: &Request<'_>, to: &mut Vec<u8>) -> Result<(), Reason> {
    let text = match fields.source {
        FieldSource::Query => request.query(),
        FieldSource::Form if request.kept.is_form() => request.body.ok_or(Reason::Malformed)?,
        // Else a body of another type would go by unsigned; where its digest is asked for, that covers it.
        FieldSource::Form if request.body.is_none_or(<[u8]>::is_empty) || request.endpoint.descriptor.asks_digest() => {
            &[]
        }
        FieldSource::Form => return Err(Reason::Malformed),
    };
    let mut all = form::fields(text).map_err(|_| Reason::Malformed)?;
    all.retain(|(name, _)| !fields.without.iter().any(|left_out| left_out.as_bytes() == name));
    // By name, and by value among those of one name.
    all.sort_unstable();
    if fields.distinct {
        all.dedup();
    }
    for (n, (name, value)) in all.iter().enumerate() {
        to.extend_from_slice(if n == 0 { fields.before.as_bytes() } else { fields.between.as_bytes() });
        let ambiguous = |bytes: &[u8]| bytes.iter().any(|byte| matches!(byte, b'&' | b'='));
        if fields.underscored && (ambiguous(name) || ambiguous(value)) {
            return Err(Reason::Malformed);
        }
        let put = |bytes: &[u8], to: &mut Vec<u8>| {
            if fields.encoded {
                form::encode(bytes, to);
            } else {
                to.extend_from_slice(bytes);
            }
        };
        put(name, to);
        to.extend_from_slice(fields.equals.as_bytes());
        put(value, to);
    }
    Ok(())
}

/// The spellings of the URL, first as it is configured and came.
pub(super) fn urls(request: &Request<'_>, urls: Urls) -> Result<Vec<Vec<u8>>, Reason> {
    let base = request.endpoint.base_url.as_ref().ok_or(Reason::Malformed)?;
    let target = request.kept.target();
    let mut bases = vec![base.as_str().to_owned()];
    if urls.ports {
        bases.extend(base.other_port());
    }
    let mut targets = vec![target.to_vec()];
    if urls.encoded {
        targets.push(browser_encoded(target));
    }
    let mut all: Vec<Vec<u8>> = Vec::new();
    for base in &bases {
        for target in &targets {
            let url = [base.as_bytes(), target].concat();
            if !all.contains(&url) {
                all.push(url);
            }
        }
    }
    all.truncate(MAX_URLS);
    Ok(all)
}

/// The query as browsers send it (WHATWG URL, "special-query percent-encode set").
fn browser_encoded(target: &[u8]) -> Vec<u8> {
    let at = target.iter().position(|&byte| byte == b'?').unwrap_or(target.len());
    let (path, query) = target.split_at_checked(at).unwrap_or((target, &[]));
    let mut encoded = path.to_vec();
    for &byte in query {
        if byte <= b' ' || byte >= 0x7f || b"\"#<>'".contains(&byte) {
            encoded.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            encoded.push(byte);
        }
    }
    encoded
}

/// CRC-32 (ISO 3309). No protection of anything: one sender signs it in place of the body.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_check_value_of_crc32_is_right() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(super::crc32(b""), 0);
    }

    #[test]
    fn queries_are_encoded_as_browsers_do() {
        let encoded = super::browser_encoded(b"/it's?a='\"<>#\x7f%27+ x");
        assert_eq!(encoded, b"/it's?a=%27%22%3C%3E%23%7F%27+%20x");
    }
}
