//! Request heads: whatever stands in them, a portal sees nobody's word but the gate's, and no token.
//!
//! The first line is `METHOD TARGET`, each further line a field. `$T` is a good token, `$B` one that is wrongly signed.

use std::cell::RefCell;

use lockgate::jwt_auth::{Policy, REMOVED_HEADERS, REMOVED_PREFIXES};
use lockgate::replay::{Ending, Fields};
use lockgate::signature::SigningKey;

use super::jwt::{self, NOW_S};
use super::line;

const CONFIGURATION: &str = r#"{
    "providers": [{"name": "main", "issuer": "i", "audiences": [], "algorithms": ["HS256"], "hmac_secret": {"env": "SECRET"}}],
    "sources": [{"header": "authorization"}, {"header": "x-token"}, {"cookie": "s"}, {"query": "token"}],
    "access": {"rules": [
        {"match": {"paths": ["/public/**"]}, "public": true},
        {"match": {"paths": ["/hook"]}, "webhook": "w"},
        {"match": {"paths": ["/api/**"], "methods": ["GET", "POST"]}, "require": {}}]},
    "forward": {"headers": {"x-user-id": "sub", "x-kind": "kind"}, "token": "remove", "remove": ["x-extra"]},
    "fingerprint": {"cookie": "f"}, "unnormalized": "rewrite",
    "limits": {"failed_signatures": {"limit": 0}}}"#;

thread_local! {
    static POLICY: Policy = jwt::policy(CONFIGURATION);
    static TOKENS: RefCell<[String; 2]> = RefCell::new(tokens());
}

/// A good one, bound to the cookie `f=1`, and one of another key.
fn tokens() -> [String; 2] {
    let print = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
    let payload = format!(r#"{{"iss":"i","sub":"u-1","exp":{},"fingerprint":"{print}","kind":"k"}}"#, NOW_S + 600);
    [jwt::SECRET, "another secret that is as long as it has to be"].map(|secret| {
        let key = SigningKey::hmac(secret.as_bytes()).expect("long enough");
        jwt::sign(br#"{"alg":"HS256"}"#, payload.as_bytes(), &key)
    })
}

pub(super) fn check(input: &[u8]) {
    let [good, bad] = TOKENS.with(|tokens| tokens.borrow().clone());
    let fill = |text: &[u8]| String::from_utf8_lossy(text).replace("$T", &good).replace("$B", &bad);
    let (start, mut rest) = line(input);
    let start = fill(start);
    let (method, target) = start.split_once(' ').unwrap_or((start.as_str(), "/api/x"));
    let mut headers = Fields::new();
    while !rest.is_empty() {
        let (field, more) = line(rest);
        rest = more;
        let field = fill(field);
        let (name, value) = field.split_once(':').unwrap_or((field.as_str(), ""));
        if name.is_empty() || name.contains(char::is_control) {
            continue;
        }
        headers.push((name.to_owned(), value.trim_start_matches(' ').as_bytes().to_vec()));
    }
    let outcome = POLICY.with(|policy| jwt::ask(policy, &mut jwt::host(), method, target, headers.clone()));
    if outcome.ending != Ending::Pass {
        return;
    }
    let forwarded = outcome.forwarded.expect("it passed");
    let public = forwarded.path.starts_with("/public");
    let mut ours = Vec::new();
    for (name, value) in &forwarded.headers {
        let plain = name.to_ascii_lowercase().replace('_', "-");
        assert!(!REMOVED_PREFIXES.iter().any(|prefix| plain.starts_with(prefix)), "{name} of the client");
        match plain.as_str() {
            "x-user-id" | "x-kind" => ours.push((name.as_str(), value.as_slice())),
            "x-extra" => unreachable!("{name} of the client"),
            plain => assert!(!REMOVED_HEADERS.contains(&plain), "{name} of the client"),
        }
        let text = String::from_utf8_lossy(value);
        match plain.as_str() {
            "authorization" => assert!(!text.to_ascii_lowercase().starts_with("bearer "), "{text}"),
            "cookie" => assert!(
                !text.split(';').any(|cookie| cookie.trim_matches(|letter| letter <= ' ').starts_with("s=")),
                "{text}"
            ),
            _ => {}
        }
    }
    let query = forwarded.path.split_once('?').map_or("", |(_, query)| query);
    assert!(!query.split('&').any(|part| part.starts_with("token=")), "{query}");
    if public {
        assert!(ours.is_empty(), "{ours:?} for nobody");
        return;
    }
    // Only the good token, from one of the places, with its holder's cookie.
    assert!(matches!(method, "GET" | "POST"), "{method}");
    assert_eq!(ours, [("x-user-id", &b"u-1"[..]), ("x-kind", b"k")]);
    let there = |text: &str| text.contains(&good);
    assert!(there(target) || headers.iter().any(|(_, value)| there(&String::from_utf8_lossy(value))));
    let shows = |value: &[u8]| {
        let text: String = String::from_utf8_lossy(value).split_ascii_whitespace().collect();
        text.contains("f=1")
    };
    assert!(headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("cookie") && shows(value)));
}
