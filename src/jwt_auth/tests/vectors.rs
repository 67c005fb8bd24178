//! Tokens of every algorithm and the attacks on them, signed by another implementation than ours: see
//! `tests/cases/jwt_auth/make_vectors.py`.

use super::*;

const VECTORS: &str = include_str!("../../../tests/cases/jwt_auth/vectors.json");

fn vectors() -> Json {
    serde_json::from_str(VECTORS).unwrap()
}

fn gate_of(algorithms: &Json, keys: &Json) -> Result<Gate, String> {
    let mut config = config();
    let provider = config["providers"][0].as_object_mut().unwrap();
    provider.remove("hmac_secret");
    provider.insert("algorithms".to_owned(), algorithms.clone());
    provider.insert("jwks".to_owned(), json!({"inline": {"keys": keys}}));
    policy(&config)?;
    Ok(Gate::new(&config))
}

/// All that must pass does, and all that must not is refused, each for its reason.
#[test]
fn verdicts_are_those_of_the_vectors() {
    let file = vectors();
    let (mut accepted, mut refused) = (0, 0);
    for vector in file["vectors"].as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        let algorithms = vector.get("algorithms").unwrap_or(&file["algorithms"]);
        let keys = vector.get("keys").unwrap_or(&file["keys"]);
        let mut gate = gate_of(algorithms, keys).unwrap_or_else(|error| panic!("{name}: {error}"));
        let verdict = gate.bearer(vector["token"].as_str().unwrap());
        // The proxy's cryptography says the same, and is asked where it can say it.
        let mut other = gate_of(algorithms, keys).unwrap();
        other.host.verifier = Some(crate::signature::tests::tokens::by_rust_crypto);
        assert_eq!(other.bearer(vector["token"].as_str().unwrap()), verdict, "{name}");
        if verdict == Verdict::Passed {
            let header = vector["token"].as_str().unwrap().split('.').next().unwrap();
            let header: Json = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
            let offered = ["RS256", "RS384", "RS512", "ES256"].iter().any(|&alg| header["alg"] == alg);
            assert_eq!(other.host.checks > 0, offered, "{name}");
        }
        match vector["want"].as_str().unwrap() {
            "pass" => {
                assert_eq!(verdict, Verdict::Passed, "{name}");
                accepted += 1;
            }
            reason => {
                let Verdict::Bad(given) = verdict else { panic!("{name}: {verdict:?}") };
                assert_eq!(given, reason, "{name}");
                refused += 1;
            }
        }
        assert!(gate.host.calls.is_empty(), "{name}: something was fetched");
    }
    // So that no vector is lost unseen.
    assert_eq!((accepted, refused), (52, 116));
}

#[test]
fn the_examples_of_rfc_7515_are_good() {
    for example in vectors()["examples"].as_array().unwrap() {
        let mut config = config();
        let provider = config["providers"][0].as_object_mut().unwrap();
        provider.remove("hmac_secret");
        provider.insert("issuer".to_owned(), json!("joe"));
        provider.insert("audiences".to_owned(), json!([]));
        provider.insert("algorithms".to_owned(), example["algorithms"].clone());
        provider.insert("jwks".to_owned(), json!({"inline": {"keys": example["keys"]}}));
        let mut gate = Gate::new(&config);
        gate.set_time(1_300_819_379);
        let token = example["token"].as_str().unwrap();
        assert_eq!(gate.bearer(token), Verdict::Passed, "{}", example["name"]);
        gate.set_time(1_300_819_380);
        assert_eq!(gate.bearer(token), Verdict::Bad("expired"), "{}", example["name"]);
    }
}

/// Those of RFC 7520 and RFC 8037, and A.4 of RFC 7515, sign what are no claims: their signatures are good
/// (`signature::tests::tokens`), and still they are no tokens for us. With claims, and signed by the same keys, they are.
#[test]
fn examples_of_other_rfcs_are_no_tokens_until_they_have_claims() {
    let examples: Vec<Json> = serde_json::from_str(include_str!("../../../tests/cases/signature/rfc.json")).unwrap();
    let mut refused = 0;
    for example in &examples {
        let (name, token) = (example["name"].as_str().unwrap(), example["token"].as_str().unwrap());
        let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
        let (header, payload, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let mut jwk = example["jwk"].clone();
        let header: Json = serde_json::from_slice(&header).unwrap();
        if !header["kid"].is_null() {
            jwk["kid"] = header["kid"].clone();
        }
        let mut gate = gate_of(&json!([example["alg"]]), &json!([jwk])).unwrap();
        if !name.starts_with("RFC 7515") || name.ends_with("A.4") {
            assert_eq!(gate.bearer(token), Verdict::Bad("payload_format"), "{name}");
            refused += 1;
        }
        let key = match name {
            "RFC 7520, 4.4" => SigningKey::hmac(&URL_SAFE_NO_PAD.decode(jwk["k"].as_str().unwrap()).unwrap()).unwrap(),
            // Its private half stands in A.1.
            "RFC 8037, A.4" => {
                let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
                SigningKey::ed25519_seed(&seed).unwrap()
            }
            _ => continue,
        };
        let first = token.split('.').next().unwrap();
        let message = format!("{first}.{}", URL_SAFE_NO_PAD.encode(&payload));
        assert_eq!(key.sign(message.as_bytes()), signature, "{name}");
        let message = format!("{first}.{}", URL_SAFE_NO_PAD.encode(claims().to_string()));
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())));
        assert_eq!(gate.bearer(&token), Verdict::Passed, "{name}");
    }
    assert_eq!(refused, 6);
}

#[test]
fn weak_and_broken_keys_are_refused_at_load() {
    let file = vectors();
    for set in file["refused_sets"].as_array().unwrap() {
        let name = set["name"].as_str().unwrap();
        let algorithms = if name.contains("secret") { json!(["HS256"]) } else { file["algorithms"].clone() };
        let Err(error) = gate_of(&algorithms, &set["keys"]) else { panic!("{name} is taken") };
        assert!(error.starts_with("providers[0].jwks.inline: has no usable key"), "{name}: {error}");
        // Beside a good key, it is left out.
        if name.contains("secret") {
            continue;
        }
        let mut keys = set["keys"].clone();
        let good = json!({"kid": "good", "kty": "OKP", "crv": "Ed25519", "x": file["keys"][6]["x"]});
        keys.as_array_mut().unwrap().push(good);
        assert!(gate_of(&algorithms, &keys).is_ok(), "{name} beside a good key");
    }
}

/// A good token of each algorithm, with one bit of its signature changed.
#[test]
fn one_bit_less_and_nothing_passes() {
    let file = vectors();
    let names = ["RS256 rsa", "PS256 rsa", "ES256 p256", "ES384 p384", "ES512 p521", "EdDSA ed"];
    for name in names {
        let vector = file["vectors"].as_array().unwrap().iter().find(|vector| vector["name"] == name).unwrap();
        let token = vector["token"].as_str().unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let mut gate = gate_of(&file["algorithms"], &file["keys"]).unwrap();
        for place in (0..signature.len() * 8).step_by(signature.len() / 4 + 1) {
            let mut changed = signature.clone();
            changed[place / 8] ^= 1 << (place % 8);
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(changed));
            assert_eq!(gate.bearer(&token), Verdict::Bad("signature"), "{name}, bit {place}");
        }
        assert_eq!(gate.bearer(token), Verdict::Passed, "{name}");
    }
}
