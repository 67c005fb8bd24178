//! The attack list of the claims.

use super::*;

/// The verdict on the good claims with one of them set; `null` takes it out when `absent`.
fn with_claim(gate: &mut Gate, name: &str, value: &str) -> Verdict {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    let rest = claims.to_string();
    let text = match value {
        "absent" => rest,
        value => format!(r#"{{"{name}":{value},{}"#, rest.strip_prefix('{').unwrap()),
    };
    gate.bearer(&sign_texts(br#"{"alg":"HS256"}"#, text.as_bytes(), &secret()))
}

const PASSED: Verdict = Verdict::Passed;
const EXPIRED: Verdict = Verdict::Bad("expired");
const NO_DATE: Verdict = Verdict::Bad("date_format");

#[test]
fn a_token_ends_when_it_says() {
    let mut gate = Gate::new(&config());
    for (exp, want) in [
        ("absent", Verdict::Bad("no_expiry")),
        ("1700000001", PASSED),
        ("1700000000", EXPIRED),
        ("1699999999", EXPIRED),
        ("1700000000.5", PASSED),
        ("1.700000001e9", PASSED),
        ("1.7000000005E+9", PASSED),
        ("17000000005e-1", PASSED),
        ("0", EXPIRED),
        ("-0", EXPIRED),
        ("-1", EXPIRED),
        ("0.1", EXPIRED),
        ("-9223372036854775808", NO_DATE),
        ("9223372036854775807", NO_DATE),
        ("9223372036854775808", NO_DATE),
        ("18446744073709551615", NO_DATE),
        ("1e30", NO_DATE),
        ("1e400", NO_DATE),
        ("-1e400", NO_DATE),
        ("1e-400", EXPIRED),
        ("1700000001000", NO_DATE),
        ("253402300799", PASSED),
        ("253402300800", NO_DATE),
        ("NaN", Verdict::Bad("payload_format")),
        ("0x6553f101", Verdict::Bad("payload_format")),
        ("01700000001", Verdict::Bad("payload_format")),
        (r#""1700000001""#, NO_DATE),
        ("null", NO_DATE),
        ("true", NO_DATE),
        ("[1700000001]", NO_DATE),
        (r#"{"exp":1700000001}"#, NO_DATE),
    ] {
        assert_eq!(with_claim(&mut gate, "exp", exp), want, "exp {exp}");
    }
}

#[test]
fn a_token_does_not_begin_later() {
    let mut gate = Gate::new(&config());
    for (name, ahead) in [("nbf", Verdict::Bad("not_yet")), ("iat", Verdict::Bad("issued_ahead"))] {
        for (time, want) in [
            ("absent", PASSED),
            ("1700000000", PASSED),
            ("1700000001", ahead),
            ("1700000000.5", ahead),
            ("1700000000.0000001", ahead),
            ("0", PASSED),
            ("-1", PASSED),
            ("-9223372036854775808", NO_DATE),
            ("-8334601228800", NO_DATE),
            ("1e400", NO_DATE),
            ("-1e400", NO_DATE),
            (r#""0""#, NO_DATE),
            ("null", NO_DATE),
            ("false", NO_DATE),
        ] {
            assert_eq!(with_claim(&mut gate, name, time), want, "{name} {time}");
        }
    }
}

#[test]
fn leeway_is_what_was_configured() {
    for (leeway, seconds) in [(Some(0), 0), (Some(60), 60), (Some(7), 7), (None, 30)] {
        let mut config = config();
        match leeway {
            Some(leeway) => config["providers"][0]["leeway_s"] = json!(leeway),
            None => drop(config["providers"][0].as_object_mut().unwrap().remove("leeway_s")),
        }
        let mut gate = Gate::new(&config);
        let at = |by: i64| (1_700_000_000 + by).to_string();
        assert_eq!(with_claim(&mut gate, "exp", &at(-seconds)), EXPIRED, "{leeway:?}");
        assert_eq!(with_claim(&mut gate, "exp", &at(1 - seconds)), PASSED, "{leeway:?}");
        assert_eq!(with_claim(&mut gate, "nbf", &at(seconds)), PASSED, "{leeway:?}");
        assert_eq!(with_claim(&mut gate, "nbf", &at(seconds + 1)), Verdict::Bad("not_yet"), "{leeway:?}");
        assert_eq!(with_claim(&mut gate, "iat", &at(seconds)), PASSED, "{leeway:?}");
        assert_eq!(with_claim(&mut gate, "iat", &at(seconds + 1)), Verdict::Bad("issued_ahead"), "{leeway:?}");
    }
}

#[test]
fn a_lifetime_is_from_iat_to_exp() {
    let mut gate = Gate::new(&with("max_lifetime_s", json!(900)));
    let lifetime = Verdict::Bad("lifetime");
    // `iat` is a minute ago.
    for (exp, want) in [("1700000840", PASSED), ("1700000841", lifetime), ("1700000840.001", lifetime)] {
        assert_eq!(with_claim(&mut gate, "exp", exp), want, "exp {exp}");
    }
    assert_eq!(with_claim(&mut gate, "iat", "absent"), lifetime);
    assert_eq!(with_claim(&mut gate, "iat", "1"), lifetime);
}

#[test]
fn issuer_and_audience_are_compared_exactly() {
    let mut gate = Gate::new(&config());
    let (issuer, audience) = (Verdict::Bad("issuer"), Verdict::Bad("audience"));
    for (iss, want) in [
        ("absent", issuer),
        (r#""https://issuer.example""#, PASSED),
        (r#""https:\/\/issuer.example""#, PASSED),
        (r#""https://issuer.example/""#, issuer),
        (r#""HTTPS://issuer.example""#, issuer),
        (r#""https://issuer.example ""#, issuer),
        (r#""https://issuer.exampl\u0435""#, issuer),
        (r#""https://issuer.example.attacker.example""#, issuer),
        (r#""""#, issuer),
        ("null", Verdict::Bad("claim_type")),
        (r#"["https://issuer.example"]"#, Verdict::Bad("claim_type")),
    ] {
        assert_eq!(with_claim(&mut gate, "iss", iss), want, "iss {iss}");
    }
    for (aud, want) in [
        ("absent", audience),
        (r#""lockgate""#, PASSED),
        (r#""other""#, PASSED),
        (r#"["x","lockgate"]"#, PASSED),
        (r#"["x"]"#, audience),
        ("[]", audience),
        (r#""""#, audience),
        (r#"["lockgate",1]"#, audience),
        (r#"["lockgate",null]"#, audience),
        (r#"[["lockgate"]]"#, audience),
        (r#"{"lockgate":true}"#, audience),
        ("null", audience),
        (r#""lockgat""#, audience),
        (r#""lockgate2""#, audience),
        (r#""Lockgate""#, audience),
        (r#""lockgate,x""#, audience),
        (r#""*""#, audience),
    ] {
        assert_eq!(with_claim(&mut gate, "aud", aud), want, "aud {aud}");
    }
    let mut gate = Gate::new(&with("issuer", json!("https://caf\u{e9}.example")));
    assert_eq!(with_claim(&mut gate, "iss", r#""https://caf\u00e9.example""#), PASSED);
    assert_eq!(with_claim(&mut gate, "iss", r#""https://cafe\u0301.example""#), issuer);
    // NFD in the token, NFC in the configuration.
    let mut gate = Gate::new(&with("audiences", json!(["caf\u{e9}"])));
    assert_eq!(with_claim(&mut gate, "aud", r#""caf\u00e9""#), PASSED);
    assert_eq!(with_claim(&mut gate, "aud", r#""cafe\u0301""#), audience);
}

#[test]
fn what_is_not_to_be_checked_is_written_out() {
    let mut gate = Gate::new(&with("issuer", Json::Null));
    assert_eq!(with_claim(&mut gate, "iss", "absent"), PASSED);
    assert_eq!(with_claim(&mut gate, "iss", r#""anybody""#), PASSED);
    let mut gate = Gate::new(&with("audiences", json!([])));
    assert_eq!(with_claim(&mut gate, "aud", "absent"), PASSED);
    assert_eq!(with_claim(&mut gate, "aud", r#"["x"]"#), PASSED);
}

#[test]
fn registered_claims_have_their_types() {
    let mut gate = Gate::new(&config());
    for name in ["sub", "jti"] {
        assert_eq!(with_claim(&mut gate, name, r#""x""#), PASSED, "{name}");
        assert_eq!(with_claim(&mut gate, name, "absent"), PASSED, "{name}");
        for value in ["1", "null", "true", r#"["x"]"#, "{}"] {
            assert_eq!(with_claim(&mut gate, name, value), Verdict::Bad("claim_type"), "{name} {value}");
        }
    }
}

#[test]
fn types_are_media_types() {
    let mut gate = Gate::new(&with("typ", json!(["at+jwt", "Application/Gate"])));
    for (typ, want) in [
        (r#","typ":"at+jwt""#, PASSED),
        (r#","typ":"AT+JWT""#, PASSED),
        (r#","typ":"application/at+jwt""#, PASSED),
        (r#","typ":"gate""#, PASSED),
        (r#","typ":"JWT""#, Verdict::Bad("type")),
        (r#","typ":"id_token+jwt""#, Verdict::Bad("type")),
        (r#","typ":"logout+jwt""#, Verdict::Bad("type")),
        (r#","typ":"dpop+jwt""#, Verdict::Bad("type")),
        (r#","typ":"at+jwt ""#, Verdict::Bad("type")),
        (r#","typ":"application/x/at+jwt""#, Verdict::Bad("type")),
        ("", Verdict::Bad("type")),
    ] {
        let header = format!(r#"{{"alg":"HS256"{typ}}}"#);
        let token = sign_texts(header.as_bytes(), claims().to_string().as_bytes(), &secret());
        assert_eq!(gate.bearer(&token), want, "{typ}");
    }
}

#[test]
fn claims_can_be_required() {
    let missing = Verdict::Bad("claim_missing");
    let mut gate = Gate::new(&with("required", json!(["jti", "systems.maintenance.companyId", "/https:~1~1x~1y"])));
    let full = r#","jti":"a","systems":{"maintenance":{"companyId":1}},"https://x/y":0}"#;
    for (members, want) in [
        (full.to_owned(), PASSED),
        (full.replace(r#""jti":"a","#, ""), missing),
        (full.replace("companyId", "companyid"), missing),
        (full.replace(r#"{"companyId":1}"#, r#"[{"companyId":1}]"#), missing),
        (full.replace(r#""companyId":1"#, r#""companyId":null"#), missing),
        (full.replace(r#""systems":{"maintenance":{"companyId":1}}"#, r#""systems.maintenance.companyId":1"#), missing),
        (full.replace("https://x/y", "https:~1~1x~1y"), missing),
    ] {
        let text = claims().to_string().strip_suffix('}').unwrap().to_owned() + &members;
        let token = sign_texts(br#"{"alg":"HS256"}"#, text.as_bytes(), &secret());
        assert_eq!(gate.bearer(&token), want, "{members}");
    }
}

#[test]
fn claims_can_be_required_to_be_something() {
    let value = Verdict::Bad("claim_value");
    let mut gate = Gate::new(&with("require", json!({"type": "access", "level": [1, "one", null], "ok": true})));
    for (members, want) in [
        (r#""type":"access","level":1,"ok":true"#, PASSED),
        (r#""type":"access","level":1.0,"ok":true"#, PASSED),
        (r#""type":"access","level":"one","ok":true"#, PASSED),
        (r#""type":"access","level":null,"ok":true"#, PASSED),
        (r#""type":"refresh","level":1,"ok":true"#, value),
        (r#""type":"Access","level":1,"ok":true"#, value),
        (r#""type":["access"],"level":1,"ok":true"#, value),
        (r#""level":1,"ok":true"#, value),
        (r#""type":"access","level":"1","ok":true"#, value),
        (r#""type":"access","level":2,"ok":true"#, value),
        (r#""type":"access","ok":true"#, value),
        (r#""type":"access","level":1,"ok":"true""#, value),
        (r#""type":"access","level":1,"ok":1"#, value),
    ] {
        let text = format!("{},{members}}}", claims().to_string().strip_suffix('}').unwrap());
        let token = sign_texts(br#"{"alg":"HS256"}"#, text.as_bytes(), &secret());
        assert_eq!(gate.bearer(&token), want, "{members}");
    }
}

#[test]
fn cheap_checks_come_before_the_signature() {
    // The signature is wrong in all of them; the reason shows what was looked at first.
    let mut gate = Gate::new(&config());
    let other = SigningKey::hmac(&[1; 32]).unwrap();
    for (name, value, want) in [
        ("exp", json!(1), EXPIRED),
        ("aud", json!("x"), Verdict::Bad("audience")),
        ("iss", json!("x"), Verdict::Bad("issuer")),
        ("sub", json!("x"), Verdict::Bad("signature")),
    ] {
        let mut claims = claims();
        claims[name] = value;
        let token = sign_texts(br#"{"alg":"HS256"}"#, claims.to_string().as_bytes(), &other);
        assert_eq!(gate.bearer(&token), want, "{name}");
    }
}

#[test]
fn without_a_clock_no_token_is_good() {
    let mut gate = Gate::new(&config());
    gate.host.now_ms = None;
    assert_eq!(gate.bearer(&good()), Verdict::Other(503, "no_clock"));
    assert_eq!(Verdict::of(&gate.ask("GET", "/api/x", &[])), Verdict::NoToken("no_token"));
    assert_eq!(Verdict::of(&gate.ask("GET", "/public/x", &[])), Verdict::Passed);
}

#[test]
fn each_issuer_has_its_provider() {
    let mut config = config();
    let mut second = config["providers"][0].clone();
    second["name"] = json!("second");
    second["issuer"] = json!("https://second.example");
    second["hmac_secret"] = json!({"env": "OTHER"});
    let mut any = second.clone();
    any["name"] = json!("any");
    any["issuer"] = Json::Null;
    any["audiences"] = json!([]);
    config["providers"].as_array_mut().unwrap().extend([second, any]);
    let variables = BTreeMap::from([
        ("SECRET".to_owned(), SECRET.to_owned()),
        ("OTHER".to_owned(), "another secret, and as long as it must be".to_owned()),
    ]);
    let policy = Policy::read(config.to_string().as_bytes(), &variables).unwrap();
    let mut gate = Gate { policy, host: MemoryHost { now_ms: Some(NOW_S * 1000), ..MemoryHost::default() } };
    let other = SigningKey::hmac(b"another secret, and as long as it must be").unwrap();
    for (issuer, key, want) in [
        (ISSUER, &secret(), PASSED),
        (ISSUER, &other, Verdict::Bad("signature")),
        ("https://second.example", &other, PASSED),
        ("https://second.example", &secret(), Verdict::Bad("signature")),
        ("https://third.example", &other, PASSED),
        ("https://third.example", &secret(), Verdict::Bad("signature")),
    ] {
        let mut claims = claims();
        claims["iss"] = json!(issuer);
        let token = sign_texts(br#"{"alg":"HS256"}"#, claims.to_string().as_bytes(), key);
        assert_eq!(gate.bearer(&token), want, "{issuer}");
    }
}
