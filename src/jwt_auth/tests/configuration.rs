//! What is refused at start, with its place, the way out, and never a secret.

use super::*;
use crate::exchange::MAX_WAITING;

/// [`config`] after these changes: a JSON Pointer and the new value, `null` to take it out.
fn changed(changes: &[(&str, Json)]) -> Json {
    let mut config = config();
    for (place, value) in changes {
        let (parent, name) = place.rsplit_once('/').unwrap();
        let parent = config.pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {place}"));
        match (value, parent.as_object_mut()) {
            (Json::Null, Some(members)) => drop(members.remove(name)),
            (value, Some(members)) => drop(members.insert(name.to_owned(), value.clone())),
            (value, None) => parent[name.parse::<usize>().unwrap()] = value.clone(),
        }
    }
    config
}

const P: &str = "/providers/0";

#[test]
fn a_fault_is_named_with_its_place() {
    let remote = json!({"cluster": "c", "authority": "a", "path": "/k"});
    let remote_with = |name: &str, value: Json| {
        let mut remote = remote.clone();
        remote[name] = value;
        json!({"remote": remote})
    };
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw"});
    let eddsa = |jwks: Json| {
        vec![
            ("/providers/0/hmac_secret", Json::Null),
            ("/providers/0/algorithms", json!(["EdDSA"])),
            ("/providers/0/jwks", jwks),
        ]
    };
    let one = |place: &'static str, value: Json| vec![(place, value)];
    let provider = |field: &str, value: Json| {
        let place: &'static str = Box::leak(format!("{P}/{field}").into_boxed_str());
        vec![(place, value)]
    };
    let service = |more: Json| {
        let mut service = json!({"key": {"env": "SECRET"}, "algorithm": "HS256", "audience": "p"});
        for (name, value) in more.as_object().unwrap() {
            service[name.as_str()] = value.clone();
        }
        one("/forward", json!({"service_token": service}))
    };
    for (changes, want) in [
        (one("/providers", json!([])), "providers: is empty"),
        (one("/providers", Json::Null), "(configuration): missing field `providers`"),
        (one("/access", Json::Null), "(configuration): missing field `access`"),
        (one("/acess", json!({})), "acess: unknown field `acess`"),
        (provider("issuer", Json::Null), "providers[0].issuer: is missing; write the issuer, or null"),
        (provider("issuer", json!("")), "providers[0].issuer: must be 1..=1024 bytes"),
        (provider("audiences", Json::Null), "providers[0].audiences: is missing; write the audiences"),
        (provider("audiences", json!([""])), "providers[0].audiences[0]: must be 1..=1024 bytes"),
        (provider("name", json!("")), "providers[0].name: must be 1..=64 bytes"),
        (provider("algorithms", json!([])), "providers[0].algorithms: is empty"),
        (provider("algorithms", json!(["none"])), "providers[0].algorithms[0]: is no algorithm that can be verified"),
        (provider("algorithms", json!(["hs256"])), "providers[0].algorithms[0]: is no algorithm that can be verified"),
        (provider("algorithms", json!(["HS256", "HS256"])), "providers[0].algorithms[1]: stands there twice"),
        (provider("algorithms", json!(["HS256", "RS256"])), "providers[0].algorithms: has HS* beside public-key"),
        (provider("algorithms", json!(["RS256"])), "providers[0].hmac_secret: verifies HS* alone"),
        (provider("hmac_secret", Json::Null), "providers[0]: must have either jwks or hmac_secret"),
        (provider("jwks", remote_with("path", json!("/k"))), "providers[0]: must have either jwks or hmac_secret"),
        (
            provider("hmac_secret/env", json!("MISSING_SECRET")),
            "providers[0].hmac_secret.env: names a variable, MISSING_SECRET, that is not set",
        ),
        (
            provider("hmac_secret/env", json!("ISSUER_2_SECRET")),
            "providers[0].hmac_secret.env: names a variable, ISSUER_2_SECRET, that is not set",
        ),
        // These may be secrets.
        (
            provider("hmac_secret/env", json!("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")),
            "providers[0].hmac_secret.env: names a variable that is not set",
        ),
        (
            provider("hmac_secret/env", json!("d41d8cd98f00b204e9800998ecf8427e")),
            "providers[0].hmac_secret.env: names a variable that is not set",
        ),
        (
            provider("hmac_secret/env", json!("correct_horse_battery_staple")),
            "providers[0].hmac_secret.env: names a variable that is not set",
        ),
        (one("/preflight", json!(true)), "preflight: must be one of `check`, `pass` at line 1"),
        (one("/limits", json!([256])), "limits: must be an object with `max_token_bytes`"),
        (provider("hmac_secret", json!(["SECRET"])), "providers[0].hmac_secret: must be an object with `env`"),
        (
            provider("hmac_secret", json!("TopSecret")),
            "providers[0].hmac_secret: must be an object with `env`, `format`",
        ),
        (one("/providers", json!([["main"]])), "providers[0]: must be an object with `name`"),
        (one("/forward", json!({"headers": {"a\r\nb": "sub"}})), "forward.headers.a\\r\\nb: is no header"),
        (
            one(
                "/access/rules/0",
                json!({"match": {"paths": ["/a"]}, "require": {"tenant": {"header": "X_Tenant-Id", "type": "text"}}}),
            ),
            "access.rules[0].require.tenant.header: is a header that is removed from every request",
        ),
        (provider("hmac_secret/env", json!("a-b")), "providers[0].hmac_secret.env: must be the name of an environment"),
        (
            provider("hmac_secret/env", json!("SHORT")),
            "providers[0].hmac_secret.env: a secret must have 32 to 1024 bytes",
        ),
        (
            vec![
                ("/providers/0/hmac_secret/env", json!("MEDIUM")),
                ("/providers/0/algorithms", json!(["HS256", "HS384"])),
            ],
            "providers[0].hmac_secret.env: holds a secret that is shorter than the hash of HS384",
        ),
        (provider("hmac_secret/format", json!("hex")), "providers[0].hmac_secret.format: is not the format"),
        (provider("hmac_secret/format", json!("base32")), "providers[0].hmac_secret.format: unknown variant, expected"),
        (provider("leeway_s", json!(61)), "providers[0].leeway_s: is 61 and must be 0..=60"),
        (provider("leeway_s", json!(-1)), "providers[0].leeway_s: invalid value, expected u32"),
        (provider("max_lifetime_s", json!(0)), "providers[0].max_lifetime_s: is 0 and must be 1..=31536000"),
        (provider("typ", json!([""])), "providers[0].typ[0]: must be"),
        (provider("required", json!(["a..b"])), "providers[0].required[0]: `a..b` is no claim"),
        (provider("require", json!([])), "providers[0].require: must be an object of claims"),
        (provider("require", json!({"a": []})), "providers[0].require.a: is an empty list"),
        (provider("require", json!({"a": {}})), "providers[0].require.a: must be a text, a number"),
        (provider("require", json!({"": 1})), "providers[0].require.: `` is no claim"),
        (eddsa(json!({})), "providers[0].jwks: must be either inline or remote"),
        (eddsa(json!({"inline": {"keys": []}})), "providers[0].jwks.inline: has no usable key"),
        (
            eddsa(json!({"inline": {"keys": [key, {"kty": "oct"}]}})),
            "providers[0].jwks.inline: has secrets (oct) beside",
        ),
        (
            vec![
                ("/providers/0/hmac_secret", Json::Null),
                ("/providers/0/algorithms", json!(["RS256"])),
                ("/providers/0/jwks", json!({"inline": {"keys": [key]}})),
            ],
            "providers[0].jwks.inline: has no key that fits the provider's algorithms",
        ),
        (eddsa(remote_with("path", json!("k"))), "providers[0].jwks.remote.path: must begin with /"),
        (eddsa(remote_with("path", json!("/k\n"))), "providers[0].jwks.remote.path: must be 1..=1024 bytes"),
        (eddsa(remote_with("cluster", json!(""))), "providers[0].jwks.remote.cluster: must be 1..=256 bytes"),
        (eddsa(remote_with("refresh_s", json!(9))), "providers[0].jwks.remote.refresh_s: is 9 and must be 10..=86400"),
        (
            eddsa(remote_with("timeout_ms", json!(0))),
            "providers[0].jwks.remote.timeout_ms: is 0 and must be 50..=30000",
        ),
        (
            eddsa(remote_with("max_age_s", json!(300))),
            "providers[0].jwks.remote.max_age_s: must be longer than refresh_s",
        ),
        (eddsa(remote_with("max_bytes", json!(255))), "providers[0].jwks.remote.max_bytes: is 255 and must be"),
        (
            vec![("/providers/0/hmac_secret", Json::Null), ("/providers/0/jwks", remote_with("path", json!("/k")))],
            "providers[0].jwks.remote: serves HS*, whose secrets never come over the network",
        ),
        (one("/sources", json!([])), "sources: is empty"),
        (one("/sources", json!([{}])), "sources[0]: must name one place"),
        (one("/sources", json!([{"header": "a", "query": "b"}])), "sources[0]: must name one place"),
        (one("/sources", json!([{"header": "a b"}])), "sources[0].header: is no header"),
        (one("/sources", json!([{"header": "Cookie"}])), "sources[0].header: is no header"),
        (one("/sources", json!([{"cookie": "a=b"}])), "sources[0].cookie: is no cookie name"),
        (one("/sources", json!([{"query": "a"}, {"query": "a"}])), "sources: names a place twice"),
        (one("/sources", json!([{"header": "x-user_id"}])), "sources[0].header: is a header that is removed"),
        (one("/forward", json!({"headers": {"a b": "sub"}})), "forward.headers.a b: is no header"),
        (one("/forward", json!({"headers": {"Host": "sub"}})), "forward.headers.Host: is no header"),
        (one("/forward", json!({"headers": {"x-a": "sub", "X_A": "sub"}})), "forward.headers.x-a: stands there twice"),
        (one("/forward", json!({"headers": {"x-a": 1}})), "forward.headers.x-a: must be a claim"),
        (one("/forward", json!({"headers": {"x-a": {"identity": "all"}}})), "forward.headers.x-a.identity: must be"),
        (one("/forward", json!({"headers": []})), "forward.headers: must be an object"),
        (one("/forward", json!({"remove": ["content-length"]})), "forward.remove[0]: is no header"),
        (
            one("/forward", json!({"keep": ["x-forwarded-prefix", "X-User-Id"]})),
            "forward.keep[1]: `X-User-Id` cannot be kept; only x-forwarded-prefix can",
        ),
        (
            one("/forward", json!({"keep": ["x-forwarded-prefix"], "remove": ["X_Forwarded_Prefix"]})),
            "forward.keep[0]: `x-forwarded-prefix` is in forward.headers or forward.remove, too",
        ),
        (one("/forward", json!({"token": "hide"})), "forward.token: unknown variant, expected `keep` or `remove`"),
        (service(json!({"audience": null})), "forward.service_token.audience: is missing"),
        (service(json!({"lifetime_s": 4})), "forward.service_token.lifetime_s: is 4 and must be 5..=300"),
        (service(json!({"algorithm": "RS256"})), "forward.service_token.algorithm: unknown variant"),
        (service(json!({"algorithm": "EdDSA"})), "forward.service_token.key.env: the key is not well-formed PEM"),
        (service(json!({"key": {"env": "SECRET", "format": "pem"}})), "forward.service_token.key.format: is for EdDSA"),
        (service(json!({"public_key_path": "/k"})), "forward.service_token.public_key_path: is for EdDSA"),
        (one("/revocation", json!({})), "revocation: names neither jti nor not_before nor remote"),
        (one("/revocation", json!({"jti": [""]})), "revocation.jti[0]: must be"),
        (one("/revocation", json!({"not_before": {"a": "1"}})), "revocation.not_before.a: must be a time"),
        (one("/revocation", json!({"not_before": {"a": 1e13}})), "revocation.not_before.a: must be a time"),
        (one("/fingerprint", json!({})), "fingerprint: must name one place"),
        (one("/fingerprint", json!({"cookie": "a", "header": "b"})), "fingerprint: must name one place"),
        (one("/fingerprint", json!({"header": "a b"})), "fingerprint.header: is no name"),
        (one("/cache", json!({"entries": 65_537})), "cache.entries: is 65537 and must be 0..=65536"),
        (one("/limits", json!({"max_token_bytes": 255})), "limits.max_token_bytes: is 255 and must be 256..=65536"),
        (one("/limits", json!({"wait_ms": 10_001})), "limits.wait_ms: is 10001 and must be 0..=10000"),
        (one("/limits", json!({"max_waiting": MAX_WAITING + 1})), "limits.max_waiting: is 1025 and must be 0..=1024"),
        (one("/limits", json!({"failed_signatures": {"window_s": 0}})), "limits.failed_signatures.window_s: is 0"),
        (one("/limits", json!({"failed_signatures": {"block_s": 0}})), "limits.failed_signatures.block_s: is 0"),
        (one("/unnormalized", json!("pass")), "unnormalized: unknown variant, expected `reject` or `rewrite`"),
        (one("/realm", json!("a\"b")), "realm: must be 1..=64 visible ASCII characters"),
        (one("/realm", json!("")), "realm: must be 1..=64 visible ASCII characters"),
    ] {
        let config = changed(&changes);
        let mut variables = variables();
        variables.insert("SHORT".to_owned(), "TopSecret-0123456789-0123456789".to_owned());
        variables.insert("MEDIUM".to_owned(), "TopSecret-0123456789-0123456789-".to_owned());
        let Err(error) = Policy::read(config.to_string().as_bytes(), &variables) else { panic!("taken: {want}") };
        let error = error.to_string();
        assert!(error.starts_with(want), "{error}\n{want}");
        assert!(!error.contains("TopSecret"), "{error}");
    }
}

