//! Key sets as texts.

use super::*;
use crate::claims::Fault;
use crate::jwt_auth::keys::{KeySet, MAX_KEYS, MAX_SET_BYTES, Origin, SetError};

fn read(keys: &Json, origin: Origin) -> Result<usize, SetError> {
    KeySet::read(keys.to_string().as_bytes(), MAX_SET_BYTES, origin).map(|set| set.skipped)
}

fn ed(kid: &str) -> Json {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw", "kid": kid})
}

#[test]
fn a_set_is_taken_in_whole_or_its_bad_keys_are_left_out() {
    let oct = |kid: &str| json!({"kty": "oct", "k": "A".repeat(43), "kid": kid});
    let mut nameless = ed("");
    nameless.as_object_mut().unwrap().remove("kid");
    let mut numbered = ed("");
    numbered["kid"] = json!(1);
    let many = |count: usize| (0..count).map(|n| ed(&n.to_string())).collect::<Vec<_>>();
    let mut private = ed("a");
    private["d"] = json!("not read");
    for (name, keys, inline, remote) in [
        ("one", json!([ed("a")]), Ok(0), Ok(0)),
        ("with a private half", json!([private]), Ok(0), Ok(0)),
        ("unknown kinds", json!([ed("a"), {"kty": "new"}, {"kty": "RSA"}, 1, null]), Ok(4), Ok(4)),
        ("kid is a number", json!([ed("a"), numbered]), Ok(1), Ok(1)),
        ("two without kid", json!([nameless, nameless]), Ok(0), Ok(0)),
        ("the same kid, other kinds", json!([ed("a"), {"kty": "EC", "kid": "a"}]), Ok(1), Ok(1)),
        ("the same kid and kind", json!([ed("a"), ed("b"), ed("a")]), Err(SetError::Twice), Err(SetError::Twice)),
        (
            "the second is unusable",
            json!([ed("a"), {"kty": "OKP", "kid": "a"}]),
            Err(SetError::Twice),
            Err(SetError::Twice),
        ),
        ("secrets", json!([oct("a"), oct("b")]), Ok(0), Err(SetError::Secret)),
        ("mixed", json!([ed("a"), oct("b")]), Err(SetError::Mixed), Err(SetError::Mixed)),
        ("mixed, the secret unusable", json!([ed("a"), {"kty": "oct"}]), Err(SetError::Mixed), Err(SetError::Mixed)),
        ("none", json!([]), Err(SetError::NoneUsable), Err(SetError::NoneUsable)),
        ("no list", json!({}), Err(SetError::NoKeys), Err(SetError::NoKeys)),
        ("as many as may be", json!(many(MAX_KEYS)), Ok(0), Ok(0)),
        ("one more", json!(many(MAX_KEYS + 1)), Err(SetError::TooManyKeys), Err(SetError::TooManyKeys)),
    ] {
        let set = json!({"keys": keys});
        assert_eq!(read(&set, Origin::Inline), inline, "{name}");
        assert_eq!(read(&set, Origin::Remote), remote, "{name}");
    }
    let set = json!({"keys": [ed("a")]}).to_string();
    let of = |text: &str, most: usize| KeySet::read(text.as_bytes(), most, Origin::Remote).map(|set| set.skipped);
    assert_eq!(of(&set, set.len()), Ok(0));
    assert_eq!(of(&set, set.len() - 1), Err(SetError::TooLong));
    assert_eq!(of(&set.replace("\"kid\"", "\"kty\""), 1000), Err(SetError::Json(Fault::Duplicate)));
    assert_eq!(of(&format!("{set}{set}"), 1000), Err(SetError::Json(Fault::Syntax)));
    assert_eq!(of(&format!(r#"{{"keys":[],"x":{}}}"#, "[".repeat(5000)), 9000), Err(SetError::Json(Fault::TooDeep)));
}

#[test]
fn without_kid_only_so_many_keys_are_tried_or_none() {
    let signer = SigningKey::ed25519_seed(&[7; 32]).unwrap();
    let others = (0..crate::jwt_auth::MAX_KEYS_TRIED as u8).map(|n| {
        let key = SigningKey::ed25519_seed(&[100 + n; 32]).unwrap();
        let [_, _, (_, x)] = key.public_jwk_members().unwrap();
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": n.to_string()})
    });
    let others: Vec<Json> = others.collect();
    let token = sign_texts(br#"{"alg":"EdDSA"}"#, claims().to_string().as_bytes(), &signer);
    let named = sign_texts(br#"{"alg":"EdDSA","kid":"mine"}"#, claims().to_string().as_bytes(), &signer);
    for (before, want) in [(others.len() - 1, Verdict::Passed), (others.len(), Verdict::Bad("unknown_key"))] {
        let mut keys = others[..before].to_vec();
        keys.push(ed("mine"));
        let mut config = with("jwks", json!({"inline": {"keys": keys}}));
        config["providers"][0].as_object_mut().unwrap().remove("hmac_secret");
        config["providers"][0]["algorithms"] = json!(["EdDSA"]);
        config.as_object_mut().unwrap().remove("limits");
        // It is nobody's wrong signature: it may come as often as it likes.
        let mut gate = Gate::new(&config);
        gate.host.set_attribute(&["source", "address"], b"192.0.2.1:1");
        for _ in 0..10 {
            assert_eq!(gate.bearer(&token), want, "{before} keys before it");
        }
        assert_eq!(gate.bearer(&named), Verdict::Passed, "{before} keys before it");
        let names = gate.policy.counters();
        let bad = names.iter().position(|name| name == "lockgate.jwt_auth.provider-main.bad_signature").unwrap();
        assert_eq!(gate.host.counters.get(&bad), None);
        let warned = gate.policy.findings().iter().any(|finding| {
            finding.path == "providers[0].jwks.inline"
                && finding.message.starts_with("has more than 8 keys for EdDSA: a token without `kid` is refused")
        });
        assert_eq!(warned, want != Verdict::Passed);
    }
}
