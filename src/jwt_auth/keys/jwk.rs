//! One key of a set (RFC 7517, RFC 7518 section 6, RFC 8037).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::Key;
use crate::claims::Value;
use crate::jwt_auth::token::MAX_KID_BYTES;
use crate::signature::{Algorithm, Curve, VerifyingKey};

/// A key that is left out.
#[derive(Debug)]
pub(super) struct Bad;

/// Reads a key for verification. Private members are not read.
pub(super) fn read_key(jwk: &Value) -> Result<Key, Bad> {
    let text = |name: &str| match jwk.member(name) {
        None => Ok(None),
        Some(value) => value.text().map(Some).ok_or(Bad),
    };
    let kid = text("kid")?;
    if kid.is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
        return Err(Bad);
    }
    if text("use")?.is_some_and(|what| what != "sig") {
        return Err(Bad);
    }
    let verifies = match jwk.member("key_ops") {
        None => true,
        Some(Value::List(operations)) => operations.iter().any(|operation| operation.text() == Some("verify")),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Object(_)) => false,
    };
    if !verifies {
        return Err(Bad);
    }
    let algorithm = match text("alg")? {
        None => None,
        Some(name) => Some(Algorithm::from_name(name).ok_or(Bad)?),
    };
    let bytes = |name: &str| {
        let text = jwk.member(name).and_then(Value::text).ok_or(Bad)?;
        URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new).map_err(|_| Bad)
    };
    let key = match text("kty")? {
        Some("RSA") => VerifyingKey::rsa(&bytes("n")?, &bytes("e")?),
        Some("EC") => {
            let curve = match text("crv")? {
                Some("P-256") => Curve::P256,
                Some("P-384") => Curve::P384,
                Some("P-521") => Curve::P521,
                Some(_) | None => return Err(Bad),
            };
            VerifyingKey::ec(curve, &bytes("x")?, &bytes("y")?)
        }
        Some("OKP") if text("crv")? == Some("Ed25519") => VerifyingKey::ed25519(&bytes("x")?),
        Some("oct") => VerifyingKey::hmac(&bytes("k")?),
        Some(_) | None => return Err(Bad),
    };
    let key = key.map_err(|_| Bad)?;
    // A key that says it is for an algorithm that it cannot be for.
    if algorithm.is_some_and(|algorithm| !key.fits(algorithm)) {
        return Err(Bad);
    }
    Ok(Key { kid: kid.map(str::to_owned), algorithm, key, any_kid: false, from_environment: false })
}
