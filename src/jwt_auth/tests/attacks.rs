//! The attack list of the token's form and header: each line is refused, and refused by its own rule.

use super::*;

/// A token whose three parts are these texts, whatever they are.
fn parts(header: &str, payload: &str, signature: &str) -> String {
    [header, payload].map(|text| URL_SAFE_NO_PAD.encode(text)).join(".") + "." + signature
}

/// A token with this header, well signed.
fn with_header(header: &str) -> String {
    sign_texts(header.as_bytes(), claims().to_string().as_bytes(), &secret())
}

/// A token with this payload, well signed.
fn with_payload(payload: &[u8]) -> String {
    sign_texts(br#"{"alg":"HS256"}"#, payload, &secret())
}

/// The good claims with more members before them.
fn payload_with(members: &str) -> String {
    format!("{{{members},{}", claims().to_string().strip_prefix('{').unwrap())
}

#[test]
fn a_good_token_passes() {
    let mut gate = Gate::new(&config());
    assert_eq!(gate.bearer(&good()), Verdict::Passed);
    // Correctly signed, and its header has what is never used.
    for header in [
        r#"{"alg":"HS256"}"#,
        r#"{"typ":"anything","alg":"HS256"}"#,
        r#"{"alg":"HS256","cty":"json"}"#,
        r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
        r#"{"alg":"HS256","jku":"https://attacker.example/keys","x5u":"https://attacker.example/cert"}"#,
        r#"{"alg":"HS256","x5c":["AAAA"],"x5t":"AAAA","zip":"DEF"}"#,
        " {\r\n\t\"alg\" : \"HS256\" } ",
    ] {
        assert_eq!(gate.bearer(&with_header(header)), Verdict::Passed, "{header}");
    }
    assert!(gate.host.calls.is_empty());
}

#[test]
fn the_header_chooses_nothing() {
    let mut gate = Gate::new(&config());
    let claims = claims().to_string();
    for alg in ["none", "None", "NONE", "nOnE", "none ", ""] {
        let header = json!({"alg": alg}).to_string();
        for token in [parts(&header, &claims, ""), parts(&header, &claims, "AAAA"), with_header(&header)] {
            assert_eq!(gate.bearer(&token), Verdict::Bad("algorithm"), "{header}");
        }
    }
    let cases = [
        (r#"{"typ":"JWT"}"#, "algorithm"),
        (r#"{"alg":null}"#, "algorithm"),
        (r#"{"alg":1}"#, "algorithm"),
        (r#"{"alg":["HS256"]}"#, "algorithm"),
        (r#"{"alg":{"HS256":1}}"#, "algorithm"),
        (r#"{"alg":"hs256"}"#, "algorithm"),
        (r#"{"alg":"HS256 "}"#, "algorithm"),
        (r#"{"alg":"HS384"}"#, "algorithm"),
        (r#"{"alg":"HS512"}"#, "algorithm"),
        (r#"{"alg":"RS256"}"#, "algorithm"),
        (r#"{"alg":"ES256"}"#, "algorithm"),
        (r#"{"alg":"ES256K"}"#, "algorithm"),
        (r#"{"alg":"EdDSA"}"#, "algorithm"),
        (r#"{"alg":"HS1"}"#, "algorithm"),
        (r#"{"Alg":"HS256"}"#, "algorithm"),
        (r#"{"alg":"HS256","crit":["exp"]}"#, "critical"),
        (r#"{"alg":"HS256","crit":[]}"#, "critical"),
        (r#"{"alg":"HS256","crit":["alg"]}"#, "critical"),
        (r#"{"alg":"HS256","crit":["x"],"x":1}"#, "critical"),
        (r#"{"alg":"HS256","crit":"exp"}"#, "critical"),
        (r#"{"alg":"HS256","crit":null}"#, "critical"),
        (r#"{"alg":"HS256","b64":false}"#, "critical"),
        (r#"{"alg":"HS256","b64":true}"#, "critical"),
        (r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, "critical"),
        (r#"{"alg":"HS256","cty":"JWT"}"#, "nested"),
        (r#"{"alg":"HS256","cty":"jwt"}"#, "nested"),
        (r#"{"alg":"HS256","cty":"application/jwt"}"#, "nested"),
        (r#"{"alg":"HS256","cty":1}"#, "header_format"),
        (r#"{"alg":"HS256","typ":1}"#, "header_format"),
        (r#"{"alg":"HS256","typ":null}"#, "header_format"),
        (r#"{"alg":"HS256","kid":1}"#, "key_id_format"),
        (r#"{"alg":"HS256","kid":null}"#, "key_id_format"),
        (r#"{"alg":"HS256","kid":["a"]}"#, "key_id_format"),
        (r#"{"alg":"HS256","alg":"HS256"}"#, "header_format"),
        (r#"{"alg":"HS256","\u0061lg":"none"}"#, "header_format"),
        (r#"{"alg":"HS256","kid":"a","kid":"b"}"#, "header_format"),
        (r#"{"alg":"HS256","x":{"y":1,"y":2}}"#, "header_format"),
        (r#"{"alg":"HS256",}"#, "header_format"),
        (r#"{"alg":"HS256"}x"#, "header_format"),
        (r#"{"alg":"HS256"}{"alg":"HS256"}"#, "header_format"),
        ("{\"alg\":\"HS256\"}\0", "header_format"),
        ("\u{feff}{\"alg\":\"HS256\"}", "header_format"),
        (r#"{"alg":"HS256","x":"\ud800"}"#, "header_format"),
        (r#"{"alg":"HS256"/**/}"#, "header_format"),
        (r#"["alg"]"#, "header_format"),
        (r#""HS256""#, "header_format"),
        ("null", "header_format"),
        ("", "header_format"),
    ];
    for (header, reason) in cases {
        assert_eq!(gate.bearer(&with_header(header)), Verdict::Bad(reason), "{header}");
    }
    let long = json!({"alg": "HS256", "kid": "x".repeat(5000)}).to_string();
    assert_eq!(gate.bearer(&with_header(&long)), Verdict::Bad("key_id_format"));
    let deep = format!(r#"{{"alg":"HS256","x":{}1{}}}"#, r#"{"a":"#.repeat(1500), "}".repeat(1500));
    assert_eq!(gate.bearer(&with_header(&deep)), Verdict::Bad("header_format"));
    let deep = format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
    assert_eq!(gate.bearer(&with_header(&deep)), Verdict::Bad("header_format"));
}

#[test]
fn a_kid_is_compared_byte_for_byte() {
    let config = with("hmac_secret", json!({"env": "SECRET", "kid": "key-1"}));
    let mut gate = Gate::new(&config);
    let with_kid = |kid: &str| with_header(&json!({"alg": "HS256", "kid": kid}).to_string());
    assert_eq!(gate.bearer(&with_kid("key-1")), Verdict::Passed);
    // Without one, each key that fits is tried.
    assert_eq!(gate.bearer(&with_header(r#"{"alg":"HS256"}"#)), Verdict::Passed);
    for kid in [
        "",
        "Key-1",
        "key-1 ",
        " key-1",
        "key-1\0",
        "key-1\n",
        "key-2",
        "../../../dev/null",
        "/proc/sys/kernel/randomize_va_space",
        "key-1' OR '1'='1",
        "https://attacker.example/key-1",
        "__proto__",
        "ｋey-1",
        "key-1/../key-1",
    ] {
        assert_eq!(gate.bearer(&with_kid(kid)), Verdict::Bad("unknown_key"), "{kid}");
    }
}

#[test]
fn a_payload_has_one_reading() {
    let mut gate = Gate::new(&config());
    let claims = claims().to_string();
    let cut = claims.strip_suffix('}').unwrap();
    let texts = [
        payload_with(&format!(r#""exp":{}"#, NOW_S + 1)),
        payload_with(r#""\u0065xp":1"#),
        payload_with(r#""role":"user","role":"admin""#),
        payload_with(r#""role":"user","rol\u0065":"admin""#),
        payload_with(r#""systems":{"a":{"role":"x","role":"y"}}"#),
        payload_with(r#""x":01"#),
        payload_with(r#""x":NaN"#),
        payload_with(r#""x":0x10"#),
        payload_with(r#""x":"\ud800""#),
        payload_with(r#""x":"a	b""#),
        payload_with(r#""x":[1,]"#),
        payload_with(r#"'x':1"#),
        format!("{cut},}}"),
        cut.to_owned(),
        format!("{claims}{claims}"),
        format!("{claims}\0"),
        format!("{claims}//"),
        format!("\u{feff}{claims}"),
        format!("[{claims}]"),
        format!("{claims:?}"),
        "null".to_owned(),
        "1".to_owned(),
        String::new(),
        payload_with(&format!(r#""x":{}{}"#, "[".repeat(3000), "]".repeat(3000))),
        payload_with(&(0..300).map(|n| format!(r#""m{n}":1"#)).collect::<Vec<_>>().join(",")),
        // A token in a token.
        good(),
    ];
    for text in texts {
        assert_eq!(gate.bearer(&with_payload(text.as_bytes())), Verdict::Bad("payload_format"), "{text}");
    }
    for bytes in [&b"{\"x\":\"\xff\"}"[..], b"{\"x\":\"\xc0\xaf\"}", b"\xa2\x61\x61\x01", b"\x78\x9c\x03\0\0\0\0\x01"] {
        assert_eq!(gate.bearer(&with_payload(bytes)), Verdict::Bad("payload_format"), "{bytes:?}");
    }
}

#[test]
fn a_token_is_three_parts_in_one_spelling() {
    let mut gate = Gate::new(&config());
    let good = good();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let jws = json!({"payload": payload, "protected": header, "signature": signature}).to_string();
    let last = signature.chars().last().unwrap();
    // 32 octets are 43 characters, of whose last two bits nothing is left: four spellings would be one signature.
    let other = char::from(last as u8 + 1);
    let bad_tokens = [
        ("two parts", message.to_owned()),
        ("one part", header.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("five parts", format!("{good}.{signature}.{signature}")),
        ("a dot after", format!("{good}.")),
        ("a dot before", format!(".{good}")),
        ("no header", format!(".{payload}.{signature}")),
        ("no payload", format!("{header}..{signature}")),
        ("only dots", "..".to_owned()),
        ("JSON serialization", jws.replace(['"', ','], "")),
        ("padded", format!("{good}=")),
        ("padded header", format!("{header}=.{payload}.{signature}")),
        ("a plus", format!("{message}.+{}", &signature[1..])),
        ("a slash", format!("{message}./{}", &signature[1..])),
        ("%2E", good.replacen('.', "%2E", 1)),
        ("trailing bits", format!("{message}.{}{other}", &signature[..signature.len() - 1])),
        ("a character that says nothing", format!("{good}AA")),
    ];
    for (name, token) in bad_tokens {
        let verdict = gate.bearer(&token);
        let other = Verdict::Bad("header_format");
        let want = if name == "no header" || name == "only dots" { other } else { Verdict::Bad("token_format") };
        let want = if name == "no payload" { Verdict::Bad("payload_format") } else { want };
        assert_eq!(verdict, want, "{name}");
    }
    // A header may say what it likes; here bytes are what matters.
    for (name, token) in [
        ("blank inside", format!("{header}. {payload}.{signature}")),
        ("line feed", format!("{header}.{payload}\n.{signature}")),
        ("NUL", format!("{good}\0")),
        ("a tab after", format!("{good}\t")),
        ("a blank after", format!("{good} ")),
        ("full-width dots", good.replace('.', "．")),
        ("text after it", format!("{good} x")),
        ("a parameter after it", format!("{good}, realm=x")),
        ("two tokens", format!("{good},{good}")),
        ("two tokens with their schemes", format!("{good}, Bearer {good}")),
        ("quoted", format!("\"{good}\"")),
    ] {
        assert_eq!(gate.bearer(&token), Verdict::Bad("bad_credentials"), "{name}");
    }
    let no_signature = format!("{message}.");
    assert_eq!(gate.bearer(&no_signature), Verdict::Bad("signature"));
    for length in 1..43 {
        let verdict = gate.bearer(&format!("{message}.{}", &signature[..length]));
        let refused = matches!(verdict, Verdict::Bad("signature" | "token_format"));
        assert!(refused, "a MAC of {length} characters: {verdict:?}");
    }
    assert_eq!(gate.bearer(&good), Verdict::Passed);
}

#[test]
fn size_is_looked_at_before_anything_else() {
    let mut gate = Gate::new(&config());
    for (name, token) in [
        ("70 KiB", "a".repeat(70 * 1024)),
        ("40,000 dots", ".".repeat(40_000)),
        ("one more than allowed", "a".repeat(16_385)),
    ] {
        assert_eq!(gate.bearer(&token), Verdict::Bad("token_length"), "{name}");
    }
    assert_eq!(gate.bearer(&"a".repeat(16_384)), Verdict::Bad("token_format"));
    let mut config = config();
    let good = with_payload(payload_with(&format!(r#""x":"{}""#, "x".repeat(300))).as_bytes());
    config["limits"]["max_token_bytes"] = json!(good.len());
    assert_eq!(Gate::new(&config).bearer(&good), Verdict::Passed);
    config["limits"]["max_token_bytes"] = json!(good.len() - 1);
    assert_eq!(Gate::new(&config).bearer(&good), Verdict::Bad("token_length"));
}

#[test]
fn every_bit_is_signed() {
    let mut gate = Gate::new(&config());
    let good = good();
    for (n, letter) in good.char_indices().filter(|&(_, letter)| letter != '.') {
        let other = if letter == 'A' { 'B' } else { 'A' };
        let changed = format!("{}{other}{}", &good[..n], &good[n + 1..]);
        let verdict = gate.bearer(&changed);
        assert!(matches!(verdict, Verdict::Bad(_)), "letter {n}: {verdict:?}");
    }
}
