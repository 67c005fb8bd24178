//! Whole signatures of others: the examples of the RFCs, and what OpenSSL signed with keys of all kinds and sizes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::pkcs8::DecodePublicKey as _;
use rsa::Pkcs1v15Sign;
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

use crate::host::{Check, CheckHash};
use crate::replay::MemoryHost;
use crate::signature::algorithm::Hash;
use crate::signature::{Algorithm, Curve, VerifyingKey};

/// A token taken apart.
struct Token {
    name: String,
    algorithm: Algorithm,
    key: VerifyingKey,
    message: Vec<u8>,
    signature: Vec<u8>,
}

fn tokens(json: &str) -> Vec<Token> {
    let bytes = |text: &Value| URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap();
    let tokens: Vec<Value> = serde_json::from_str(json).unwrap();
    let read = |token: Value| {
        let jwk = &token["jwk"];
        let key = match jwk["kty"].as_str().unwrap() {
            "oct" => VerifyingKey::hmac(&bytes(&jwk["k"])),
            "RSA" => VerifyingKey::rsa(&bytes(&jwk["n"]), &bytes(&jwk["e"])),
            "EC" => {
                let curve = Curve::from_name(jwk["crv"].as_str().unwrap()).unwrap();
                VerifyingKey::ec(curve, &bytes(&jwk["x"]), &bytes(&jwk["y"]))
            }
            _ => VerifyingKey::ed25519(&bytes(&jwk["x"])),
        };
        let (message, signature) = token["token"].as_str().unwrap().rsplit_once('.').unwrap();
        Token {
            name: token["name"].as_str().unwrap().to_owned(),
            algorithm: Algorithm::from_name(token["alg"].as_str().unwrap()).unwrap(),
            key: key.unwrap(),
            message: message.as_bytes().to_vec(),
            signature: URL_SAFE_NO_PAD.decode(signature).unwrap(),
        }
    };
    tokens.into_iter().map(read).collect()
}

fn all() -> Vec<Token> {
    let mut all = tokens(include_str!("../../../tests/cases/signature/rfc.json"));
    all.extend(tokens(include_str!("../../../tests/cases/signature/openssl.json")));
    all
}

#[test]
fn good_signatures_verify_with_their_algorithm_alone() {
    let all = all();
    assert_eq!(all.len(), 9 + 25);
    for token in all {
        for algorithm in Algorithm::ALL {
            let name = |algorithm| if algorithm == Algorithm::Ed25519 { Algorithm::EdDsa } else { algorithm };
            let right = name(algorithm) == token.algorithm;
            let verdict = token.key.verify(algorithm, &token.message, &token.signature);
            assert_eq!(verdict, right, "{}, {algorithm:?}", token.name);
        }
    }
}

/// Does what Envoy's `verify_signature` does, with RustCrypto.
pub(crate) fn by_rust_crypto(check: &Check<'_>) -> bool {
    let (hash, scheme) = match check.hash {
        CheckHash::Sha256 => (Hash::Sha256, Pkcs1v15Sign::new::<Sha256>()),
        CheckHash::Sha384 => (Hash::Sha384, Pkcs1v15Sign::new::<Sha384>()),
        CheckHash::Sha512 => (Hash::Sha512, Pkcs1v15Sign::new::<Sha512>()),
    };
    let digest = hash.digest(&[check.message]);
    if let Ok(key) = rsa::PublicKey::from_public_key_der(check.key_der) {
        return key.verify(scheme, &digest, check.signature).is_ok();
    }
    let key = p256::ecdsa::VerifyingKey::from_public_key_der(check.key_der).unwrap();
    let signature = p256::ecdsa::Signature::from_der(check.signature).unwrap();
    key.verify_prehash(&digest, &signature).is_ok()
}

fn off_load() -> MemoryHost {
    MemoryHost { verifier: Some(by_rust_crypto), ..MemoryHost::default() }
}

#[test]
fn the_proxys_cryptography_gives_the_same_verdicts() {
    for token in all() {
        let Token { name, algorithm, key, message, signature } = token;
        let offered = name.contains("RS") || matches!(algorithm, Algorithm::Rs256 | Algorithm::Es256);
        let half = signature.len() / 2;
        let cases: [(&str, Vec<u8>, bool); 9] = [
            ("good", signature.clone(), true),
            ("a bit", signature.iter().enumerate().map(|(at, &byte)| byte ^ u8::from(at == half)).collect(), true),
            ("empty", Vec::new(), false),
            ("shorter", signature[1..].to_vec(), false),
            ("longer", [&signature[..], &[0]].concat(), false),
            ("zero in front", [&[0], &signature[..]].concat(), false),
            ("all ones", vec![0xff; signature.len()], false),
            ("DER", vec![0x30, 6, 2, 1, 1, 2, 1, 1], false),
            ("halves swapped", [&signature[half..], &signature[..half]].concat(), true),
        ];
        for (change, signature, admitted) in cases {
            let mut host = off_load();
            let verdict = key.verify_on(&mut host, algorithm, &message, &signature);
            assert_eq!(verdict, key.verify(algorithm, &message, &signature), "{name}, {change}");
            assert_eq!(verdict, change == "good", "{name}, {change}");
            if change != "halves swapped" {
                assert_eq!(host.checks, usize::from(offered && admitted), "{name}, {change}");
            }
        }
    }
}

#[test]
fn zero_is_no_part_of_an_ecdsa_signature() {
    for token in all() {
        let Token { name, algorithm, key, message, signature } = token;
        if !matches!(algorithm, Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512) {
            continue;
        }
        let (r, s) = signature.split_at(signature.len() / 2);
        let zero = vec![0; r.len()];
        for bad in [[&zero, s].concat(), [r, &zero].concat(), [&zero[..], &zero].concat()] {
            let mut host = off_load();
            assert!(!key.verify(algorithm, &message, &bad), "{name}");
            assert!(!key.verify_on(&mut host, algorithm, &message, &bad), "{name}");
            assert_eq!(host.checks, 0, "{name}");
        }
    }
}
