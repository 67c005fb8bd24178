//! Media types (RFC 9110, section 8.3): which bodies are JSON, which pass unread, which cannot be inspected.

use crate::config::ConfigError;
use crate::csv::Dialect;
use crate::head::{Head, Single};

use super::error::Reason;

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

/// Types that pass unread unless the configuration names others. None of them carries JSON.
pub(super) const DEFAULT_PASS_TYPES: [&str; 5] = ["image/*", "font/*", "audio/*", "video/*", "text/css"];

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

/// A `type/subtype` or `type/*`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PassType {
    main: String,
    sub: Option<String>,
}

impl PassType {
    /// The error's path is empty.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let refuse = |why| Err(ConfigError::new("", format_args!("`{text}` {why}")));
        let lower = text.to_ascii_lowercase();
        let Some((main, sub)) = lower.split_once('/') else {
            return refuse("is no media type such as image/*");
        };
        if !is_token(main) || !is_token(sub) || main == "*" || sub.contains('*') && sub != "*" {
            return refuse("is no media type such as image/* or text/css");
        }
        let everything_json = main == "application" || main == "text";
        let json = main != "*" && sub != "*" && inspected(main, sub).is_some_and(is_of_texts);
        if sub == "*" && everything_json || json || sub.contains("json") {
            return refuse("would let JSON pass unread");
        }
        Ok(Self { main: main.to_owned(), sub: (sub != "*").then(|| sub.to_owned()) })
    }

    fn fits(&self, main: &str, sub: &str) -> bool {
        match &self.sub {
            Some(want) => self.main == main && want == sub,
            // There are clients that take every type with `json` in it for JSON.
            None => self.main == main && inspected(main, sub).is_none() && !sub.contains("json"),
        }
    }
}

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
mod tests {
    use super::{DEFAULT_PASS_TYPES, Media, PassType, Reason, classify};
    use crate::csv::{Dialect, Fault};
    use crate::head::Head;

    fn read(fields: &[(&str, &str)]) -> Result<Media, Reason> {
        let pass: Vec<_> = DEFAULT_PASS_TYPES.iter().map(|text| PassType::parse(text).unwrap()).collect();
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        classify(&Head::new(fields, false), &pass)
    }

