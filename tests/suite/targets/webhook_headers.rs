//! Request heads to endpoints of many schemes: nobody has signed them, so none passes, however its body is cut.
//!
//! The first line is a number that chooses the scheme and then the widths of the chunks; the second `METHOD TARGET`; then fields,
//! an empty line, and the body.

use std::collections::BTreeMap;

use lockgate::config::Environment;
use lockgate::exchange::Policy as _;
use lockgate::replay::{self, Answer, Content, Ending, Fields, Heads, MemoryHost, Outcome, Request};
use lockgate::webhook_verify::Policy;

use super::{Options, line};

pub(super) const NOW_S: u64 = 1_767_323_045;
pub(super) const SECRET: &str = "a secret that nobody can guess at all";
const SCHEMES: [&str; 23] = [
    "portal",
    "standard-webhooks",
    "stripe",
    "paddle",
    "slack",
    "twitch",
    "box",
    "twilio",
    "mercadopago",
    "adyen",
    "mailgun",
    "messagebird-jwt",
    "messagebird",
    "mollie",
    "docusign",
    "linear",
    "vonage-signed-query",
    "hubspot-v3",
    "meta",
    "zoom",
    "contentful",
    "braintree",
    "rfc9421-hmac-sha256",
];

thread_local! {
    static POLICIES: Vec<Policy> = SCHEMES.iter().map(|scheme| policy(scheme)).collect();
}

fn policy(scheme: &str) -> Policy {
    let url = match scheme {
        "twilio" | "messagebird-jwt" | "hubspot-v3" | "rfc9421-hmac-sha256" => {
            r#""base_url":"https://hooks.example:8443","#
        }
        _ => "",
    };
    let text = format!(
        r#"{{"endpoints":[{{"name":"w","match":{{"paths":["/**"]}},"scheme":"{scheme}",{url}"secrets":[{{"env":"S","format":"raw"}}]}}]}}"#
    );
    Policy::read(text.as_bytes(), &environment()).expect("a good configuration")
}

pub(super) fn environment() -> impl Environment {
    BTreeMap::from([("S".to_owned(), SECRET.to_owned())])
}

pub(super) fn check(input: &[u8]) {
    let (mut options, rest) = Options::split(input);
    let scheme = options.number() % SCHEMES.len();
    let chunk = options.number();
    let request = request(rest, 0);
    POLICIES.with(|policies| {
        let Some(policy) = policies.get(scheme) else { return };
        let whole = send(policy, &request);
        // These are about no path, so about no endpoint.
        let pathless = matches!((request.method.as_str(), request.path.as_str()), ("CONNECT", "") | ("OPTIONS", "*"));
        assert_eq!(whole.forwarded.is_some(), pathless, "nobody signed it");
        assert!(pathless || matches!(whole.ending, Ending::Reply(_)));
        let cut = send(policy, &Request { content: Content { chunk, ..request.content.clone() }, ..request });
        assert_eq!(whole, cut, "in chunks of {chunk}");
    });
}

pub(super) fn send(policy: &Policy, request: &Request) -> Outcome {
    let mut host = MemoryHost { now_ms: Some(NOW_S * 1000), ..MemoryHost::default() };
    let answer = Answer::Response { status: 200, content: Content::default(), cut: false };
    replay::run(policy, &mut host, request, &answer, Heads::Wait)
}

fn request(input: &[u8], chunk: usize) -> Request {
    let (start, mut rest) = line(input);
    let start = String::from_utf8_lossy(start);
    let (method, path) = start.split_once(' ').unwrap_or(("POST", "/"));
    let mut headers = Fields::new();
    while !rest.is_empty() {
        let (field, more) = line(rest);
        rest = more;
        if field.is_empty() {
            break;
        }
        let at = field.iter().position(|&byte| byte == b':').unwrap_or(field.len());
        let name = String::from_utf8_lossy(field.get(..at).unwrap_or_default()).into_owned();
        let value = field.get(at + 1..).unwrap_or_default().trim_ascii_start().to_vec();
        if !name.is_empty() && !name.contains(char::is_control) {
            headers.push((name, value));
        }
    }
    let content = Content { headers, body: rest.to_vec(), chunk, ..Content::default() };
    Request { method: method.to_owned(), path: path.to_owned(), content }
}
