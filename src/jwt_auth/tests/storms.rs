//! Wrong signatures: who sends them is not looked at for a while, and nobody else is concerned.

use super::*;

fn limited() -> Gate {
    let mut config = config();
    config.as_object_mut().unwrap().remove("limits");
    Gate::new(&config)
}

fn from(gate: &mut Gate, address: &str) {
    gate.host.set_attribute(&["source", "address"], address.as_bytes());
}

/// A token that nobody has signed, another one for each number.
fn forged(n: usize) -> String {
    let key = SigningKey::hmac(b"not the secret, but as long as it must be").unwrap();
    let mut claims = claims();
    claims["sub"] = json!(n.to_string());
    sign_texts(br#"{"alg":"HS256"}"#, claims.to_string().as_bytes(), &key)
}

fn fresh(subject: &str) -> String {
    let mut claims = claims();
    claims["sub"] = json!(subject);
    token(&claims)
}

const WRONG: Verdict = Verdict::Bad("signature");
const LIMITED: Verdict = Verdict::Other(429, "signature_limit");

#[test]
fn more_than_five_a_minute_and_no_signature_is_looked_at() {
    let mut gate = limited();
    from(&mut gate, "192.0.2.1:1000");
    assert_eq!(gate.bearer(&good()), Verdict::Passed);
    for n in 0..6 {
        assert_eq!(gate.bearer(&forged(n)), WRONG, "{n}");
    }
    // From whatever port.
    from(&mut gate, "192.0.2.1:2000");
    let outcome = gate.ask("GET", "/api/x", &[("authorization", format!("Bearer {}", forged(7)).as_bytes())]);
    assert_eq!(Verdict::of(&outcome), LIMITED);
    assert!(outcome.headers.contains(&("retry-after".to_owned(), b"60".to_vec())), "{:?}", outcome.headers);
    // A new token from there would have to be looked at; one that is known need not.
    assert_eq!(gate.bearer(&fresh("new")), LIMITED);
    assert_eq!(gate.bearer(&good()), Verdict::Passed);
    // What is wrong without its signature costs nothing and counts for nothing.
    assert_eq!(gate.bearer("x"), Verdict::Bad("token_format"));
    assert_eq!(Verdict::of(&gate.ask("GET", "/api/x", &[])), Verdict::NoToken("no_token"));
    for (address, want) in [
        ("192.0.2.2:1000", Verdict::Passed),
        ("[2001:db8::1]:1000", Verdict::Passed),
        ("[::ffff:192.0.2.1]:1000", LIMITED),
    ] {
        from(&mut gate, address);
        assert_eq!(gate.bearer(&fresh(&format!("of {address}"))), want, "{address}");
    }
    from(&mut gate, "192.0.2.1:1000");
    for (after, want) in [(59, LIMITED), (61, Verdict::Passed)] {
        gate.set_time(NOW_S + after);
        assert_eq!(gate.bearer(&fresh(&format!("after {after}"))), want, "after {after} s");
    }
}

#[test]
fn only_wrong_signatures_count() {
    let mut gate = limited();
    from(&mut gate, "192.0.2.1:1000");
    let mut expired = claims();
    expired["exp"] = json!(1);
    for n in 0..50 {
        for token in ["x".to_owned(), token(&expired), sign_texts(br#"{"alg":"none"}"#, b"{}", &secret())] {
            assert!(matches!(gate.bearer(&token), Verdict::Bad(_)));
        }
        let _ = gate.ask("GET", "/nowhere", &[("authorization", format!("Bearer {}", fresh("a")).as_bytes())]);
        assert_eq!(gate.bearer(&fresh(&n.to_string())), Verdict::Passed, "{n}");
    }
}

#[test]
fn a_token_that_one_provider_of_its_issuer_verifies_is_not_wrong() {
    let other = "another secret, and as long as it must be";
    let mut config = config();
    config.as_object_mut().unwrap().remove("limits");
    let mut first = config["providers"][0].clone();
    first["name"] = json!("first");
    first["hmac_secret"] = json!({"env": "OTHER"});
    config["providers"].as_array_mut().unwrap().insert(0, first);
    let mut variables = variables();
    variables.insert("OTHER".to_owned(), other.to_owned());
    let policy = Policy::read(config.to_string().as_bytes(), &variables).unwrap();
    let mut gate = Gate { policy, host: MemoryHost { now_ms: Some(NOW_S * 1000), ..MemoryHost::default() } };
    from(&mut gate, "192.0.2.1:1000");
    for n in 0..20 {
        assert_eq!(gate.bearer(&fresh(&n.to_string())), Verdict::Passed, "{n}");
    }
    assert_eq!([bad_signatures(&gate, "first"), bad_signatures(&gate, "main")], [0, 0]);
    // What both find wrong counts once, and for both.
    for n in 0..6 {
        assert_eq!(gate.bearer(&forged(n)), WRONG, "{n}");
    }
    assert_eq!([bad_signatures(&gate, "first"), bad_signatures(&gate, "main")], [6, 6]);
    assert_eq!(gate.bearer(&forged(6)), LIMITED);
}

#[test]
fn what_is_no_address_is_all_ones() {
    let mut gate = limited();
    from(&mut gate, "@socket");
    for n in 0..6 {
        assert_eq!(gate.bearer(&forged(n)), WRONG, "{n}");
    }
    for (address, want) in [("", LIMITED), ("999.0.2.1:1", LIMITED), ("192.0.2.1:1", WRONG)] {
        from(&mut gate, address);
        assert_eq!(gate.bearer(&forged(7)), want, "{address}");
    }
}

fn bad_signatures(gate: &Gate, provider: &str) -> u64 {
    let wanted = format!("lockgate.jwt_auth.provider-{provider}.bad_signature");
    let place = gate.policy.counters().iter().position(|name| *name == wanted).unwrap();
    gate.host.counters.get(&place).copied().unwrap_or(0)
}

#[test]
fn nobody_is_blamed_while_keys_of_his_issuer_are_missing() {
    let remote = json!({"remote": {"cluster": "dead", "authority": "a", "path": "/k"}});
    let own = SigningKey::ed25519_seed(&[1; 32]).unwrap();
    let [_, _, (_, x)] = SigningKey::ed25519_seed(&[2; 32]).unwrap().public_jwk_members().unwrap();
    let here = json!({"inline": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]}});
    for dead_first in [true, false] {
        let mut config = config();
        config.as_object_mut().unwrap().remove("limits");
        let mut dead = config["providers"][0].clone();
        dead.as_object_mut().unwrap().remove("hmac_secret");
        dead["algorithms"] = json!(["EdDSA"]);
        let mut alive = dead.clone();
        (dead["name"], dead["jwks"]) = (json!("dead"), remote.clone());
        (alive["name"], alive["jwks"]) = (json!("alive"), here.clone());
        config["providers"] = if dead_first { json!([dead, alive]) } else { json!([alive, dead]) };
        let mut gate = Gate::new(&config);
        from(&mut gate, "192.0.2.1:1000");
        gate.host.work(&gate.policy);
        for n in 0..20 {
            let mut claims = claims();
            claims["sub"] = json!(n.to_string());
            let token = sign_texts(br#"{"alg":"EdDSA"}"#, claims.to_string().as_bytes(), &own);
            assert_eq!(gate.bearer(&token), Verdict::Other(503, "keys_unavailable"), "{n}");
        }
        assert_eq!(bad_signatures(&gate, "alive"), 0);
    }
}

#[test]
fn workers_count_together() {
    let mut config = config();
    config.as_object_mut().unwrap().remove("limits");
    let mut gate = Gate::new(&config);
    let other = policy(&config).unwrap();
    other.start(&mut gate.host);
    from(&mut gate, "192.0.2.1:1000");
    for n in 0..6 {
        assert_eq!(gate.bearer(&forged(n)), WRONG);
    }
    gate.policy = other;
    assert_eq!(gate.bearer(&forged(6)), LIMITED);
}

#[test]
fn the_limit_is_the_operators() {
    let mut config = config();
    for (limit, want) in
        [(json!({"limit": 0}), [WRONG; 8]), (json!({"limit": 7, "window_s": 10, "block_s": 3}), [WRONG; 8])]
    {
        config["limits"]["failed_signatures"] = limit;
        let mut gate = Gate::new(&config);
        for (n, want) in want.into_iter().enumerate() {
            assert_eq!(gate.bearer(&forged(n)), want, "{n}");
        }
    }
    let mut gate = Gate::new(&config);
    for n in 0..8 {
        assert_eq!(gate.bearer(&forged(n)), WRONG, "{n}");
    }
    assert_eq!(gate.bearer(&good()), LIMITED);
    gate.set_time(NOW_S + 3);
    assert_eq!(gate.bearer(&good()), Verdict::Passed);
}