#[test]
fn names_and_lists_are_bounded() {
    let provider = config()["providers"][0].clone();
    let many = |count: usize| {
        let named = |n: usize| {
            let mut provider = provider.clone();
            provider["name"] = json!(n.to_string());
            provider
        };
        changed(&[("/providers", (0..count).map(named).collect())])
    };
    assert!(policy(&many(16)).is_ok());
    assert_eq!(policy(&many(17)).unwrap_err(), "providers: has 17 entries, at most 16 are allowed");
    let twice = changed(&[("/providers", json!([provider, provider]))]);
    assert_eq!(policy(&twice).unwrap_err(), "providers[1].name: is already the name of providers[0]");
    let headers = |count: usize| {
        let headers: serde_json::Map<_, _> = (0..count).map(|n| (format!("x-{n}"), json!("sub"))).collect();
        changed(&[("/forward", json!({"headers": headers}))])
    };
    assert!(policy(&headers(32)).is_ok());
    assert!(policy(&headers(33)).unwrap_err().starts_with("forward.headers: has 33 entries"));
}

/// Wherever a secret may be written by mistake, it is not repeated.
#[test]
fn no_secret_is_repeated() {
    for place in [
        "/providers",
        "/providers/0",
        "/providers/0/algorithms",
        "/providers/0/jwks",
        "/providers/0/hmac_secret",
        "/providers/0/hmac_secret/env",
        "/providers/0/hmac_secret/format",
        "/providers/0/audiences",
        "/providers/0/leeway_s",
        "/providers/0/require",
        "/providers/0/typ",
        "/sources",
        "/forward",
        "/revocation",
        "/limits",
        "/cache",
        "/access",
        "/systems",
        "/claims",
        "/fingerprint",
        "/unnormalized",
        "/preflight",
    ] {
        for value in [json!("TopSecret"), json!(["TopSecret"]), json!({"env": "Top-Secret TopSecret"})] {
            if let Err(error) = policy(&changed(&[(place, value.clone())])) {
                assert!(!error.contains("TopSecret"), "{place}: {error}");
            }
        }
    }
    let mut config = config();
    config["providers"][0].as_object_mut().unwrap().remove("hmac_secret");
    config["providers"][0]["jwks"] = json!({"inline": {"keys": [{"kty": "oct", "k": "TopSecret"}]}});
    assert_eq!(policy(&config).unwrap_err().find("TopSecret"), None);
    let gate = Gate::new(&super::config());
    assert!(!format!("{:?}", gate.policy).contains(SECRET));
}

