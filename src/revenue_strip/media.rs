//! Media types (RFC 9110, section 8.3): which bodies are JSON, which pass unread, which cannot be inspected.

mod pass;

use crate::csv::Dialect;
use crate::head::{Head, Single};

use super::error::Reason;

pub(super) use self::pass::{DEFAULT_PASS_TYPES, PassType};

/// What a head says of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// One JSON text.
    Json,
    /// JSON texts, one after another, divided by line feeds (NDJSON, JSON Lines).
    Lines,
    /// JSON texts, one after another, each after a record separator (RFC 7464).
    Records,
    /// An event stream whose data is JSON.
    Events,
    /// A table with a header row.
    Table(Dialect),
    /// Its type says nothing: JSON when it begins as an object or array, else it cannot be inspected.
    Sniff,
    /// A type that passes unread, in any encoding.
    Pass,
}

/// Types that servers give to JSON by mistake or habit.
const SNIFFED: [&str; 7] = [
    "text/plain",
    "text/html",
    "application/octet-stream",
    "text/javascript",
    "application/javascript",
    "application/x-javascript",
    "application/x-json",
];

/// Types of JSON texts in lines. `stream+json` is Spring's older name for it.
const LINES: [&str; 10] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonl",
    "application/jsonlines",
    "application/x-jsonlines",
    "application/json-lines",
    "application/x-json-stream",
    "application/stream+json",
    "application/x-json-lines",
];

/// Reads type, charset and encoding of a message with a body.
pub(super) fn classify(head: &Head, pass_types: &[PassType]) -> Result<Media, Reason> {
    let media = match head.single("content-type") {
        Single::Absent => Media::Sniff,
        Single::Many => return Err(Reason::ContentType),
        Single::One(value) => {
            let value = std::str::from_utf8(value).map_err(|_| Reason::ContentType)?.to_ascii_lowercase();
            let (essence, parameters) = match value.split_once(';') {
                Some((essence, parameters)) => (essence, Some(parameters)),
                None => (value.as_str(), None),
            };
            let essence = essence.trim_matches([' ', '\t']);
            if value.trim().is_empty() {
                return if is_encoded(head) { Err(Reason::Encoding) } else { Ok(Media::Sniff) };
            }
            let (main, sub) = essence.split_once('/').ok_or(Reason::ContentType)?;
            if !is_token(main) || !is_token(sub) {
                return Err(Reason::ContentType);
            }
            if pass_types.iter().any(|pass| pass.fits(main, sub)) {
                return Ok(Media::Pass);
            }
            if !is_utf8(parameters.unwrap_or_default()) {
                return Err(Reason::Charset);
            }
            if let Some(media) = inspected(main, sub) {
                media
            } else if let Some(dialect) = Dialect::of_media_type(essence, parameters.unwrap_or_default()) {
                Media::Table(dialect.map_err(Reason::Csv)?)
            } else if SNIFFED.contains(&essence) {
                Media::Sniff
            } else {
                return Err(Reason::ContentType);
            }
        }
    };
    if is_encoded(head) {
        return Err(Reason::Encoding);
    }
    Ok(media)
}

/// The type, in lower case and without parameters, of a body that is text in UTF-8 and not encoded.
pub(super) fn inspectable_type(head: &Head) -> Result<String, Reason> {
    let Single::One(value) = head.single("content-type") else {
        return Err(Reason::ContentType);
    };
    let value = std::str::from_utf8(value).map_err(|_| Reason::ContentType)?.to_ascii_lowercase();
    let (essence, parameters) = value.split_once(';').unwrap_or((&value, ""));
    if !is_utf8(parameters) {
        return Err(Reason::Charset);
    }
    if is_encoded(head) {
        return Err(Reason::Encoding);
    }
    Ok(essence.trim_matches([' ', '\t']).to_owned())
}

/// Whether any coding but `identity` stands in `content-encoding`.
fn is_encoded(head: &Head) -> bool {
    head.values("content-encoding").any(|value| {
        value.split(|&byte| byte == b',').any(|coding| {
            let coding = coding.trim_ascii();
            !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")
        })
    })
}

/// How a type's bodies are inspected: `application/json`, `text/json` and everything `+json` (RFC 6839) as one text,
/// `json-seq` and everything `+json-seq` (RFC 8091) as records.
fn inspected(main: &str, sub: &str) -> Option<Media> {
    let essence = format!("{main}/{sub}");
    if LINES.contains(&essence.as_str()) {
        return Some(Media::Lines);
    }
    match (main, sub) {
        ("application" | "text", "json") => Some(Media::Json),
        ("application", "json-seq") => Some(Media::Records),
        ("text", "event-stream") => Some(Media::Events),
        (_, sub) if sub.ends_with("+json-seq") => Some(Media::Records),
        (_, sub) if sub.ends_with("+json") => Some(Media::Json),
        (_, _) => None,
    }
}

fn is_of_texts(media: Media) -> bool {
    matches!(media, Media::Json | Media::Lines | Media::Records)
}

/// Whether each charset parameter is UTF-8 or its subset ASCII. Parameters that cannot be read are not.
fn is_utf8(parameters: &str) -> bool {
    parameters.split(';').all(|parameter| {
        let parameter = parameter.trim_matches([' ', '\t']);
        match parameter.split_once('=') {
            Some((name, value)) if name.trim() == "charset" => {
                matches!(value.trim().trim_matches('"'), "utf-8" | "utf8" | "us-ascii")
            }
            Some((name, _)) => !name.contains("charset"),
            None => parameter.is_empty(),
        }
    })
}

fn is_token(text: &str) -> bool {
    crate::identity::is_header_name(text)
}

#[cfg(test)]
mod tests;
