//! Key sets: any bytes that an issuer may answer. What is fetched and what is written into the configuration come to the same
//! verdict, and a token passes only with its own key in the set.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate::config::NoEnvironment;
use lockgate::exchange::Policy as _;
use lockgate::host::CallResult;
use lockgate::jwt_auth::Policy;
use lockgate::signature::SigningKey;
use serde_json::{Value, json};

use super::jwt::{self, NOW_S};

const SEED: [u8; 32] = [7; 32];
/// The public half.
const X: &str = "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw";

fn configuration(keys: &str) -> String {
    format!(
        r#"{{"providers": [{{"name": "main", "issuer": null, "audiences": [],
            "algorithms": ["EdDSA", "RS256", "ES256", "ES384", "ES512"], "jwks": {{{keys}}}}}],
            "access": {{"rules": [{{"match": {{"paths": ["/api/**"]}}, "require": {{}}}}]}}}}"#
    )
}

pub(super) fn check(input: &[u8]) {
    let payload = json!({"exp": NOW_S + 600}).to_string();
    let key = SigningKey::ed25519_seed(&SEED).expect("32 bytes");
    let tokens = [r#"{"alg":"EdDSA","kid":"k"}"#, r#"{"alg":"EdDSA"}"#]
        .map(|header| jwt::sign(header.as_bytes(), payload.as_bytes(), &key));
    let remote = r#""remote": {"cluster": "c", "authority": "a", "path": "/k"}"#;
    let policy = Policy::from_json(configuration(remote).as_bytes()).expect("a good configuration");
    let mut host = jwt::host();
    let result = CallResult::Answered { status: 200, body: input.to_vec() };
    host.answers.insert(("c".to_owned(), "/k".to_owned()), result);
    policy.start(&mut host);
    host.work(&policy);
    let fetched = tokens.each_ref().map(|token| jwt::bearer(&policy, &mut host, token.as_bytes()));
    // Another worker reads it from the shared slot.
    let second = Policy::from_json(configuration(remote).as_bytes()).expect("a good configuration");
    second.start(&mut host);
    host.work(&second);
    let shared = tokens.each_ref().map(|token| jwt::bearer(&second, &mut host, token.as_bytes()));
    assert_eq!(shared, fetched, "another worker");
    let text = std::str::from_utf8(input).unwrap_or_default();
    if fetched.contains(&None) {
        let set: Value = serde_json::from_str(text).expect("a JSON set");
        let has = |key: &Value| key["x"] == X && key["kty"] == "OKP" && key["crv"] == "Ed25519";
        assert!(set["keys"].as_array().expect("keys").iter().any(has), "without its key");
        assert_eq!(URL_SAFE_NO_PAD.decode(X).map(|x| x.len()), Ok(32));
    }
    // Only what is JSON can be written into a configuration.
    if serde_json::from_str::<Value>(text).is_err() || text.trim().is_empty() {
        assert!(fetched.iter().all(|status| *status == Some(503)), "{fetched:?} of what is no JSON");
        return;
    }
    match Policy::read(configuration(&format!(r#""inline": {text}"#)).as_bytes(), &NoEnvironment) {
        Err(_) => assert!(fetched.iter().all(|status| *status == Some(503)), "{fetched:?}, and inline it is refused"),
        Ok(inline) => {
            let mut host = jwt::host();
            let given = tokens.each_ref().map(|token| jwt::bearer(&inline, &mut host, token.as_bytes()));
            assert_eq!(given, fetched, "inline");
        }
    }
}