/// `lockgate check` runs where the secrets are not.
#[test]
fn without_the_secrets_the_rest_is_checked() {
    let read = |config: &Json| Policy::read(config.to_string().as_bytes(), &crate::config::Assumed);
    let mut config = config();
    config["providers"][0]["algorithms"] = json!(["HS256", "HS512"]);
    for (algorithm, format) in [("EdDSA", json!("pem")), ("EdDSA", json!("hex")), ("HS256", json!("raw"))] {
        config["forward"] = json!({"service_token":
            {"key": {"env": "ELSEWHERE", "format": format}, "algorithm": algorithm, "audience": "p"}});
        assert!(read(&config).is_ok(), "{algorithm} {format}");
    }
    config["providers"][0]["hmac_secret"]["env"] = json!("a b");
    assert!(read(&config).is_err());
}

#[test]
fn secrets_come_in_the_format_that_is_said() {
    let bytes: Vec<u8> = (0..64).collect();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let base64 = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let key = SigningKey::hmac(&bytes).unwrap();
    let token = sign_texts(br#"{"alg":"HS256"}"#, claims().to_string().as_bytes(), &key);
    for (format, text, want) in [
        ("hex", hex.clone(), Verdict::Passed),
        ("hex", hex.to_uppercase() + "\n", Verdict::Passed),
        ("base64", base64.clone(), Verdict::Passed),
        ("base64url", URL_SAFE_NO_PAD.encode(&bytes), Verdict::Passed),
        // No guessing.
        ("raw", hex, Verdict::Bad("signature")),
        ("raw", base64, Verdict::Bad("signature")),
    ] {
        let config = with("hmac_secret", json!({"env": "KEY", "format": format}));
        let variables = BTreeMap::from([("KEY".to_owned(), text)]);
        let policy = Policy::read(config.to_string().as_bytes(), &variables).unwrap();
        let host = MemoryHost { now_ms: Some(NOW_S * 1000), ..MemoryHost::default() };
        assert_eq!(Gate { policy, host }.bearer(&token), want, "{format}");
    }
}

#[test]
fn what_may_not_be_meant_is_said() {
    let found = |config: &Json| {
        let findings = policy(config).unwrap().findings();
        findings.into_iter().map(|finding| finding.path).filter(|path| !path.starts_with("access")).collect::<Vec<_>>()
    };
    assert_eq!(found(&with("max_lifetime_s", json!(900))), Vec::<String>::new());
    assert_eq!(found(&config()), ["providers[0].max_lifetime_s"]);
    // What kills tokens by their issuer.
    let mut config = with("max_lifetime_s", json!(900));
    config["revocation"] = json!({"not_before": {ISSUER: 1}});
    assert_eq!(found(&config), Vec::<String>::new());
    config["revocation"] = json!({"not_before": {"https://Issuer.example": 1}});
    assert_eq!(found(&config), ["revocation.not_before.https://Issuer.example"]);
    config["providers"][0]["issuer"] = Json::Null;
    assert_eq!(found(&config), ["providers[0].issuer", "revocation.not_before"]);
    config["revocation"] = json!({"jti": ["a"]});
    assert_eq!(found(&config), ["providers[0].issuer"]);
    let mut config = with("max_lifetime_s", json!(900));
    config["providers"][0]["issuer"] = Json::Null;
    config["providers"][0]["audiences"] = json!([]);
    config["sources"] = json!([{"header": "authorization"}, {"query": "t"}, {"cookie": "s"}]);
    config["providers"][0].as_object_mut().unwrap().remove("hmac_secret");
    config["providers"][0]["jwks"] = json!({"inline": {"keys": [{"kty": "oct", "k": "A".repeat(43)}]}});
    let places = ["providers[0].issuer", "providers[0].audiences", "providers[0].jwks.inline", "sources", "sources"];
    assert_eq!(found(&config), places);
}
