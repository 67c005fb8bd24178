//! What stands in a token (RFC 7519 in RFC 7515's compact form). Errors never show any of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// Header and claims as JSON, indented; a leading `Bearer ` is left out.
pub(super) fn decode(token: &str) -> Result<String, String> {
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    let (header, claims) = parts("--decode", token)?;
    let value = json!({"header": header, "claims": claims});
    serde_json::to_string_pretty(&value).map_err(|error| error.to_string())
}

/// Header and claims of a token; `what` asks for them, for messages.
pub(super) fn parts(what: &str, token: &str) -> Result<(Map<String, Value>, Map<String, Value>), String> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, _signature] = parts.as_slice() else {
        let why = match parts.len() {
            5 => "is encrypted (JWE): its claims cannot be read without the key".to_owned(),
            count => format!("has {count} parts, and a signed token has 3, divided by dots"),
        };
        return Err(format!("{what}: the token {why}"));
    };
    Ok((part(what, "header", header)?, part(what, "claims", claims)?))
}

/// Three parts in the letters of Base64url.
pub(super) fn looks_like_one(text: &str) -> bool {
    text.split('.').count() == 3 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn part(what: &str, name: &str, text: &str) -> Result<Map<String, Value>, String> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("{what}: the token's {name} is no Base64url"))?;
    serde_json::from_slice(&bytes).map_err(|_| format!("{what}: the token's {name} is no JSON object"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_shown_and_faults_named_without_the_token() {
        let token = |header: &str, claims: &str| {
            format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
        };
        let good = decode(&format!("Bearer {}", token(r#"{"alg":"ES256"}"#, r#"{"sub":"secret"}"#))).unwrap();
        let good: Value = serde_json::from_str(&good).unwrap();
        assert_eq!(good, json!({"header": {"alg": "ES256"}, "claims": {"sub": "secret"}}));
        for (token, want) in [
            ("secret".to_owned(), "has 1 parts"),
            ("a.b.c.d.e".to_owned(), "is encrypted"),
            (token("{}", "secret"), "claims is no JSON object"),
            (token("[]", "{}"), "header is no JSON object"),
            ("secret!.b.c".to_owned(), "header is no Base64url"),
        ] {
            let error = decode(&token).unwrap_err();
            assert!(error.contains(want) && !error.contains("secret"), "{error}");
        }
    }
}
