//! Header sections through the whole filter with rules like those of the reference configuration, for a caller without
//! rights.
//!
//! The first line is options: which body the request and the answer have, widths of their chunks, whether heads wait, and
//! which configuration. Then come the request (`METHOD TARGET`, fields, an empty line) and the answer (status, fields, an
//! empty line), and what is left is a body of any kind. A field that begins with `~` is a trailer. The byte 0x1F in a
//! value is a line feed.

use lockgate::exchange::Policy as _;
use lockgate::replay::{self, Answer, Content, Ending, Fields, Heads, MemoryHost, Outcome, Request};
use lockgate::revenue_strip::Policy;

use super::{Options, has_secret, line};

/// Bodies with a secret, one for each format. Number 0 is none, the last one what the input ends with.
const BODIES: [&str; 6] = [
    r#"{"id":1,"unit_cost":"TopSecret"}"#,
    "{\"margin\":[\"TopSecret\"]}\n{\"id\":1}\n",
    "\u{1e}{\"profit\":{\"a\":\"TopSecret\"}}\n",
    "id: 1\ndata: {\"unit_cost\":\"TopSecret\"}\n\n",
    "id,unit_cost\r\n1,TopSecret\r\n",
    // Nothing that anybody could inspect: not even a table of a header row alone.
    "\u{1}TopSecret\n\n",
];

const CONFIGURATIONS: [&str; 3] = [
    r#"{"rules": [
          {"name": "revenue", "match": {"paths": ["/api/**"]}, "action": "remove", "unless": {"roles": ["ADMIN"]}},
          {"name": "personal", "match": {"paths": ["/api/**"]}, "names": ["ssn"], "action": {"redact": "***"}},
          {"name": "sync", "match": {"paths": ["/api/*/sync/**"], "methods": ["POST", "PUT"]}, "direction": "request",
           "action": "remove"}],
        "protected": [{"name": "p", "match": {"paths": ["/api/reports/**"]}, "unless": {"roles": ["ADMIN"]}}]}"#,
    r#"{"identity": {"trusted_header": {"subject": "x-user"}}, "unnormalized": "rewrite", "on_uninspectable": "empty",
        "guard": true,
        "rules": [
          {"name": "revenue", "match": {"paths": ["/api/**"]}, "action": {"redact": null}, "unless": {"roles": ["ADMIN"]}},
          {"name": "sync", "match": {"paths": ["/api/*/sync/**"], "methods": ["POST", "PUT"]}, "direction": "request",
           "action": "remove"}]}"#,
    r#"{"graphql": {"match": {"paths": ["/api/graphql"]}, "aliases": "block"}, "limits": {"hold_bytes": 0},
        "rules": [
          {"name": "revenue", "match": {"paths": ["/api/**"]}, "action": "remove"},
          {"name": "sync", "match": {"paths": ["/api/*/sync/**"], "methods": ["POST", "PUT"]}, "direction": "request",
           "action": {"redact": 0}}]}"#,
];

thread_local! {
    static POLICIES: Vec<Policy> = CONFIGURATIONS
        .iter()
        .map(|text| Policy::from_json(text.as_bytes()).expect("a good configuration"))
        .collect();
}

pub(super) fn check(input: &[u8]) {
    let (mut options, rest) = Options::split(input);
    let (request_body, request_chunk) = (options.number(), options.number());
    let (answer_body, answer_chunk) = (options.number(), options.number());
    let heads = if options.flag() { Heads::Wait } else { Heads::GoOn };
    let configuration = options.number() % CONFIGURATIONS.len();

    let (start, rest) = line(rest);
    let start = String::from_utf8_lossy(start).into_owned();
    let (method, path) = start.split_once(' ').unwrap_or((&start, ""));
    let (headers, trailers, rest) = fields(rest);
    let (status, rest) = line(rest);
    let status = std::str::from_utf8(status).ok().and_then(|status| status.parse().ok()).unwrap_or(200);
    let (answer_headers, answer_trailers, rest) = fields(rest);

    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        content: Content { headers, trailers, body: body(request_body, rest), chunk: request_chunk },
    };
    let content = Content {
        headers: answer_headers,
        trailers: answer_trailers,
        body: body(answer_body, rest),
        chunk: answer_chunk,
    };
    let answer = Answer::Response { status, content: content.clone(), cut: false };
    let outcome = POLICIES
        .with(|policies| replay::run(&policies[configuration], &mut MemoryHost::default(), &request, &answer, heads));

    if let Some(forwarded) = &outcome.forwarded {
        let path = normal(&forwarded.path);
        no_new_lines(&forwarded.headers, &[&request.content.headers]);
        let takes = ["POST", "PUT"].iter().any(|method| method.eq_ignore_ascii_case(&forwarded.method));
        if takes && path.as_deref().is_some_and(under_sync) {
            nothing_unread(&request.content, &forwarded.headers, &forwarded.body, request_body);
        }
        assert!(path.is_some() || forwarded.path == "*", "a path with two readings went on: {}", forwarded.path);
    }
    no_new_lines(&outcome.headers, &[&content.headers]);
    let path = outcome.forwarded.as_ref().and_then(|forwarded| normal(&forwarded.path));
    if path.as_deref().is_some_and(under_api) && !matches!(outcome.ending, Ending::Reply(_)) {
        answer_is_clean(&request, &content, &outcome, answer_body);
    }
}

