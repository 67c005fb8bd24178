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
