//! revenue-strip, rule by rule.

mod access;
mod actions;
mod audit;
mod chain;
mod configuration;
mod encodings;
mod framing;
mod gateway;
mod gathered;
mod graphql;
mod headers;
mod hostile;
mod http_2;
mod identity;
mod load;
mod media;
mod memory;
mod modes;
mod pairs;
mod paths;
mod requests;
mod shadow;
mod unheld;

use lockgate_envoy_tests::{End, Response};
use serde_json::Value;

/// Stands in every value that must not get out.
const SECRET: &str = "s3cr3t";

/// A body with secrets of every kind, and what is left of it.
const PART: &str = concat!(
    r#"{"id":1,"unit_cost":"s3cr3t","name":"pump é \"quoted\" \\","lines":[{"markup_percentage":12.50,"qty":2,"#,
    r#""nested":{"total_cost":["s3cr3t",{"x":"s3cr3t}]"}],"ok":true}},{"profit_margin":null},"unit_cost"],"#,
    r#""internalPricing":{"a":"s3cr3t"},"unit\u005fcost":"s3cr3t","costs_internal":1,"n":-0.10e+5,"tail":"end"}"#,
);
const PART_STRIPPED: &str = concat!(
    r#"{"id":1,"name":"pump é \"quoted\" \\","lines":[{"qty":2,"#,
    r#""nested":{"ok":true}},{},"unit_cost"],"#,
    r#""n":-0.10e+5,"tail":"end"}"#,
);

/// Lexemes are compared: where the white space beside a removed member stays is free.
fn lexemes(text: impl AsRef<[u8]>) -> String {
    let mut kept = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    for &byte in text.as_ref() {
        if in_string || !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            kept.push(byte);
        }
        in_string ^= byte == b'"' && !escaped;
        escaped = in_string && byte == b'\\' && !escaped;
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The audit record of a request in the access log: one JSON object a line, a line a decision.
#[track_caller]
fn audit_lines(record: &Value) -> Vec<Value> {
    let text = record["audit"].as_str().expect("an audit record");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Whole, 200, and with these lexemes.
#[track_caller]
fn assert_body(response: &Response, want: impl AsRef<[u8]>) {
    assert_eq!((response.status, response.end), (200, End::Complete), "{response}");
    assert_eq!(lexemes(&response.body), lexemes(want), "{response}");
}

/// No secret anywhere in what came over the connection.
#[track_caller]
fn assert_no_secret(response: &Response) {
    assert!(!response.shows(SECRET), "a secret got out: {response}");
}

/// A 502 problem, without a secret.
#[track_caller]
fn assert_refused(response: &Response) {
    assert_no_secret(response);
    response.problem(502);
}

/// A 502 problem or a transfer that was broken off: what is allowed when the head may have left.
#[track_caller]
fn assert_refused_or_broken(response: &Response) {
    assert_no_secret(response);
    match response.end {
        End::Broken => {}
        End::Complete => drop(response.problem(502)),
        End::Closed | End::Hung => panic!("neither refused nor broken off: {response}"),
    }
}