fn body(number: usize, rest: &[u8]) -> Vec<u8> {
    match number % (BODIES.len() + 2) {
        0 => Vec::new(),
        n => BODIES.get(n - 1).map_or_else(|| rest.to_vec(), |body| body.as_bytes().to_vec()),
    }
}

/// Whether a body of this number is one of ours.
fn is_ours(number: usize) -> bool {
    (1..=BODIES.len()).contains(&(number % (BODIES.len() + 2)))
}

/// Header fields, trailers, and what comes after the empty line.
fn fields(bytes: &[u8]) -> (Fields, Fields, &[u8]) {
    let (mut headers, mut trailers) = (Fields::new(), Fields::new());
    let mut rest = bytes;
    loop {
        let (field, more) = line(rest);
        rest = more;
        if field.is_empty() {
            return (headers, trailers, rest);
        }
        let (list, field) = match field.strip_prefix(b"~") {
            Some(field) => (&mut trailers, field),
            None => (&mut headers, field),
        };
        // A pseudo-header begins with a colon.
        let colon = field.iter().skip(1).position(|&byte| byte == b':').map_or(field.len(), |at| at + 1);
        let value = field.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let value = value.iter().map(|&byte| if byte == 0x1f { b'\n' } else { byte }).collect();
        list.push((String::from_utf8_lossy(&field[..colon]).to_lowercase(), value));
    }
}

/// The path of a target that went on, in small letters; `None` when it has two readings.
fn normal(target: &str) -> Option<String> {
    lockgate::path::check_normal(target.as_bytes()).ok()?;
    Some(target.split('?').next().unwrap_or_default().to_ascii_lowercase())
}

fn under_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

fn under_sync(path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    segments.next() == Some("api")
        && segments.next().is_some_and(|any| !any.is_empty())
        && segments.next() == Some("sync")
}

/// What the filter itself writes has no control bytes.
fn no_new_lines(headers: &Fields, given: &[&Fields]) {
    for (name, value) in headers {
        if !given.iter().any(|given| given.iter().any(|(_, other)| other == value)) {
            let bad = value.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t');
            assert!(!bad, "a control byte in {name}: {:?}", String::from_utf8_lossy(value));
        }
    }
}

/// Whether a message says that it is an image or the like, in the one way that everybody reads alike.
fn passes_unread(headers: &Fields) -> bool {
    let mut types = headers.iter().filter(|(name, _)| name == "content-type");
    let (Some((_, value)), None) = (types.next(), types.next()) else { return false };
    let value = String::from_utf8_lossy(value).to_ascii_lowercase();
    let essence = value.split(';').next().unwrap_or_default().trim();
    let kinds = ["image/", "font/", "audio/", "video/"];
    essence == "text/css" || kinds.iter().any(|kind| essence.starts_with(kind)) && !essence.contains("json")
}

/// A body of ours, on its way under a rule that acts: what it says of its size, and the secret.
fn nothing_unread(given: &Content, headers: &Fields, got: &[u8], number: usize) {
    if given.body.is_empty() || passes_unread(&given.headers) {
        return;
    }
    assert!(!headers.iter().any(|(name, _)| name == "content-length"), "the length of an edited body");
    if is_ours(number) {
        assert!(!has_secret(got), "a body passed unread: {:?}", String::from_utf8_lossy(got));
    }
}

fn answer_is_clean(request: &Request, given: &Content, outcome: &Outcome, number: usize) {
    for (name, value) in outcome.headers.iter().chain(&outcome.trailers) {
        let bare = name.strip_prefix("x-").unwrap_or(name);
        let taken = ["margin", "profit", "unit-cost", "unit_cost"].contains(&bare);
        assert!(!taken || value == b"null", "a field of the answer: {name}: {:?}", String::from_utf8_lossy(value));
    }
    let no_body = request.method == "HEAD" || matches!(outcome.status, 204 | 304);
    if no_body {
        assert!(outcome.body.is_empty());
        if !passes_unread(&given.headers) {
            let length = outcome.headers.iter().find(|(name, _)| name == "content-length");
            assert!(length.is_none_or(|(_, value)| value == b"0"), "the length of a body that would be edited");
        }
        return;
    }
    nothing_unread(given, &outcome.headers, &outcome.body, number);
    if !given.body.is_empty() && !passes_unread(&given.headers) {
        assert!(!outcome.trailers.iter().any(|(name, _)| name == "content-length"), "a length in trailers");
    }
    let cache = |name: &str| outcome.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone());
    let control = cache("cache-control").unwrap_or_default();
    let control = String::from_utf8_lossy(&control).to_ascii_lowercase();
    assert!(control.contains("private") || control.contains("no-store"), "a shared cache may keep it: {control}");
    assert!(cache("vary").is_some(), "no vary");
}