    #[test]
    fn types_are_read_strictly() {
        let cases = [
            ("application/json", Ok(Media::Json)),
            ("Application/JSON; charset=UTF-8", Ok(Media::Json)),
            ("application/json;charset=\"utf-8\"", Ok(Media::Json)),
            ("application/json; charset=us-ascii ; v=1", Ok(Media::Json)),
            ("application/json;", Ok(Media::Json)),
            ("text/json", Ok(Media::Json)),
            ("application/problem+json", Ok(Media::Json)),
            ("application/vnd.api+json", Ok(Media::Json)),
            ("image/svg+json", Ok(Media::Json)),
            ("application/json; charset=utf-16", Err(Reason::Charset)),
            ("application/json; charset=iso-8859-1", Err(Reason::Charset)),
            ("application/json; charset=utf-8; charset=utf-16", Err(Reason::Charset)),
            ("application/json; charset*=utf-16", Err(Reason::Charset)),
            ("application/json; charset", Err(Reason::Charset)),
            ("text/plain", Ok(Media::Sniff)),
            ("text/html; charset=utf-8", Ok(Media::Sniff)),
            ("text/plain; charset=utf-16", Err(Reason::Charset)),
            ("application/octet-stream", Ok(Media::Sniff)),
            ("application/x-ndjson", Ok(Media::Lines)),
            ("Application/NDJSON; charset=utf-8", Ok(Media::Lines)),
            ("application/jsonl", Ok(Media::Lines)),
            ("application/jsonlines", Ok(Media::Lines)),
            ("application/x-jsonlines", Ok(Media::Lines)),
            ("application/stream+json", Ok(Media::Lines)),
            ("application/x-ndjson; charset=utf-16", Err(Reason::Charset)),
            ("application/json-seq", Ok(Media::Records)),
            ("application/geo+json-seq", Ok(Media::Records)),
            ("text/event-stream;charset=UTF-8", Ok(Media::Events)),
            ("text/event-stream; charset=latin1", Err(Reason::Charset)),
            ("application/event-stream", Err(Reason::ContentType)),
            ("text/ndjson", Err(Reason::ContentType)),
            ("application/graphql-response+json", Ok(Media::Json)),
            ("image/x+json-seq", Ok(Media::Records)),
            ("text/csv", Ok(Media::Table(Dialect::Detect))),
            ("text/CSV; charset=UTF-8; header=present", Ok(Media::Table(Dialect::Detect))),
            ("text/csv; header=absent", Err(Reason::Csv(Fault::NoHeader))),
            ("text/csv; delimiter=x", Err(Reason::Csv(Fault::Parameter))),
            ("text/csv; charset=windows-1252", Err(Reason::Charset)),
            ("text/tab-separated-values", Ok(Media::Table(Dialect::Tabs))),
            ("application/pdf", Err(Reason::ContentType)),
            ("multipart/mixed; boundary=x", Err(Reason::ContentType)),
            ("application/xml", Err(Reason::ContentType)),
            ("json", Err(Reason::ContentType)),
            ("application/json, text/css", Err(Reason::ContentType)),
            ("application/json\u{a0}", Err(Reason::ContentType)),
            ("", Ok(Media::Sniff)),
            (";charset=utf-8", Err(Reason::ContentType)),
            ("image/png", Ok(Media::Pass)),
            ("image/json", Err(Reason::ContentType)),
            ("audio/x.json", Err(Reason::ContentType)),
            ("font/woff2", Ok(Media::Pass)),
            ("text/css; charset=utf-16", Ok(Media::Pass)),
            ("images/png", Err(Reason::ContentType)),
        ];
        for (value, want) in cases {
            assert_eq!(read(&[("content-type", value)]), want, "{value}");
        }
        assert_eq!(read(&[]), Ok(Media::Sniff), "no type");
        let twice = [("content-type", "application/json"), ("content-type", "image/png")];
        assert_eq!(read(&twice), Err(Reason::ContentType), "two types");
    }

    #[test]
    fn what_is_encoded_cannot_be_inspected() {
        let json = ("content-type", "application/json");
        for (encoding, want) in [
            ("identity", Ok(Media::Json)),
            ("", Ok(Media::Json)),
            ("gzip", Err(Reason::Encoding)),
            ("identity, br", Err(Reason::Encoding)),
            ("x-unknown", Err(Reason::Encoding)),
        ] {
            assert_eq!(read(&[json, ("content-encoding", encoding)]), want, "{encoding}");
        }
        let stacked = [json, ("content-encoding", "identity"), ("content-encoding", "gzip")];
        assert_eq!(read(&stacked), Err(Reason::Encoding), "two fields");
        assert_eq!(read(&[("content-type", "image/png"), ("content-encoding", "gzip")]), Ok(Media::Pass));
        assert_eq!(read(&[("content-encoding", "gzip")]), Err(Reason::Encoding), "no type");
    }

    #[test]
    fn no_pass_type_lets_json_through() {
        for (text, fine) in [
            ("image/*", true),
            ("text/css", true),
            ("TEXT/CSS", true),
            ("application/pdf", true),
            ("*/*", false),
            ("application/*", false),
            ("text/*", false),
            ("application/json", false),
            ("model/gltf+json", false),
            ("application/*+json", false),
            ("application/x-json", false),
            ("application/x-ndjson", false),
            ("application/json-seq", false),
            ("application/jsonl", false),
            // By their own name these are no JSON: the operator's word counts.
            ("text/html", true),
            ("css", false),
            ("", false),
        ] {
            assert_eq!(PassType::parse(text).is_ok(), fine, "{text}");
        }
    }
}
