//! Keys and signatures. The first option is what to try: a key's parts, DER or PEM as they come, or (2 and more) a good token of
//! `tests/cases/signature`, whose signature is changed by what follows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate::replay::MemoryHost;
use lockgate::signature::{Algorithm, Curve, KeyError, SigningKey, VerifyingKey};
use serde_json::Value;

use super::{Options, line};

pub(super) fn check(input: &[u8]) {
    let (mut options, rest) = Options::split(input);
    match options.number() {
        0 => parts(rest),
        1 => files(rest),
        number => changed(number - 2, rest),
    }
}

fn parts(bytes: &[u8]) {
    let (one, other) = line(bytes);
    let keys = [
        VerifyingKey::hmac(bytes),
        VerifyingKey::rsa(one, other),
        VerifyingKey::ec(Curve::P256, one, other),
        VerifyingKey::ec(Curve::P384, one, other),
        VerifyingKey::ec(Curve::P521, one, other),
        VerifyingKey::ed25519(bytes),
    ];
    keys.into_iter().for_each(|key| refuses(key, bytes));
    if let Ok(key) = SigningKey::ed25519_seed(bytes) {
        assert_eq!(key.sign(bytes).len(), 64);
    }
}

fn files(bytes: &[u8]) {
    refuses(VerifyingKey::spki_der(bytes), bytes);
    let _ = SigningKey::ed25519_pkcs8_der(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        refuses(VerifyingKey::spki_pem(text), bytes);
        let _ = SigningKey::ed25519_pkcs8_pem(text);
    }
}

/// No signature comes about by chance.
fn refuses(key: Result<VerifyingKey, KeyError>, signature: &[u8]) {
    let Ok(key) = key else { return };
    let mut host = MemoryHost::default();
    for algorithm in Algorithm::ALL {
        let verdict = key.verify(algorithm, b"message", signature);
        assert!(!verdict, "{key:?}, {algorithm:?}");
        assert_eq!(key.verify_on(&mut host, algorithm, b"message", signature), verdict);
    }
}

fn changed(number: usize, change: &[u8]) {
    let tokens: Vec<Value> = serde_json::from_str(include_str!("../../cases/signature/rfc.json")).unwrap();
    let token = &tokens[number % tokens.len()];
    let text = |value: &Value| URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap();
    let member = |name: &str| text(&token["jwk"][name]);
    let key = match token["jwk"]["kty"].as_str().unwrap() {
        "oct" => VerifyingKey::hmac(&member("k")),
        "RSA" => VerifyingKey::rsa(&member("n"), &member("e")),
        "EC" => {
            let curve = Curve::from_name(token["jwk"]["crv"].as_str().unwrap()).unwrap();
            VerifyingKey::ec(curve, &member("x"), &member("y"))
        }
        _ => VerifyingKey::ed25519(&member("x")),
    }
    .unwrap();
    let (message, signature) = token["token"].as_str().unwrap().rsplit_once('.').unwrap();
    let good = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut other = good.clone();
    other.iter_mut().zip(change).for_each(|(byte, change)| *byte ^= change);
    other.extend(change.iter().skip(good.len()));
    for algorithm in Algorithm::ALL {
        let right = token["alg"] == algorithm.name() || token["alg"] == "EdDSA" && algorithm == Algorithm::Ed25519;
        let verdict = key.verify(algorithm, message.as_bytes(), &other);
        assert_eq!(verdict, right && other == good, "{}, {algorithm:?}", token["name"]);
        let verdict_on = key.verify_on(&mut MemoryHost::default(), algorithm, message.as_bytes(), &other);
        assert_eq!(verdict_on, verdict);
    }
}
