//! Tokens: any text is refused, and what passes when it is well signed has one reading only.
//!
//! The first line is an option. `0`: the rest is sent as a token, which nobody has signed. `1`: the next line is a header, the
//! rest a payload, and both are signed.

use std::collections::BTreeMap;

use lockgate::jwt_auth::Policy;
use lockgate::signature::SigningKey;
use serde_json::Value;
use serde_json::value::RawValue;

use super::jwt::{self, NOW_S};
use super::{Options, line};

const CONFIGURATION: &str = r#"{
    "providers": [{"name": "main", "issuer": "i", "audiences": ["a", "b"], "algorithms": ["HS256"], "leeway_s": 10,
        "hmac_secret": {"env": "SECRET"}, "require": {"type": ["access", 7]}, "required": ["sub"], "max_lifetime_s": 1000}],
    "systems": {"s": {"paths": ["/api/**"], "roles": {"r": "R"}}},
    "access": {"roles": {"R": {"systems": ["s"], "permissions": ["p:*"]}}, "rules": [{"match": {"paths": ["/api/**"]}, "require": {}}]},
    "forward": {"headers": {"x-user-id": "sub", "x-any": "x", "x-role": {"identity": "roles"}}},
    "revocation": {"not_before": {"i": 1699990000}},
    "limits": {"failed_signatures": {"limit": 0}, "max_token_bytes": 4096}}"#;

thread_local! {
    static POLICY: Policy = jwt::policy(CONFIGURATION);
}

pub(super) fn check(input: &[u8]) {
    let (mut options, rest) = Options::split(input);
    POLICY.with(|policy| match options.flag() {
        false => {
            let status = jwt::bearer(policy, &mut jwt::host(), rest);
            assert_eq!(status, Some(401), "nobody signed it");
        }
        true => check_signed(policy, rest),
    });
}

fn check_signed(policy: &Policy, rest: &[u8]) {
    let (header, payload) = line(rest);
    let key = SigningKey::hmac(jwt::SECRET.as_bytes()).expect("long enough");
    let token = jwt::sign(header, payload, &key);
    let mut host = jwt::host();
    let status = jwt::bearer(policy, &mut host, token.as_bytes());
    // Remembered or not: the same.
    assert_eq!(jwt::bearer(policy, &mut host, token.as_bytes()), status, "the second time");
    let Some(changed) = changed(&token) else { return };
    assert_eq!(jwt::bearer(policy, &mut host, changed.as_bytes()), Some(401), "another signature");
    if status.is_some() {
        return;
    }
    assert!(token.len() <= 4096);
    let header = members(header);
    assert_eq!(header["alg"], "HS256");
    assert!(!header.contains_key("crit") && !header.contains_key("b64"));
    let payload = members(payload);
    assert_eq!(payload["iss"], "i");
    let audiences = payload["aud"].as_array().cloned().unwrap_or_else(|| vec![payload["aud"].clone()]);
    assert!(audiences.iter().any(|audience| audience == "a" || audience == "b"), "{audiences:?}");
    assert!(payload["sub"].is_string());
    assert!(payload["type"] == "access" || payload["type"].as_f64() == Some(7.0));
    let date = |name: &str| payload[name].as_f64().expect("a number");
    // Floating point knows these to well below a millisecond.
    let (now, leeway, little) = (NOW_S as f64, 10.0, 0.01);
    assert!(now < date("exp") + leeway + little, "expired");
    assert!(date("iat") - leeway <= now + little, "issued ahead");
    assert!(date("iat") + little >= 1_699_990_000.0, "of before");
    assert!(date("exp") - date("iat") <= 1000.0 + little, "lives long");
    if payload.contains_key("nbf") {
        assert!(date("nbf") - leeway <= now + little, "not yet");
    }
    host.now_ms = Some((NOW_S + 2000) * 1000);
    assert_eq!(jwt::bearer(policy, &mut host, token.as_bytes()), Some(401), "remembered for ever");
}

/// The members of a JSON object; what its reader cannot hold, such as 1e400, is null. None of those we ask for is.
fn members(text: &[u8]) -> BTreeMap<String, Value> {
    let raw: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(text).expect("only JSON passes");
    raw.into_iter().map(|(name, raw)| (name, serde_json::from_str(raw.get()).unwrap_or_default())).collect()
}

/// The token with another first letter of its signature.
fn changed(token: &str) -> Option<String> {
    let (message, signature) = token.rsplit_once('.')?;
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    Some(format!("{message}.{other}{}", signature.get(1..)?))
}
